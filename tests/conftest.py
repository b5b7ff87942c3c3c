"""What several folders of tests share: a history, a browser, a model, an endpoint."""

import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.history import History
from tests.support.once import made_once
from tests.support.rows import make_change, make_curated, make_labeled
from tests.support.tiny_gguf import write_tiny

pytest_plugins = [
    "tests.support.case_fixtures",
    "tests.support.label_fixtures",
    "tests.support.pages",
    "tests.support.source_fixtures",
    "tests.support.terminal",
]


def pytest_configure() -> None:
    """Listen to Ctrl-C, which what runs in the background ignores, and its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what needs a model, a browser or a process; begin with the longest.

    A long file at the end would leave one worker alone with it.
    """
    for item in items:
        starts_processes = item.path.parent.name in ("scripts", "commands")
        needs = {"browser", "tiny_gguf", "known_base"} & {
            *getattr(item, "fixturenames", ())
        }
        if starts_processes or needs:
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    longest = {path for path in slow if path.parent.name == "smoke"}
    items.sort(key=lambda item: (item.path not in longest, item.path not in slow))


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An empty repository in the folder `repository` of tmp_path."""
    return History(tmp_path / "repository")


@pytest.fixture
def change() -> Any:
    """A function that makes a change; see rows.py."""
    return make_change


@pytest.fixture
def labeled() -> Any:
    """A function that makes a labeled change."""
    return make_labeled


@pytest.fixture
def curated() -> Any:
    """A function that makes a change as curate writes it."""
    return make_curated


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium: playwright's own, or the one on PATH.

    While it is open an event loop runs, beside which others cannot.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        names = (own, "chromium", "chromium-browser", "google-chrome")
        found = next(filter(None, map(shutil.which, names)), None)
        if found is None:
            pytest.skip("no Chromium: 'playwright install chromium' brings one")
        # Chromium refuses to run as root in its sandbox.
        chromium = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The f16 GGUF of a random model of two layers."""
    folder = tmp_path_factory.mktemp("gguf")
    path: Path = write_tiny(
        folder / "tiny-f16.gguf", context_tokens=512, width=256, is_packed=False
    )
    return path


@pytest.fixture(scope="session")
def tiny_base(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a model folder."""
    return as_folder(tiny_gguf, tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def known_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model folder with SmolLM2's tokenizer.

    llama.cpp's converter refuses every vocabulary that was not published.
    """
    from diffscribe.base.smollm2 import original_gguf

    def make(folder: Path) -> None:
        gguf = write_tiny(
            folder / "f16.gguf",
            context_tokens=2048,
            tokens_of=original_gguf(),
            is_packed=False,
        )
        random_adapter(as_folder(gguf, folder / "base"))

    return made_once(tmp_path_factory, "known", make) / "base"


def as_folder(gguf: Path, folder: Path) -> Path:
    """Convert a GGUF to a new model folder."""
    from diffscribe.base.smollm2 import convert_gguf

    folder.mkdir()
    convert_gguf(gguf, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_adapter(tiny_base: Path) -> Path:
    """A LoRA adapter of the tiny base that changes its answers."""
    return random_adapter(tiny_base)


@pytest.fixture(scope="session")
def known_adapter(known_base: Path) -> Path:
    """The same of the base with a known tokenizer."""
    return known_base.with_name("adapter")


def random_adapter(base: Path) -> Path:
    """Write a LoRA adapter beside a base."""
    from peft import LoraConfig, get_peft_model
    from torch import nn
    from transformers import AutoModelForCausalLM

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weights, std=0.05)
    folder = base.with_name("adapter")
    model.save_pretrained(folder)
    return folder


class Request(NamedTuple):
    """What a client sent to the endpoint."""

    path: str
    headers: dict[str, str]
    body: Any


class Endpoint:
    """An OpenAI-compatible server on this machine that answers by a script."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        self.requests: list[Request] = []
        self.script: list[tuple[int, str, dict[str, str], float] | None] = []

    def will_say(
        self,
        text: str,
        prompt_tokens: int = 1,
        completion_tokens: int = 1,
        finish_reason: str = "stop",
        after_s: float = 0.0,
    ) -> None:
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        body = {"object": "chat.completion", "choices": [choice], "usage": usage}
        self.script.append((200, json.dumps(body), {}, after_s))

    def will_fail(
        self, code: int, words: str = "not now", headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps({"error": {"message": words, "type": "error"}})
        self.script.append((code, body, headers or {}, 0.0))

    def will_send(self, code: int, body: str) -> None:
        self.script.append((code, body, {}, 0.0))

    def will_hang_up(self) -> None:
        self.script.append(None)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server that does what it was told to, request by request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            served.requests.append(
                Request(self.path, dict(self.headers.items()), json.loads(text))
            )
            answer = served.script.pop(0)
            if answer is None:
                self.close_connection = True
                return
            code, body, headers, after_s = answer
            time.sleep(after_s)
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            """Say nothing on stderr."""

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                """The client gave up first."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Endpoint(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
