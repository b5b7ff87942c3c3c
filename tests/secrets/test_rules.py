import re
from base64 import b64encode
from random import Random

import pytest
from harmless_corpus import harmless
from secret_corpus import (
    IN_CONTEXT,
    LITERALS,
    TOKENS,
    as_diff,
    filled,
    planted,
    private_key,
    private_key_in_context,
    unmarked,
)
from tests.support.growth import assert_linear
from written_corpus import written

from diffscribe.secrets.rules import (
    DEMANDS,
    find_private_keys,
    find_secrets,
    hide_trailers,
    list_kinds,
    load_rules,
    strip_trailers,
)

PUBLIC = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo"
LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


def found(text):
    return {value.decode(): rule.kind for value, rule in find_secrets(text).items()}


def test_there_are_at_least_a_hundred_kinds_with_every_demand():
    kinds = {rule.kind for rule in load_rules()}
    assert len(kinds) >= 100
    assert all(re.fullmatch("[a-z0-9_]+", kind) for kind in kinds)
    assert {rule.is_real for rule in load_rules()} == set(DEMANDS.values())
    assert set(list_kinds()) == kinds | {"private_key", "trailer"}


def test_no_fragment_is_left_in_a_pattern():
    assert not any(re.search(rb"\{[A-Z]", rule.pattern) for rule in load_rules())


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_found_in_the_middle_of_nothing_under_its_name(kind):
    for number in range(20):
        token = TOKENS[kind](Random(f"{kind} {number}"))
        (name,) = found(f"see ({token}), please".encode()).items()
        assert name[0] == token
        assert name[1] == kind or kind not in list_kinds()


@pytest.mark.parametrize("kind", IN_CONTEXT)
def test_a_secret_is_found_by_what_is_around_it(kind):
    drawn = [unmarked(kind, Random(f"{kind} {number}")) for number in range(50)]
    hits = [any(s in value for value in found(text.encode())) for s, text in drawn]
    assert sum(hits) >= 48


@pytest.mark.slow
def test_of_what_is_found_95_in_100_are_secrets():
    """5,000 secrets and 20,000 strings that only look like some."""
    hits = sum(bool(found(each.text.encode())) for each in planted(5000))
    false_hits = sum(
        bool(found(text.encode()) or find_private_keys(text.encode()))
        for _, text in harmless(20_000)
    )
    assert hits / (hits + false_hits) >= 0.95


def test_of_what_people_write_97_in_100_are_gone():
    secrets = list(written(900))
    left = 0
    for each in secrets:
        text = each.text.encode()
        keys = [text[start:end] for start, end in find_private_keys(text)]
        for value in sorted([*find_secrets(text), *keys], key=len, reverse=True):
            text = text.replace(value, b"")
        left += any(part in text.decode() for part in each.secret.split('" + "'))
    assert left / len(secrets) <= 0.03


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-api03-" + "0" * 95,
        'password = "your-password-1"',
        "password = os.environ['DB_PASSWORD_1']",
        "password: ${DB_PASSWORD_1}",
        "api_key = settings.API_KEY_V2",
        "TOKEN=$(pass show token-1)",
        'token = "https://auth.acme.io/oauth2/v2/token"',
        "postgres://postgres:password@localhost/test",
        "https://user:$TOKEN@git.acme.io/app.git",
        'hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        "postgresql+psycopg://postgres:postgres@localhost/db",
        "Authorization: Basic realm=intranet",
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "key derived with the token PBKDF2WithHmacSHA256",
        'password = "<secret:password:1>"',
        "postgres://app:<secret:connection_string:1>@db.acme.io/app",
        "jane@example.com",
        "jane@mail.example",
        "jane@app.test",
        "12+jane@users.noreply.github.com",
        "noreply@corp.io",
        "security@corp.io",
        "git@github.com:acme/app.git",
        "ssh://jane@git.corp.io/app",
        "https://jane@git.corp.io/app",
        '"@types/node@20.1.0"',
        "icon@2x.png",
        "getty@tty1.service",
        "a @ b.T",
        "user@host",
        "actions/checkout@v4.example",
        "lodash@4.17.21",
        "aes256-gcm@openssh.com",
        "jane@your-domain.com",
        "Lock-Token: urn:uuid:e71d4fae-5dec-22d6-fea5-00a0c91e6be4",
        '"token": "opaquelocktoken:e71d4fae-5dec-22d6-fea5-00a0c91e6be4"',
        'Include="Json, Version=13.0.0.0, PublicKeyToken=30ad4fe6b2a6aeed"',
        "IssuerPrivateKey: x509PrivateKeyRSA2048,",
        "reading it: password: sha2crypt: option 'salt_length' is too large",
        'strings.HasPrefix(users["john"].HashedPassword, "$argon2id$")',
        'salt := "$6$rounds=50000$aFr56HjK3DrB8t3S$"',
        'hash := "$argon2id$v=19$m=65536$fvwTFoFjITudo57a$"',
        '"Reset password": "Jelsz\u00f3-vissza\u00e1ll\u00edt\u00e1s",',
        '"step3": "\u7528\u6237\u540d\u548c\u5bc6\u7801",\n  "setup_step4": "a"',
    ],
)
def test_examples_variables_roles_and_placeholders_are_no_secrets(text):
    assert found(text.encode()) == {}


