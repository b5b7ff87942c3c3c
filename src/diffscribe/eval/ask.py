"""The GGUFs to compare, and how one is asked."""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from diffscribe.asking.ask import Client
from diffscribe.commits.plan import PlanError, parse_plan, plan_schema
from diffscribe.commits.prompt import Prompts
from diffscribe.core.errors import SourceError
from diffscribe.core.params import EvalParams
from diffscribe.core.records import Message, Plan, Prediction
from diffscribe.doors.llama_cpp import serve
from diffscribe.doors.reply import Answer, AnswerError
from diffscribe.eval.cases import TOO_LONG, Case, with_prompts


def solve(
    client: Client, system: str, cases: Iterable[Case], max_tokens: int, seed: int
) -> Iterator[Prediction]:
    """Yield one prediction a case, in order.

    A request that fails, such as one that does not fit the context, an answer
    that holds no plan, and a case without a prompt are predictions without a
    plan, and say why.

    Raises:
        ToolError: if the endpoint cannot be used at all.
    """
    for case in cases:
        if not case.prompt:
            yield _without_answer(case, system, TOO_LONG, latency_s=0.0)
            continue
        schema = plan_schema(case.files)
        started = time.perf_counter()
        try:
            answer = client.complete(
                case.prompt, schema, max_tokens=max_tokens, seed=seed
            )
        except AnswerError as error:
            waited_s = time.perf_counter() - started
            yield _without_answer(case, system, str(error), waited_s)
        else:
            yield _with_answer(case, system, answer)


def _without_answer(
    case: Case, system: str, error: str, latency_s: float
) -> Prediction:
    return Prediction(
        sample_id=case.id,
        system=system,
        text="",
        plan=None,
        error=error,
        latency_s=latency_s,
        prompt_tokens=0,
        completion_tokens=0,
    )


def _with_answer(case: Case, system: str, answer: Answer) -> Prediction:
    plan, error = _plan_or_error(answer)
    return Prediction(
        sample_id=case.id,
        system=system,
        text=answer.text,
        plan=plan,
        error=error,
        latency_s=answer.latency_s,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )


def _plan_or_error(answer: Answer) -> tuple[Plan | None, str | None]:
    try:
        return parse_plan(answer.text), None
    except PlanError as error:
        if answer.finish_reason == "length":
            tokens = answer.usage.completion_tokens
            return None, f"cut off after {tokens} tokens: {error}"
        return None, str(error)


WARM_UP = (Message(role="user", content="Hello"),)
BASE = "base"
FULL_PROMPT = "base-full-prompt"


class Asked(NamedTuple):
    """A row of the table: a model, and its cases as they are put to it."""

    system: str
    gguf: Path
    cases: Sequence[Case]


def find_models(folder: Path) -> dict[str, Path]:
    """Return the GGUFs by system: students, the Modelfile's first, then `base`.

    `student-q4_k_m.gguf` is the system `student-q4_k_m`; the base is `base` in
    whatever type it has.

    Raises:
        SourceError: if the base or the student that the Modelfile names is missing.
    """
    students = {path.stem: path for path in sorted(folder.glob("student-*.gguf"))}
    bases = sorted(folder.glob("base-*.gguf"))
    main = _shipped(folder / "Modelfile")
    if main not in students or len(bases) != 1:
        raise SourceError(
            f"{folder}: needs the {main or 'student-*'}.gguf that its Modelfile names "
            f"and one base-*.gguf, holds {sorted(students)} and "
            f"{[path.stem for path in bases]}; run the stage merge-quantize"
        )
    return {main: students[main], **students, BASE: bases[0]}


def rows_of(
    ggufs: Mapping[str, Path], cases: Sequence[Case], full: Prompts, params: EvalParams
) -> list[Asked]:
    """Return who is asked what: each GGUF the cases with the student's prompt.

    With `full_prompt_chars` the base is asked a second time, in the words of `full`:
    what one has without training is a base that is told everything.
    """
    rows = [Asked(system, gguf, cases) for system, gguf in ggufs.items()]
    if params.full_prompt_chars is None:
        return rows
    texts = {"plan": full, "message": full}
    told = with_prompts(cases, texts, params.full_prompt_chars)
    return [*rows, Asked(FULL_PROMPT, ggufs[BASE], told)]


def ask(
    system: str, gguf: Path, cases: Iterable[Case], params: EvalParams
) -> list[Prediction]:
    """Return a GGUF's predictions, served for only as long as it is asked."""
    with serve(
        gguf, context_tokens=params.context_tokens, threads=params.threads
    ) as base_url:
        # One attempt: a greedy server on this machine fails the same way twice.
        client = Client(
            base_url,
            system,
            api_key="local",
            timeout_s=params.timeout_s,
            attempts=1,
        )
        with closing(client):
            # Unmeasured: the first request pays for imports and cold memory, and
            # would count against whichever system is asked first.
            client.complete(WARM_UP, None, max_tokens=1, seed=params.seed)
            return list(
                solve(client, system, cases, params.max_answer_tokens, params.seed)
            )


def sha256(gguf: Path) -> str:
    """Return the digest of a file, in hex."""
    with gguf.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _shipped(modelfile: Path) -> str:
    """Return the system of the GGUF that a Modelfile is made of, or ''."""
    if not modelfile.is_file():
        return ""
    named = re.search(
        r"^FROM (?:\./)?(\S+)\.gguf$", modelfile.read_text(encoding="utf-8"), re.M
    )
    return named[1] if named else ""
