"""The proxy between an assistant and its model, before a server that says anything."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.waiting import wait_until

from diffscribe.doors import log_proxy
from diffscribe.doors.log_proxy import ID_HEADER, LogProxy, ProxyCounts

KEY = "AKIA" + "Q3EGRIZT5KMW7YXA"
TOOLS = [{"type": "function", "function": {"name": "run", "parameters": {}}}]
ASKED = {
    "model": "m",
    "temperature": 0.5,
    "messages": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "who is here?"},
    ],
    "tools": TOOLS,
}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "run", "arguments": '{"command": "who"}'},
}
WHOLE = {"choices": [{"message": {"role": "assistant", "tool_calls": [CALL]}}]}


class Upstream:
    """A server that answers every request with the same bytes, and keeps requests."""

    def __init__(self):
        self.pieces = [json.dumps(WHOLE).encode()]
        self.status = 200
        self.headers = {"Content-Type": "application/json", "X-Own": "kept"}
        self.breaks_off = False
        self.requests = []
        self.wait_s = 0.0


@pytest.fixture
def upstream():
    told = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            told.requests.append((self.path, dict(self.headers), body))
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in told.pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
                time.sleep(told.wait_s)
            if told.breaks_off:
                self.close_connection = True
                return
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()


@contextmanager
def served(upstream, log, problems=None, path=""):
    """Give the address of a proxy, and the proxy."""
    problems = [] if problems is None else problems
    proxy = LogProxy(f"{upstream}{path}", log, problems.append)
    ready = threading.Event()
    port, tasks = [], []

    async def run():
        tasks.append((asyncio.get_running_loop(), asyncio.current_task()))

        def on_ready(taken):
            port.append(taken)
            ready.set()

        await proxy.serve(0, on_ready)

    def work():
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(run())

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(20)
    try:
        yield f"http://127.0.0.1:{port[0]}", proxy
    finally:
        loop, task = tasks[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)
        assert not thread.is_alive()


def post(url, body=ASKED, headers=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.status, reply.headers, reply.read()


def rows(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def events(*deltas, ends=True):
    parts = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
    lines = [f"data: {json.dumps(part)}\n\n".encode() for part in parts]
    return [*lines, b"data: [DONE]\n\n"] if ends else lines


def piece(at, **function):
    return {"index": at, "function": function}


STREAMED = events(
    {"role": "assistant", "content": ""},
    {"content": "I "},
    {"content": "look."},
    {"tool_calls": [{**piece(0, name="run", arguments=""), "id": "c1"}]},
    {"tool_calls": [piece(0, arguments='{"comm')]},
    {"tool_calls": [piece(0, arguments='and": "who"}')]},
    {"tool_calls": [{**piece(1, name="read", arguments="{}"), "id": "c2"}]},
)
SECOND = {
    "id": "c2",
    "type": "function",
    "function": {"name": "read", "arguments": "{}"},
}
OLLAMA_CALL = {"function": {"name": "run", "arguments": {"command": "who"}}}
OLLAMA = [
    json.dumps({"message": {"role": "assistant", "content": "I "}}).encode() + b"\n",
    json.dumps({"message": {"content": "look.", "tool_calls": [OLLAMA_CALL]}}).encode(),
    b"\n" + json.dumps({"message": {"content": ""}, "done": True}).encode() + b"\n",
]


@pytest.mark.parametrize(
    ("path", "pieces", "content", "calls"),
    [
        ("/v1/chat/completions", [json.dumps(WHOLE).encode()], None, [CALL]),
        ("/v1/chat/completions", STREAMED, "I look.", [CALL, SECOND]),
        ("/api/chat", OLLAMA, "I look.", [OLLAMA_CALL]),
    ],
    ids=["whole", "stream", "ollama"],
)
def test_bytes_pass_as_they_are_and_the_chat_is_logged(
    path, pieces, content, calls, upstream, tmp_path
):
    upstream.pieces = pieces
    log = tmp_path / "a.jsonl"
    with served(upstream.url, log) as (url, proxy):
        headers = {"Authorization": f"Bearer {KEY}", "X-Mine": "1"}
        status, told, said = post(f"{url}{path}?a=b", headers=headers)
        assert (status, said, told["X-Own"]) == (200, b"".join(pieces), "kept")
        wait_until(lambda: proxy.counts.logged)
    [(asked_path, asked_headers, body)] = upstream.requests
    assert asked_path == f"{path}?a=b"
    assert json.loads(body) == ASKED
    assert asked_headers["Authorization"] == f"Bearer {KEY}"
    [row] = rows(log)
    assert row["id"] == told[ID_HEADER]
    assert row["request"] == {"messages": ASKED["messages"], "tools": TOOLS}
    assert row["model"] == "m"
    message = row["response"]["message"]
    assert (message.get("content"), message["tool_calls"]) == (content, calls)
    assert KEY not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_chat_keeps_its_session_as_it_grows(upstream, tmp_path):
    log = tmp_path / "a.jsonl"
    grown = [
        *ASKED["messages"],
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "content": "ann"},
        {"role": "user", "content": "thanks"},
    ]
    other = [{"role": "user", "content": "another"}]
    with served(upstream.url, log) as (url, proxy):
        for messages in (ASKED["messages"], grown, other):
            post(f"{url}/v1/chat/completions", {**ASKED, "messages": messages})
        wait_until(lambda: proxy.counts.logged == 3)
    first, second, third = (row["session"] for row in rows(log))
    assert first == second != third


def test_what_comes_slowly_passes_as_it_comes(upstream, tmp_path):
    upstream.pieces, upstream.wait_s = [b"data: 1\n\n"] * 4, 0.3
    with served(upstream.url, tmp_path / "a.jsonl") as (url, _):
        connection = HTTPConnection(url.removeprefix("http://"), timeout=20)
        connection.request("POST", "/v1/chat/completions", json.dumps(ASKED))
        begun = time.monotonic()
        reply = connection.getresponse()
        assert reply.read(9) == b"data: 1\n\n"
        assert time.monotonic() - begun < 0.9
        reply.read()
        connection.close()


@pytest.mark.parametrize(
    ("status", "pieces"),
    [
        (500, [b'{"error": "full"}']),
        (200, [b"<html>busy</html>"]),
        (200, [b'{"choices": []}']),
        (200, events({"content": "never ends"}, ends=False)),
        (200, []),
    ],
)
def test_what_is_no_whole_answer_passes_and_is_counted(
    status, pieces, upstream, tmp_path
):
    upstream.status, upstream.pieces = status, pieces
    log = tmp_path / "a.jsonl"
    with served(upstream.url, log) as (url, proxy):
        try:
            assert post(f"{url}/v1/chat/completions")[2] == b"".join(pieces)
        except urllib.error.HTTPError as error:
            assert (error.code, error.read()) == (status, b"".join(pieces))
        wait_until(lambda: proxy.counts.failed)
        assert proxy.counts == ProxyCounts(0, 1, 0)
    assert not log.exists()


def test_an_answer_that_breaks_off_breaks_off_and_is_not_logged(upstream, tmp_path):
    upstream.breaks_off, upstream.pieces = True, STREAMED
    with served(upstream.url, tmp_path / "a.jsonl") as (url, proxy):
        with pytest.raises((OSError, HTTPException), match=r"\w"):
            post(f"{url}/v1/chat/completions")
        wait_until(lambda: proxy.counts.failed)
    assert not (tmp_path / "a.jsonl").exists()


def test_other_requests_pass_and_are_not_logged(upstream, tmp_path):
    upstream.pieces = [b'{"data": []}']
    with served(upstream.url, tmp_path / "a.jsonl") as (url, proxy):
        with urllib.request.urlopen(f"{url}/v1/models", timeout=20) as reply:
            assert reply.read() == b'{"data": []}'
        post(f"{url}/v1/chat/completions", b"no json")
        assert proxy.counts == ProxyCounts(0, 0, 0)


@pytest.mark.parametrize(("path", "asked"), [("/v1", "/v1/x"), ("/v1", "/x")])
def test_a_base_path_is_there_once(path, asked, upstream, tmp_path):
    with served(upstream.url, tmp_path / "a.jsonl", path=path) as (url, _):
        post(f"{url}{asked}")
    assert upstream.requests[0][0] == "/v1/x"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_no_page_of_a_browser_may_ask(headers, upstream, tmp_path):
    with served(upstream.url, tmp_path / "a.jsonl") as (url, _):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(f"{url}/v1/chat/completions", headers=headers)
        assert caught.value.code == 403
        caught.value.close()
    assert upstream.requests == []


def test_a_secret_is_a_placeholder_and_a_private_key_keeps_the_row_out(
    upstream, tmp_path
):
    log = tmp_path / "a.jsonl"
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{'MIIEow' * 20}\n-----END RSA PRIVATE KEY"
    with served(upstream.url, log) as (url, proxy):
        for words in (f"export AWS={KEY}", f"{key}-----\n"):
            messages = [{"role": "user", "content": words}]
            post(f"{url}/v1/chat/completions", {**ASKED, "messages": messages})
        wait_until(lambda: sum(proxy.counts) == 2)
        assert proxy.counts == ProxyCounts(1, 0, 1)
    assert KEY not in log.read_text()
    assert json.loads(upstream.requests[0][2])["messages"][0]["content"].endswith(KEY)


def test_a_log_that_cannot_be_written_fails_no_request_and_is_told_once(
    upstream, tmp_path
):
    problems = []
    with served(upstream.url, tmp_path, problems) as (url, proxy):
        for _ in range(3):
            assert post(f"{url}/v1/chat/completions")[0] == 200
        wait_until(lambda: proxy.counts.failed == 3)
    assert len(problems) == 1
    assert str(tmp_path) in problems[0]


def test_an_endpoint_that_is_not_there_is_told_as_an_error_of_the_api(tmp_path):
    with served("http://127.0.0.1:1", tmp_path / "a.jsonl") as (url, _):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(f"{url}/v1/chat/completions")
        words = json.loads(caught.value.read())["error"]["message"]
        assert caught.value.code == 502
        assert "127.0.0.1:1 cannot be reached" in words
        caught.value.close()


def test_a_full_log_is_rotated_and_nothing_is_lost(upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(log_proxy, "ROTATE_BYTES", 1000)
    log = tmp_path / "a.jsonl"
    with served(upstream.url, log) as (url, proxy):
        for _ in range(12):
            post(f"{url}/v1/chat/completions")
        wait_until(lambda: proxy.counts.logged == 12)
    logs = sorted(tmp_path.iterdir())
    assert len(logs) > 2
    assert len({row["id"] for each in logs for row in rows(each)}) == 12


@pytest.mark.slow
def test_the_command_logs_rates_and_ends_with_a_signal(upstream, tmp_path):
    log = tmp_path / "data" / "a.jsonl"
    run = [sys.executable, "-m", "diffscribe.commands.main"]
    named = ["--log", str(log)]
    proxy = subprocess.Popen(
        [*run, "log-proxy", "--to", upstream.url, "--port", "0", *named],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = proxy.stdout.readline().split()[1]
        _, told, _ = post(f"{url}/v1/chat/completions")
        wait_until(log.exists)
    finally:
        proxy.terminate()
        said, _ = proxy.communicate(timeout=20)
    assert proxy.returncode == 0
    assert "1 logged, 0 not whole, 0 withheld" in said

    def rate(*arguments):
        done = subprocess.run(
            [*run, "rate", *arguments, *named], capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    assert rate()[1].startswith(f"{told[ID_HEADER][:8]}  -  who is here?")
    assert rate("last", "4")[0] == 0
    assert rate(told[ID_HEADER][:6].upper(), "2")[0] == 0
    listed = rate()[1]
    assert f"{told[ID_HEADER][:8]}  2  who is here?" in listed
    assert '{"command": "who"}' in listed
    code, words = rate("zz", "2")
    assert code == 2
    assert "'zz' begins the ids of 0 answers; run 'diffscribe rate'" in words
    assert rate("last", "6")[0] == 2
