"""Planted secrets, drawn from a seed, in lines as people write them.

Secrets are put together as their vendors describe them (real checksums, macaroons,
signatures and key files where a format has them), without the detectors' patterns.
"""

import base64
import hmac
import json
import string
import uuid
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

ALPHABETS = {
    "hex": "0123456789abcdef",
    "digit": string.digits,
    "letter": string.ascii_letters,
    "upper36": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "lower32": string.ascii_lowercase + "234567",
    "base36": string.digits + string.ascii_lowercase,
    "base58": "".join(set(string.ascii_letters + string.digits) - set("0OIl")),
    "base62": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "url64": string.ascii_letters + string.digits + "-_",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
ALPHABETS["base58"] = "".join(sorted(ALPHABETS["base58"]))

Draw = Callable[[Random], str]


class Planted(NamedTuple):
    """A secret in its surroundings."""

    kind: str
    secret: str
    """What must not be left."""
    text: str


def planted(count: int, seed: int = 7) -> Iterator[Planted]:
    """Yield secrets of every kind in turn, each in a context of its own."""
    kinds = [*TOKENS, *IN_CONTEXT]
    for number in range(count):
        rng = Random(f"{seed} planted {number}")
        kind = kinds[number % len(kinds)]
        secret, text = (marked if kind in TOKENS else unmarked)(kind, rng)
        yield Planted(kind, secret, text)


def marked(kind: str, rng: Random) -> tuple[str, str]:
    """Return a secret that carries its own mark, on any line."""
    secret = TOKENS[kind](rng)
    vendor = kind.rsplit("_", 1)[0]
    name = rng.choice([kind, f"{vendor}_token", "credential", "auth", vendor, "x"])
    return secret, filled(rng.choice(ANY_LINE), rng, name, secret)


def unmarked(kind: str, rng: Random) -> tuple[str, str]:
    """Return a secret that only its surroundings give away, and those."""
    draw, names, lines = IN_CONTEXT[kind]
    secret = draw(rng)
    return secret, filled(rng.choice(lines), rng, rng.choice(names), secret)


def as_diff(text: str, path: str, sign: str = "+") -> str:
    """Return git's diff in which the lines of a text are added, removed or context."""
    rows = text.split("\n")
    old = len(rows) * (sign != "+") + 1
    new = len(rows) * (sign != "-") + 1
    head = [
        f"diff --git a/{path} b/{path}",
        f"index {'0' * 7}..{'1' * 7} 100644",
        f"--- a/{path}",
        f"+++ b/{path}",
        f"@@ -1,{old} +1,{new} @@",
    ]
    return "".join(
        f"{line}\n" for line in [*head, *(sign + r for r in rows), "-}", "+}"]
    )


def filled(line: str, rng: Random, name: str, value: str) -> str:
    """Return a template with a name in every spelling, and a value."""
    words = name.split("_")
    pascal = "".join(word.capitalize() for word in words)
    return string.Template(line.replace("\\n", "\n")).safe_substitute(
        name=name,
        NAME=name.upper(),
        camel=words[0] + pascal[len(words[0]) :],
        Pascal=pascal,
        dotted=".".join(words),
        dashed="-".join(words),
        value=value,
        user=rng.choice(["app", "svc_orders", "admin", "postgres", "deploy", "jdoe"]),
        host=rng.choice(["db.acme.io", "10.0.3.17", "localhost", "cache", "pg-1.lan"]),
        port=str(rng.randrange(1024, 9999)),
    )


def lines(block: str) -> tuple[str, ...]:
    """Return the templates of a block, one a line."""
    return tuple(line for line in block.split("\n") if line)


LITERALS = lines(r"""
$name = "$value"
    self.$name = '$value'
    $name: str = "$value"
client = Client($name="$value", timeout=30)
os.environ["$NAME"] = "$value"
$NAME = os.getenv("$NAME", "$value")
const $camel = '$value';
export const $NAME: string = "$value";
  $camel: `$value`,
  "$camel": "$value",
  private static final String $NAME = "$value";
        config.set("$dotted", "$value");
var $camel = "$value"
const $Pascal string = "$value"
	$Pascal: "$value",
const $NAME: &str = "$value";
        $name: String::from("$value"),
  config.$name = '$value'
  '$name' => '$value',
define('$NAME', '$value');
static const char *$name = "$value";
#define $NAME "$value"
public const string $Pascal = "$value";
    val $camel = "$value"
let $camel: String = "$value"
(setq $dashed "$value")
  assert login("$camel", "$value")
  $name = "$value"  # do not commit
<add key="$Pascal" value="$value" />
    buildConfigField "String", "$NAME", "\"$value\""
""")
"""A value in quotes: Python, JavaScript, Java, Go, Rust, Ruby, PHP, C, C#, Lisp."""

SETTINGS = lines(r"""
$NAME=$value
export $NAME=$value
$NAME="$value"
  $name: $value
  $camel: "$value"
env:\n  $NAME: $value\n  CI: true
      - $NAME=$value
        - name: $NAME\n          value: $value
        - name: $NAME\n          value: "$value"
$dotted=$value
$name = $value
<$name>$value</$name>
ENV $NAME=$value
variable "$name" {\n  type    = string\n  default = "$value"\n}
      run: tool --$dashed $value --verbose
deploy --$dashed=$value
""")
"""A value in a shell, YAML, INI, properties, XML, Docker, Kubernetes, Terraform."""

ELSEWHERE = lines(r"""
# old one: $value
// TODO rotate $value before the release
Run it with `$value` until the vault is up.
https://api.acme.io/v1/items?$name=$value&page=2
curl -H "X-Auth: $value" https://api.acme.io/v1/items
2024-05-01T10:00:00Z DEBUG request $name=$value status=200
["a", "$value", 3]
| $name | $value |
""")
"""Comments, prose, URLs and logs, where a marked secret is still one."""

BESIDE_A_NAME = (*LITERALS, *SETTINGS)
ANY_LINE = (*BESIDE_A_NAME, *ELSEWHERE)


def spelled(*parts: str) -> Draw:
    """Return a drawer of parts: `alphabet:length`, `uuid`, or one of `a|b|c`."""

    def draw(rng: Random) -> str:
        return "".join(part_of(part, rng) for part in parts)

    return draw


def part_of(part: str, rng: Random) -> str:
    """Return a random part of a secret."""
    alphabet, colon, length = part.partition(":")
    if colon and alphabet in ALPHABETS:
        return "".join(rng.choices(ALPHABETS[alphabet], k=int(length)))
    if part == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return rng.choice(part.split("|"))


def base64_of(raw: bytes) -> str:
    """Return plain base64."""
    return base64.b64encode(raw).decode()


def url64_of(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def json_of(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def base62_of(number: int) -> str:
    """Return a 32-bit number in six digits of base62."""
    digits = ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = ALPHABETS["base62"][rest] + digits
    return digits


def checked(prefixes: str) -> Draw:
    """Return a drawer of 30 random characters and their CRC32: GitHub and npm."""

    def draw(rng: Random) -> str:
        body = part_of("base62:30", rng)
        return part_of(prefixes, rng) + body + base62_of(zlib.crc32(body.encode()))

    return draw


def jwt(rng: Random) -> str:
    """Return a token signed with HS256."""
    now = rng.randrange(1_600_000_000, 1_800_000_000)
    claims = {"sub": str(rng.randrange(10**9)), "iat": now, "exp": now + 3600}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = ".".join(url64_of(json_of(part)) for part in parts)
    signature = hmac.digest(rng.randbytes(32), signed.encode(), "sha256")
    return f"{signed}.{url64_of(signature)}"


def pypi(rng: Random) -> str:
    """Return a macaroon: version, location, identifier, caveat, signature."""
    hosts = (".".join(("pypi", "org")), ".".join(("test", "pypi", "org")))
    packets = [part_of("|".join(hosts), rng), part_of("uuid", rng)]
    caveat = json.dumps([1, part_of("uuid", rng)])
    raw = b"\x02\x01" + bytes([len(packets[0])]) + packets[0].encode()
    raw += b"\x02" + bytes([len(packets[1])]) + packets[1].encode() + b"\x00"
    raw += b"\x02" + bytes([len(caveat)]) + caveat.encode() + b"\x00\x00\x06\x20"
    return "pypi-" + url64_of(raw + rng.randbytes(32))


def discord(rng: Random) -> str:
    """Return a bot's token: its snowflake, a time, an HMAC."""
    snowflake = str(rng.randrange(10**17, 10**18 - 1)).encode()
    time = rng.randrange(1, 2**32).to_bytes(4, "big")
    return ".".join(map(url64_of, (snowflake, time, rng.randbytes(28))))


def sentry(rng: Random) -> str:
    """Return an organization's token: claims, a secret of 32 bytes."""
    claims = {"iat": 1.7e9, "url": "https://sentry.io", "org": "acme"}
    secret = base64_of(rng.randbytes(32)).rstrip("=")
    return f"sntrys_{base64_of(json.dumps(claims).encode())}_{secret}"


def grafana(rng: Random) -> str:
    """Return a service account's token with its checksum."""
    body = part_of("base62:32", rng)
    return f"glsa_{body}_{zlib.crc32(body.encode()):08x}"


def mapbox(rng: Random) -> str:
    """Return a secret token: payload and signature."""
    payload = json_of({"u": "acme", "a": part_of("base36:25", rng)})
    return f"sk.{url64_of(payload)}.{url64_of(rng.randbytes(16))}"


def onepassword(rng: Random) -> str:
    """Return a service account's token: JSON in base64."""
    return "ops_" + base64_of(json_of({"email": "x", "muk": rng.randbytes(120).hex()}))


TOKENS: dict[str, Draw] = {
    line.split()[0]: spelled(*line.split()[1:])
    for line in lines("""
aws_access_key_id AKIA|ASIA base32:16
google_api_key AIza url64:35
google_oauth_client_secret GOCSPX- url64:28
google_oauth_token ya29.a0|1//0e url64:90
azure_client_secret base62:3 8Q~ base62:10 .|_|~|- base62:23
azure_devops_token base62:76 AZDO base62:4
digitalocean_token dop|doo|dor _v1_ hex:64
alibaba_access_key_id LTAI5t base62:18
tencent_secret_id AKID base62:32
azure_key base62:76 APIM|ACDb base62:5 Q==
azure_openai_key base62:52 JQQJ99 base62:26
cloudflare_token cfk_|cfut_|cfat_ base62:40 hex:8
vercel_token vcp_|vck_ base62:56
cloudflare_origin_ca_key v1.0- hex:24 - hex:146
heroku_token HRKU-AA url64:58
netlify_token nfp_ base62:36
supabase_token sbp_ hex:40
planetscale_secret pscale_tkn_|pscale_pw_ url64:43
terraform_token base62:14 .atlasv1. url64:67
pulumi_token pul- hex:40
doppler_token dp. pt|ct|sa|st.prd . base62:43
databricks_token dapi hex:32 -2|
tailscale_key tskey- auth|api|client -k base58:9 CNTRL- base58:32
age_secret_key AGE-SECRET-KEY-1 bech32:58
github_fine_grained_token github_pat_ base62:22 _ base62:59
gitlab_token glpat-|gldt-|glrt-|glptt-|glsoat- url64:20
gitlab_runner_registration_token GR1348941 url64:20
atlassian_token ATATT3xFfGF0 url64:171 = hex:8
sourcegraph_token sgp_ hex:16 _ hex:40
rubygems_key rubygems_ hex:48
crates_token cio base62:32
nuget_key oy2 lower32:43
clojars_token CLOJARS_ base36:60
artifactory_key AKCp base62:69
docker_token dckr_pat_ url64:27
circleci_token CCIPAT_ base58:22 _ hex:40
buildkite_token bkua_ hex:40
sonar_token squ_|sqp_|sqa_ hex:40
octopus_key API- upper36:26
prefect_key pnu_ base62:36
slack_token xoxb- digit:12 - digit:13 - base62:24
slack_user_token xoxp- digit:12 - digit:12 - digit:13 - hex:32
slack_app_token xapp-1-A upper36:10 - digit:13 - hex:64
telegram_bot_token 1|2|7 digit:9 :AA url64:32 base62:1
sendgrid_key SG. url64:22 . url64:43
mailgun_key key- hex:32
mailchimp_key hex:32 -us 1|6|21
brevo_key xkeysib- hex:64 - base62:16
resend_key re_ base58:8 _ base58:24
twilio_api_key SK hex:32
facebook_token EAAG base62:160
stripe_key sk_live_|rk_live_|sk_test_ 51 base62:22
stripe_long_key sk_live_|rk_test_ 51 base62:97
stripe_webhook_secret whsec_ base62:32
square_token sq0atp- url64:22
shopify_token shpat_|shpca_|shppa_|shpss_ hex:32
razorpay_key_id rzp_live_ base62:14
flutterwave_key FLWSECK- hex:32 -X
plaid_token access-production- uuid
shippo_token shippo_live_ hex:40
easypost_key EZAK base62:54
duffel_token duffel_live_ url64:43
openai_key sk- base62:20 T3BlbkFJ base62:20
openai_project_key sk-proj-|sk-svcacct- url64:74 T3BlbkFJ url64:73 A
anthropic_key sk-ant- api03|admin01 - url64:93 AA
openrouter_key sk-or-v1- hex:64
secret_key_token sk- hex:32
cerebras_key csk- base36:48
fireworks_key fw_ base62:24
together_key tgp_v1_ url64:43
pinecone_key pcsk_ base62:6 _ base62:63
jina_key jina_ hex:32 url64:28
huggingface_token hf_ letter:34
groq_key gsk_ base62:20 WGdyb3FY base62:24
replicate_token r8_ base62:37
xai_key xai- base62:80
perplexity_key pplx- base62:48
nvidia_key nvapi- url64:64
langsmith_key lsv2_pt_|lsv2_sk_ hex:32 _ hex:10
tavily_key tvly- base62:32
newrelic_key NRAK- upper36:27
dynatrace_token dt0c01. base32:24 . base32:64
posthog_key phx_ base62:43
launchdarkly_key sdk- uuid
notion_token ntn_ digit:11 base62:35
airtable_token pat base62:14 . hex:64
linear_key lin_api_ base62:40
figma_token figd_ url64:40
postman_key PMAK- hex:24 - hex:34
contentful_token CFPAT- url64:43
hubspot_token pat-na1-|pat-eu1- uuid
maxmind_key base62:6 _ base62:29 _mmk
openshift_token sha256~ url64:43
appsync_key da2- base36:26
adafruit_key aio_ base62:28
twitch_stream_key live_ digit:9 _ base62:30
password_hash $2b$12$ base62:53
yandex_api_key AQVN url64:36
packagist_token packagist_ ort|uut _ hex:68
harness_token pat. url64:22 . hex:24 . base62:20
dropbox_token sl.u. url64:140
braintree_token access_token$production$ base36:16 $ hex:32
typeform_token tfp_ url64:59
readme_key rdme_ base36:70
adobe_client_secret p8e- url64:32
frameio_token fio-u- url64:64
clickhouse_key 4b1d base62:38
dependency_track_key odt_ base62:32
salesforce_token 00D base62:12 ! base62:96
""")
} | {
    "aws_bedrock_api_key": lambda rng: (
        "ABSK" + base64_of(b"BedrockAPIKey-" + rng.randbytes(80))
    ),
    "fly_token": lambda rng: "fm2_" + base64_of(rng.randbytes(120)),
    "vault_token": lambda rng: "hvs." + url64_of(b"\x08\x01\x12" + rng.randbytes(68)),
    "onepassword_token": onepassword,
    "github_token": checked("ghp_|gho_|ghu_|ghs_|ghr_"),
    "npm_token": checked("npm_"),
    "pypi_token": pypi,
    "discord_token": discord,
    "sentry_token": sentry,
    "grafana_token": grafana,
    "mapbox_secret_token": mapbox,
    "jwt": jwt,
}
"""Secrets that carry their own mark, which may stand anywhere."""


def password(rng: Random) -> str:
    """Return what a password manager, or a person under a policy, comes up with."""
    if rng.random() < 0.3:
        words = ("river", "copper", "lantern", "falcon", "maple", "harbor", "velvet")
        first, second = rng.choice(words).capitalize(), rng.choice(words)[:4]
        return f"{first}{rng.choice('!@#-_')}{second}{rng.randrange(100, 9999)}"
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!*-_=+^")
    letters = [rng.choice(each) for each in kinds]
    letters += rng.choices("".join(kinds), k=rng.randint(8, 20))
    rng.shuffle(letters)
    return part_of("base62:1", rng) + "".join(letters) + part_of("base62:1", rng)


def url_password(rng: Random) -> str:
    """Return a password that needs no quoting in a URL or a shell."""
    letters = ALPHABETS["base62"] + "-_."
    middle = "".join(rng.choices(letters, k=rng.randint(6, 20)))
    return part_of("base62:4", rng) + middle + part_of("digit:1", rng)


def random_secret(rng: Random) -> str:
    """Return a random secret as programs draw them."""
    length = rng.choice([24, 32, 48])
    drawn = [
        rng.randbytes(length).hex(),
        base64_of(rng.randbytes(length)),
        url64_of(rng.randbytes(length)),
        part_of(f"base62:{rng.randint(20, 48)}", rng),
        part_of(f"base36:{rng.randint(24, 40)}", rng),
        part_of("uuid", rng),
    ]
    return rng.choice(drawn)


def login(rng: Random) -> str:
    """Return name and password in base64."""
    return base64_of(f"deploy:{url_password(rng)}".encode())


def key_of(size: int) -> Draw:
    """Return a drawer of random bytes in base64."""
    return lambda rng: base64_of(rng.randbytes(size))


def quoted_signature(rng: Random) -> str:
    """Return an HMAC in base64, quoted for a URL."""
    signature = base64_of(rng.randbytes(32))
    return signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


PASSWORD_NAMES = [
    *("password", "db_password", "passwd", "pwd", "admin_password", "smtp_pass"),
    *("passphrase", "user_password", "redis_password", "password2"),
]
SECRET_NAMES = [
    *("secret", "api_key", "token", "access_token", "client_secret", "secret_key"),
    *("auth_token", "jwt_secret", "secret_key_base", "encryption_key", "app_secret"),
    *("webhook_secret", "signing_key", "refresh_token"),
]

IN_CONTEXT: dict[str, tuple[Draw, list[str], tuple[str, ...]]] = {
    "password": (password, PASSWORD_NAMES, LITERALS),
    "password_setting": (password, PASSWORD_NAMES, SETTINGS),
    "generic_secret": (random_secret, SECRET_NAMES, LITERALS),
    "generic_secret_setting": (random_secret, SECRET_NAMES, SETTINGS),
    "aws_secret_access_key": (
        key_of(30),
        ["aws_secret_access_key", "aws_secret_key"],
        BESIDE_A_NAME,
    ),
    "datadog_key": (spelled("hex:32"), ["datadog_api_key", "dd_api_key"], SETTINGS),
    "twilio_auth_token": (spelled("hex:32"), ["twilio_auth_token"], BESIDE_A_NAME),
    "algolia_admin_key": (spelled("hex:32"), ["algolia_admin_api_key"], LITERALS),
    "heroku_api_key": (spelled("uuid"), ["heroku_api_key"], BESIDE_A_NAME),
    "cloudflare_api_token": (
        spelled("url64:38", "base62:2"),
        ["cloudflare_api_token"],
        BESIDE_A_NAME,
    ),
    "ibm_key": (
        spelled("base62:43", "base62:1"),
        ["ibm_cloud_api_key", "cloudant_pw", "softlayer_key"],
        BESIDE_A_NAME,
    ),
    "okta_token": (spelled("00", "url64:39", "base62:1"), ["okta_token"], SETTINGS),
} | {
    kind: (draw, ["uri"], lines(block))
    for kind, (draw, block) in {
        "connection_string": (
            url_password,
            """
DATABASE_URL=postgres://$user:$value@$host:$port/orders
SQLALCHEMY_DATABASE_URI = "postgresql+psycopg2://$user:$value@$host/orders"
  url: mysql://$user:$value@$host:$port/orders
mongoose.connect('mongodb+srv://$user:$value@$host/app?retryWrites=true');
REDIS_URL=redis://:$value@$host:$port/0
broker_url = 'amqp://$user:$value@$host//'
db, err := sql.Open("sqlserver", "sqlserver://$user:$value@$host:1433")
""",
        ),
        "connection_string_ado": (
            password,
            """
"Default": "Server=tcp:$host,1433;Database=db;User Id=$user;Password=$value;Encrypt=1;"
var cs = "Data Source=$host;Initial Catalog=db;User ID=$user;Pwd=$value;";
<add name="Db" connectionString="Server=$host;Uid=$user;Pwd=$value;" />
""",
        ),
        "basic_auth_url": (
            url_password,
            """
git clone https://$user:$value@git.acme.io/team/app.git
--extra-index-url https://$user:$value@pypi.acme.io/simple
  url = "http://$user:$value@$host:$port/"
wget ftp://$user:$value@10.1.2.3/backup.tar
""",
        ),
        "basic_auth_header": (
            login,
            """
-H "Authorization: Basic $value"
headers['Authorization'] = 'Basic $value'
Authorization: Basic $value
""",
        ),
        "bearer_token": (
            spelled("base62:40"),
            """
-H "Authorization: Bearer $value"
'Authorization': `Bearer $value`
Authorization: token $value
req.Header.Set("Authorization", "Bearer $value")
""",
        ),
        "docker_auth": (
            login,
            r"""
{\n  "auths": {\n    "registry.acme.io": {\n      "auth": "$value"\n    }\n  }\n}
""",
        ),
        "npmrc_auth": (
            random_secret,
            r"""
//npm.acme.io/:_authToken=$value
//npm.acme.io/:_password=$value
_auth=$value\nalways-auth=true
""",
        ),
        "netrc_password": (
            url_password,
            r"""
machine api.acme.io login $user password $value
machine api.acme.io\n  login $user\n  password $value
""",
        ),
        "pgpass_password": (
            spelled("base62:6", "digit:1", "base62:8"),
            """
$host:5432:orders:app:$value
*:5432:*:app:$value
""",
        ),
        "command_password": (
            url_password,
            """
sshpass -p $value ssh $user@10.0.0.1
sshpass -p '$value' scp a b:
mysql -u $user -p$value orders
PGPASSWORD=$value psql -h db
docker login -u $user -p $value registry.acme.io
""",
        ),
        "aws_session_token": (
            key_of(240),
            """
aws_session_token = $value
export AWS_SESSION_TOKEN=$value
"SessionToken": "$value",
""",
        ),
        "azure_storage_key": (
            key_of(64),
            '"Protocol=https;AccountName=a;AccountKey=$value;Suffix=core.windows.net"',
        ),
        "azure_shared_access_key": (
            key_of(32),
            "Endpoint=sb://acme/;SharedAccessKeyName=Root;SharedAccessKey=$value",
        ),
        "azure_sas_signature": (
            quoted_signature,
            '"https://a.blob.core.windows.net/c/b.zip?sv=2022-11-02&sp=r&sig=$value"',
        ),
        "logic_apps_signature": (
            lambda rng: url64_of(rng.randbytes(32)),
            """
https://prod-7.westeurope.logic.azure.com/workflows/a/triggers/b?sv=1.0&sig=$value
""",
        ),
        "telegram_bot_url": (
            spelled("7", "digit:9", ":AA", "url64:32", "base62:1"),
            'requests.post("https://api.telegram.org/bot$value/sendMessage", json=x)',
        ),
        "docker_config": (
            lambda rng: base64_of(json_of({"auths": {"r.io": {"auth": login(rng)}}})),
            "  .dockerconfigjson: $value",
        ),
        "jwk_private_key": (
            lambda rng: url64_of(rng.randbytes(rng.choice([32, 48, 256]))),
            '{"kty":"EC","crv":"P-256","x":"x","d":"$value"}',
        ),
        "vault_unseal_key": (
            key_of(33),
            """
Unseal Key 1: $value
vault operator unseal $value
""",
        ),
        "curl_user": (
            url_password,
            """
curl -u $user:$value https://api.acme.io
curl -s --user "$user:$value" https://api.acme.io
""",
        ),
        "slack_webhook": (
            spelled("T", "upper36:8", "/B", "upper36:10", "/", "base62:24"),
            "SLACK_URL=https://hooks.slack.com/services/$value",
        ),
        "discord_webhook": (
            spelled("1", "digit:17", "/", "url64:68"),
            "hook: 'https://discord.com/api/webhooks/$value'",
        ),
        "teams_webhook": (
            spelled("uuid", "@", "uuid", "/IncomingWebhook/", "hex:32", "/", "uuid"),
            'url = "https://acme.webhook.office.com/webhookb2/$value"',
        ),
        "wireguard_private_key": (
            key_of(32),
            r"[Interface]\nAddress = 10.8.0.2/24\nPrivateKey = $value\nListenPort = 1",
        ),
        "ethereum_private_key": (
            spelled("hex:64"),
            """
PRIVATE_KEY=0x$value
const privateKey = "0x$value";
DEPLOYER_PRIVATE_KEY=$value
""",
        ),
        "django_secret_key": (
            lambda rng: "".join(
                rng.choices(ALPHABETS["base36"] + "!@#$%^&*(-_=+)", k=50)
            ),
            "SECRET_KEY = 'django-insecure-$value'",
        ),
    }.items()
}
"""Secrets that only their surroundings give away."""


def private_key(rng: Random) -> str:
    """Return a private key's file: PEM, OpenSSH, PGP or PuTTY's."""
    body = base64_of(b"\x30\x82" + rng.randbytes(rng.choice([46, 118, 600, 1190])))
    width = rng.choice([64, 70, 76])
    rows = [body[start : start + width] for start in range(0, len(body), width)]
    kind = rng.choice(
        ["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED ", "PGP", "PuTTY", "OpenVPN"]
    )
    if kind == "OpenVPN":
        body = rng.randbytes(256).hex()
        rows = [body[start : start + 32] for start in range(0, len(body), 32)]
        mark = "OpenVPN Static key V1-----"
        return "\n".join([f"-----BEGIN {mark}", *rows, f"-----END {mark}"])
    if kind == "PuTTY":
        head = ["PuTTY-User-Key-File-3: ssh-rsa", f"Private-Lines: {len(rows)}"]
        return "\n".join([*head, *rows, f"Private-MAC: {rng.randbytes(32).hex()}"])
    if kind == "PGP":
        rows, kind = ["Version: GnuPG v2", "", *rows, "=a1B2"], "PGP PRIVATE KEY BLOCK"
    else:
        kind += "PRIVATE KEY"
    if kind.startswith("RSA") and rng.random() < 0.4:
        secret = f"DEK-Info: AES-128-CBC,{rng.randbytes(16).hex().upper()}"
        rows = ["Proc-Type: 4,ENCRYPTED", secret, "", *rows]
    return "\n".join([f"-----BEGIN {kind}-----", *rows, f"-----END {kind}-----"])


def private_key_in_context(rng: Random) -> str:
    """Return a private key as a file, in YAML, code or JSON, or in base64."""
    key = private_key(rng)
    rows = key.split("\n")
    contexts = [
        key,
        "tls:\n  key: |\n" + "\n".join(f"    {row}" for row in rows),
        f'key = """{key}"""',
        '  "private_key": "' + key.replace("\n", "\\n") + '\\n",',
        "const char key[] =\n" + "\n".join(f'  "{row}\\n"' for row in rows) + ";",
        "String key = " + " +\n    ".join(f'"{row}\\n"' for row in rows) + ";",
    ]
    if key.startswith("-----BEGIN"):
        contexts.append(f"  tls.key: {base64_of(key.encode())}")
    return rng.choice(contexts)
