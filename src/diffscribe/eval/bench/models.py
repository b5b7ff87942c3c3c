"""What is asked: a GGUF that is served here, or an endpoint elsewhere."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import InputError
from diffscribe.doors.endpoint import Endpoint, Limiter, api_key_from
from diffscribe.doors.llama_cpp import serve
from diffscribe.doors.reply import Rung
from diffscribe.eval.ask import sha256

LOCAL = "local"
"""The name and the key that llama-server is asked with; it looks at neither."""


class Gguf(NamedTuple):
    """A file that llama-server serves for as long as it is asked."""

    path: Path
    context_tokens: int
    """Prompt and answer together have to fit."""
    threads: int
    """0 is all cores."""


class Remote(NamedTuple):
    """A model at an OpenAI-compatible endpoint."""

    base_url: str
    model: str
    api_key_variable: str | None
    """The environment variable with the key; None if none is needed."""


Model = Gguf | Remote


class Patience(NamedTuple):
    """How hard an endpoint is asked; it decides when, not what."""

    concurrency: int
    """Requests open at once; slots of llama-server."""
    timeout_s: float
    attempts: int


def system_of(model: Model) -> str:
    """Return the name in tables."""
    return model.path.stem if isinstance(model, Gguf) else model.model


def name_of(model: Model) -> str:
    """Return the name to send."""
    return LOCAL if isinstance(model, Gguf) else model.model


def identity_of(model: Model, patience: Patience) -> dict[str, str | int]:
    """Return what tells a model from every other that may answer otherwise.

    Raises:
        InputError: if the GGUF cannot be read.
    """
    if isinstance(model, Remote):
        return {"base_url": model.base_url, "model": model.model}
    try:
        digest = sha256(model.path)
    except OSError as error:
        raise InputError(
            f"model '{model.path}' cannot be read: {error.strerror}; name a GGUF file"
        ) from error
    return {
        "gguf_sha256": digest,
        "context_tokens": model.context_tokens,
        "slots": patience.concurrency,
    }


@contextlib.contextmanager
def opened(model: Model, patience: Patience) -> Iterator[Endpoint]:
    """Give the endpoint of a model; who asked closes it on the loop that asked.

    Raises:
        ParamsError: if the key is not in the environment.
        ToolError: if the server does not come up.
    """
    if isinstance(model, Remote):
        yield _endpoint(
            model.base_url,
            api_key_from(model.api_key_variable, "--api-key-variable"),
            None,
            patience,
        )
        return
    with serve(
        model.path,
        context_tokens=model.context_tokens,
        threads=model.threads,
        slots=patience.concurrency,
    ) as base_url:
        yield _endpoint(base_url, LOCAL, Rung.STRICT_SCHEMA, patience)


def _endpoint(
    base_url: str, api_key: str, rung: Rung | None, patience: Patience
) -> Endpoint:
    return Endpoint(
        base_url,
        api_key=api_key,
        timeout_s=patience.timeout_s,
        attempts=patience.attempts,
        limiter=Limiter(patience.concurrency),
        rung=rung,
    )
