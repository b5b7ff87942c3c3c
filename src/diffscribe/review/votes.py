"""What voters said of pairs of answers, as a preference with an exact interval."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from diffscribe.core.files import read_exported, refuse_twice
from diffscribe.core.intervals import Interval, mcnemar, proportion_interval
from diffscribe.core.records import Record

TARGET = "target"
"""What stands in for a system: the plan of the history, or of the teacher."""


class Ballot(Record):
    """Two answers to one case, without their content."""

    ballot: str
    """sha256 of the case and both answers, in their order."""
    sample_id: str
    first: str
    """Who is shown as A."""
    second: str


FORMAT: Literal["diffscribe votes 1"] = "diffscribe votes 1"
OVERALL = "overall"
_RESAMPLES = 2000
_SEED = 7
_TAILS = (0.025, 0.975)


class Choice(StrEnum):
    """Which of two answers is better."""

    FIRST = "first"
    TIE = "tie"
    SECOND = "second"


class Axis(StrEnum):
    """What an answer can be better in, apart from the whole."""

    ACCURACY = "accuracy"
    SPECIFICITY = "specificity"
    BREVITY = "brevity"
    TYPE = "type"


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("holds letters that cannot be printed")
    return name


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
"""Of a system or a voter: it is shown in a terminal, wherever the file is from."""


class Vote(Ballot):
    """A ballot with what was said of it."""

    first: Name
    second: Name
    choice: Choice
    axes: dict[Axis, Choice]


class Votes(Record):
    """The JSON file that the page exports, or that a judge writes."""

    format: Literal["diffscribe votes 1"]
    voter: Name
    """`person`, or the model that judged."""
    votes: Annotated[tuple[Vote, ...], Field(min_length=1)]


class Preference(NamedTuple):
    """How often one system was preferred to another."""

    system: str
    other: str
    axis: str
    """OVERALL, or one of Axis."""
    wins: int
    ties: int
    losses: int
    interval: Interval
    """Of wins among votes that are no tie, at 95 % (Clopper and Pearson 1934)."""
    p: float
    """Of the exact sign test, two-sided: ties do not count."""

    @property
    def share(self) -> float | None:
        """Return wins among the votes that are no tie; None if all are."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else None


class Kappa(NamedTuple):
    """How far two voters agree beyond chance on the ballots that both have."""

    system: str
    other: str
    n: int
    agreed: int
    value: float | None
    """Cohen 1960, over A, tie and B; None if both said one thing throughout."""
    low: float | None
    high: float | None


def read_votes(path: Path) -> Votes:
    """Return the votes of a file.

    Raises:
        InputError: if it cannot be read.
        RecordError: if it is not such a file, or has a ballot twice.
    """
    votes = read_exported(path, Votes, "votes", "reports/eval/index.html")
    refuse_twice(path, (vote.ballot for vote in votes.votes), "ballot")
    return votes


def preferences(votes: Iterable[Vote]) -> list[Preference]:
    """Return a preference for each pair of systems: overall, then each axis.

    Students are first in their pair. The overall vote is the result; the axes say
    why, and are four more chances for a small p.
    """
    by_pair = _by_pair(votes)
    return [
        _preference(pair, axis, by_pair[pair])
        for pair in by_pair
        for axis in (OVERALL, *Axis)
    ]


def kappas(first: Iterable[Vote], second: Iterable[Vote]) -> list[Kappa]:
    """Return how far two voters agree overall, a pair of systems each.

    The interval is of a bootstrap over ballots.
    """
    others = {vote.ballot: vote for vote in second}
    common = [vote for vote in first if vote.ballot in others]
    return [
        _kappa(pair, [(vote.choice, others[vote.ballot].choice) for vote in own])
        for pair, own in _by_pair(common).items()
    ]


def order_share(votes: Iterable[Vote]) -> tuple[int, int]:
    """Return how often A was chosen, and how many votes are no tie."""
    choices = Counter(vote.choice for vote in votes)
    return choices[Choice.FIRST], choices[Choice.FIRST] + choices[Choice.SECOND]


def _by_pair(votes: Iterable[Vote]) -> dict[tuple[str, str], list[Vote]]:
    pairs: dict[tuple[str, str], list[Vote]] = {}
    for vote in votes:
        one, other = sorted(
            (vote.first, vote.second),
            key=lambda name: (not name.startswith("student"), name),
        )
        pairs.setdefault((one, other), []).append(vote)
    return {pair: pairs[pair] for pair in sorted(pairs)}


