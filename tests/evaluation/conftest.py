"""Samples to ask, made to measure."""

from collections.abc import Callable

import pytest

from diffscribe.commits.plan import plan_json
from diffscribe.records import Message, Plan, PlannedCommit, Sample


@pytest.fixture
def sample() -> Callable[..., Sample]:
    """A function from an id and files to a sample of one commit and its junk."""

    def make(
        sample_id: str,
        files: tuple[str, ...] = ("src/a.py", "src/b.py"),
        junk: tuple[str, ...] = (),
        parent_id: str | None = None,
    ) -> Sample:
        commit = PlannedCommit(files=files, type="fix", subject="stop early")
        target = Plan(commits=(commit,), gitignore=("*.log",) if junk else ())
        return Sample(
            id=sample_id,
            parent_id=parent_id,
            repo="r",
            task="plan",
            prompt=(Message(role="user", content=f"Split {', '.join(files)}."),),
            completion=(Message(role="assistant", content=plan_json(target)),),
            files=(*files, *junk),
            junk=junk,
            target=target,
        )

    return make
