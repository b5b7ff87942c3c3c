"""Strings of high entropy, and words about secrets, that are no secrets.

`{hex:40}` in a template is 40 random hex digits, `{bytes:64}` base64 of 64 bytes.
"""

import re
from collections.abc import Iterator
from random import Random

from secret_corpus import ALPHABETS, base64_of, lines, part_of

_PART = re.compile(rf"\{{((?:{'|'.join(ALPHABETS)}|bytes):\d+|uuid)\}}")


def harmless(count: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of harmless strings, every kind in turn."""
    kinds = list(HARMLESS)
    for number in range(count):
        rng = Random(f"{seed} harmless {number}")
        kind = kinds[number % len(kinds)]
        yield kind, drawn(rng.choice(HARMLESS[kind]), rng)


def drawn(template: str, rng: Random) -> str:
    """Return a template with its random parts filled in."""

    def part(match: re.Match[str]) -> str:
        kind, _, length = match[1].partition(":")
        if kind == "bytes":
            return base64_of(rng.randbytes(int(length)))
        return part_of(match[1], rng)

    return _PART.sub(part, template.replace("\\n", "\n"))


PLACEHOLDERS = """
your-api-key-here YOUR_API_KEY <your-token> changeme change-me-please-123 ******** ...
xxxxxxxxxxxxxxxxxxxx REPLACE_WITH_YOUR_SECRET_2 insert-token-here example-secret-key-1
sk-your-key-here ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx AKIAIOSFODNN7EXAMPLE
wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY sk-XXXXXXXXXXXXXXXXXXXXXXXX dummy-token
fake_password_1 password123 test1234 secret null None {{secret_value}} ${SECRET}
$(cat /run/secret) %(password)s sk_test_xxxxxxxxxxxxxxxxxxxxxxxx 0000000000000000
1234567890abcdef TODO redacted required|min:8 password2 hunter not-a-real-key
"""

HARMLESS = {
    "image": lines("""
background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUg{bytes:90}) no-repeat;
<img src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUg{bytes:210}" alt="logo">
const icon = 'data:image/gif;base64,R0lGODlh{bytes:60}';
@font-face { src: url(data:font/woff2;base64,d09GMgABAAAAA{bytes:300}) }
"""),
    "lock": lines(r"""
  "resolved": "https://npm.acme.io/a.tgz",\n  "integrity": "sha512-{bytes:64}",
  resolved "https://yarn.acme.io/a.tgz#{hex:40}"\n  integrity sha512-{bytes:64}
  /passport-jwt@4.0.1:\n    resolution: {integrity: sha512-{bytes:64}}
"secret-handshake@npm:^1.1.0":\n  version: 1.1.0\n  checksum: {hex:128}
name = "secrecy"\nversion = "0.8.0"\nchecksum = "{hex:64}"
    {file = "tokenizers-0.15.0-cp311-linux.whl", hash = "sha256:{hex:64}"},
passlib==1.7.4 \\n    --hash=sha256:{hex:64}
github.com/golang-jwt/jwt/v5 v5.2.0 h1:{bytes:32}
golang.org/x/crypto v0.17.0/go.mod h1:{bytes:32}
      "reference": "{hex:40}",\n      "shasum": "{hex:40}"
  sha256 "{hex:64}"
            "contentHash": "{bytes:64}"
    sha256 = "{hex:64}",\n    strip_prefix = "rules_go-0.44.0",
  secret_storage:\n    description:\n      sha256: "{hex:64}"
    password-hash (1.0.0)\n      sha256={hex:64}
"""),
    "digest": lines("""
index {hex:10}..{hex:10} 100644
commit {hex:40}
FROM python:3.12-slim@sha256:{hex:64}
      - uses: actions/create-github-app-token@{hex:40}  # v1.11.0
    assert sha256(data).hexdigest() == "{hex:64}"
expected_hash = "{hex:64}"
{hex:32}  token-1.2.tar.gz
ETag: "{hex:32}"
  rev: {hex:40}
<script src="auth.js" integrity="sha384-{bytes:48}" crossorigin="anonymous"></script>
const commit = '{hex:40}';
    digest: sha256:{hex:64}
SHA256 (passwd.txt) = {hex:64}
git_commit = "{hex:40}"
  cache-key: v2-deps-{{ checksum "package-lock.json" }}-{hex:8}
"sourceHash": "{bytes:20}",
md5: {hex:32}
"""),
    "identifier": lines("""
id: "{uuid}"
    user_id = UUID("{uuid}")
  "correlationId": "{uuid}",
GET /v1/users/{uuid}/tokens HTTP/1.1
"traceparent": "00-{hex:32}-{hex:16}-01"
const ulid = "{base32:26}"
    tenant_id: {uuid}
ObjectId("{hex:24}")
arn:aws:iam::{digit:12}:role/deploy-{hex:8}
"client_id": "{digit:12}-{base36:32}.apps.googleusercontent.com"
ANALYTICS_ID = "G-{upper36:10}"
https://youtu.be/{url64:11}
https://docs.google.com/document/d/{url64:44}/edit
account_sid = "AC{hex:32}"
stripe_publishable = "pk_live_{base62:24}"
kms_key_arn = arn:aws:kms:eu-west-1:{digit:12}:key/{uuid}
<Project Guid="{uuid}" SecretsId="aspnet-App-{uuid}">
"""),
    "public": lines(r"""
-----BEGIN CERTIFICATE-----\n{bytes:48}\n{bytes:48}\n-----END CERTIFICATE-----
-----BEGIN PUBLIC KEY-----\n{bytes:48}\n{bytes:48}\n-----END PUBLIC KEY-----
-----BEGIN PGP SIGNATURE-----\n\n{bytes:48}\n=abcd\n-----END PGP SIGNATURE-----
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{bytes:36} deploy
ssh-rsa AAAAB3NzaC1yc2E{bytes:200} ci
    public_key = "{bytes:32}"
