"""What is to be run, as the options of a command say it."""

from pathlib import Path
from typing import NamedTuple

from diffscribe.eval.bench.formats import read_case_file
from diffscribe.eval.bench.models import Gguf, Model, Patience, Remote
from diffscribe.eval.bench.run import Job
from diffscribe.eval.bench.solver import Asking, PromptName

ENDPOINT_CONCURRENCY = 8
GGUF_CONCURRENCY = 1
"""More slots answer sooner, but not always the same: see gguf.server.serve."""


class Options(NamedTuple):
    """Those of `bench.py run`, which says what they mean."""

    gguf: Path | None
    base_url: str | None
    model: str | None
    api_key_variable: str | None
    changes: Path | None
    max_cases: int | None
    prompt: PromptName
    schema: bool
    max_prompt_chars: int
    max_tokens: int
    temperature: float
    reasoning_effort: str | None
    seed: int
    context_tokens: int
    threads: int
    concurrency: int | None
    timeout_s: float
    attempts: int
    again: bool


def job_of(cases: Path, options: Options) -> Job:
    """Return the job, with its cases read.

    Raises:
        InputError: if a file cannot be read.
        RecordError: if a line of the cases does not fit.
    """
    model = _model(options)
    is_local = isinstance(model, Gguf)
    concurrency = GGUF_CONCURRENCY if is_local else ENDPOINT_CONCURRENCY
    return Job(
        case_file=read_case_file(cases, options.changes, options.max_cases),
        case_name=cases.name,
        model=model,
        # A greedy server on this machine fails the same way twice.
        patience=Patience(
            options.concurrency or concurrency,
            options.timeout_s,
            1 if is_local else options.attempts,
        ),
        asking=Asking(
            prompt=options.prompt,
            with_schema=options.schema,
            max_prompt_chars=options.max_prompt_chars,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            seed=options.seed,
            reasoning_effort=options.reasoning_effort,
        ),
        asks_failed_again=options.again,
    )


def _model(options: Options) -> Model:
    if options.gguf is not None:
        return Gguf(options.gguf, options.context_tokens, options.threads)
    base_url = (options.base_url or "").rstrip("/")
    return Remote(base_url, options.model or "", options.api_key_variable)
