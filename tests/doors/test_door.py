import asyncio
import ssl
import subprocess
import time

import pytest

from diffscribe.doors.reply import AttemptError, Fault
from diffscribe.doors.wire import MAX_REPLY_BYTES, Door

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
KEY = "sk-very-secret-0123456789"
both_ways = pytest.mark.parametrize("traced", [False, True])
"""By openai's own request each time, or only the first."""


class Server:
    """Sends the given pieces after each request, some time apart."""

    def __init__(self, *replies, apart_s=0.0, then_closes=False, certificate=None):
        self.replies, self.apart_s = list(replies), apart_s
        self.then_closes, self.certificate = then_closes, certificate
        self.requests, self.connections = [], 0

    async def __aenter__(self):
        context = None
        if self.certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate)
        self.server = await asyncio.start_server(
            self.serve, "127.0.0.1", 0, ssl=context
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while self.replies:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split()[0])
                body = await reader.readexactly(length)
                self.requests.append((head.decode(), body))
                for piece in self.replies.pop(0):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(self.apart_s)
                if self.then_closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            """The client has what it wanted."""
        writer.close()


def plain(body):
    return OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def send(server, *, times=1, traced=False, timeout_s=2.0, pause_s=0.0, url=None):
    """Return what came back each time, a body or why there is none."""

    async def run():
        async with server:
            scheme = "https" if server.certificate else "http"
            door = Door(
                url or f"{scheme}://localhost:{server.port}/v1",
                api_key=KEY,
                timeout_s=timeout_s,
            )
            outcomes = []
            for number in range(times):
                body = {"model": "m", "messages": [], "seed": number}
                try:
                    outcomes.append(await door.send(body, traced=traced))
                except AttemptError as error:
                    outcomes.append(error)
                await asyncio.sleep(pause_s)
            await door.close()
            return outcomes

    return asyncio.run(run())


@both_ways
def test_requests_are_put_alike_and_go_over_one_connection(traced):
    server = Server(*[[plain(b"a")]] * 3)
    assert send(server, times=3, traced=traced) == [b"a"] * 3
    heads = {tuple(sorted(head.lower().split("\r\n"))) for head, _ in server.requests}
    assert len(heads) == 1
    [lines] = heads
    assert "post /v1/chat/completions http/1.1" in lines
    assert f"authorization: bearer {KEY}" in lines
    assert "accept-encoding: identity" in lines
    assert len(lines) == len({line.split(":")[0] for line in lines}) + 1
    assert b'"seed":2' in server.requests[2][1]
    assert server.connections == 1


@both_ways
def test_a_reply_may_come_in_chunks_and_pieces(traced):
    reply = CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
    server = Server(*[[reply[:50], reply[50:61], reply[61:]]] * 2, apart_s=0.02)
    assert send(server, times=2, traced=traced) == [b"hello world"] * 2


@both_ways
def test_a_connection_that_was_closed_while_idle_is_not_used(traced):
    server = Server([plain(b"a")], [plain(b"b")], then_closes=True)
    assert send(server, times=2, traced=traced, pause_s=0.1) == [b"a", b"b"]


EVIL = plain(b"evil")
WHOLE = CHUNKED + b"1\r\na\r\n0\r\n\r\n"


@both_ways
@pytest.mark.parametrize(
    ("pieces", "pause_s"),
    [
        ([plain(b"a") + EVIL], 0.0),
        ([plain(b"a") + EVIL], 0.1),
        ([WHOLE + EVIL], 0.0),
        ([plain(b"a"), EVIL], 0.1),
        ([plain(b"a"), EVIL[:-1]], 0.1),
        ([plain(b"a"), OK], 0.1),
        ([plain(b"a"), b"evil"], 0.1),
        ([WHOLE, EVIL], 0.1),
    ],
)
def test_bytes_after_a_reply_are_not_the_next_one(pieces, pause_s, traced):
    server = Server(pieces, [plain(b"b")], [plain(b"c")], apart_s=0.02)
    first, second, third = send(server, times=3, traced=traced, pause_s=pause_s)
    assert first == b"a"
    # A connection that is in doubt may be given up, as then one asks again.
    if isinstance(second, AttemptError):
        assert second.fault == Fault.CONNECTION
        second, third = third, b"c"
    assert (second, third) == (b"b", b"c")


