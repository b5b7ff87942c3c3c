"""Cases to ask, made to measure."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import SplitChange
from diffscribe.eval.cases import Case
from tests.support.planned import commit, make_case, plan
from tests.support.rows import make_curated, make_sample, patch


@pytest.fixture
def case() -> Callable[..., Case]:
    """A function from an id and files to a case of one commit and its junk."""

    def make(
        case_id: str,
        files: tuple[str, ...] = ("src/a.py", "src/b.py"),
        junk: tuple[str, ...] = (),
        parent_id: str | None = None,
    ) -> Case:
        single = commit(" ".join(files), "fix", "stop early")
        target = plan(single, gitignore=("*.log",) if junk else ())
        return make_case(target, junk, id=case_id, parent_id=parent_id)

    return make


@pytest.fixture
def split(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """A function that writes samples of these ids, and the changes they show."""

    def write(*ids: str) -> tuple[Path, Path]:
        rows = [_row(each) for each in ids]
        write_jsonl(tmp_path / "splits.jsonl", rows)
        write_jsonl(tmp_path / "sft.jsonl", map(make_sample, rows))
        return tmp_path / "sft.jsonl", tmp_path / "splits.jsonl"

    return write


def _row(row_id: str) -> SplitChange:
    paths = (f"{row_id}.py",)
    curated = make_curated(
        plan=plan(commit(paths[0], "fix")),
        paths=paths,
        diff="".join(patch(path, "x") for path in (*paths, "x.log")),
        gitignore=("build/",),
        id=row_id,
    )
    return SplitChange(**dict(curated), parent_id=None, junk=("x.log",))
