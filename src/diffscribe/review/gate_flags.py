"""What can be told of a label without a person: five measures, and what to look at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from diffscribe.commits.cleanup import strip_marks
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.grounding import ungrounded, ungrounded_share
from diffscribe.commits.junk_kinds import junk_kinds
from diffscribe.commits.plan import PlanProblem, plan_problem
from diffscribe.core.intervals import Estimate, Observation, estimate, mcnemar
from diffscribe.core.records import FileStatus, LabeledChange, Plan, PlannedCommit
from diffscribe.curate.filters import evidence
from diffscribe.eval.grouping import ari
from diffscribe.eval.messages import type_accuracy
from diffscribe.label.gate import Verdict, VerdictChoice

_MOST_NAMES = 5


class Measures(NamedTuple):
    """How good a label looks, each from 0 to 1; None where there is no telling."""

    valid: float
    """1 if the plan is valid."""
    grouping: float | None
    """Adjusted Rand index of the files that are not left to .gitignore, against the
    original commits."""
    types: float | None
    """Share of the original commits whose planned commit has their type."""
    grounded: float
    """Share of what the messages name that the change holds."""
    junk: float
    """1 if no file of the history is ignored, no added junk committed, and every
    pattern matches a file."""


MEASURES = {
    "valid": "valid plan",
    "grouping": "grouping as in the history (ARI)",
    "types": "types as in the history",
    "grounded": "words found in the change",
    "junk": "junk routed",
}
"""Their names in words."""


class FlagKind(StrEnum):
    """What a flag is about."""

    PLAN = "plan"
    GROUPING = "grouping"
    TYPE = "type"
    UNGROUNDED = "ungrounded"
    JUNK = "junk"


class Flag(NamedTuple):
    """Something that a person should look at; it need not be wrong."""

    kind: FlagKind
    text: str


def measures(row: LabeledChange) -> Measures:
    """Return what can be measured of a label."""
    plan = row.label.plan
    target = original_plan(row, _ignored(row))
    conventional = all(commit.type for commit in target.commits)
    return Measures(
        valid=float(_plan_problem(row) is None),
        grouping=ari(target, plan) if target.commits else None,
        types=(
            type_accuracy(target, plan) if target.commits and conventional else None
        ),
        grounded=1 - ungrounded_share(_messages(plan), evidence(row)),
        junk=float(not any(_junk(row))),
    )


def flags(row: LabeledChange) -> list[Flag]:
    """Return what to look at in a label, in the order of the kinds."""
    measured = measures(row)
    found = []
    problem = _plan_problem(row)
    if problem is not None:
        found.append(Flag(FlagKind.PLAN, f"not valid: {problem.replace('_', ' ')}"))
    if measured.grouping is not None and measured.grouping < 1:
        found.append(Flag(FlagKind.GROUPING, f"ARI {measured.grouping:.2f}"))
    if measured.types is not None and measured.types < 1:
        share = f"{100 * measured.types:.0f} % of the history's types"
        found.append(Flag(FlagKind.TYPE, share))
    if names := ungrounded(_messages(row.label.plan), evidence(row)):
        found.append(Flag(FlagKind.UNGROUNDED, _some(names)))
    return found + [Flag(FlagKind.JUNK, text) for text in _junk(row)]


def original_plan(row: LabeledChange, without: frozenset[str] = frozenset()) -> Plan:
    """Return how the history grouped the files of a change, but for some.

    A file that several commits touched is in the last of them, a renamed one has
    its new path. A commit that is not conventional has an empty type; one whose
    files are all gone is left out.
    """
    now = {file.old_path: file.path for file in row.files if file.old_path}
    now |= {file.path: file.path for file in row.files}
    last = {
        now[path]: number
        for number, commit in enumerate(row.commits)
        for path in commit.files
        if path in now
    }
    commits = []
    for number, commit in enumerate(row.commits):
        files = sorted(path for path in last if last[path] == number)
        files = [path for path in files if path not in without]
        header = parse_header(strip_marks(split_message(commit.message).header))
        if files:
            commits.append(
                PlannedCommit(
                    files=tuple(files),
                    type=header.type if header else "",
                    subject=header.subject if header else "",
                )
            )
    return Plan(commits=tuple(commits))


def _plan_problem(row: LabeledChange) -> PlanProblem | None:
    return plan_problem(row.label.plan, [file.path for file in row.files])


def _ignored(row: LabeledChange) -> frozenset[str]:
    """Return the files that the plan leaves to .gitignore."""
    plan = row.label.plan
    committed = {path for commit in plan.commits for path in commit.files}
    return ignored(plan.gitignore, [file.path for file in row.files]) - committed


def _messages(plan: Plan) -> str:
    return "\n".join(f"{each.subject}\n{each.body}" for each in plan.commits)


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
    usual = [kind.patterns[0] for kind in junk_kinds()]
    patterns = [each for each in usual if "$" not in each]
    if junk := ignored(patterns, added):
        yield f"committed, but looks like junk: {_some(sorted(junk))}"
    idle = [each for each in plan.gitignore if not ignored([each], paths)]
    if idle:
        yield f"pattern without a file: {_some(idle)}"


def _some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


class Comparison(NamedTuple):
    """How much higher one label file measures than another, on the same changes."""

    measure: str
    first: Estimate
    second: Estimate
    difference: Estimate
    """First minus second, paired by change."""
    better: int
    """Changes on which the first is higher."""
    worse: int
    p: float
    """Of the exact sign test, two-sided: ties do not count."""


class Agreement(NamedTuple):
    """Verdicts on two labels of the same changes, both of them judged."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    """Of the exact test of McNemar (1947), two-sided."""


def summarize(measured: Sequence[Measures]) -> list[tuple[str, Estimate]]:
    """Return the mean of each measure with its 95 % interval."""
    return [
        (name, _mean(getattr(each, name) for each in measured)) for name in MEASURES
    ]


def compare(
    first: Mapping[str, Measures], second: Mapping[str, Measures]
) -> list[Comparison]:
    """Return the paired differences over the changes that both have, by their ids.

    A change for which a measure says nothing of either is left out of it. With
    five measures, one p below 0.05 in a row of nothings is no surprise.
    """
    return [_comparison(name, first, second) for name in MEASURES]


def agreement(
    pairs: Iterable[tuple[str, str]], verdicts: Mapping[str, Verdict]
) -> Agreement:
    """Return how often one label, both or neither was accepted.

    Args:
        pairs: the digests of the first and the second label of each change; only
            those count of which both are accepted or rejected.
        verdicts: by digest.
    """
    said = [
        (verdicts[first].verdict, verdicts[second].verdict)
        for first, second in pairs
        if first in verdicts and second in verdicts
    ]
    yes = [
        (a == VerdictChoice.ACCEPT, b == VerdictChoice.ACCEPT)
        for a, b in said
        if VerdictChoice.SKIP not in (a, b)
    ]
    first, second = yes.count((True, False)), yes.count((False, True))
    return Agreement(
        yes.count((True, True)),
        first,
        second,
        yes.count((False, False)),
        mcnemar(first, second),
    )


def interval(value: Estimate) -> str:
    """Return a mean in percent with its interval, or a dash."""
    if value.value is None or value.low is None or value.high is None:
        return "-"
    low, high = round(100 * value.low), round(100 * value.high)
    return f"{100 * value.value:.1f} [{low}, {high}]"


def _comparison(
    name: str, first: Mapping[str, Measures], second: Mapping[str, Measures]
) -> Comparison:
    pairs = {
        id_: (one, other)
        for id_ in sorted(first.keys() & second.keys())
        if (one := getattr(first[id_], name)) is not None
        and (other := getattr(second[id_], name)) is not None
    }
    better = sum(one > other for one, other in pairs.values())
    worse = sum(one < other for one, other in pairs.values())
    differences = (Observation(id_, one - other) for id_, (one, other) in pairs.items())
    return Comparison(
        name,
        _mean(one for one, _ in pairs.values()),
        _mean(other for _, other in pairs.values()),
        estimate(differences, (-1.0, 1.0)),
        better,
        worse,
        mcnemar(better, worse),
    )


def _mean(values: Iterable[float | None]) -> Estimate:
    known = (each for each in values if each is not None)
    observed = (Observation(str(number), each) for number, each in enumerate(known))
    return estimate(observed)
