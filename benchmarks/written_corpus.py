"""Secrets as people write them: kinds, by languages, by formats of files.

Asked was what people type and where, not what a detector knows: passwords that they
think up, names in their own tongue, each language's way to write a literal, each
format's way to write a setting, and what they paste whole. Drawn from a seed.
"""

import string
from collections.abc import Iterator
from random import Random

from secret_corpus import (
    LITERALS,
    SETTINGS,
    TOKENS,
    Draw,
    Planted,
    base64_of,
    filled,
    json_of,
    key_of,
    lines,
    private_key,
    spelled,
    url64_of,
)

_WORDS = """
copper lantern river falcon maple harbor velvet winter summer spring autumn monday
dragon orange coffee sunshine mountain silver thunder banana purple guitar jupiter
rocket marble
"""
_NAMES = "maria thomas kenji olga fatima pedro ingrid marco chloe yusuf anna lukas"
WORDS, NAMES = _WORDS.split(), _NAMES.split()
BRACKETS = "()[]{}<>!@#%^&*_-+=:;,.?/|~"


def pick(rng: Random, kinds: str, size: int) -> str:
    """Return random characters."""
    return "".join(rng.choices(kinds, k=size))


def mixed(rng: Random, kinds: str, size: int) -> str:
    """Return random characters with a letter at both ends and a digit within."""
    inside = list(pick(rng, kinds, size - 3) + pick(rng, string.digits, 1))
    rng.shuffle(inside)
    ends = pick(rng, string.ascii_letters, 2)
    return ends[0] + "".join(inside) + ends[1]


def leet(rng: Random) -> str:
    """Return words with digits and signs for letters."""
    word = (rng.choice(WORDS) + rng.choice(WORDS)).translate(
        str.maketrans({"a": "@", "e": "3", "o": "0", "i": "1"})
    )
    return word.capitalize() + rng.choice(["!", "#1", "$", "!!", "99", "_7"])


THOUGHT_UP: dict[str, Draw] = {
    "season and year": lambda rng: (
        rng.choice(["Winter", "Summer", "Spring", "Herbst", "Verano", "Januar"])
        + rng.choice(["!", "@", "#", "_", ""])
        + str(rng.randrange(2015, 2027))
        + rng.choice(["", "!", "$"])
    ),
    "name and year": lambda rng: (
        rng.choice(NAMES).capitalize()
        + rng.choice(["", "_", ".", "@"])
        + str(rng.randrange(1960, 2010))
    ),
    "words and a number": lambda rng: (
        rng.choice("-_.").join(rng.sample(WORDS, 3)) + f"-{rng.randrange(10, 99)}"
    ),
    "letters like others": leet,
    "sixteen letters": lambda rng: pick(rng, string.ascii_lowercase, 16),
    "letters of both cases": lambda rng: pick(rng, string.ascii_letters, 16),
    "letters and digits": lambda rng: mixed(
        rng, string.ascii_letters + string.digits, rng.randint(10, 16)
    ),
    "with brackets": lambda rng: mixed(
        rng, string.ascii_letters + string.digits + BRACKETS, 20
    ),
}
"""Passwords by how one comes up with them."""

_ENGLISH = "password db_password passwd admin_password smtp_pass redis_password pwd"
_ABROAD = """
contraseña contrasena clave Kennwort passwort db_kennwort mot_de_passe motdepasse mdp
senha wachtwoord parola lösenord adgangskode salasana hasło heslo jelszó şifre sifre
пароль κωδικός 密码 密碼 パスワード 비밀번호 mật_khẩu kata_sandi lozinka
"""

ENGLISH, ABROAD = _ENGLISH.split(), _ABROAD.split()
PLACES = (
    *LITERALS,
    *SETTINGS,
    *lines(r"""
CREATE USER app IDENTIFIED BY '$value';
ALTER ROLE app WITH LOGIN PASSWORD '$value';
$$secure = ConvertTo-SecureString "$value" -AsPlainText -Force -$Pascal
helm upgrade app ./chart --set db.$camel=$value
kubectl create secret generic app --from-literal=$dashed=$value
curl -X POST -d 'user=app&$name=$value' https://api.acme.io/login
"jdbc:sqlserver://db;databaseName=app;user=app;$camel=$value"
DATABASES = {"default": {"USER": "app", "$NAME": "$value"}}
  environment:\n    POSTGRES_USER: app\n    POSTGRES_$NAME: $value
$name =\n    "$value"
  $camel:\n    '$value',
$name: >-\n  $value
[database]\nuser = app\n$name = $value\n
"$name" : {"value": "$value", "type": "string"}
vault kv put secret/app $name=$value
- hosts: db\n  vars:\n    $name: "$value"
System.setProperty("app.$dotted", "$value")
if ($camel !== '$value') return false;
const $camel = process.env.$NAME || '$value';
$name = os.environ.get("$NAME") or "$value"
"""),
)


def azure_openai(rng: Random) -> str:
    """Return a key of the first form."""
    return rng.randbytes(16).hex()