@pytest.mark.parametrize("line", LITERALS)
def test_a_password_is_found_in_every_language(line):
    text = filled(line, Random(1), "db_password", "tR7!vQ2m_Lx9")
    assert found(text.encode()) == {"tR7!vQ2m_Lx9": "password"}


GIVEN = [
    'password = "{}"',
    "DB_PASSWORD={}",
    "  password: {}  # of the old server",
    "spring.mail.password={}",
    'export const dbPass: string = "{}";',
    "if (user.pwd === '{}') {{",
    'os.getenv("DB_PASSWORD", "{}")',
    "const pass = process.env.PASS || '{}';",
    'dbPassword =\n      "{}"',
    "password: >-\n  {}",
    ".withPassword('{}')",
]
"""Where the place says that a literal is a password."""


@pytest.mark.parametrize("line", GIVEN)
@pytest.mark.parametrize(
    "value",
    [
        "kR7vQ2mX",
        "Winter!2024",
        "kingfisher123",
        "king7fisher",
        "kingfisher-copper-velvet-42",
        "qzkvwmxrbtlpghnd",
        "kQzVwMxRbTlPgHnD",
        "a]9(Kf)x[2Qw&v7*m}Lr",
        "P@ssw0rd!42",
        "Str0ng&Password#",
    ],
)
def test_a_password_is_found_where_one_is_given(line, value):
    assert found(line.format(value).encode()) == {value: "password"}


