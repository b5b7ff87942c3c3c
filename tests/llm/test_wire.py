import asyncio
import ssl
import subprocess

import pytest

from diffscribe.llm.wire import Origin, Template, Wire

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Server:
    """Sends the given bytes after each request, in pieces of some size."""

    def __init__(self, *replies, piece=10_000, then_closes=False, certificate=None):
        self.replies, self.piece = list(replies), piece
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
                self.requests.append((head, body))
                reply = self.replies.pop(0)
                for at in range(0, len(reply), self.piece):
                    writer.write(reply[at : at + self.piece])
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.then_closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def exchange(server, *bodies, host="127.0.0.1", pause_s=0.0):
    """Return the replies to some bodies, sent one after the other."""

    async def run():
        wire = Wire()
        async with server:
            origin = Origin(host, server.port, server.certificate is not None)
            template = Template(origin, b"POST /v1 HTTP/1.1\r\nhost: me\r\n")
            try:
                replies = []
                for body in bodies:
                    async with asyncio.timeout(2):
                        replies.append(await wire.exchange(template, body))
                    await asyncio.sleep(pause_s)
                return replies
            finally:
                await wire.aclose()

    return asyncio.run(run())


def plain(body):
    return OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize(
    "reply",
    [
        plain(b"hello world"),
        OK + b"content-length:11\r\nX: y\r\n\r\nhello world",
        CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        CHUNKED + b"B\r\nhello world\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"hello world"),
    ],
)
def test_a_reply_is_read_however_it_is_framed_and_the_connection_goes_on(reply, piece):
    server = Server(reply, reply, piece=piece)
    replies = exchange(server, b"one", b"two")
    assert [(each.status, each.content) for each in replies] == [
        (200, b"hello world")
    ] * 2
    assert [body for _, body in server.requests] == [b"one", b"two"]
    assert server.connections == 1


def test_a_body_may_hold_what_ends_a_chunked_one():
    body = b"0\r\n\r\n" * 3
    reply = CHUNKED + b"f\r\n%s\r\n0\r\n\r\n" % body
    for piece in (1, 5, 10_000):
        [answer] = exchange(Server(reply, piece=piece), b"")
        assert answer.content == body


def test_the_request_is_what_the_template_says():
    server = Server(plain(b""))
    exchange(server, b"{}")
    head = b"POST /v1 HTTP/1.1\r\nhost: me\r\ncontent-length: 2\r\n\r\n"
    assert server.requests == [(head, b"{}")]


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK\r\n\r\n", OK + b"Connection: close\r\n\r\n"]
)
def test_a_reply_without_a_length_ends_with_the_connection(head):
    [reply] = exchange(Server(head + b"hello", then_closes=True), b"")
    assert reply.content == b"hello"


def test_who_wants_to_close_is_not_asked_again():
    reply = OK + b"Connection: Close\r\nContent-Length: 1\r\n\r\na"
    server = Server(reply, reply)
    assert len(exchange(server, b"", b"")) == 2
    assert server.connections == 2


def test_a_connection_that_was_closed_while_idle_is_not_used():
    server = Server(plain(b"a"), plain(b"b"), then_closes=True)
    replies = exchange(server, b"", b"", pause_s=0.05)
    assert [reply.content for reply in replies] == [b"a", b"b"]


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_bytes_after_a_reply_are_not_the_next_one(pause_s):
    server = Server(plain(b"a") * 2, plain(b"b"))
    replies = exchange(server, b"", b"", pause_s=pause_s)
    assert [reply.content for reply in replies] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"", "closed the connection"),
        (OK, "closed the connection"),
        (plain(b"hello")[:-1], "closed the connection"),
        (CHUNKED + b"5\r\nhel", "closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 fine\r\n\r\n", "no HTTP"),
        (OK + b"Content-Length: -5\r\n\r\n", "no HTTP"),
        (OK + b"Content-Length: many\r\n\r\n", "no HTTP"),
        (CHUNKED + b"-5\r\n\r\n\r\n", "no HTTP"),
        (OK + b"X: " + b"x" * 70_000, "its head never ends"),
        (OK + b"\r\n" + b"x" * 9_000_000, "more than"),
    ],
)
def test_what_is_no_whole_reply_is_a_lost_connection(reply, words):
    with pytest.raises(ConnectionError, match=words):
        exchange(Server(reply, then_closes=True, piece=100_000), b"")


def test_nobody_there_is_an_error_of_the_system():
    server = Server()

    async def run():
        async with server:
            pass
        template = Template(Origin("127.0.0.1", server.port, False), b"")
        await Wire().exchange(template, b"")

    with pytest.raises(OSError, match="Connect"):
        asyncio.run(run())


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
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange(Server(plain(b"a"), certificate=certificate), b"", host="localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Server(plain(b"a"), certificate=certificate)
    [reply] = exchange(server, b"", host="localhost")
    assert reply.content == b"a"
