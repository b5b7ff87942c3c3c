import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from tests.support.waiting import wait_until

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.doors.llama_cpp import serve

pytestmark = pytest.mark.slow

SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"enum": ["feat", "fix"]},
        "files": {
            "type": "array",
            "items": {"enum": ["a.py", "b.py"]},
            "minItems": 1,
            "maxItems": 2,
        },
    },
    "required": ["type", "files"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def base_url(tiny_gguf):
    with serve(tiny_gguf, context_tokens=512, threads=1) as url:
        yield url


def ask(base_url, path, question):
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=600)
    connection.request("POST", path, json.dumps(question))
    response = connection.getresponse()
    answer: dict[str, object] = json.loads(response.read())
    assert response.status == 200, answer
    return answer


def chat(base_url, **more):
    question = {
        "messages": [{"role": "user", "content": "Files:\n M a.py"}],
        "temperature": 0,
        "max_tokens": 48,
        **more,
    }
    return ask(base_url, "/v1/chat/completions", question)


def is_listening(base_url):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(base_url).port)) == 0


def test_a_chat_request_is_answered_alike_each_time(base_url):
    first, again = chat(base_url), chat(base_url)
    assert first["choices"] == again["choices"]
    assert first["usage"]["completion_tokens"] > 0
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_a_json_schema_binds_even_an_untrained_model(base_url):
    from jsonschema import validate

    answer = chat(
        base_url,
        max_tokens=256,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "plan", "schema": SCHEMA, "strict": True},
        },
    )
    validate(json.loads(answer["choices"][0]["message"]["content"]), SCHEMA)


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_server_is_gone_after_the_block(error, tiny_gguf):
    with (
        pytest.raises(error) if error else contextlib.nullcontext(),
        serve(tiny_gguf, context_tokens=256, threads=1) as base_url,
    ):
        assert is_listening(base_url)
        if error:
            raise error
    assert not is_listening(base_url)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie them")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_is_gone_when_its_parent_is_killed(end, tiny_gguf):
    script = (
        "import pathlib, sys, time\n"
        "from diffscribe.doors.llama_cpp import serve\n"
        "with serve(pathlib.Path(sys.argv[1]), context_tokens=256, threads=1) as url:\n"
        "    print(url, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tiny_gguf)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    base_url = parent.stdout.readline().decode().strip()
    assert is_listening(base_url)
    os.kill(parent.pid, end)
    parent.wait()
    wait_until(lambda: not is_listening(base_url))


def test_two_servers_do_not_disturb_each_other(tiny_gguf, base_url):
    with serve(tiny_gguf, context_tokens=256, threads=1) as second:
        assert second != base_url
        assert chat(second)["choices"] == chat(base_url)["choices"]
    assert is_listening(base_url)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("nothing.gguf", SourceError, r"nothing\.gguf.*merge-quantize"),
        ("broken.gguf", ToolError, r"before it was ready(.|\n)*broken\.gguf"),
        ("slow.gguf", ToolError, "not ready within 0 s"),
    ],
)
def test_a_file_that_is_not_served_is_explained(
    name, error, words, tiny_gguf, tmp_path
):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 64)
    (tmp_path / "slow.gguf").symlink_to(tiny_gguf)
    timeout_s = 0 if name == "slow.gguf" else None
    with (
        pytest.raises(error, match=words),
        serve(tmp_path / name, context_tokens=256, threads=1, timeout_s=timeout_s),
    ):
        pytest.fail("it was served")