@pytest.mark.parametrize("line", GIVEN)
@pytest.mark.parametrize(
    "value",
    [
        *(
            "kR7vQ2m",
            "kingfisher",
            "kingfisher12",
            "user_name2",
            "KingFisher",
            "20240131",
        ),
        *(
            "$DB_PASS_1",
            "${{DB_PASS_1}}",
            "{{{{.Env.PASS1}}}}",
            "<your-pass-1>",
            "%DBPASS1%",
        ),
        *("--warn=FST003", "npm:^4.0.11", "env.SEQ_PW", "data.redis.db=1"),
        *("config.password2", "get_password(1)", "/etc/db/pass-1", "s3://a/b1"),
        *("test-Pass!42", "changeme!42", "yugabyte"),
    ],
)
def test_words_variables_code_and_dummies_are_no_passwords(line, value):
    assert found(line.format(value.format()).encode()) == {}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "contraseña",
            "CONTRASENA",
            "contrasen\u0303a",
            "Kennwort",
        ),
        *(
            "db_kennwort",
            "motDePasse",
            "mot_de_passe",
            "senha",
        ),
        *(
            "wachtwoord",
            "parola",
            "lösenord",
            "adgangskode",
        ),
        *(
            "salasana",
            "hasło",
            "heslo",
            "jelszó",
        ),
        *(
            "şifre",
            "пароль",
            "ПАРОЛЬ",
            "κωδικός",
        ),
        *(
            "סיסמה",
            "पासवर्ड",
            "รหัสผ่าน",
            "mật_khẩu",
        ),
        *(
            "kata_sandi",
            "密码",
            "db_密码",
            "密碼",
        ),
        *(
            "パスワード",
            "비밀번호",
            "rootPw",
            "smtpPass",
        ),
    ],
)
def test_a_password_is_found_in_every_tongue(name):
    for line in ("{} = '{}'", '"{}": "{}",', "{}={}", "  {}: {}", "<{0}>{1}</{0}>"):
        text = line.format(name, "Tr4v!ata_1853")
        assert found(text.encode()) == {"Tr4v!ata_1853": "password"}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("p\u0430ssword = 'kR7vQ2mX'", {"kR7vQ2mX": "password"}),
        ("password\u00a0=\u00a0'kR7vQ2mX'", {"kR7vQ2mX": "password"}),
        ("jwt_secret: 'v3ry_imp0rtant_k3y'", {"v3ry_imp0rtant_k3y": "generic_secret"}),
        ("\uff50\uff41\uff53\uff53\uff57\uff44: kR7vQ2mX", {"kR7vQ2mX": "password"}),
        ("pass\u200bword: kR7vQ2mX", {"kR7vQ2mX": "password"}),
        ("mysql://app:swordfish@db.corp.io/x", {"swordfish": "remote_login"}),
        ("mysql://app:swordfish@localhost/x", {}),
        ("mysql://app:swordfish@db.example.com/x", {}),
        ("kind: Secret\ndata:\n  x: aG9yc2UgcG93ZXI=\n", {"aG9yc2UgcG93ZXI=": None}),
        ("kind: ConfigMap\ndata:\n  x: aG9yc2UgcG93ZXI=\n", {}),
    ],
)
def test_a_secret_is_found_in_disguise(text, kinds):
    assert found(text.encode()) == {
        value: kind or "kubernetes_secret" for value, kind in kinds.items()
    }


@pytest.mark.parametrize("at", [8, 20, 30])
@pytest.mark.parametrize(
    "join", ["' + '", "' +\n    '", "'\n  + '", "' . '", "' ~ '", "'\n  '", "' .. '"]
)
def test_a_token_is_found_in_parts(at, join):
    token = TOKENS["github_token"](Random(1))
    text = f"x = '{token[:at]}{join}{token[at:]}'"
    assert set(found(text.encode())) == {token[:at], token[at:]}
    assert found(f"x = '{token[:at]}', '{token[at:]}'".encode()) == {}


@pytest.mark.parametrize("before", ["", "!", "!!", '{"token": "', "mysql://app:"])
def test_a_token_is_found_in_base64(before):
    inside = f"{before}{TOKENS['github_token'](Random(1))}@db.corp.io"
    text = b64encode(inside.encode()).decode()
    assert found(f'X = "{text}"'.encode()) == {text: "wrapped"}


def test_a_secret_of_two_kinds_is_named_after_the_first():
    token = TOKENS["github_token"](Random(1))
    assert found(f'api_token = "{token}"'.encode()) == {token: "github_token"}


