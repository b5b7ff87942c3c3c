"""What comes over the wire, byte by byte, and where it may go."""

import asyncio
import gzip
import ssl
import subprocess
import time

import pytest
from tests.support.fault_server import completion
from tests.support.questions import question

from diffscribe.core.errors import ToolError
from diffscribe.doors.dialect import Rung
from diffscribe.doors.endpoint import MAX_REPLY_BYTES, Endpoint, host_of, prepare
from diffscribe.doors.limiter import Limiter

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
KEY = "sk-very-secret-0123456789"


class Server:
    """Sends the given pieces after each request, some time apart."""

    def __init__(self, *replies, apart_s=0.0, certificate=None):
        self.replies, self.apart_s = list(replies), apart_s
        self.certificate = certificate
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
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split()[0])
            body = await reader.readexactly(length)
            self.requests.append((head.decode(), body))
            for piece in self.replies.pop(0):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.apart_s)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has what it wanted
        writer.close()


def plain(text):
    body = completion(text).encode()
    return OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def ask(server, *, times=1, timeout_s=60.0, url=None):
    """Return each text or error, and the faults that the endpoint counted."""

    async def run():
        async with server:
            scheme = "https" if server.certificate else "http"
            base_url = url or f"{scheme}://localhost:{server.port}/v1"
            endpoint = Endpoint(
                *(base_url,),
                api_key=KEY,
                timeout_s=timeout_s,
                attempts=1,
                limiter=Limiter(1),
                rung=Rung.TEXT,
            )
            outcomes = []
            for number in range(times):
                sent = prepare(question(number), host_of(base_url))
                try:
                    outcomes.append((await endpoint.ask(sent)).text)
                except ToolError as error:
                    outcomes.append(error)
            await endpoint.close()
            return outcomes, list(endpoint.faults)

    return asyncio.run(run())


def test_a_question_is_one_plain_post_on_a_connection_of_its_own():
    server = Server(*[[plain("a")]] * 3)
    assert ask(server, times=3) == (["a"] * 3, [])
    heads = {tuple(sorted(head.lower().split("\r\n"))) for head, _ in server.requests}
    [lines] = heads
    assert "post /v1/chat/completions http/1.1" in lines
    assert f"authorization: bearer {KEY}" in lines
    assert "accept-encoding: identity" in lines
    assert "connection: close" in lines
    assert "traceparent" not in " ".join(lines)
    assert len(lines) == len({line.split(":")[0] for line in lines}) + 1
    assert server.connections == 3


def test_a_reply_may_come_in_chunks_and_pieces():
    body = completion("hello world").encode()
    reply = CHUNKED + b"5\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (
        *(body[:5], len(body) - 5),
        body[5:],
    )
    server = Server([reply[:50], reply[50:61], reply[61:]], apart_s=0.02)
    assert ask(server) == (["hello world"], [])


EVIL = plain("evil")


@pytest.mark.parametrize(
    "pieces",
    [
        [plain("a") + EVIL],
        [plain("a"), EVIL],
        [plain("a"), EVIL[:-1]],
        [plain("a"), OK],
        [plain("a"), b"evil"],
    ],
)
def test_bytes_after_a_reply_are_not_the_next_one(pieces):
    server = Server(pieces, [plain("b")], [plain("c")], apart_s=0.02)
    assert ask(server, times=3) == (["a", "b", "c"], [])


@pytest.mark.parametrize(
    "reply",
    [
        [],
        [OK],
        [plain("hello")[:-1]],
        [CHUNKED + b"5\r\nhel"],
        [b"SSH-2.0-OpenSSH\r\n\r\n"],
        [b"HTTP/1.1 fine\r\n\r\n"],
        [OK + b"Content-Length: -5\r\n\r\n"],
        [CHUNKED + b"-5\r\n\r\n\r\n"],
        [OK + b"X: " + b"x" * 70_000],
    ],
)
def test_what_is_no_whole_reply_is_a_lost_connection(reply):
    [outcome], faults = ask(Server(reply))
    assert faults == ["connection lost"]
    assert "cannot be reached (" in str(outcome)


