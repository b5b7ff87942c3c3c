"""The GGUFs to compare, and how one is asked."""

import hashlib
import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from diffscribe.errors import SourceError
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.solve import solve
from diffscribe.gguf.server import serve
from diffscribe.llm.client import Client
from diffscribe.params import EvalParams
from diffscribe.records import Message, Prediction

WARM_UP = (Message(role="user", content="Hello"),)


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
    return {main: students[main], **students, "base": bases[0]}


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
