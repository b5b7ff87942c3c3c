"""The baseline as a whole: fitted on rows, asked for plans, measured."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from diffscribe.baseline.evidence import FileEvidence, read_evidence, subject_of
from diffscribe.baseline.grouping import GroupedChange, Grouping, fit_grouping, group
from diffscribe.baseline.types import TypedCommit, TypeModel, fit_types, type_of
from diffscribe.commits.gitignore import ignored
from diffscribe.core.errors import RecordError
from diffscribe.core.params import BaselineParams
from diffscribe.core.records import (
    FileStatus,
    Plan,
    PlannedChange,
    PlannedCommit,
    SplitChange,
)


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
        patterns = tuple(
            pattern
            for pattern in sorted(self.patterns)
            if ignored([pattern], added) and not ignored([pattern], others)
        )
        junk = ignored(patterns, added)
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
            "no commits to learn from; see reports/curate.json and reports/split.json "
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
        types=fit_types(list(typed.values())),
        patterns=learn_patterns(rows),
    )


def learn_patterns(rows: Iterable[SplitChange]) -> tuple[str, ...]:
    """Return the patterns that ignored junk, those of most rows first.

    A pattern that matches an added file of a row that is no junk is left out.
    """
    counts: Counter[str] = Counter()
    real: set[str] = set()
    for row in rows:
        patterns = set(row.label.plan.gitignore)
        counts.update(each for each in patterns if ignored([each], row.junk))
        added = {each.path for each in row.files if each.status == FileStatus.ADDED}
        real |= added - set(row.junk)
    return tuple(
        pattern
        for pattern, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        if not ignored([pattern], real)
    )


def plans(baseline: Baseline, rows: Iterable[SplitChange]) -> Iterator[PlannedChange]:
    """Yield the plan of each row by its id, in their order."""
    for row in rows:
        paths = [file.path for file in row.files]
        yield PlannedChange(id=row.id, plan=baseline.plan(paths, row.diff))


def measure(
    baseline: Baseline, rows: Iterable[SplitChange]
) -> dict[str, int | float | None]:
    """Return how well plans and types agree with labels, variants aside.

    Means are None where there is nothing to measure: the grouping needs two files,
    and is measured over `changes`; types over the label's own `commits`.
    """
    indices, right = [], []
    for row in rows:
        if row.parent_id is not None:
            continue
        target, files = row.label.plan, _evidence(row)
        for commit in target.commits:
            guess = type_of(baseline.types, [files[path] for path in commit.files])
            right.append(float(guess == commit.type))
        if len(files) > 1:
            indices.append(rand_index(target, baseline.plan(files, row.diff)))
    return {
        "changes": len(indices),
        "ari": _mean(indices),
        "exact_partition": _mean([float(each == 1) for each in indices]),
        "commits": len(right),
        "type_accuracy": _mean(right),
        "threshold": baseline.grouping.threshold,
    }


def rand_index(target: Plan, plan: Plan) -> float:
    """Return the adjusted Rand index of two groupings of the target's files.

    1 if they are the same. A file that the plan leaves out is a group of its own.
    """
    from sklearn.metrics import adjusted_rand_score

    wanted, given = _commit_of(target), _commit_of(plan)
    alone = len(plan.commits)
    return float(
        adjusted_rand_score(
            list(wanted.values()),
            [given.get(path, alone + n) for n, path in enumerate(wanted)],
        )
    )


def _evidence(row: SplitChange) -> dict[str, FileEvidence]:
    paths = [file.path for file in row.files]
    return {file.path: file for file in read_evidence(paths, row.diff)}


def _grouped(row: SplitChange, files: Mapping[str, FileEvidence]) -> GroupedChange:
    """Return the files that the label commits, and where it puts each."""
    commit_of = _commit_of(row.label.plan)
    paths = sorted(commit_of)
    return GroupedChange(
        [files[path] for path in paths], [commit_of[path] for path in paths]
    )


def _commit_of(plan: Plan) -> dict[str, int]:
    return {path: n for n, commit in enumerate(plan.commits) for path in commit.files}


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
