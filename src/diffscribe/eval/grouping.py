"""Judge how a plan puts units into commits and keeps junk out of them.

A unit is a file, or one hunk of a file that the target or the plan splits; of such a
file a plan that does not split it has all hunks in one commit.
No measure depends on the order of commits or files. An answer without a plan counts
as one without commits, which is the worst there is. A single message has no files to
group and no junk: it has no value of any of these measures.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import plan_problem
from diffscribe.commits.units import FileUnits
from diffscribe.core.records import Plan, Prediction
from diffscribe.eval.cases import Case, case_units

NAMES = (
    *("valid", "ari", "exact_partition", "moves"),
    *("file_ari", "file_exact_partition", "file_moves"),
    *("junk", "patterns_sane", "secrets_kept_out"),
)
_SECRET = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example|sample|template|dist)[^/]*)?|[^/]*\.env"
    r"|[^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|ovpn)|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.netrc|\.npmrc|\.pypirc|\.htpasswd|credentials(?:\.\w+)?"
    r"|[^/]*secrets?\.(?:json|ya?ml|toml|ini|env|txt)|[^/]*service[-_]?account[^/]*\.json)$",
    re.IGNORECASE,
)
_PROBES = (
    *("zq7/zq7.zq7", "zq7", "src/zq7.py", "src/zq7.js", "lib/zq7.go", "docs/zq7.md"),
    *("README.md", "LICENSE", "Makefile", "tests/zq7_test.py", "zq7.c", "pom.xml"),
)
"""Ordinary paths of a project: a pattern that matches one is about real files."""


class Judgement(NamedTuple):
    """What one answer is worth by some measures, and what was found, in words."""

    values: Mapping[str, float | None]
    found: Mapping[str, Sequence[str]]


def judge_grouping(case: Case, prediction: Prediction) -> Judgement:
    """Return the measures of grouping and junk, and what was found.

    The findings say why a plan is not valid and name the wrong paths and patterns.
    """
    if case.task == "message":
        return Judgement(dict.fromkeys(NAMES), {})
    plan = prediction.plan or Plan(commits=())
    times = Counter(unit for units in plan_units(plan, plan) for unit in units)
    changed, junk = set(case.files), set(case.junk)
    listed = {path for commit in plan.commits for path in commit.files}
    # Controls name types in any style.
    types = ("", *TYPES) if case.message == "plain" else TYPES
    units = case_units(case)
    problem = plan_problem(plan, units, types)
    matched = ignored(plan.gitignore, case.files)
    absurd = [each for each in plan.gitignore if is_absurd(each, case)]
    secrets = secret_like(case.junk)
    grouped = partition(case.target, plan, units)
    files = partition(with_whole_files(case.target), with_whole_files(plan))
    values = {
        "valid": float(problem is None),
        "ari": ari(grouped),
        "exact_partition": exact_partition(grouped),
        "moves": moves(grouped),
        "file_ari": ari(files),
        "file_exact_partition": exact_partition(files),
        "file_moves": moves(files),
        "junk": junk_routed(case, plan),
        "patterns_sane": 1 - len(absurd) / max(1, len(plan.gitignore)),
        # A secret in no commit is not published, even if no pattern matches it.
        "secrets_kept_out": len(secrets - listed) / len(secrets) if secrets else None,
    }
    if prediction.plan is None:
        # An unreadable answer may publish a secret, so it gets the worst value.
        lost = {n: values[n] and 0.0 for n in ("patterns_sane", "secrets_kept_out")}
        return Judgement(values | lost, {})
    found = {
        "plan_problem": [problem.value] if problem else [],
        "paths_missing": sorted(changed - listed - matched),
        "paths_duplicate": sorted(
            {path for (path, _), n in times.items() if n > 1} & changed
        ),
        "paths_invented": sorted(listed - changed),
        "absurd_patterns": absurd,
        "real_files_ignored": sorted(matched - junk),
        "junk_missed": sorted(junk - (matched - listed)),
        "secrets_committed": sorted(listed & secrets),
    }
    return Judgement(values, found)


class Partition(NamedTuple):
    """Two groupings of the target's units, each a label a unit."""

    expected: tuple[int, ...]
    given: tuple[int, ...]
    """A unit that is left out or listed twice is alone, with a negative label."""
    once: float
    """The share of units that the plan commits exactly once."""


Unit = tuple[str, int]
"""A path and the number of a hunk, 0 for the whole file."""


def plan_units(
    plan: Plan, other: Plan, files: Iterable[FileUnits] = ()
) -> list[list[Unit]]:
    """Return the units of each commit of a plan, where another may split files too.

    Only files of which one of the plans names a hunk are split; their hunks are those
    that are named, and all that `files` tells of.
    """
    hunks: dict[str, set[int]] = defaultdict(set)
    for commit in (*plan.commits, *other.commits):
        for path, numbers in commit.hunks.items():
            hunks[path].update(numbers)
    for file in files:
        if file.path in hunks:
            hunks[file.path].update(range(1, file.hunks + 1))
    return [
        [
            (path, number)
            for path in commit.files
            for number in commit.hunks.get(path) or sorted(hunks.get(path, {0}))
        ]
        for commit in plan.commits
    ]