@both_ways
@pytest.mark.parametrize(
    "reply",
    [
        [],
        [OK],
        [plain(b"hello")[:-1]],
        [CHUNKED + b"5\r\nhel"],
        [b"SSH-2.0-OpenSSH\r\n\r\n"],
        [b"HTTP/1.1 fine\r\n\r\n"],
        [OK + b"Content-Length: -5\r\n\r\n"],
        [CHUNKED + b"-5\r\n\r\n\r\n"],
        [OK + b"X: " + b"x" * 70_000],
    ],
)
def test_what_is_no_whole_reply_is_a_lost_connection(reply, traced):
    server = Server([plain(b"a")], reply, then_closes=True)
    first, second = send(server, times=2, traced=traced, pause_s=0.05)
    assert first == b"a"
    assert second.fault == Fault.CONNECTION
    assert second.words


@both_ways
@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_reply_of_more_than_8_mib_is_refused(excess, is_chunked, traced):
    body = b"x" * (MAX_REPLY_BYTES + excess)
    chunks = [CHUNKED, b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n"]
    server = Server([plain(b"a")], chunks if is_chunked else [plain(body)])
    _, outcome = send(server, times=2, traced=traced, timeout_s=10)
    if excess:
        assert outcome.fault == Fault.CONNECTION
        assert "more than 8388608 bytes" in outcome.words
    else:
        assert outcome == body


@both_ways
@pytest.mark.parametrize("reply", [plain(b"h" * 99), CHUNKED + b"1\r\nh\r\n" * 99])
def test_a_reply_that_trickles_is_given_up_when_its_time_is_over(reply, traced):
    pieces = [reply[at : at + 1] for at in range(len(reply))]
    server = Server([plain(b"a")], pieces, apart_s=0.1)
    started = time.monotonic()
    _, outcome = send(server, times=2, traced=traced, timeout_s=0.5)
    assert outcome.fault == Fault.TIMEOUT
    assert 0.5 <= time.monotonic() - started < 3


@both_ways
def test_nobody_there_is_a_lost_connection(traced):
    [outcome] = send(Server(), url="http://127.0.0.1:1/v1", traced=traced)
    assert outcome.fault == Fault.CONNECTION
    assert "127.0.0.1" in outcome.words or "Connect" in outcome.words


@both_ways
def test_a_redirect_takes_the_key_nowhere(traced):
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /v2\r\nContent-Length: 0\r\n\r\n"
    server = Server([plain(b"a")], [moved], [plain(b"evil")])
    _, outcome = send(server, times=2, traced=traced)
    assert outcome.code == 307
    assert len(server.requests) == 2


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@both_ways
def test_what_leads_elsewhere_goes_through_the_proxy_that_is_named(no_proxies, traced):
    async def run():
        async with Server([plain(b"a")], [plain(b"b")]) as proxy:
            no_proxies.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            door = Door("http://teacher.example/v1", api_key=KEY, timeout_s=2)
            body = {"model": "m", "messages": []}
            answers = [await door.send(body, traced=traced) for _ in "ab"]
            await door.close()
            return answers, [head.split("\r\n")[0] for head, _ in proxy.requests]

    answers, lines = asyncio.run(run())
    assert answers == [b"a", b"b"]
    assert lines == ["POST http://teacher.example/v1/chat/completions HTTP/1.1"] * 2


@both_ways
def test_no_proxy_sees_what_stays_on_this_machine(no_proxies, traced):
    no_proxies.setenv("http_proxy", "http://127.0.0.1:1")
    no_proxies.setenv("all_proxy", "http://127.0.0.1:1")
    server = Server([plain(b"a")], [plain(b"b")])
    assert send(server, times=2, traced=traced) == [b"a", b"b"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-subj", "/CN=localhost", "-days", "2"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", path, "-out", path.with_suffix(".crt")),
        ],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@both_ways
def test_certificates_are_checked(certificate, monkeypatch, traced):
    server = Server([plain(b"a")], certificate=certificate)
    [outcome] = send(server, traced=traced)
    assert outcome.fault == Fault.CONNECTION
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.words
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Server([plain(b"a")], [plain(b"b")], certificate=certificate)
    assert send(server, times=2, traced=traced) == [b"a", b"b"]
    server = Server([plain(b"a")], certificate=certificate)
    [outcome] = send(server, traced=traced, url=f"https://127.0.0.1:{1}/v1")
    assert outcome.fault == Fault.CONNECTION
