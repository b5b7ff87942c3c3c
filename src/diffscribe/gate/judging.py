"""The three commands of the gate: show a sample, record verdicts, compare two files."""

from diffscribe.cli import progress

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from diffscribe.errors import InputError, RecordError
from diffscribe.gate.acceptance import acceptance, acceptance_line
from diffscribe.gate.flags import MEASURES, Measures, measures
from diffscribe.gate.gate_page import gate_page
from diffscribe.gate.report import (
    Agreement,
    Comparison,
    agreement,
    compare,
    interval,
    summarize,
)
from diffscribe.gate.sample import drawn, sampled
from diffscribe.gate.verdicts import (
    Shown,
    change_digest,
    read_export,
    read_verdicts,
    record,
    row_digest,
    shown,
)
from diffscribe.jsonl import read_jsonl, whole_file, write_jsonl
from diffscribe.page import table
from diffscribe.records import LabeledChange

_PAGES = ("index", "compare")
_NO_ROWS = "has no labeled changes; run the stage that writes it with other params"


class _Measured(NamedTuple):
    row: str
    measures: Measures


def show(labeled: Path, report: Path, rows: int) -> str:
    """Write the page of a sample and return how much of it is accepted so far.

    Raises:
        RecordError: if there is no row.
    """
    sample = sampled(labeled, rows, LabeledChange)
    if not sample:
        raise RecordError(f"{labeled} {_NO_ROWS}")
    about = table(
        ("measure", "mean of 100 [95 % interval]", "rows"),
        [
            (MEASURES[name], interval(mean), mean.n)
            for name, mean in summarize([measures(row) for row in sample])
        ],
    )
    name = ", ".join(sorted({row.label.teacher or row.label.source for row in sample}))
    page = gate_page("Quality gate", [(row,) for row in sample], [name], about)
    _write(report, "index", page, [shown(row) for row in sample])
    return _accepted(sample, report)


def accept(exported: Path, report: Path) -> list[str]:
    """Record the verdicts of an exported file; return what became of them.

    Raises:
        InputError: if there is no page yet.
        RecordError: if the file is none, or judges nothing that a page shows.
    """
    judged = read_export(exported)
    pages = [path for name in _PAGES if (path := report / f"{name}.jsonl").exists()]
    if not pages:
        raise InputError(f"'{report}' has no page; run 'make gate' first")
    known = {path: list(read_jsonl(path, Shown)) for path in pages}
    rows = [row for each in known.values() for row in each]
    added, left_out = record(judged, rows, report / "verdicts.jsonl")
    if not added:
        raise RecordError(
            f"{exported}: none of its {left_out} verdicts is of a row that a page in "
            f"'{report}' shows; labels were made anew, so run 'make gate' and judge "
            "these"
        )
    lines = [f"{added} verdicts recorded in {report / 'verdicts.jsonl'}"]
    if left_out:
        lines.append(f"{left_out} not recorded: no page shows what they judge")
    verdicts = read_verdicts(report / "verdicts.jsonl")
    if sample := known.get(report / "index.jsonl"):
        result = acceptance((row.row for row in sample), verdicts)
        lines.append(acceptance_line(result))
    return lines


def show_both(first: Path, second: Path, report: Path, rows: int) -> str:
    """Write the page of two files' labels; return how they differ, as text.

    Raises:
        RecordError: if they have no change in common.
    """
    changes = [_changes(path) for path in (first, second)]
    ids = {id_ for id_, change in changes[0].items() if changes[1].get(id_) == change}
    if not ids:
        raise RecordError(f"{first} and {second} have no change in common")
    one, other = _measured(first, ids), _measured(second, ids)
    chosen = drawn(
        (row for row in read_jsonl(first, LabeledChange) if row.id in ids), rows
    )
    labels = [_rows(path, chosen) for path in (first, second)]
    pairs = [(labels[0][id_], labels[1][id_]) for id_ in labels[0]]
    comparisons = compare(
        {id_: each.measures for id_, each in one.items()},
        {id_: each.measures for id_, each in other.items()},
    )
    said = agreement(
        [(one[id_].row, other[id_].row) for id_ in sorted(ids)],
        read_verdicts(report / "verdicts.jsonl"),
    )
    names = [str(path) for path in (first, second)]
    lines = _words(names, [*map(len, changes)], len(ids), said)
    headers, cells = _cells(comparisons)
    about = table(headers, cells) + table(("",), [(line,) for line in lines])
    page = gate_page("Two labels of the same changes", pairs, names, about)
    _write(report, "compare", page, [shown(row) for pair in pairs for row in pair])
    from tabulate import tabulate

    return "\n".join([tabulate(cells, headers, disable_numparse=True), *lines])


def _accepted(sample: Sequence[LabeledChange], report: Path) -> str:
    verdicts = read_verdicts(report / "verdicts.jsonl")
    return acceptance_line(acceptance(map(row_digest, sample), verdicts))


def _write(report: Path, name: str, page: str, rows: Sequence[Shown]) -> None:
    with whole_file(report / f"{name}.html") as partial:
        partial.write_text(page, encoding="utf-8")
    write_jsonl(report / f"{name}.jsonl", rows)


def _changes(path: Path) -> dict[str, str]:
    rows = progress(read_jsonl(path, LabeledChange), f"read {path.name}")
    return {row.id: change_digest(row) for row in rows}


def _measured(path: Path, ids: Collection[str]) -> dict[str, _Measured]:
    rows = (row for row in read_jsonl(path, LabeledChange) if row.id in ids)
    return {
        row.id: _Measured(row_digest(row), measures(row))
        for row in progress(rows, f"measure {path.name}", len(ids))
    }


def _rows(path: Path, ids: Collection[str]) -> dict[str, LabeledChange]:
    rows = read_jsonl(path, LabeledChange)
    return {row.id: row for row in rows if row.id in ids}


def _cells(comparisons: Sequence[Comparison]) -> tuple[list[str], list[list[str]]]:
    headers = ["measure, of 100", "a", "b", "a - b", "a > b", "a < b", "n", "p"]
    return headers, [
        [
            MEASURES[each.measure],
            interval(each.first),
            interval(each.second),
            interval(each.difference),
            str(each.better),
            str(each.worse),
            str(each.difference.n),
            _p(each.p),
        ]
        for each in comparisons
    ]


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.2g}"


def _words(
    names: Sequence[str], sizes: Sequence[int], both: int, said: Agreement
) -> list[str]:
    judged = said.both + said.only_first + said.only_second + said.neither
    return [
        *(
            f"{letter} is {name}, {size} changes"
            for letter, name, size in zip("ab", names, sizes, strict=True)
        ),
        f"Changes in both: {both}. In brackets the 95 % interval of the mean; p is "
        "of the exact sign test, for which ties do not count.",
        f"Both plans judged: {judged}. Accepted: both {said.both}, only a "
        f"{said.only_first}, only b {said.only_second}, none {said.neither}; p = "
        f"{_p(said.p)} (exact McNemar test)."
        if judged
        else "No change has a verdict on both plans yet.",
    ]
