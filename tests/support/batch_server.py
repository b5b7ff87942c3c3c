"""The files and batches API of a service on loopback, with its limits and failures."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.fault_server import completion


class BatchServer:
    """The service; use it as a context manager.

    Args:
        looks: how often a batch is looked at until it is completed.
        answer: response of a line by its body, as (status, JSON); 200s are counted.
        ends: state that a batch ends in, by its number.
        left: share of a batch's lines that an expired or cancelled one leaves.
        lists_after_s: a new batch is in the list only by then.
        on_batch: called when a batch is made; tells whether to say so.
        odd: part of a call, and what is said in place of the answer to the first.
        changes: called with what is told of a batch, to change it.
        spoils: returns the content of a file of answers in another way.
    """

    def __init__(
        self,
        *,
        looks: int = 2,
        answer: Callable[[dict[str, Any]], tuple[int, Any]] | None = None,
        ends: dict[int, str] | None = None,
        left: float = 0.5,
        lists_after_s: float = 0.0,
        on_batch: Callable[[], bool] = lambda: True,
        odd: tuple[str, bytes] | None = None,
        changes: Callable[[dict[str, Any]], object] = lambda batch: None,
        spoils: Callable[[bytes], bytes] = lambda content: content,
    ) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.paid: Counter[str] = Counter()
        """How often each custom_id was answered."""
        self.calls: list[str] = []
        self.failures: list[tuple[str, int]] = []
        """(part of a call, status): the next such call fails."""
        self._looks, self._answer, self._ends = looks, answer or echo, ends or {}
        self._odd, self._changes, self._spoils = odd, changes, spoils
        self._left = left
        self._lists_after_s, self._on_batch = lists_after_s, on_batch
        self._made_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "BatchServer":
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if said := served.post(self.path, body):
                    self._say(*served.oddly(f"POST {self.path}", *said))
                else:
                    self.close_connection = True

            def do_GET(self) -> None:
                said = served.get(self.path)
                self._say(*served.oddly(f"GET {self.path}", *said))

            def _say(self, code: int, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Retry-After", "0")
                if code == 307:
                    self.send_header("Location", "/elsewhere" + self.path)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Say nothing on stderr."""

            def handle(self) -> None:
                try:
                    super().handle()
                except (BrokenPipeError, ConnectionResetError):
                    """The client was killed."""

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

    def oddly(self, call: str, code: int, said: bytes) -> tuple[int, bytes]:
        if self._odd and self._odd[0] in call:
            said = self._odd[1]
            self._odd = None
        return code, said

    def post(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        with self._lock:
            self.calls.append(f"POST {path}")
            if code := self._failure(self.calls[-1]):
                return code, error("not now")
            if path == "/v1/files":
                [content] = re.findall(
                    rb'name="file".*?\r\n\r\n(.*?)\r\n--', body, re.DOTALL
                )
                return 200, self._keep(content)
            batch = self._start(json.loads(body))
            return (200, batch) if self._on_batch() else None

    def get(self, path: str) -> tuple[int, bytes]:
        with self._lock:
            self.calls.append(f"GET {path}")
            if code := self._failure(self.calls[-1]):
                return code, error("not now")
            if path.startswith("/v1/files/"):
                return 200, self._spoils(self.files[path.split("/")[3]])
            if path.startswith("/v1/batches?"):
                until = time.monotonic() - self._lists_after_s
                newest = [
                    batch
                    for name, batch in reversed(self.batches.items())
                    if self._made_at[name] <= until
                ]
                listed = {"object": "list", "data": newest, "has_more": False}
                return 200, json.dumps(listed).encode()
            return 200, self._look(self.batches[path.split("/")[3]])

    def _failure(self, call: str) -> int | None:
        for failure in self.failures:
            if failure[0] in call:
                self.failures.remove(failure)
                return failure[1]
        return None

    def _keep(self, content: bytes) -> bytes:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        kept = {"id": name, "object": "file", "bytes": len(content), "created_at": 1}
        kept |= {"filename": "x", "purpose": "batch", "status": "processed"}
        return json.dumps(kept).encode()

    def _start(self, asked: dict[str, Any]) -> bytes:
        number = len(self.batches)
        lines = self.files[asked["input_file_id"]].splitlines()
        batch = {
            **asked,
            "id": f"batch-{number}",
            "object": "batch",
            "created_at": 4e9,
            "status": "validating",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "looks": 0,
        }
        self.batches[batch["id"]] = batch
        self._made_at[batch["id"]] = time.monotonic()
        return json.dumps(batch).encode()

    def _look(self, batch: dict[str, Any]) -> bytes:
        if batch["status"] in ("validating", "in_progress"):
            batch["looks"] += 1
            batch["status"] = "in_progress"
            if batch["looks"] > self._looks:
                self._end(batch, self._ends.get(int(batch["id"][6:]), "completed"))
        told = {**batch}
        self._changes(told)
        return json.dumps(told).encode()

    def _end(self, batch: dict[str, Any], state: str) -> None:
        lines = [json.loads(line) for line in self._lines(batch)]
        batch["status"] = state
        if state == "failed":
            batch["errors"] = {"data": [{"code": "bad", "message": "line 1 is bad"}]}
            return
        left = int(len(lines) * self._left) if state != "completed" else 0
        good, bad = [], []
        # In another order than asked, as at the real service.
        for line in reversed(lines[left:]):
            code, body = self._answer(line["body"])
            said = {"status_code": code, "request_id": "r", "body": body}
            named = {"id": "x", "custom_id": line["custom_id"], "error": None}
            (good if code == 200 else bad).append({**named, "response": said})
            self.paid[line["custom_id"]] += code == 200
        for line in lines[:left]:
            over = {"code": "batch_expired", "message": "it took too long"}
            named = {"id": "x", "custom_id": line["custom_id"], "response": None}
            bad.append({**named, "error": over})
        batch["request_counts"]["completed"] = len(good)
        for name, some in (("output_file_id", good), ("error_file_id", bad)):
            if some:
                text = "".join(json.dumps(line) + "\n" for line in some)
                batch[name] = json.loads(self._keep(text.encode()))["id"]

    def _lines(self, batch: dict[str, Any]) -> list[bytes]:
        return self.files[batch["input_file_id"]].splitlines()


def echo(body: dict[str, Any]) -> tuple[int, Any]:
    """Answer with what only this request can have."""
    return 200, json.loads(completion("said " + body["messages"][-1]["content"]))


def error(words: str) -> bytes:
    return json.dumps({"error": {"message": words, "type": "error"}}).encode()