PublicKey = {bytes:32}
github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{bytes:36}
{"kty":"RSA","e":"AQAB","use":"sig","n":"{url64:342}","kid":"{url64:27}"}
const address = "0x{hex:40}";
tx: 0x{hex:64}
nonce = "{bytes:12}"  # RFC 8439
"""),
    "minified": lines("""
function a(b){return d.a(b,{digit:3})}var e=f("{base62:4}"),token=g.token,password=h;
if(!i.secret)throw j({digit:2});var k="{base62:3}",apiKey=l.apiKey,m=n.pwd({digit:4});
k.prototype.getToken=function(){return this.{letter:2}};e.exports={key:n,pwd:o};
{"version":3,"sources":["a.ts"],"names":["token","secret"],"mappings":"{letter:5};{letter:7},{letter:4};{letter:9}"}
<link href="/static/css/main.{hex:8}.chunk.css" rel="stylesheet">
.{letter:1}{base62:5}__{url64:5}{color:#{hex:6}}
"main.js": "/static/js/main.{hex:20}.js",
webpackJsonp([{digit:2}],{"{base62:4}":function(e,t,n){"use strict"}})
!function(e){var t={};t.secret=n({digit:4}),t.password=r("{base62:4}")}(this);
"""),
    "template": (
        *(
            line.replace("$VALUE", value)
            for value in PLACEHOLDERS.split()
            for line in lines("""
password = "$VALUE"
API_KEY=$VALUE
  "accessToken": "$VALUE",
  client_secret: $VALUE
""")
        ),
        *lines(r"""
password = os.environ["DB_PASSWORD_1"]
const apiKey = process.env.API_KEY_V2;
        TOKEN: ${{ secrets.DEPLOY_TOKEN_2 }}
secret = System.getenv("CLIENT_SECRET_01")
  db_password = var.db_password_v2
export TOKEN=$(vault read -field=value secret/token2)
  valueFrom:\n    secretKeyRef:\n      name: app-secrets-v2\n      key: password2
postgres://user:password@localhost:5432/test
mysql://{user}:{password}@{host}/db
https://${USER}:${TOKEN}@github.com/acme/app.git
curl -H "Authorization: Bearer $TOKEN" https://api.acme.io
curl -u "$USER:$PASSWORD" https://api.acme.io
amqp://guest:guest@rabbitmq:5672/
redis://:{password}@redis:6379/0
"""),
    ),
    "code": lines(r"""
token = self.lexer.next_token()
password = getpass.getpass('Password: ')
if token.type == TokenType.IDENTIFIER:
const { accessToken, refreshToken } = await login(username, password);
api_key = settings.OPENAI_API_KEY
String token = request.getHeader("X-Auth-Token");
self.secret_key = generate_key(length=32)
def set_password(self, raw_password: str) -> None:
password_hash = bcrypt.hashpw(password, bcrypt.gensalt(12))
parser.add_argument("--api-key", default=os.getenv("API_KEY_V2"))
secret_name = 'projects/acme/secrets/db-password/versions/3'
primary_key = Column("user_id_v2", Integer)
token_url = 'https://auth.acme.io/oauth2/v2.0/token'
tokens: [IDENT, LPAREN, NUMBER2, RPAREN]
password: Joi.string().min(8).max(64).required()
'password' => 'required|string|min:12',
csrf_token = request.session['csrf_token_v1']
secretRef = "arn:aws:secretsmanager:eu-west-1:{digit:12}:secret:prod/db-Ab12Cd"
tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased-v2')
auth_key_size = AES256_GCM_KEY_BYTES
PASSWORD_HASHERS = ['django.contrib.auth.hashers.Argon2PasswordHasher']
token: ${{ steps.app-token.outputs.token }}
labels: { password: "Passwort (min. 8 Zeichen)", token: "Token" }
secretKeySelector: { key: sha256Sum, name: release2024 }
i18n("login.password.rules.min8")
password_field = page.locator('#password-input-2')
authorization = "AuthorizationServiceV2Impl"
public static readonly TokenKind Arrow2 = new(61);
#define TOKEN_EOF_V2 0x1f
const tokenRegex = /[A-Za-z0-9_-]{20,40}/g;
secret: !Ref DatabaseSecretV2
access_token_lifetime = timedelta(minutes=15)
key = f"user:{user_id}:token:v2"
cookie = "session=; Max-Age=0; Path=/; HttpOnly"
password = "correct horse battery staple"
sessionKey := fmt.Sprintf("%s-%d", name, id)
"""),
    "fixture": lines("""
assert result == pytest.approx(0.{digit:16})
    "lat": 52.{digit:14}, "lng": 13.{digit:14},
{"type":"Feature","id":"way/{digit:9}","hash":"{base36:9}"}
encoded = "dGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw=="
<path d="M{digit:2}.{digit:2}c.{digit:3} .{digit:3}-.{digit:3}a{digit:1}.{digit:2}z"/>
color: "#{hex:6}", gradient: ["#{hex:6}", "#{hex:6}"],
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.{digit:4}.88
2024-05-01T10:00:00.{digit:6}Z INFO [req-{hex:8}] token refreshed in {digit:3} ms
expected = bytes.fromhex("{hex:64}")
0x{hex:8}, 0x{hex:8}, 0x{hex:8}, 0x{hex:8},
const snapshot = `<div class="sc-{letter:6} {letter:5}">`;
"etag": "W/\\"{url64:20}\\"",
license_plate = "AB-{digit:3}-CD"
phone: "+4930{digit:7}", iban: "DE{digit:20}"
payload = b"{url64:120}"
"""),
}
