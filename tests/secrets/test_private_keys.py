from random import Random

import pytest
from secret_corpus import as_diff, private_key, private_key_in_context

from diffscribe.secrets.private_keys import find_private_keys

PUBLIC = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo"
LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


def test_keys_of_every_kind_are_found_in_files_code_and_data():
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
def test_marks_without_keys_and_public_things_are_none(text):
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
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
    ],
)
def test_a_key_without_marks_is_one(start):
    rest = "7VJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3"
    text = f'KEY = "{start}{rest}" +\n    "{rest}";\nnext()'
    (span,) = find_private_keys(text.encode())
    assert text[span.start : span.end].startswith(start)
    assert text[span.end :].startswith("next()")


def test_a_mark_above_does_not_hide_a_key():
    key = private_key(Random(1))
    text = f"if '-----BEGIN RSA PRIVATE KEY-----' in text:\n    pass\n\n{key}\n"
    assert len(find_private_keys(text.encode())) == 1
