"""The baseline as a whole: fitted on rows, asked for plans, measured, and kept.

It is kept as JSON and safetensors, which hold nothing that can run.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from diffscribe.baseline.features import COLUMNS, FileEvidence, Rarity, read_evidence
from diffscribe.baseline.grouping import (
    GroupedChange,
    Grouping,
    Trees,
    fit_grouping,
    groupings,
)
from diffscribe.baseline.messages import (
    SIGNS,
    TypedCommit,
    TypeModel,
    fit_types,
    subject_of,
    type_of,
)
from diffscribe.commits.diff import parts_of_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import is_code, may_match_code
from diffscribe.core.errors import RecordError, SourceError
from diffscribe.core.files import write_json
from diffscribe.core.records import (
    FileStatus,
    Plan,
    PlannedChange,
    PlannedCommit,
    Record,
    SplitChange,
)

if TYPE_CHECKING:
    from diffscribe.core.params import BaselineParams


class Baseline(NamedTuple):
    """What was learned of grouping, types and junk."""

    grouping: Grouping
    types: TypeModel
    patterns: tuple[str, ...]
    """Of .gitignore, sorted."""

    def plan(self, paths: Collection[str], diff: str) -> Plan:
        """Return a valid plan of the changed paths; equal input, equal plan."""
        return self.plans(paths, diff)[0]

    def plans(self, paths: Collection[str], diff: str) -> list[Plan]:
        """Return the plan, and then others whose groups are about as likely."""
        files = read_evidence(paths, diff)
        patterns = self._junk_patterns(files)
        added = [file.path for file in files if file.status == "A"]
        junk = ignored(patterns, added)
        real = [file for file in files if file.path not in junk]
        return [
            Plan(commits=tuple(map(self._commit, groups)), gitignore=patterns)
            for groups in groupings(self.grouping, real)
        ]

    def _junk_patterns(self, files: Collection[FileEvidence]) -> tuple[str, ...]:
        """Return the patterns for .gitignore that match some added files alone."""
        added = [file.path for file in files if file.status == "A"]
        code = {path for path in added if is_code(path)}
        others = {file.path for file in files} - set(added)
        names = {None, *(name for path in added for name in path.split("/"))}
        found = (
            pattern
            for pattern in self.patterns
            # A test of each of some thousand patterns would take longer than all else.
            if _last_name(pattern) in names and ignored([pattern], added)
        )
        return tuple(
            each
            for each in found
            if not ignored([each], others if may_match_code(each) else others | code)
        )

    def with_messages(self, plan: Plan, diff: str) -> Plan:
        """Return a plan with the baseline's types and subjects in place of its own."""
        parts = parts_of_diff(diff, plan.commits)
        commits = [
            self._commit(read_evidence(each.files, part)).model_copy(
                update={"files": each.files, "hunks": each.hunks}
            )
            for each, part in zip(plan.commits, parts, strict=True)
        ]
        return plan.model_copy(update={"commits": tuple(commits)})

    def _commit(self, files: Sequence[FileEvidence]) -> PlannedCommit:
        return PlannedCommit(
            files=tuple(file.path for file in files),
            type=type_of(self.types, files),
            subject=subject_of(files),
        )


def _last_name(pattern: str) -> str | None:
    """Return the name with which all that a pattern matches ends, None if it varies."""
    name = pattern.rstrip("/").rpartition("/")[2]
    plain = re.fullmatch(r"(?:[\w.@() -]|\\[ ()])+", name)
    return name.replace("\\", "") if plain else None


