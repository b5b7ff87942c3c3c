"""What may leave this machine: nothing private, no secret, no person."""

import random
from pathlib import Path

import pytest
from secret_corpus import TOKENS
from tests.support.questions import question

from diffscribe.core.errors import ParamsError
from diffscribe.core.records import Message
from diffscribe.doors.endpoint import WithheldError, host_of, is_loopback, prepare

THERE = "api.example.com"
KEY = "AKIA" + "Q3EGRIZT5KMW7YXA"


@pytest.mark.parametrize(
    ("base_url", "is_here"),
    [
        ("http://localhost:8080/v1", True),
        ("http://LOCALHOST:11434/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
        ("http://127.0.0.1@example.com/v1", False),
        ("http://0.0.0.0/v1", False),
        ("http://192.168.1.5/v1", False),
        ("http://[fe80::1]/v1", False),
        ("http://0x7f.1/v1", False),
        ("https://api.example.com/v1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_a_loopback_address_is_this_machine(base_url, is_here):
    assert is_loopback(host_of(base_url)) == is_here


@pytest.mark.parametrize("host", [THERE, "192.168.1.5", "MLflow", ""])
def test_a_private_question_goes_to_no_other_machine(host):
    with pytest.raises(ParamsError, match="acme/app is marked private") as caught:
        prepare(question(private=True), host)
    assert "name an endpoint on this machine" in str(caught.value)


@pytest.mark.parametrize("model", ["glm-4.6:cloud", "gpt-oss:120b-cloud"])
def test_a_model_that_is_passed_on_is_not_on_this_machine(model):
    asked = question(f"key = '{KEY}'")._replace(model=model)
    with pytest.raises(ParamsError, match=rf"127\.0\.0\.1, which passes {model} on"):
        prepare(asked._replace(private=True), "127.0.0.1")
    assert KEY not in str(prepare(asked, "127.0.0.1").question)


@pytest.mark.parametrize("model", ["cloud", "cloudy:8b", "m:cloud-q4", "x-cloud"])
def test_this_machine_gets_every_question_as_it_is(model):
    asked = question(f"key = '{KEY}'", private=True)._replace(model=model)
    assert prepare(asked, "127.0.0.1").question == asked


def test_a_name_of_this_machine_is_this_machine():
    asked = question(f"key = '{KEY}' of ann@corp.de", private=True)
    assert prepare(asked, "localhost").question == asked


def test_secrets_and_people_are_placeholders_in_all_that_is_sent():
    asked = question(
        f"{KEY}.py\n=== {KEY}.py\n-key = '{KEY}'\n+mail = 'ann@corp.de'\n",
        schema={"properties": {f"{KEY}.py": {"enum": [f"{KEY}.py", "b.py"]}}},
    )
    asked = asked._replace(
        messages=(
            *asked.messages,
            Message(role="user", content="fix: x\n\nSigned-off-by: Ann <ann@corp.de>"),
        )
    )
    sent = prepare(asked, THERE)
    text = str(sent.question)
    assert KEY not in text
    assert "ann@corp.de" not in text
    assert "Signed-off-by" not in text
    [path, other] = sent.question.schema["properties"].popitem()[1]["enum"]
    assert path.startswith("<secret:")
    assert sent.question.messages[0].content.startswith(path)
    assert other == "b.py"
    assert sent.replaced[path.removesuffix(".py")] == KEY


def test_a_longer_chat_keeps_the_placeholders_of_its_beginning():
    asked = question(f"key = '{KEY}'")
    other = "AKIA" + "W7Q2ZLTB4NMXJ5RC"
    more = Message(role="user", content=f"'{other}' and '{KEY}'")
    longer = asked._replace(messages=(*asked.messages, more))
    first = prepare(asked, THERE).question.messages[0]
    assert prepare(longer, THERE).question.messages[0] == first


def test_a_private_key_keeps_a_question_here():
    body = "\n".join("+" + "MIIEowIBAAKCAQEAx7Qf0s9" * 2 for _ in range(8))
    asked = question(
        "@@ -0,0 +1 @@\n+-----BEGIN RSA PRIVATE KEY-----\n"
        f"{body}\n+-----END RSA PRIVATE KEY-----\n"
    )
    with pytest.raises(WithheldError, match="private key and is not sent to api"):
        prepare(asked, THERE)


def test_no_kind_of_token_is_sent():
    keys = [TOKENS[kind](random.Random(kind)) for kind in sorted(TOKENS)]
    diff = "".join(f"+value_{n} = {key!r}\n" for n, key in enumerate(keys))
    sent = str(prepare(question(diff), THERE).question)
    assert [key for key in keys if key in sent] == []


def test_only_the_door_makes_what_may_leave():
    source = Path(__file__).parents[2] / "src"
    makers = [
        path.name for path in source.rglob("*.py") if "Outgoing(" in path.read_text()
    ]
    assert makers == ["endpoint.py"]
