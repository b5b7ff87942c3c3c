"""Count votes on pairs of plans: which is preferred, and how far voters agree."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from diffscribe.core.ballots import Axis, Choice, Vote, Votes, read_votes
from diffscribe.core.errors import printable
from diffscribe.core.intervals import Interval, mcnemar, proportion_interval

OVERALL = "overall"
_RESAMPLES = 2000
_SEED = 7
_TAILS = (0.025, 0.975)


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

    systems: tuple[str, ...]
    n: int
    agreed: int
    value: float | None
    """Cohen 1960, over the choices; None if both said one thing throughout."""
    low: float | None
    """Of the 95 % interval, by a bootstrap over ballots."""
    high: float | None

    def __str__(self) -> str:
        """Return the value with its interval, or why there is none."""
        if self.value is None:
            return "- (both said one thing throughout)"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def preferences(votes: Iterable[Vote]) -> list[Preference]:
    """Return a preference for each pair of systems: overall, then each axis.

    Students are first in their pair. The overall vote is the result; the axes say
    why, and are four more chances for a small p.
    """
    return [
        _preference(systems, axis, own)
        for systems, own in _by_systems(votes).items()
        if len(systems) == 2
        for axis in (OVERALL, *Axis)
    ]


def kappas(first: Iterable[Vote], second: Iterable[Vote]) -> list[Kappa]:
    """Return how far two voters agree overall, for each pair of systems."""
    others = {vote.ballot: vote for vote in second}
    common = [vote for vote in first if vote.ballot in others]
    return [
        _kappa(systems, [(vote.choice, others[vote.ballot].choice) for vote in own])
        for systems, own in _by_systems(common).items()
    ]


def order_share(votes: Iterable[Vote]) -> tuple[int, int]:
    """Return how often A was chosen, and how many votes chose A or B."""
    choices = Counter(vote.choice for vote in votes)
    return choices[Choice.A], choices[Choice.A] + choices[Choice.B]


def _by_systems(votes: Iterable[Vote]) -> dict[tuple[str, ...], list[Vote]]:
    found: dict[tuple[str, ...], list[Vote]] = {}
    for vote in votes:
        systems = sorted(vote.systems, key=lambda s: (not s.startswith("student"), s))
        found.setdefault(tuple(systems), []).append(vote)
    return {systems: found[systems] for systems in sorted(found)}


def _preference(
    systems: tuple[str, ...], axis: str, votes: Sequence[Vote]
) -> Preference:
    said = [
        (vote, choice)
        for vote in votes
        if (choice := vote.choice if axis == OVERALL else vote.axes.get(Axis(axis)))
    ]
    ties = sum(choice == Choice.TIE for _, choice in said)
    wins = sum(
        choice == (Choice.A if vote.systems[0] == systems[0] else Choice.B)
        for vote, choice in said
    )
    losses = len(said) - ties - wins
    interval = proportion_interval(wins, wins + losses)
    one, other = systems
    p = mcnemar(wins, losses)
    return Preference(one, other, axis, wins, ties, losses, interval, p)


def _kappa(systems: tuple[str, ...], said: Sequence[tuple[Choice, Choice]]) -> Kappa:
    import numpy as np

    order = list(Choice)
    counts = np.zeros((len(order), len(order)))
    for one, other in said:
        counts[order.index(one), order.index(other)] += 1
    n, agreed = len(said), int(counts.trace())
    value = float(_cohen(counts))
    if np.isnan(value):
        return Kappa(systems, n, agreed, None, None, None)
    draws = np.random.default_rng(_SEED).multinomial(
        n, counts.ravel() / n, size=_RESAMPLES
    )
    drawn = _cohen(draws.reshape(-1, *counts.shape))
    low, high = np.nanquantile(drawn, _TAILS)
    return Kappa(systems, n, agreed, value, float(low), float(high))


def _cohen(counts: Any) -> Any:
    """Return kappa of tables of counts; NaN where chance alone agrees always."""
    import numpy as np

    n = counts.sum(axis=(-2, -1))
    seen = np.trace(counts, axis1=-2, axis2=-1) / n
    chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance == 1, np.nan, (seen - chance) / (1 - chance))


def votes_report(paths: Sequence[Path]) -> str:
    """Return what the files say, for the terminal; two or more are also compared.

    Raises:
        InputError: if one cannot be read.
        RecordError: if one holds no votes.
    """
    files = [(path, read_votes(path)) for path in paths]
    parts = [_file_report(path, votes) for path, votes in files]
    for (one, first), (two, second) in combinations(files, 2):
        parts.append(_agreement(one, two, kappas(first.votes, second.votes)))
    return "\n\n".join(parts)


def _file_report(path: Path, votes: Votes) -> str:
    rows = []
    for each in preferences(votes.votes):
        pair = f"{printable(each.system)} over {printable(each.other)}"
        share = p = "-"
        if each.share is not None:
            ends = ", ".join(str(round(100 * end)) for end in each.interval)
            share = f"{100 * each.share:.0f} [{ends}]"
            p = p_value(each.p)
        name = pair if each.axis == OVERALL else ""
        rows.append([name, each.axis, each.wins, each.ties, each.losses, share, p])
    lines = [f"{path.name}: {len(votes.votes)} votes of {printable(votes.voter)}"]
    single = Counter(vote.choice for vote in votes.votes if len(vote.systems) == 1)
    if single:
        said = ", ".join(f"{choice} {n}" for choice, n in sorted(single.items()))
        lines.append(f"On one plan: {said}")
    if rows:
        headers = ["preferred", "", "wins", "ties", "losses", "wins %", "p"]
        chosen, decided = order_share(votes.votes)
        low, high = proportion_interval(chosen, decided)
        lines += [
            tabulate(rows, headers, disable_numparse=True),
            "wins %: of the votes that are no tie, with the exact 95 % interval; p: "
            "exact sign test.",
            f"A was chosen in {chosen} of {decided} such votes "
            f"[{round(100 * low)}, {round(100 * high)}] %; about half, if the order "
            "played no part.",
        ]
    return "\n".join(lines)


def _agreement(one: Path, two: Path, found: Sequence[Kappa]) -> str:
    if not found:
        return f"{one.name} and {two.name} have no ballot in common."
    rows = [
        [printable(" and ".join(each.systems)), each.n, each.agreed, str(each)]
        for each in found
    ]
    headers = ["plans of", "ballots", "agreed", "kappa [95 %]"]
    table = tabulate(rows, headers, disable_numparse=True)
    return f"{one.name} and {two.name}, overall votes:\n{table}"


def p_value(value: float) -> str:
    """Return a p in words."""
    return "<0.0001" if value < 0.0001 else f"{value:.2g}"