def with_whole_files(plan: Plan) -> Plan:
    """Return a plan without hunks: a split file is in the commit with most of them.

    Of two with as many it is the one with the lowest number. A commit without files
    is left out.
    """
    shares: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for at, commit in enumerate(plan.commits):
        for path, numbers in commit.hunks.items():
            shares[path].append((-len(numbers), min(numbers, default=0), at))
    place = {path: min(each)[2] for path, each in shares.items()}
    whole = (
        commit.model_copy(
            update={
                "files": tuple(
                    path
                    for path in commit.files
                    if path not in commit.hunks or place[path] == at
                ),
                "hunks": {},
            }
        )
        for at, commit in enumerate(plan.commits)
    )
    return plan.model_copy(update={"commits": tuple(c for c in whole if c.files)})


def partition(target: Plan, plan: Plan, files: Collection[FileUnits] = ()) -> Partition:
    """Return how the target's units are grouped; junk in a commit does not count.

    The target has a file. With the files of the change, a hunk that no plan names is
    left out.
    """
    theirs = plan_units(plan, target, files)
    times = Counter(unit for units in theirs for unit in units)
    group = {unit: i for i, units in enumerate(theirs) for unit in units}
    ours = plan_units(target, plan, files)
    expected = [(unit, i) for i, units in enumerate(ours) for unit in units]
    given = tuple(
        group[unit] if times[unit] == 1 else -n
        for n, (unit, _) in enumerate(expected, start=1)
    )
    once = sum(times[unit] == 1 for unit, _ in expected) / len(expected)
    return Partition(tuple(i for _, i in expected), given, once)


def ari(grouped: Partition) -> float:
    """Return the adjusted Rand index of two groupings of the target's units.

    A unit that the plan leaves out or commits twice is a group of its own, and
    the index is scaled by the share of units committed exactly once, so that
    leaving files out never pays. Worse than chance is 0. If all units belong
    together, or all apart, the index is 1 for the same grouping and else 0.
    """
    expected, given, once = grouped
    return max(0.0, rand_index(expected, given)) * once


def rand_index(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Return the adjusted Rand index of two groupings, each a label an element.

    With a the ordered pairs that are together in both, d those apart in both,
    and b and c those together in one alone: 2 (ad - bc) / ((a + b)(b + d) +
    (a + c)(c + d)). 1 for equal groupings, 0 expected by chance, at least -1;
    symmetric. Fewer than two elements are grouped equally. (Hubert and Arabie
    1985, in the form of scikit-learn's pair confusion matrix, which takes a
    millisecond where this takes some microseconds.)
    """
    n = len(first)
    together = sum(k * k for k in Counter(zip(first, second, strict=True)).values())
    in_first = sum(k * k for k in Counter(first).values())
    in_second = sum(k * k for k in Counter(second).values())
    a, b, c = together - n, in_first - together, in_second - together
    if b == c == 0:
        return 1.0
    d = n * n - together - b - c
    return 2.0 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d))


def exact_partition(grouped: Partition) -> float:
    """Return 1 if both groupings are the same and no unit is left out, else 0."""
    expected, given, once = grouped
    pairs = set(zip(expected, given, strict=True))
    same = len(pairs) == len(set(expected)) == len(set(given))
    return float(same and once == 1.0)


def moves(grouped: Partition) -> float:
    """Return the share of units that a person has to move to mend the grouping.

    The units that stay are the most that a one-to-one match of given groups with
    the target's keeps; a unit that is left out or listed twice always moves. 0
    for the same grouping; 1 without a plan. (MoJo's moves without its joins,
    Tzerpos and Holt 1999.)
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    expected, given, _ = grouped
    places = {label: at for at, label in enumerate(sorted(set(given))) if label >= 0}
    shared = np.zeros((max(expected) + 1, len(given)), dtype=int)
    for ours, theirs in zip(expected, given, strict=True):
        if theirs >= 0:
            shared[ours, places[theirs]] += 1
    stay = int(shared[linear_sum_assignment(shared, maximize=True)].sum())
    return 1 - stay / len(expected)


def junk_routed(case: Case, plan: Plan) -> float | None:
    """Return the share of junk left to .gitignore, or None if there is no junk.

    A junk file counts if no commit has it and a pattern matches it. Patterns
    that also match a real file of the change are not counted, nor absurd ones.
    """
    if not case.junk:
        return None
    careful = [pattern for pattern in plan.gitignore if not is_absurd(pattern, case)]
    committed = {path for commit in plan.commits for path in commit.files}
    return len(ignored(careful, case.junk) - committed) / len(case.junk)


def is_absurd(pattern: str, case: Case) -> bool:
    """Tell a pattern that does not belong into a .gitignore.

    It matches a real file of the change or an ordinary path of a project, such as
    `*`, `*.py` and `src/`; or it can match nothing, such as `/`.
    """
    real = set(case.files) - set(case.junk)
    if not pattern.strip("/ "):
        return True
    return bool(ignored([pattern], [*real, *_PROBES]))


def secret_like(paths: Sequence[str]) -> set[str]:
    """Return the paths whose name promises keys or passwords."""
    return {path for path in paths if _SECRET.search(path)}
