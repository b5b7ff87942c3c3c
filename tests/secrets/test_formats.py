import re
from random import Random

import pytest
from harmless_corpus import harmless
from secret_corpus import IN_CONTEXT, LITERALS, TOKENS, filled, planted, unmarked

from diffscribe.secrets.formats import VENDOR_FORMATS
from diffscribe.secrets.private_keys import find_private_keys
from diffscribe.secrets.scan import FORMATS, find_secrets


def found(text):
    return {value.decode(): kind.name for value, kind in find_secrets(text).items()}


def test_there_are_at_least_a_hundred_formats_each_with_its_fact():
    assert len({each.name for each in FORMATS}) >= 100
    assert all(re.fullmatch("[a-z0-9_]+", each.name) for each in FORMATS)
    assert all(each.fact for each in FORMATS)


def test_a_vendor_format_has_one_row():
    names = [each.name for each in VENDOR_FORMATS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_found_in_the_middle_of_nothing(kind):
    for number in range(20):
        token = TOKENS[kind](Random(f"{kind} {number}"))
        assert list(found(f"see ({token}), please".encode())) == [token]


@pytest.mark.parametrize("kind", IN_CONTEXT)
def test_a_secret_is_found_by_what_is_around_it(kind):
    drawn = [unmarked(kind, Random(f"{kind} {number}")) for number in range(50)]
    hits = [any(s in value for value in found(text.encode())) for s, text in drawn]
    assert sum(hits) >= 48


def test_of_what_is_found_95_in_100_are_secrets():
    """5,000 secrets and 20,000 strings that only look like some."""
    hits = sum(bool(found(each.text.encode())) for each in planted(5000))
    false_hits = sum(
        bool(found(text.encode()) or find_private_keys(text.encode()))
        for _, text in harmless(20_000)
    )
    assert hits / (hits + false_hits) >= 0.95


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
    ],
)
def test_examples_variables_and_placeholders_are_no_secrets(text):
    assert found(text.encode()) == {}


@pytest.mark.parametrize("line", LITERALS)
def test_a_password_is_found_in_every_language(line):
    text = filled(line, Random(1), "db_password", "tR7!vQ2m_Lx9")
    assert found(text.encode()) == {"tR7!vQ2m_Lx9": "password"}


@pytest.mark.parametrize(
    ("value", "is_found"),
    [
        ("kR7vQ2m", False),
        ("kR7vQ2mX", True),
        ("kingfisher", False),
        ("kingfisher12", False),
        ("kingfisher123", True),
        ("king7fisher", True),
        ("kingfisher-12-heron", False),
        ("user_name2", False),
    ],
)
def test_a_password_has_eight_characters_and_is_more_than_a_word_and_a_number(
    value, is_found
):
    assert bool(found(f'password = "{value}"'.encode())) == is_found


@pytest.mark.parametrize("kind", sorted(set(TOKENS) & {each.name for each in FORMATS}))
def test_a_token_is_found_under_its_name(kind):
    token = TOKENS[kind](Random(kind))
    assert found(token.encode()) == {token: kind}


def test_a_secret_of_two_formats_is_named_after_the_first():
    token = TOKENS["github_token"](Random(1))
    assert found(f'api_token = "{token}"'.encode()) == {token: "github_token"}


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
}


def scan(hostile, size):
    text = (HOSTILE[hostile] * size)[:size].encode()
    find_secrets(text)
    find_private_keys(text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_line_takes_no_longer_than_any_other(hostile, seconds):
    """A quadratic pattern would take minutes for the second size."""
    assert seconds(scan, hostile, 2**20) < 5


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE)
def test_four_megabytes_take_four_times_one(hostile, seconds):
    once = seconds(scan, hostile, 2**20)
    assert seconds(scan, hostile, 4 * 2**20) < 10 * max(once, 0.05)