def _preference(pair: tuple[str, str], axis: str, votes: Sequence[Vote]) -> Preference:
    said = [
        (vote, choice)
        for vote in votes
        if (choice := vote.choice if axis == OVERALL else vote.axes.get(Axis(axis)))
    ]
    ties = sum(choice == Choice.TIE for _, choice in said)
    wins = sum(
        choice == (Choice.FIRST if vote.first == pair[0] else Choice.SECOND)
        for vote, choice in said
    )
    losses = len(said) - ties - wins
    return Preference(
        *pair,
        axis,
        wins,
        ties,
        losses,
        proportion_interval(wins, wins + losses),
        mcnemar(wins, losses),
    )


def _kappa(pair: tuple[str, str], said: Sequence[tuple[Choice, Choice]]) -> Kappa:
    import numpy as np

    order = list(Choice)
    counts = np.zeros((3, 3))
    for one, other in said:
        counts[order.index(one), order.index(other)] += 1
    n = len(said)
    draws = np.random.default_rng(_SEED).multinomial(
        n, counts.ravel() / n, size=_RESAMPLES
    )
    agreed = int(counts.trace())
    value = _cohen(counts.tolist())
    if value is None:
        return Kappa(*pair, n, agreed, None, None, None)
    drawn = (_cohen(draw.reshape(3, 3).tolist()) for draw in draws)
    low, high = np.quantile([each for each in drawn if each is not None], _TAILS)
    return Kappa(*pair, n, agreed, value, float(low), float(high))


def _cohen(counts: list[list[float]]) -> float | None:
    n = sum(map(sum, counts))
    seen = sum(counts[at][at] for at in range(3)) / n
    chance = sum(
        sum(counts[at]) * sum(row[at] for row in counts) for at in range(3)
    ) / (n * n)
    return None if chance == 1 else (seen - chance) / (1 - chance)


def votes_report(paths: Sequence[Path]) -> str:
    """Return what the files say, for the terminal; two or more are also compared.

    Raises:
        InputError: if one cannot be read.
        RecordError: if one holds no votes.
    """
    files = [read_votes(path) for path in paths]
    parts = [
        _file_report(path, votes) for path, votes in zip(paths, files, strict=True)
    ]
    for (one, first), (two, second) in combinations(zip(paths, files, strict=True), 2):
        parts.append(_agreement(one, two, kappas(first.votes, second.votes)))
    return "\n\n".join(parts)


def _file_report(path: Path, votes: Votes) -> str:
    from tabulate import tabulate

    rows = [
        [
            f"{each.system} over {each.other}" if each.axis == OVERALL else "",
            each.axis,
            each.wins,
            each.ties,
            each.losses,
            _share(each),
            _p(each.p) if each.wins + each.losses else "-",
        ]
        for each in preferences(votes.votes)
    ]
    headers = ["preferred", "", "wins", "ties", "losses", "wins %", "p"]
    chosen, decided = order_share(votes.votes)
    low, high = proportion_interval(chosen, decided)
    return "\n".join(
        (
            f"{path.name}: {len(votes.votes)} votes of {votes.voter}",
            tabulate(rows, headers, disable_numparse=True),
            "wins %: of the votes that are no tie, with the exact 95 % interval; p: "
            "exact sign test.",
            f"A was chosen in {chosen} of {decided} such votes "
            f"[{round(100 * low)}, {round(100 * high)}] %; about half, if the order "
            "played no part.",
        )
    )


def _agreement(one: Path, two: Path, found: Sequence[Kappa]) -> str:
    from tabulate import tabulate

    if not found:
        return f"{one.name} and {two.name} have no ballot in common."
    rows = [
        [f"{each.system} and {each.other}", each.n, each.agreed, _kappa_words(each)]
        for each in found
    ]
    headers = ["pair", "ballots", "agreed", "kappa [95 %]"]
    return f"{one.name} and {two.name}, overall votes:\n" + tabulate(
        rows, headers, disable_numparse=True
    )


def _kappa_words(kappa: Kappa) -> str:
    if kappa.value is None or kappa.low is None or kappa.high is None:
        return "- (both said one thing throughout)"
    return f"{kappa.value:.2f} [{kappa.low:.2f}, {kappa.high:.2f}]"


def _share(preference: Preference) -> str:
    if preference.share is None:
        return "-"
    low, high = (round(100 * end) for end in preference.interval)
    return f"{100 * preference.share:.0f} [{low}, {high}]"


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.2g}"
