"""The baseline as a whole: fitted on rows, kept in a folder, asked for plans."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from diffscribe.baseline.commit_types import (
    TypedCommit,
    TypeModel,
    fit_types,
    type_of,
)
from diffscribe.baseline.evidence import FileEvidence, read_evidence
from diffscribe.baseline.grouping import (
    GroupedChange,
    Grouping,
    fit_grouping,
    group,
)
from diffscribe.baseline.junk_patterns import junk_of, learn_patterns
from diffscribe.baseline.subject import subject_of
from diffscribe.errors import RecordError
from diffscribe.params import BaselineParams
from diffscribe.records import Plan, PlannedCommit, SplitChange


class Baseline(NamedTuple):
    """What was learned of grouping, types and junk."""

    grouping: Grouping
    types: TypeModel
    patterns: tuple[str, ...]
    """Of .gitignore, those of most training rows first."""

    def plan(self, paths: Collection[str], diff: str) -> Plan:
        """Return a valid plan of the changed paths; equal input, equal plan."""
        files = read_evidence(paths, diff)
        added = [file.path for file in files if file.status == "A"]
        others = {file.path for file in files} - set(added)
        patterns, junk = junk_of(self.patterns, added, others)
        real = [file for file in files if file.path not in junk]
        return Plan(
            commits=tuple(self._commit(each) for each in group(self.grouping, real)),
            gitignore=patterns,
        )

    def message(self, paths: Collection[str], diff: str) -> Plan:
        """Return one commit of all paths, and no junk."""
        return Plan(commits=(self._commit(read_evidence(paths, diff)),))

    def _commit(self, files: Sequence[FileEvidence]) -> PlannedCommit:
        return PlannedCommit(
            files=tuple(file.path for file in files),
            type=type_of(self.types, files),
            subject=subject_of(files),
        )


def fit(
    training: Iterable[SplitChange],
    validation: Iterable[SplitChange],
    params: BaselineParams,
) -> Baseline:
    """Return the baseline of some rows; validation only sets one threshold.

    Noisy variants teach the junk, their parents the rest. A commit that is in
    several rows counts once for its type.

    Raises:
        RecordError: if there is no commit to learn from.
    """
    rows = list(training)
    originals = [(row, _evidence(row)) for row in rows if row.parent_id is None]
    typed = {
        (row.repo, commit): TypedCommit(
            [files[path] for path in commit.files], commit.type
        )
        for row, files in originals
        for commit in row.label.plan.commits
    }
    if not typed:
        raise RecordError(
            "no commits to learn from; see metrics/curate.json and metrics/split.json "
            "for what was dropped"
        )
    return Baseline(
        grouping=fit_grouping(
            [_grouped(row, files) for row, files in originals],
            [
                _grouped(row, _evidence(row))
                for row in validation
                if row.parent_id is None
            ],
            params,
        ),
        types=fit_types(list(typed.values()), params),
        patterns=learn_patterns(rows),
    )


def _evidence(row: SplitChange) -> dict[str, FileEvidence]:
    paths = [file.path for file in row.files]
    return {file.path: file for file in read_evidence(paths, row.diff)}


def _grouped(row: SplitChange, files: Mapping[str, FileEvidence]) -> GroupedChange:
    """Return the files that the label commits, and where it puts each."""
    commit_of = {
        path: number
        for number, commit in enumerate(row.label.plan.commits)
        for path in commit.files
    }
    paths = sorted(commit_of)
    return GroupedChange(
        [files[path] for path in paths], [commit_of[path] for path in paths]
    )