def fit(
    training: Iterable[SplitChange],
    validation: Iterable[SplitChange],
    params: "BaselineParams",
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


def learn_patterns(rows: Sequence[SplitChange]) -> tuple[str, ...]:
    """Return the patterns that ignored junk and no added file that is none, sorted."""
    used = {
        pattern
        for row in rows
        for pattern in row.label.plan.gitignore
        if ignored([pattern], row.junk)
    }
    real = {
        file.path
        for row in rows
        for file in row.files
        if file.status == FileStatus.ADDED and file.path not in row.junk
    }
    return tuple(each for each in sorted(used) if not ignored([each], real))


def plans(baseline: Baseline, rows: Iterable[SplitChange]) -> Iterator[PlannedChange]:
    """Yield the plans of each row by its id, in their order."""
    for row in rows:
        plan, *others = baseline.plans([file.path for file in row.files], row.diff)
        yield PlannedChange(
            id=row.id,
            plan=plan,
            others=tuple(others),
            given=baseline.with_messages(row.label.plan, row.diff),
        )


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
            indices.append(adjusted_rand_index(target, baseline.plan(files, row.diff)))
    return {
        "changes": len(indices),
        "ari": _mean(indices),
        "exact_partition": _mean([float(each == 1) for each in indices]),
        "commits": len(right),
        "type_accuracy": _mean(right),
        "threshold": baseline.grouping.threshold,
    }


def adjusted_rand_index(target: Plan, plan: Plan) -> float:
    """Return the adjusted Rand index of two groupings of the target's units.

    1 if they are the same. A file that the plan leaves out is a group of its own; the
    plan has all hunks of a file in one commit.
    """
    from sklearn.metrics import adjusted_rand_score

    wanted = [
        (path, number)
        for number, commit in enumerate(target.commits)
        for path in commit.files
        for _ in commit.hunks.get(path, (0,))
    ]
    given = {path: n for n, commit in enumerate(plan.commits) for path in commit.files}
    numbers = [given.get(path, -1 - at) for at, (path, _) in enumerate(wanted)]
    return float(adjusted_rand_score([number for _, number in wanted], numbers))


def _evidence(row: SplitChange) -> dict[str, FileEvidence]:
    paths = [file.path for file in row.files]
    return {file.path: file for file in read_evidence(paths, row.diff)}


def _grouped(row: SplitChange, files: Mapping[str, FileEvidence]) -> GroupedChange:
    """Return the files that the label commits whole, and where it puts each."""
    commit_of = {
        path: number
        for number, commit in enumerate(row.label.plan.commits)
        for path in commit.files
        if path not in commit.hunks
    }
    paths = sorted(commit_of)
    return GroupedChange(
        [files[path] for path in paths], [commit_of[path] for path in paths]
    )


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


# The folder of a baseline.

WORDS = "baseline.json"
NUMBERS = "baseline.safetensors"
MAX_DEPTH = 64
OF_NODES = ("column", "limit", "low", "high", "value")


class Words(Record):
    """Everything of a baseline that is not an array."""

    columns: tuple[str, ...]
    """The features that the trees ask for, in order."""
    depth: int = Field(ge=0, le=MAX_DEPTH)
    threshold: float = Field(ge=0, le=1)
    files: int = Field(ge=0)
    """The number of training files."""
    counts: dict[str, int]
    """The number of training files with each identifier."""
    types: tuple[str, ...] = Field(min_length=1)
    patterns: tuple[str, ...]


def save_baseline(baseline: Baseline, folder: Path) -> None:
    """Write the files of a baseline into an empty folder; equal input, equal bytes."""
    from safetensors.numpy import save_file

    rarity, trees, threshold = baseline.grouping
    words = Words(
        columns=COLUMNS,
        depth=trees.depth,
        threshold=threshold,
        files=rarity.files,
        counts=dict(rarity.counts),
        types=baseline.types.types,
        patterns=baseline.patterns,
    )
    write_json(folder / WORDS, words.model_dump(mode="json"))
    arrays = {
        "trees.start": np.array([trees.start]),
        **{f"trees.{name}": getattr(trees, name) for name in ("roots", *OF_NODES)},
        "types.weights": baseline.types.weights.astype(np.float16),
        "types.bias": baseline.types.bias,
    }
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / NUMBERS)


def load_baseline(folder: Path) -> Baseline:
    """Return what `save_baseline` wrote.

    Raises:
        SourceError: if files are missing, damaged, or do not fit each other or
            this version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        words = Words.model_validate_json((folder / WORDS).read_bytes())
        arrays = load_file(folder / NUMBERS)
        _check(words, arrays)
    except (OSError, SafetensorError, ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{folder} cannot be loaded: {reason}; run the stage baseline again"
        ) from error
    trees = Trees(
        start=float(arrays["trees.start"][0]),
        depth=words.depth,
        **{name: arrays[f"trees.{name}"] for name in ("roots", *OF_NODES)},
    )
    return Baseline(
        Grouping(Rarity(words.files, words.counts), trees, words.threshold),
        TypeModel(
            words.types,
            arrays["types.weights"].astype(np.float32),
            arrays["types.bias"],
        ),
        words.patterns,
    )


def _check(words: Words, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays that would be read beyond their end, or mean something else.

    Raises:
        ValueError: with the array and what is wrong with it.
    """
    if words.columns != COLUMNS:
        raise ValueError("its trees ask for other features than this version has")
    found = {name: (str(each.dtype), each.shape) for name, each in arrays.items()}
    sizes = {name: each.size for name, each in arrays.items()}
    nodes, types = sizes.get("trees.value", 0), len(words.types)
    expected = {
        "trees.start": ("float64", (1,)),
        "trees.roots": ("int32", (sizes.get("trees.roots", 0),)),
        **{f"trees.{name}": ("int32", (nodes,)) for name in ("column", "low", "high")},
        **{f"trees.{name}": ("float64", (nodes,)) for name in ("limit", "value")},
        "types.weights": ("float16", (SIGNS, types)),
        "types.bias": ("float32", (types,)),
    }
    if found != expected:
        raise ValueError(f"its arrays are {found}, not {expected}")
    for name in ("roots", "low", "high", "column"):
        limit = len(COLUMNS) if name == "column" else nodes
        numbers = arrays[f"trees.{name}"]
        if np.any((numbers < 0) | (numbers >= limit)):
            raise ValueError(f"trees.{name} holds numbers outside 0 to {limit - 1}")
