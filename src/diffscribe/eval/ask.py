"""The GGUFs to compare, and how one is asked."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from diffscribe.asking.ask import Asker
from diffscribe.asking.connect import Gguf, connected
from diffscribe.commits.plan import PlanError, parse_plan, plan_schema
from diffscribe.commits.prompt import Prompts
from diffscribe.core.errors import SourceError
from diffscribe.core.params import EvalParams
from diffscribe.core.records import Plan, Prediction
from diffscribe.doors.reply import Answer, AnswerError, Question, RefusalError
from diffscribe.eval.cases import TOO_LONG, Case, with_prompts


async def solve(
    case: Case, asker: Asker, system: str, params: EvalParams
) -> Prediction:
    """Return a prediction; without a plan, it says why there is none.

    Raises:
        ToolError: if the endpoint cannot be used at all.
    """
    if not case.prompt:
        return _without_answer(case, system, TOO_LONG, latency_s=0.0)
    question = Question(
        model=asker.model,
        messages=case.prompt,
        schema=plan_schema(case.files),
        max_tokens=params.max_answer_tokens,
        temperature=0.0,
        seed=params.seed,
        about=case.repo,
        private=False,
    )
    try:
        return _with_answer(case, system, await asker.ask(question))
    except RefusalError as error:
        return _without_answer(case, system, error.words, latency_s=0.0)
    except AnswerError as error:
        return _without_answer(case, system, str(error), latency_s=0.0)


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
    model = Gguf(
        gguf, params.context_tokens, params.threads, timeout_s=params.timeout_s
    )
    with connected(model) as asker:
        work = partial(solve, asker=asker, system=system, params=params)
        return list(asker.in_order(work, cases))


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
