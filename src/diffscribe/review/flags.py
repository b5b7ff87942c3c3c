"""Flag what a person should look at in a label."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import format_header
from diffscribe.commits.grounding import (
    Entity,
    EntityKind,
    Evidence,
    claims,
    entities,
    signs_of,
)
from diffscribe.commits.headers import conventional_header
from diffscribe.commits.junk_kinds import usual_patterns
from diffscribe.commits.originals import new_paths, original_parts, plan_of_parts
from diffscribe.commits.plan import PlanProblem, plan_problem
from diffscribe.commits.units import FileUnits, units_of
from diffscribe.core.errors import RecordError
from diffscribe.core.records import (
    FileStatus,
    LabeledChange,
    OriginalCommit,
    Plan,
    PlannedCommit,
)
from diffscribe.eval.grouping import ari, partition
from diffscribe.eval.messages import aligned_type_share, names_in

_MOST_NAMES = 5


class FlagKind(StrEnum):
    """What a flag is about."""

    PLAN = "plan"
    GROUPING = "grouping"
    TYPE = "type"
    ABSENT = "absent"
    """The subject names what the change does not show."""
    PHANTOM = "phantom"
    """The body tells of a change that is not there."""
    NEW = "new"
    """A new file is described as the change of an old one."""
    JUNK = "junk"


class Flag(NamedTuple):
    """Something that a person should look at; it need not be wrong."""

    kind: FlagKind
    text: str


def flags(row: LabeledChange) -> list[Flag]:
    """Return what to look at in a label, in the order of the kinds."""
    return [Flag(kind, text) for kind, texts in _FLAGS.items() for text in texts(row)]


def original_plan(row: LabeledChange, without: frozenset[str] = frozenset()) -> Plan:
    """Return how the history grouped the units of a change, except of some files.

    A file whose hunks cannot be told apart is in the last of its commits, a renamed
    one has its new path. A commit that is not conventional has an empty type; one whose
    files are all gone is left out.
    """
    parts = original_parts(row.commits, new_paths(row.files), row.diff).parts
    kept = ({path: part[path] for path in part.keys() - without} for part in parts)
    return plan_of_parts(row.commits, kept, _typed)


def _typed(commit: OriginalCommit) -> PlannedCommit:
    header = conventional_header(commit.message)
    type_, subject = (header.type, header.subject) if header else ("", "")
    return PlannedCommit(files=commit.files, type=type_, subject=subject)


def _plan(row: LabeledChange) -> Iterator[str]:
    problem = _plan_problem(row)
    if problem is not None:
        yield f"not valid: {problem.replace('_', ' ')}"


def _grouping(row: LabeledChange) -> Iterator[str]:
    target = original_plan(row, _ignored(row))
    index = ari(partition(target, row.label.plan)) if target.commits else 1.0
    if index < 1:
        yield f"ARI {index:.2f}"


def _types(row: LabeledChange) -> Iterator[str]:
    target = original_plan(row, _ignored(row))
    if target.commits and all(commit.type for commit in target.commits):
        share = aligned_type_share(target, row.label.plan)
        if share < 1:
            yield f"{100 * share:.0f} % of the history's types"


def _absent(row: LabeledChange) -> Iterator[str]:
    subjects = "\n".join(commit.subject for commit in row.label.plan.commits)
    if names := _absent_names(subjects, row):
        yield _some(names)


def _phantom(row: LabeledChange) -> Iterator[str]:
    """Yield what bodies name, change or claim that the diff does not bear out."""
    for commit in row.label.plan.commits:
        if absent := _absent_names(commit.body, row):
            yield f"the body names what the change does not show: {_some(absent)}"
        if others := _unchanged_files(commit.body, row):
            yield f"the body names files that did not change: {_some(others)}"
        signs = signs_of(row.diff)
        for claim in claims(commit.body):
            if signs.refute(claim):
                said = "added, but removed" if claim.adds else "removed, but added"
                yield f"the body says {said}: {claim.entity.text}"


def _unchanged_files(text: str, row: LabeledChange) -> list[str]:
    """Return the files a text names that the diff mentions and does not change."""
    changed = Evidence(_paths(row), "")
    return [
        entity.text
        for entity, held in _names(text, row)
        if entity.kind == EntityKind.PATH and held and not changed.holds(entity)
    ]


_CHANGES = (
    *("adapt", "adjust", "amend", "bump", "change", "clarify", "clean", "cleanup"),
    *("correct", "edit", "enhance", "extend", "fix", "improve", "modernize", "modify"),
    *("optimise", "optimize", "polish", "refactor", "refine", "reformat", "rename"),
    *("repair", "reword", "restructure", "revise", "rework", "rewrite", "simplify"),
    *("tidy", "tweak", "update", "upgrade"),
)
"""Verbs in the imperative that say a thing was there before."""
_CHANGE = re.compile(rf"(?:{'|'.join(_CHANGES)})\b\s*", re.IGNORECASE)


def _new(row: LabeledChange) -> Iterator[str]:
    """Yield headers of new files alone, and sentences on one, that tell of changes."""
    added = {file.path for file in row.files if file.status == FileStatus.ADDED}
    for commit in row.label.plan.commits:
        if added.issuperset(commit.files) and _CHANGE.match(commit.subject):
            yield f"all files are new: {format_header(commit)}"
        own = Evidence([path for path in commit.files if path in added], "")
        for sentence in _sentences(commit.body):
            verb = _CHANGE.match(sentence)
            first = next(iter(entities(sentence[verb.end() :] if verb else "")), None)
            if first and first.kind == EntityKind.PATH and own.holds(first):
                yield f"the file is new: {sentence}"


_SENTENCE = re.compile(r"(?:(?<!\s)[^\S\n]*\n\s*[-*+•]\s+|\n[^\S\n]*\n|(?<=[.;:])\s+)")


def _sentences(body: str) -> list[str]:
    """Return the sentences and the points of lists of a body."""
    parts = (" ".join(part.split()) for part in _SENTENCE.split(f"\n{body}"))
    return [part.lstrip("-*+• ") for part in parts if part]


def _junk(row: LabeledChange) -> Iterator[str]:
    plan = row.label.plan
    paths = [file.path for file in row.files]
    if left := _ignored(row):
        yield f"ignored, but the history has it: {_some(sorted(left))}"
    committed = {path for commit in plan.commits for path in commit.files}
    added = [
        file.path
        for file in row.files
        if file.status == FileStatus.ADDED and file.path in committed
    ]
    if junk := ignored(usual_patterns(), added):
        yield f"committed, but looks like junk: {_some(sorted(junk))}"
    idle = [each for each in plan.gitignore if not ignored([each], paths)]
    if idle:
        yield f"pattern without a file: {_some(idle)}"


_FLAGS = {
    FlagKind.PLAN: _plan,
    FlagKind.GROUPING: _grouping,
    FlagKind.TYPE: _types,
    FlagKind.ABSENT: _absent,
    FlagKind.PHANTOM: _phantom,
    FlagKind.NEW: _new,
    FlagKind.JUNK: _junk,
}


def _plan_problem(row: LabeledChange) -> PlanProblem | None:
    """Judge the plan by files alone where git did not write the diff."""
    try:
        units: Sequence[str | FileUnits] = units_of(row.files, row.diff)
    except RecordError:
        units = [file.path for file in row.files]
    return plan_problem(row.label.plan, units)


def _ignored(row: LabeledChange) -> frozenset[str]:
    """Return the files that the plan leaves to .gitignore."""
    plan = row.label.plan
    committed = {path for commit in plan.commits for path in commit.files}
    return ignored(plan.gitignore, [file.path for file in row.files]) - committed


def _paths(row: LabeledChange) -> tuple[str, ...]:
    """Return the paths of a change, those before a rename too."""
    return tuple(path for f in row.files for path in (f.path, f.old_path) if path)


def _names(text: str, row: LabeledChange) -> tuple[tuple[Entity, bool], ...]:
    return names_in(text, _paths(row), row.diff)


def _absent_names(text: str, row: LabeledChange) -> list[str]:
    """Return the names that a change does not show; a quotation is none."""
    return [
        entity.text
        for entity, held in _names(text, row)
        if not held and entity.kind != EntityKind.QUOTED
    ]


def _some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    names = list(dict.fromkeys(names))
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
