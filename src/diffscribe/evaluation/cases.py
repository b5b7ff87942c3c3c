"""What a system is asked, with all that its answer is judged by."""

from pathlib import Path
from typing import Literal

from diffscribe.errors import RecordError
from diffscribe.jsonl import read_jsonl
from diffscribe.records import (
    Message,
    OriginalCommit,
    Plan,
    Record,
    Sample,
    SplitChange,
)


class Case(Record):
    """A change to plan, or to write one message for."""

    id: str
    parent_id: str | None
    """Id of the case that this variant was made of, or None."""
    repo: str
    languages: tuple[str, ...]
    task: Literal["plan", "message"]
    files: tuple[str, ...]
    """Every changed path, junk included; a rename by its new path."""
    junk: tuple[str, ...]
    diff: str
    """git's whole text: what a message may speak of, never cut."""
    gitignore: tuple[str, ...]
    """Patterns in force at base."""
    prompt: tuple[Message, ...]
    """What a model is shown; empty if nothing was rendered."""
    target: Plan
    """Of a message, one commit of all files."""
    originals: tuple[OriginalCommit, ...]
    """As their authors made them, oldest first."""


def cluster_of(case: Case) -> str:
    """Return what a case shares with its variants."""
    return case.parent_id or case.id


def read_cases(samples: Path, changes: Path) -> list[Case]:
    """Return the samples of a split in their order, each with its change.

    Raises:
        RecordError: naming a sample whose change is not there.
    """
    rendered = list(read_jsonl(samples, Sample))
    wanted = {sample.id for sample in rendered}
    found = {
        change.id: change
        for change in read_jsonl(changes, SplitChange)
        if change.id in wanted
    }
    missing = next((each.id for each in rendered if each.id not in found), None)
    if missing is not None:
        raise RecordError(
            f"{changes}: no change {missing}, which {samples} shows; "
            "run the stage render again"
        )
    return [case_of(sample, found[sample.id]) for sample in rendered]


def case_of(sample: Sample, change: SplitChange) -> Case:
    """Return what a sample shows, with the change it was rendered from."""
    return Case(
        id=sample.id,
        parent_id=sample.parent_id,
        repo=sample.repo,
        languages=change.languages,
        task=sample.task,
        files=sample.files,
        junk=sample.junk,
        diff=change.diff,
        gitignore=change.gitignore,
        prompt=sample.prompt,
        target=sample.target,
        originals=change.commits,
    )