@pytest.mark.parametrize("status", [b"200 OK", b"500 Oh"])
@pytest.mark.parametrize("excess", [-1, 1])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_reply_of_more_than_8_mib_is_refused(status, excess, is_chunked):
    frame = len(completion("").encode())
    body = completion("x" * (MAX_REPLY_BYTES + excess - frame)).encode()
    head = b"HTTP/1.1 %s\r\n" % status
    if is_chunked:
        head += b"Transfer-Encoding: chunked\r\n\r\n"
        pieces = [head, b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n"]
    else:
        pieces = [head, b"Content-Length: %d\r\n\r\n" % len(body), body]
    [outcome], faults = ask(Server(pieces))
    if excess > 0:
        assert faults == ["connection lost"]
        assert "more than 8388608 bytes" in str(outcome)
    else:
        assert faults == ([] if status.startswith(b"200") else ["HTTP 500"])


def test_a_packed_reply_is_not_unpacked():
    body = gzip.compress(completion("x" * 10 * MAX_REPLY_BYTES).encode())
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    [outcome], faults = ask(Server([OK + head, body]))
    assert faults == ["connection lost"]
    assert "the reply is packed with gzip" in str(outcome)


@pytest.mark.parametrize("reply", [plain("h" * 99), CHUNKED + b"1\r\nh\r\n" * 99])
def test_a_reply_that_trickles_is_given_up_when_its_time_is_over(reply):
    pieces = [reply[at : at + 1] for at in range(len(reply))]
    started = time.monotonic()
    [outcome], faults = ask(Server(pieces, apart_s=0.1), timeout_s=0.5)
    assert faults == ["timeout"]
    assert str(outcome) == "no answer within 0.5 s"
    assert time.monotonic() - started >= 0.5


def test_nobody_there_is_a_lost_connection():
    [outcome], faults = ask(Server(), url="http://127.0.0.1:1/v1")
    assert faults == ["connection lost"]
    assert "Connect" in str(outcome)


def test_a_redirect_takes_question_and_key_nowhere():
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /v2\r\nContent-Length: 0\r\n\r\n"
    server = Server([moved], [plain("evil")])
    [outcome], faults = ask(server)
    assert faults == ["HTTP 307"]
    assert len(server.requests) == 1
    assert "check the key" in str(outcome)


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_another_machine_is_reached_through_the_proxy_that_is_named(no_proxies):
    proxy = Server([plain("a")])
    url = "http://teacher.example/v1"

    async def run():
        async with proxy:
            no_proxies.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            endpoint = Endpoint(
                url, api_key=KEY, timeout_s=60, attempts=1, limiter=Limiter(1)
            )
            key = "AKIA" + "Q3EGRIZT5KMW7YXA"
            sent = prepare(question(f"key = '{key}'"), host_of(url))
            answer = await endpoint.ask(sent)
            await endpoint.close()
            return answer.text, key

    text, key = asyncio.run(run())
    [(head, body)] = proxy.requests
    assert text == "a"
    assert head.startswith("POST http://teacher.example/v1/chat/completions HTTP/1.1")
    assert key.encode() not in body
    assert b"<secret:" in body


def test_no_proxy_sees_what_stays_on_this_machine(no_proxies):
    no_proxies.setenv("http_proxy", "http://127.0.0.1:1")
    no_proxies.setenv("all_proxy", "http://127.0.0.1:1")
    assert ask(Server([plain("a")])) == (["a"], [])


def test_a_question_for_one_host_is_not_sent_to_another():
    endpoint = Endpoint(
        *("http://teacher.example/v1",),
        api_key=KEY,
        timeout_s=60,
        attempts=1,
        limiter=Limiter(1),
    )
    with pytest.raises(ValueError, match=r"for 127\.0\.0\.1 is not one for this"):
        asyncio.run(endpoint.ask(prepare(question(), "127.0.0.1")))


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


def test_certificates_are_checked(certificate, monkeypatch):
    server = Server([plain("a")], certificate=certificate)
    [outcome], faults = ask(server)
    assert faults == ["connection lost"]
    assert "CERTIFICATE_VERIFY_FAILED" in str(outcome)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask(Server([plain("a")], certificate=certificate)) == (["a"], [])
