"""Reach a model: a GGUF that is served here, an endpoint, or its batches.

`connected(model)` gives an asker on the ledger. Nothing is served or sent before the
first question that the ledger cannot answer.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from diffscribe.asking.ask import Asker, Trace, figures, ignore
from diffscribe.asking.batch import BatchAsker, batch_folder
from diffscribe.asking.budget import Budget
from diffscribe.asking.ledger import Ledger, ledger_path
from diffscribe.core.errors import InputError
from diffscribe.core.files import file_sha256
from diffscribe.core.records import Message
from diffscribe.core.tracking import TrackedRun
from diffscribe.doors.batches import BatchService
from diffscribe.doors.dialect import Rung
from diffscribe.doors.endpoint import (
    Endpoint,
    Endpoints,
    WithheldError,
    api_key_from,
    host_of,
    prepare,
)
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.limiter import Limiter
from diffscribe.doors.llama_cpp import HOST, serve
from diffscribe.doors.reply import Answer, Question
from diffscribe.secrets.redact import redact_texts

ATTEMPTS = 6
"""With every third attempt failing, one question in 700 ends without an answer."""


class Gguf(NamedTuple):
    """A file that llama-server serves on this machine for as long as it is asked."""

    path: Path
    context_tokens: int
    """Limit of prompt and answer together."""
    threads: int = 0
    """0 is all cores but one."""
    slots: int = 1
    """Questions answered at once. Only one slot gives equal answers in every run."""
    timeout_s: float = 300.0

    @property
    def name(self) -> str:
        """Return the digest of the file with everything else that changes an answer.

        Raises:
            InputError: if the file cannot be read.
        """
        try:
            digest = file_sha256(self.path)
        except OSError as error:
            raise InputError(
                f"model '{self.path}' cannot be read: {error.strerror}; "
                "name a GGUF file, or run the stage merge-quantize"
            ) from error
        slots = f":{self.slots}" if self.slots > 1 else ""
        return f"gguf:{digest}:{self.context_tokens}{slots}"


class Remote(NamedTuple):
    """A model at an OpenAI-compatible endpoint."""

    base_url: str
    """Ends in /v1 for most endpoints."""
    name: str
    api_key_variable: str | None = None
    """Environment variable that holds the key; None if none is needed."""
    timeout_s: float = 300.0
    """For one attempt."""
    concurrency: int = 1
    """Requests open at once."""
    attempts: int = ATTEMPTS
    """Number of tries while failures look transient."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    is_measured: bool = False
    """Whether only answers of this host, port and concurrency count."""

    @property
    def place(self) -> str:
        """Return what the ledger tells this endpoint from others by; empty if by none.

        Two servers may give different models one name.
        """
        if not self.is_measured:
            return ""
        parts = urlsplit(self.base_url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        slots = f":{self.concurrency}" if self.concurrency > 1 else ""
        return f"{parts.hostname}:{port}{slots}"


@contextmanager
def connected(
    model: Gguf | Remote,
    *,
    budget: Budget | None = None,
    run: TrackedRun | None = None,
    known_only: bool = False,
) -> Iterator[Asker]:
    """Give an asker of one model until the context ends.

    Marked questions are traced in the run, and it gets the figures of asking. With
    `known_only` every question fails that the ledger cannot answer.

    Raises:
        InputError: if the GGUF cannot be read.
        StorageError: if the ledger cannot be used.
    """
    run, budget = run or TrackedRun(), budget or Budget()
    with ExitStack() as opened:
        ledger = opened.enter_context(Ledger(ledger_path()))

        async def open_endpoint() -> Endpoint | Endpoints:
            if known_only:
                raise AnswerError("the ledger has no answer to this question")
            if isinstance(model, Gguf):
                return await _served(model, opened)
            return Endpoint(
                model.base_url,
                api_key=api_key_from(model.api_key_variable),
                timeout_s=model.timeout_s,
                attempts=model.attempts,
                limiter=Limiter(
                    model.concurrency,
                    requests_per_minute=model.requests_per_minute,
                    tokens_per_minute=model.tokens_per_minute,
                ),
            )

        asker = Asker(
            model.name,
            host_of(model.base_url) if isinstance(model, Remote) else HOST,
            open_endpoint,
            ledger,
            budget,
            slots=model.concurrency if isinstance(model, Remote) else model.slots,
            place=model.place if isinstance(model, Remote) else "",
            trace=_tracing(run),
        )
        with _log_figures(run, budget, asker):
            yield asker


@contextmanager
def connected_batches(
    model: Remote, *, sends: bool, budget: Budget, run: TrackedRun
) -> Iterator[BatchAsker]:
    """Give an asker whose answers come by the batches of an endpoint.

    If it does not send, the files of requests are written only, for somebody to answer.

    Raises:
        ParamsError: if the key is not in the environment.
        ToolError: if another process works on the same batches.
    """
    with ExitStack() as opened:
        ledger = opened.enter_context(Ledger(ledger_path()))
        service = None
        if sends:
            service = BatchService(
                model.base_url,
                api_key=api_key_from(model.api_key_variable),
                timeout_s=model.timeout_s,
                attempts=model.attempts,
            )
            opened.callback(service.close)
        folder = batch_folder(model.base_url if sends else None)
        asker = opened.enter_context(BatchAsker(ledger, budget, folder, service))
        with _log_figures(run, budget, asker):
            yield asker


@contextmanager
def _log_figures(
    run: TrackedRun, budget: Budget, asker: Asker | BatchAsker
) -> Iterator[None]:
    """Log what asking took at the end, however that comes."""
    started = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - started
        endpoint = asker.endpoint if isinstance(asker, Asker) else None
        run.log_metrics(figures(asker.counts, budget, seconds, endpoint))


def _tracing(run: TrackedRun) -> Trace:
    """Return what traces a marked question and its answer, both redacted.

    A question that is withheld from other machines is asked and not traced.
    """

    @contextmanager
    def trace(question: Question) -> Iterator[Callable[[Answer], object]]:
        if not (run.traces and question.traced) or question.private:
            yield ignore
            return
        shown: Question | None = None
        with suppress(WithheldError):
            # MLflow may be another machine, even where the model is this one.
            shown = prepare(question, "MLflow").question
        if shown is None:
            yield ignore
            return
        messages = [message.model_dump() for message in shown.messages]
        asked = {"model": shown.model, "messages": messages}
        if shown.tools:
            asked["tools"] = [tool.model_dump() for tool in shown.tools]
        with run.trace(question.about, asked) as record:
            yield lambda answer: record(
                {"text": redact_texts([answer.text]).texts[0], **answer.usage._asdict()}
            )

    return trace


async def _served(model: Gguf, opened: ExitStack) -> Endpoint | Endpoints:
    """Return what asks the servers that run until `opened` is closed.

    Of two cores each serves alone: a server of both waits at each token for the one
    that is slower, and takes a minute for an answer where something else runs.
    """
    alone = model.threads == 0 and model.slots == 1 and os.cpu_count() == 2
    endpoints = [await _server(model, opened) for _ in range(2 if alone else 1)]
    return Endpoints(endpoints) if alone else endpoints[0]


async def _server(model: Gguf, opened: ExitStack) -> Endpoint:
    with _ended_by_sigint():
        base_url = opened.enter_context(
            serve(
                model.path,
                context_tokens=model.context_tokens,
                threads=model.threads,
                slots=model.slots,
            )
        )
    endpoint = Endpoint(
        base_url,
        api_key="local",
        timeout_s=model.timeout_s,
        # A greedy server on this machine fails the same way twice.
        attempts=1,
        limiter=Limiter(model.slots),
        rung=Rung.STRICT_SCHEMA,
    )
    # The first answer pays for cold memory, so it is not one that is measured.
    hello = (Message(role="user", content="Hello"),)
    warm_up = Question(model.name, hello, None, 1, 0.0, 0, about="", private=False)
    await endpoint.ask(prepare(warm_up, HOST))
    endpoint.requests_sent = 0
    return endpoint


@contextmanager
def _ended_by_sigint() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt in a block that awaits nothing.

    The handler of asyncio.Runner only cancels the task, which goes on to its next
    await: a server that is loading would be waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