@pytest.mark.parametrize(
    "address",
    [
        *(
            "jane.roe@corp.io",
            "app-42@corp-prod.iam.gserviceaccount.com",
            "jane%40corp.io",
            "jane\\u0040corp.io",
            "jane&#64;corp.io",
        ),
        *(
            "jane@corp.photography",
            "jane@corp.xn--p1ai",
            "jörg@müller.de",
            "яна@почта.рф",
        ),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        *(
            'author = "Jane Roe <{}>"',
            '"email": "{}",',
            "mailto:{}",
            "* thanks to {}.",
            " {}",
        ),
        *(
            "MAIL={}",
            "owner:{}",
            "/users/{}/keys",
            "https://x.io/?to={}&x=1",
            "请联系{}。",
            "to%3A{}",
        ),
    ],
)
def test_the_address_of_a_person_is_found(line, address):
    text = line.format(address).encode()
    assert {value: rule.kind for value, rule in find_secrets(text).items()} == {
        address.encode(): "email"
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("root: '/home/yusuke/code/app'", "home_folder"),
        (r"C:\Users\yusuke\AppData\x", "home_folder"),
        (r'"C:\\Users\\yusuke\\Desktop"', "home_folder"),
        ("IBAN DE44 5001 0517 5407 3249 31", "iban"),
        ("iban=GB29NWBK60161331926819", "iban"),
        ("card: 4539 1488 0343 6467", "card_number"),
        ("amex 3782-822463-10005", "card_number"),
        ("call +49 30 901820, or", "phone_number"),
        ("tel:+14155238886", "phone_number"),
        ("/home/runner/code/app", None),
        ("/home/developer/code/app", None),
        (r"C:\Users\appveyor\AppData\x", None),
        ("e.g. +38160123456", None),
        ("e.g. +6281122334455", None),
        ("/home/parent/static", None),
        ("DE44 5001 0517 5407 3249 32", None),
        ("4539 1488 0343 6468", None),
        ("4111 1111 1111 1111", None),
        ("0.4539148803436467", None),
        ("+1 415 555 2671", None),
        ("2024-05-01T10:00:00+0200", None),
        ("x = a +1234567890123", None),
    ],
)
def test_numbers_and_folders_of_people_are_found(text, kind):
    assert set(found(text.encode()).values()) == ({kind} if kind else set())


@pytest.mark.parametrize(
    "line",
    [
        *("Co-authored-by: Bob", "Co-authored-by:Bob", "Co-Authored-By :Bob"),
        *("Reviewed By: Bob", "reviewed-by\uff1aBob", "Signed off by: Bob"),
        *("Author: Bob", "Authors: Bob, Ann", "Reviewers: @bob", "On-behalf-of: Bob"),
        *(
            "CC: Bob",
            "Thanks to: Bob",
            "Patch by: Bob",
            "Pair-with: Bob",
            "From: b@c.io",
        ),
    ],
)
def test_a_line_that_names_people_goes_in_every_spelling(line):
    assert strip_trailers(f"fix: it\n\nSo.\n\n{line}\n") == ("fix: it\n\nSo.", 1)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "Fixes: #12",
            "Author: add a field",
            "Caused-by: 1f2e3d",
            "reviewers: the bot",
        ),
        *("From: here to there", "sorted by: name", "Superseded-by: #12", "by: Bob"),
    ],
)
def test_a_line_that_only_looks_like_a_trailer_stays(line):
    assert strip_trailers(f"fix: it\n\n{line}") == (f"fix: it\n\n{line}", 0)


def test_trailers_that_name_people_go_and_others_stay():
    message = (
        "fix(io): close the file\n\nIt leaked.\n\nFixes: #12\n"
        "Signed-off-by: Jane Roe <jane@corp.io>\n"
        "Co-authored-by: Max Moe <max@corp.io>\nCc: stable\n"
        "BREAKING CHANGE: none\n"
    )
    kept = "fix(io): close the file\n\nIt leaked.\n\nFixes: #12\nBREAKING CHANGE: none"
    assert strip_trailers(message) == (kept, 3)
    without = "fix: say who it is by: the author\n\nbody \n\n"
    assert strip_trailers(without) == (without, 0)


def test_private_keys_of_every_kind_are_found_in_files_code_and_data():
    for number in range(500):
        text = private_key_in_context(Random(f"key {number}"))
        assert find_private_keys(text.encode())
        added = as_diff(text, "key").replace("\n+", "\n ")
        assert find_private_keys(added.encode())


@pytest.mark.parametrize(
    "text",
    [
        "if b'-----BEGIN RSA PRIVATE KEY-----' in text:\n    return load(text)",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
        f"-----BEGIN PUBLIC KEY-----\n{PUBLIC}\n{LINE[20:]}\n-----END PUBLIC KEY-----",
        f"-----BEGIN CERTIFICATE-----\n{PUBLIC}\n-----END CERTIFICATE-----",
        f"{LINE[20:]}\n{LINE[20:]}\n",
        f'KEY = "{PUBLIC}" + "{LINE[20:]}"',
    ],
)
def test_marks_without_keys_and_public_things_are_no_private_keys(text):
    assert find_private_keys(text.encode()) == []


