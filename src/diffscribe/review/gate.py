"""The gate's pages: a sample of labels to vote on, and two labels of each change."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from diffscribe.core.ballots import Ballot, Choice, Vote, read_votes
from diffscribe.core.cli import progress
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, whole_file, write_jsonl
from diffscribe.core.intervals import Estimate, Observation, estimate, mcnemar
from diffscribe.core.records import LabeledChange
from diffscribe.eval.compare import Comparison, Pair, compare_pairs
from diffscribe.eval.report import cell, percent
from diffscribe.label.gate import (
    acceptance,
    ballot_of,
    change_digest,
    drawn,
    record,
    recorded_votes,
    sampled,
)
from diffscribe.review.flags import MEASURES, Measures, flags, measures
from diffscribe.review.page import (
    asset,
    html_table,
    shown_change,
    shown_plan,
    whole_page,
)
from diffscribe.review.votes import p_value
from diffscribe.secrets.redact import redact

logger = logging.getLogger(__name__)

PAGES = ("index", "compare")
"""The pages in a folder, each with the ballots that it shows beside it."""


def write_sample_page(labeled: Path, report: Path, rows: int) -> str:
    """Write the page of a sample and return how much of it is accepted so far.

    Raises:
        RecordError: if there is no row.
    """
    sample = sampled(labeled, rows, LabeledChange)
    if not sample:
        raise RecordError(
            f"{labeled} has no labeled changes; run the stage that writes it with "
            "other params"
        )
    means = {name: _mean(sample, name) for name in MEASURES}
    logger.info("%s: %d labels drawn", labeled, len(sample))
    about = html_table(
        ("measure", "mean of 100 [95 % interval]", "rows"),
        [(MEASURES[name].meaning, cell(mean), mean.n) for name, mean in means.items()],
    )
    name = ", ".join(sorted({row.label.teacher or row.label.source for row in sample}))
    page = gate_page("Quality gate", [(row,) for row in sample], [name], about)
    ballots = [ballot_of(row) for row in sample]
    _write(report, "index", page, ballots)
    return str(acceptance(ballots, recorded_votes(report / "votes.jsonl")))


def _mean(rows: Sequence[LabeledChange], name: str) -> Estimate:
    values = ((row, getattr(measures(row), name)) for row in rows)
    observed = (Observation(row.id, x, row.repo) for row, x in values if x is not None)
    return estimate(observed, (MEASURES[name].low, MEASURES[name].high))


def accept_votes(exported: Path, report: Path) -> list[str]:
    """Record the votes of an exported file; return what became of them.

    Raises:
        InputError: if there is no page yet.
        RecordError: if the file holds no votes, or none on what a page shows.
    """
    votes = read_votes(exported).votes
    pages = [path for name in PAGES if (path := report / f"{name}.jsonl").exists()]
    if not pages:
        raise InputError(f"'{report}' has no page; run 'make gate' first")
    known = {path.stem: list(read_jsonl(path, Ballot)) for path in pages}
    path = report / "votes.jsonl"
    for vote in votes:
        logger.info("%s: %s", vote.id[:12], vote.choice)
    added = record(votes, (each for page in known.values() for each in page), path)
    if not added:
        raise RecordError(
            f"{exported}: none of its {len(votes)} votes is on a label that a page in "
            f"'{report}' shows; the labels were made anew, so run 'make gate' and "
            "vote on these"
        )
    lines = [f"{added} votes recorded in {path}"]
    if left_out := len(votes) - added:
        lines.append(f"{left_out} not recorded: no page shows what they are on")
    if sample := known.get("index"):
        lines.append(str(acceptance(sample, recorded_votes(path))))
    return lines


def write_comparison_page(first: Path, second: Path, report: Path, rows: int) -> str:
    """Write the page of two files' labels; return how they differ, as text.

    Raises:
        RecordError: if they have no change in common.
    """
    one, other = _measured(first), _measured(second)
    ids = {id_ for id_ in one if id_ in other and one[id_].change == other[id_].change}
    for path, each in ((first, one), (second, other)):
        logger.info("%s: %d changes, %d alone", path, len(each), len(each) - len(ids))
    if not ids:
        raise RecordError(f"{first} and {second} have no change in common")
    chosen = drawn(
        (row for row in read_jsonl(first, LabeledChange) if row.id in ids), rows
    )
    labels = [_rows(path, chosen) for path in (first, second)]
    pairs = [(labels[0][id_], labels[1][id_]) for id_ in labels[0]]
    both = [(one[id_], other[id_]) for id_ in sorted(ids)]
    headers, cells = _cells(
        compare_labels({a.id: (a.measures, b.measures) for a, b in both})
    )
    said = paired_votes(
        [(a.ballot, b.ballot) for a, b in both],
        recorded_votes(report / "votes.jsonl"),
    )
    names = [str(path) for path in (first, second)]
    lines = [
        *(
            f"{letter} is {name}, {len(each)} changes"
            for letter, name, each in zip("ab", names, (one, other), strict=True)
        ),
        f"Changes in both: {len(ids)}. In brackets the 95 % interval of the mean "
        "difference; p is of the paired test, corrected for all measures (Holm).",
        str(said),
    ]
    about = html_table(headers, cells) + html_table(("",), [(line,) for line in lines])
    page = gate_page("Two labels of the same changes", pairs, names, about)
    _write(report, "compare", page, [ballot_of(row) for pair in pairs for row in pair])
    return "\n".join([tabulate(cells, headers, disable_numparse=True), *lines])


def gate_page(
    title: str,
    rows: Sequence[tuple[LabeledChange, ...]],
    names: Sequence[str],
    about: str,
) -> str:
    """Return the page; secrets and people are shown by their placeholders.

    Args:
        title: of the page, plain text.
        rows: each with its labels of one change, one a name.
        names: of the labeled files.
        about: HTML of what was measured.
    """
    body = asset("gate.html").replace("<!-- about -->", about)
    shown = [_row(labels, names) for labels in rows]
    embedded = {"gate": {"title": title, "rows": shown, "names": list(names)}}
    return whole_page(title, body, asset("gate.js"), embedded)


def _row(labels: tuple[LabeledChange, ...], names: Sequence[str]) -> dict[str, Any]:
    # The ballot digests the row as it is; the page shows the redacted one.
    shown = [redact(row).change for row in labels]
    change = shown[0]
    commits = len(change.commits)
    about = (
        change.id[:12],
        f"{commits} commit{'' if commits == 1 else 's'}",
        change.committed_at[:10],
        ", ".join(change.languages),
    )
    return {
        "repo": change.repo,
        "about": " · ".join(filter(None, about)),
        **shown_change(
            [file.path for file in change.files],
            change.files,
            change.diff,
            change.commits,
            change.gitignore,
        ),
        "labels": [
            {
                "ballot": ballot_of(row).model_dump(),
                "name": name,
                "flags": [f"{flag.kind}: {flag.text}" for flag in flags(each)],
                "plan": shown_plan(each.label.plan),
            }
            for row, each, name in zip(labels, shown, names, strict=True)
        ],
    }


def _write(report: Path, name: str, page: str, ballots: Sequence[Ballot]) -> None:
    with whole_file(report / f"{name}.html") as partial:
        partial.write_text(page, encoding="utf-8")
    write_jsonl(report / f"{name}.jsonl", ballots)


class _Measured(NamedTuple):
    """What is compared of a label, without the change itself."""

    id: str
    change: str
    """Digest of the change."""
    ballot: str
    measures: Measures


def _measured(path: Path) -> dict[str, _Measured]:
    rows = progress(read_jsonl(path, LabeledChange), f"measure {path.name}")
    return {
        row.id: _Measured(
            row.id, change_digest(row), ballot_of(row).ballot, measures(row)
        )
        for row in rows
    }


def _rows(path: Path, ids: Collection[str]) -> dict[str, LabeledChange]:
    rows = read_jsonl(path, LabeledChange)
    return {row.id: row for row in rows if row.id in ids}


class PairedVotes(NamedTuple):
    """Votes on two labels of the same changes, both of them accepted or rejected."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    """Of the exact test of McNemar (1947), two-sided."""

    def __str__(self) -> str:
        """Return the counts in one line."""
        n = self.both + self.only_first + self.only_second + self.neither
        if not n:
            return "No change has a vote on both plans yet."
        return (
            f"Both plans have a vote: {n}. Accepted: both {self.both}, only a "
            f"{self.only_first}, only b {self.only_second}, none {self.neither}; p = "
            f"{p_value(self.p)} (exact McNemar test)."
        )


def paired_votes(
    pairs: Iterable[tuple[str, str]], votes: Mapping[str, Vote]
) -> PairedVotes:
    """Return how often one label, both or neither was accepted.

    Args:
        pairs: the digests of the ballots of the first and second label of a change.
        votes: by the digest of their ballot.
    """
    said = [
        (votes[first].choice, votes[second].choice)
        for first, second in pairs
        if first in votes and second in votes
    ]
    yes = [
        (a == Choice.ACCEPT, b == Choice.ACCEPT)
        for a, b in said
        if Choice.SKIP not in (a, b)
    ]
    first, second = yes.count((True, False)), yes.count((False, True))
    return PairedVotes(
        yes.count((True, True)),
        first,
        second,
        yes.count((False, False)),
        mcnemar(first, second),
    )


def compare_labels(
    measured: Mapping[str, tuple[Measures, Measures]],
) -> dict[str, Comparison]:
    """Return a comparison for each of MEASURES, of two labels by the id of a change.

    A change for which a measure says nothing of either is left out of it.
    """
    return compare_pairs(
        {
            name: (
                measure,
                [
                    Pair(id_, first, second)
                    for id_, both in measured.items()
                    if None not in (values := [getattr(each, name) for each in both])
                    for first, second in [values]
                ],
            )
            for name, measure in MEASURES.items()
        }
    )


def _cells(found: Mapping[str, Comparison]) -> tuple[list[str], list[list[str]]]:
    headers = ["measure, of 100", "a", "b", "a - b", "a > b", "a < b", "n", "p"]
    return headers, [
        [
            MEASURES[name].meaning,
            percent(each.first),
            percent(each.second),
            cell(each.difference),
            str(each.wins),
            str(each.losses),
            str(each.difference.n),
            p_value(each.p_holm),
        ]
        for name, each in found.items()
    ]
