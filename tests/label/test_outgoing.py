import pytest

from diffscribe.core.errors import ParamsError
from diffscribe.label.labeler import Withheld, outgoing

HERE = "http://127.0.0.1:8080/v1"
THERE = "https://api.example.com/v1"
KEY = "AKIA" + "Q3EGRIZT5KMW7YXA"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://localhost.example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://0.0.0.0/v1",
        "http://192.168.1.5/v1",
        "http://[fe80::1]/v1",
        THERE,
    ],
)
def test_a_private_change_goes_to_no_other_machine(base_url, change):
    with pytest.raises(ParamsError, match="may not be sent"):
        outgoing(change(("fix: x", ["a.py"]), private=True), base_url)


@pytest.mark.parametrize(
    "base_url", [HERE, "http://[::1]:80/v1", "http://LOCALHOST:11434/v1"]
)
def test_a_private_change_may_be_sent_to_this_machine(base_url, change):
    row = change(("fix: x", ["a.py"]), private=True)
    assert outgoing(row, base_url) == row


def test_a_refusal_says_what_to_do(change):
    private = change(("fix: x", ["a.py"]), private=True)
    with pytest.raises(ParamsError) as caught:
        outgoing(private, THERE)
    assert str(caught.value) == (
        "acme/app is marked private and may not be sent to api.example.com; name an "
        "endpoint on this machine in label.teacher.base_url, or leave the source out"
    )


def test_secrets_and_people_are_placeholders_in_all_that_is_sent(change):
    row = change(
        (f"fix: drop {KEY}\n\nSigned-off-by: Ann <ann@corp.de>", [f"{KEY}.py"]),
        diff=f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-key = '{KEY}'\n+mail = 'ann@corp.de'\n",
    )
    sent = outgoing(row, THERE)
    text = sent.model_dump_json()
    assert KEY not in text
    assert "ann@corp.de" not in text
    assert "<personal:email:1>" in sent.diff
    assert sent.files[0].path.startswith("<secret:")
    assert sent.commits[0].files == (sent.files[0].path,)


def test_a_change_with_a_private_key_is_sent_nowhere(change):
    body = "\n".join("+" + "MIIEowIBAAKCAQEAx7Qf0s9" * 2 for _ in range(8))
    diff = (
        "@@ -0,0 +1 @@\n+-----BEGIN RSA PRIVATE KEY-----\n"
        f"{body}\n+-----END RSA PRIVATE KEY-----\n"
    )
    row = change(("fix: x", ["a.pem"]), diff=diff)
    assert outgoing(row, HERE) == Withheld.PRIVATE_KEY
