"""A server before another one, that refuses to be asked for some formats of answers."""

import http.client
import json
import threading
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

REFUSAL = {
    "error": {
        "message": "This response_format type is unavailable now",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request_error",
    }
}
"""In the words of a service that knows json_object and no schemas."""


class Passed(NamedTuple):
    """A request and what became of it."""

    kind: str
    """The type of its response_format; `text` if it has none."""
    status: int
    reply: Any


class StrictProxy:
    """The server; use it as a context manager.

    Args:
        base_url: where requests go that are not refused.
        refuses: types of response_format.
    """

    def __init__(self, base_url: str, refuses: Collection[str]) -> None:
        self.passed: list[Passed] = []
        self._origin = urlsplit(base_url).netloc
        self._refuses = refuses

    def __enter__(self) -> "StrictProxy":
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, reply = proxy._answered(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *arguments: object) -> None:
                """Say nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answered(self, path: str, body: bytes) -> tuple[int, bytes]:
        kind = json.loads(body).get("response_format", {}).get("type", "text")
        if kind in self._refuses:
            status, reply = 400, json.dumps(REFUSAL).encode()
        else:
            status, reply = self._forwarded(path, body)
        self.passed.append(Passed(kind, status, json.loads(reply)))
        return status, reply

    def _forwarded(self, path: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._origin)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
