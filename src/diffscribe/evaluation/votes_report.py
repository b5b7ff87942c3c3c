"""Files of votes as text: who is preferred, and how far voters agree."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from diffscribe.evaluation.votes import (
    OVERALL,
    Kappa,
    Preference,
    Votes,
    kappas,
    order_share,
    preferences,
    read_votes,
)
from diffscribe.exact import proportion_interval


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