def sec1(rng: Random) -> str:
    """Return a P-256 key of SEC 1 in base64."""
    head = bytes.fromhex("30770201010420")
    middle = bytes.fromhex("a00a06082a8648ce3d030107a144034200 04".replace(" ", ""))
    return base64_of(head + rng.randbytes(32) + middle + rng.randbytes(64))


def openvpn(rng: Random) -> str:
    """Return the static key of a tunnel."""
    body = rng.randbytes(256).hex()
    return "\n".join(body[start : start + 32] for start in range(0, 512, 32))


def halves(rng: Random) -> str:
    """Return a token of GitHub, written in two literals."""
    token = TOKENS["github_token"](rng)
    return f'{token[:20]}" + "{token[20:]}'


def in_base64(rng: Random) -> str:
    """Return a token within JSON, in base64."""
    kind = rng.choice(["github_token", "slack_token", "npm_token", "gitlab_token"])
    return base64_of(json_of({"token": TOKENS[kind](rng)}))


WHOLE: dict[str, tuple[Draw, str]] = {
    "telegram url": (
        TOKENS["telegram_bot_token"],
        "url = f'https://api.telegram.org/bot$value/getMe'",
    ),
    "docker config": (
        lambda rng: base64_of(
            json_of({"auths": {"r.acme.io": {"auth": base64_of(rng.randbytes(20))}}})
        ),
        r"type: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: $value",
    ),
    "kubernetes data": (
        lambda rng: base64_of(leet(rng).encode()),
        r"apiVersion: v1\nkind: Secret\ndata:\n  login: $value\n",
    ),
    "sec1 key": (sec1, 'signing = b64("$value")'),
    "jwk": (
        lambda rng: url64_of(rng.randbytes(32)),
        '{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKx", "d": "$value"}',
    ),
    "openvpn": (
        openvpn,
        "-----BEGIN OpenVPN Static key V1-----\\n$value\\n"
        "-----END OpenVPN Static key V1-----",
    ),
    "azure openai": (azure_openai, "AZURE_OPENAI_KEY=$value"),
    "cosmos": (key_of(64), "const cosmosKey = '$value';"),
    "remote database": (
        lambda rng: rng.choice(WORDS) + rng.choice(WORDS),
        "DATABASE_URL=mysql://app:$value@db-7.acme-prod.io/app",
    ),
    "local database": (leet, "DATABASE_URL=postgres://app:$value@127.0.0.1/app"),
    "token in base64": (in_base64, "  AUTH: $value"),
    "nbsp": (THOUGHT_UP["season and year"], "password\u00a0=\u00a0'$value'"),
    "look-alike": (THOUGHT_UP["season and year"], "p\u0430ssword: $value"),
    "supabase": (TOKENS["supabase_token"], 'createClient(url, "$value")'),
    "cerebras": (TOKENS["cerebras_key"], "CEREBRAS=$value"),
    "fireworks": (TOKENS["fireworks_key"], "client = Fireworks('$value')"),
    "together": (TOKENS["together_key"], "TOGETHER=$value"),
    "together hex": (spelled("hex:64"), "TOGETHER_API_KEY=$value"),
    "vercel": (spelled("base62:24"), "VERCEL_TOKEN=$value"),
    "logic apps": (
        lambda rng: url64_of(rng.randbytes(32)),
        "https://prod-1.logic.azure.com/workflows/1/triggers/run?sv=1.0&sig=$value",
    ),
    "two literals": (halves, 'token = "$value"'),
    "app password": (
        lambda rng: pick(rng, string.ascii_lowercase, 16),
        "EMAIL_HOST_PASSWORD = '$value'",
    ),
    "private key": (private_key, "$value"),
    "api key": (spelled("base62:40"), 'api_key = "$value"'),
    "jwt secret": (key_of(48), "JWT_SECRET=$value"),
    "github": (TOKENS["github_token"], "git clone https://$value@github.com/a/b"),
    "aws pair": (key_of(30), "aws_secret_access_key = $value"),
    "stripe": (TOKENS["stripe_key"], "stripe.api_key = '$value'"),
    "slack": (TOKENS["slack_token"], "SLACK_BOT_TOKEN=$value"),
    "openai": (TOKENS["openai_project_key"], "OPENAI_API_KEY=$value"),
    "anthropic": (TOKENS["anthropic_key"], "ANTHROPIC_API_KEY=$value"),
}
"""What is pasted as a whole, with where it is pasted."""


def written(count: int, seed: int = 11) -> Iterator[Planted]:
    """Yield as many secrets of thought-up, foreign and pasted kinds, in turn."""
    thought_up, whole = list(THOUGHT_UP), list(WHOLE)
    for number in range(count):
        rng = Random(f"{seed} written {number}")
        if number % 3 == 2:
            kind = whole[number // 3 % len(whole)]
            draw, line = WHOLE[kind]
            name = "uri"
        else:
            kind = thought_up[number // 3 % len(thought_up)]
            draw, line = THOUGHT_UP[kind], rng.choice(PLACES)
            name = rng.choice(ABROAD if number % 3 else ENGLISH)
        secret = draw(rng)
        tongue = " (abroad)" if number % 3 == 1 else ""
        yield Planted(kind + tongue, secret, filled(line, rng, name, secret))