@pytest.mark.parametrize(
    "text",
    [
        f"-----BEGIN PRIVATE KEY-----\n{LINE}\n{LINE}\n",
        f"{LINE}\n{LINE}\n-----END PRIVATE KEY-----\n",
        f'"-----BEGIN EC PRIVATE KEY-----\\n{LINE}\\n-----END EC PRIVATE KEY-----\\n"',
    ],
)
def test_half_a_key_and_a_key_on_one_line_are_keys(text):
    (span,) = find_private_keys(text.encode())
    assert LINE in text[span.start : span.end]


@pytest.mark.parametrize(
    "start",
    [
        "MIIEpAIBAAKCAQEA",
        "MIICXAIBAAKBgQCq",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw",
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0w",
        "MC4CAQAwBQYDK2VwBCIEIJ1h",
        "MC4CAQAwBQYDK2VuBCIEIIDm",
        "MEcCAQAwBQYDK2VxBDsEOQJn",
        "MHcCAQEEIBfLk7nlrnJkxRuK",
        "MHQCAQEEIB6a1xCm+NpWSSSV",
        "MIGkAgEBBDAvXQ8sF69sLn3m",
        "MIHcAgEBBEIAzjjREjghZXzB",
        "MIIFLTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0B",
        "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEF",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
    ],
)
def test_a_key_without_marks_is_one(start):
    rest = "7VJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3"
    text = f'KEY = "{start}{rest}" +\n    "{rest}";\nnext()'
    (span,) = find_private_keys(text.encode())
    assert text[span.start : span.end].startswith(start)
    assert text[span.end :].startswith("next()")


@pytest.mark.parametrize("at", range(14, 64))
def test_a_key_in_base64_is_one_also_with_a_stray_sign_in_it(at):
    text = b64encode(f"-----BEGIN RSA PRIVATE KEY-----\n{LINE}\n".encode())
    (span,) = find_private_keys(text[:at] + b"=" + text[at:])
    assert span == (0, len(text) + 1)


def test_a_mark_above_does_not_hide_a_key():
    key = private_key(Random(1))
    text = f"if '-----BEGIN RSA PRIVATE KEY-----' in text:\n    pass\n\n{key}\n"
    assert len(find_private_keys(text.encode())) == 1


HOSTILE = {
    "letters": "a",
    "quotes": '"',
    "names": "password=",
    "unclosed": "token='",
    "assignments": 'token="a1B2c3D4e5F6g7H8" ',
    "key prefixes": "secret_",
    "addresses": "a@b.co ",
    "hosts": "a@a.a.",
    "userinfo": "http://a:",
    "logins": "a://b:c",
    "headers": "basic AAAA",
    "tokens": "eyJaaaaaaaaaa.",
    "openai": "sk-T3BlbkFJ",
    "marks": "-----BEGIN RSA PRIVATE KEY-----",
    "keys": f"-----BEGIN PRIVATE KEY-----{'A' * 64}-----END PRIVATE KEY-----",
    "base64": "AAAA+/",
    "bodies": "MIIEpAIBAAKCAQEA",
    "pairs": "server=a;",
    "commands": "curl -u a:",
    "netrc": "machine a login b ",
    "blocks": 'variable "secret" { ',
    "entries": "name: secret\n",
    "bytes": "\0ÿ",
    "spaces": "password   ",
    "hyphens": "a-",
    "blanks": " ",
    "trailers": "+Cc: a",
    "escapes": "\\n\\u0040",
    "empty lines": "\n",
    "parts": '"a" + ',
    "look-alikes": "p\u0430",
    "wrapped": "Z2hwX",
    "kubernetes": "kind: Secret\n  a: AAAA\n",
    "lines of names": "password\n",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_line_takes_time_by_its_length(hostile):
    def scan(size):
        text = (HOSTILE[hostile] * size)[:size]
        find_secrets(text.encode())
        find_private_keys(text.encode())
        strip_trailers(text)
        hide_trailers(text)

    assert_linear(scan, 2**15)
