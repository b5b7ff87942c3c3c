"""What a system is asked, with all that its answer is judged by."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from diffscribe.commits.diff import FilePatch, parse_diff
from diffscribe.commits.plan import plan_schema
from diffscribe.commits.prompt import Prompts, render_prompt
from diffscribe.core.errors import RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import (
    Change,
    FileChange,
    FileStatus,
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


_PATCH = "diff --git "


def change_of(case: Case) -> Change:
    """Return as much of a change as a case tells; a text without a patch is no diff."""
    return Change(
        id=case.id,
        repo=case.repo,
        base="",
        head="",
        committed_at="",
        languages=case.languages,
        files=file_changes(case.diff, case.files),
        diff=case.diff if case.diff.startswith(_PATCH) else "",
        commits=case.originals,
        gitignore=case.gitignore,
        license=None,
    )


def file_changes(diff: str, paths: Iterable[str]) -> tuple[FileChange, ...]:
    """Return what a diff does to each of the paths, sorted.

    A path that the diff does not show is modified in nothing.
    """
    patches: dict[str, list[FilePatch]] = {path: [] for path in sorted(paths)}
    for patch in parse_diff(diff) if diff.startswith(_PATCH) else ():
        patches.setdefault(patch.path, []).append(patch)
    return tuple(_file_change(path, found) for path, found in sorted(patches.items()))


def _file_change(path: str, patches: list[FilePatch]) -> FileChange:
    lines = [line for patch in patches for hunk in patch.hunks for line in hunk.lines]
    return FileChange(
        path=path,
        old_path=next((each.old_path for each in patches if each.old_path), None),
        status=_status(patches),
        additions=sum(line.startswith("+") for line in lines),
        deletions=sum(line.startswith("-") for line in lines),
        is_binary=any(patch.is_binary for patch in patches),
    )


def _status(patches: list[FilePatch]) -> FileStatus:
    header = [line for patch in patches for line in patch.header]
    if len(patches) > 1:
        return FileStatus.TYPE_CHANGED
    if any(line.startswith("new file mode ") for line in header):
        return FileStatus.ADDED
    if any(line.startswith("deleted file mode ") for line in header):
        return FileStatus.DELETED
    is_rename = any(line.startswith("rename from ") for line in header)
    return FileStatus.RENAMED if is_rename else FileStatus.MODIFIED


TOO_LONG = "not asked: its prompt exceeds the limit even without the diff"
"""What becomes of a case without a prompt."""
_CONTEXT_LINES = 3
"""All that git shows, as a teacher gets."""


def prompt_of(case: Case, texts: Prompts, max_chars: int) -> tuple[Message, ...]:
    """Return a case in these words; none if not even the names of its files fit.

    Of the diff as many hunks as fit are shown. `$schema` in the words becomes that
    of the plan, or `null` for a message.
    """
    is_plan = case.task == "plan" and case.files
    schema = plan_schema(case.files) if is_plan else None
    compact = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    rendered = render_prompt(
        change_of(case), texts, max_chars, _CONTEXT_LINES, len, {"schema": compact}
    )
    return rendered.messages if rendered else ()


def read_selection(
    samples: Path, changes: Path, max_samples: int, seed: int
) -> list[Case]:
    """Return what `select` takes of a split, rendered and whole.

    Raises:
        RecordError: if that is nothing, as no number can be given then.
    """
    selected = select(read_cases(samples, changes), max_samples, seed)
    if not selected:
        raise RecordError(
            f"{samples}: no sample to evaluate; raise split.test_fraction or name "
            "split.test_repos, and see metrics/render.json for what was dropped"
        )
    return selected


def select(cases: Iterable[Case], max_samples: int, seed: int) -> list[Case]:
    """Return at most max_samples, in the order given.

    A case and its variants are taken or left together. Which ones depends on
    their ids and the seed alone, so that a case stays when others come or go.
    """
    clusters: dict[str, list[Case]] = defaultdict(list)
    everything = list(cases)
    for case in everything:
        clusters[cluster_of(case)].append(case)
    taken: set[str] = set()
    room = max_samples
    for cluster in sorted(clusters, key=lambda name: _digest(name, seed)):
        if len(clusters[cluster]) <= room:
            taken.add(cluster)
            room -= len(clusters[cluster])
    return [case for case in everything if cluster_of(case) in taken]


def _digest(cluster: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{cluster}".encode()).hexdigest()
