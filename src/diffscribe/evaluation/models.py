"""The GGUFs to compare, and how one is asked."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from diffscribe.diffs.render import Prompts
from diffscribe.errors import SourceError
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.prompts import prompt_of
from diffscribe.evaluation.solve import solve
from diffscribe.gguf.server import serve
from diffscribe.llm.client import Client
from diffscribe.params import EvalParams
from diffscribe.records import Message, Prediction

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
    told = [
        case.model_copy(
            update={"prompt": prompt_of(case, full, params.full_prompt_chars)}
        )
        for case in cases
    ]
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
