"""The three commands of the gate: show a sample, record verdicts, compare two files."""

from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.commits.diff import shown_patches
from diffscribe.commits.grammar import format_header
from diffscribe.commits.prompt import file_line
from diffscribe.core.cli import progress
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, whole_file, write_jsonl
from diffscribe.core.records import LabeledChange, OriginalCommit, Plan
from diffscribe.label.gate import (
    Shown,
    acceptance,
    acceptance_line,
    change_digest,
    drawn,
    read_export,
    read_verdicts,
    record,
    row_digest,
    sampled,
    shown,
)
from diffscribe.review.gate_flags import (
    MEASURES,
    Agreement,
    Comparison,
    Measures,
    agreement,
    compare,
    flags,
    interval,
    measures,
    original_plan,
    summarize,
)
from diffscribe.review.page import table, whole_page
from diffscribe.secrets.redact import redact

_BODY = """<h1>{title}</h1>
<p>Would you commit this change as the plan says: grouped so, under these messages, with
just that left to <code>.gitignore</code>?</p>
<details class="about"{open}><summary>{rows} rows; what is measured without
you, and the keys</summary>
{about}
<p><kbd>a</kbd> accept, <kbd>r</kbd> reject, <kbd>s</kbd> skip, <kbd>n</kbd> note
(<kbd>Enter</kbd> ends it), <kbd>u</kbd> undo, <kbd>j</kbd> <kbd>k</kbd> next and
previous row,{sides} <kbd>e</kbd> export. Verdicts stay in this browser until you export
them; each belongs to one plan of one change. What is skipped or open counts as not
accepted. Of files, h1 is the first commit of the history, {letters} of the plan. Marks
like <span class="escape">U+202E</span> stand for letters that cannot be seen.</p>
</details>
<nav id="rows" aria-label="rows"></nav>
<p id="title"></p>
<main id="row">
<div id="side"><div id="labels"></div>
<section class="card"><h2>History</h2><div id="commits"></div></section></div>
<div id="diff"></div>
</main>
<div id="bar">
<button data-key="a" data-choice="accept"><kbd>a</kbd> accept</button>
<button data-key="r" data-choice="reject"><kbd>r</kbd> reject</button>
<button data-key="s" data-choice="skip"><kbd>s</kbd> skip</button>
<textarea id="note" rows="1" placeholder="note (n)" aria-label="note"></textarea>
<button data-key="k" aria-label="previous row">&larr;</button>
<button data-key="j" aria-label="next row">&rarr;</button>
<button data-key="e"><kbd>e</kbd> export</button>
<p id="status" role="status"></p>
</div>"""
_TWO_SIDES = " <kbd>1</kbd> <kbd>2</kbd> first and second plan,"


def gate_page(
    title: str,
    rows: Sequence[tuple[LabeledChange, ...]],
    names: Sequence[str],
    about: str,
) -> str:
    """Return the page; whatever a repository or a model wrote is shown as text.

    Secrets and people are shown by their placeholders.

    Args:
        title: of the page.
        rows: each with its labels of one change, one a name.
        names: of the labeled files.
        about: HTML of what was measured.
    """
    two = len(names) > 1
    body = _BODY.format(
        title=title,
        rows=len(rows),
        about=about,
        open=" open" if two else "",
        sides=_TWO_SIDES if two else "",
        letters="a1 and b1" if two else "p1",
    )
    folder = files("diffscribe.review")
    style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("gate.css", "gate.js")
    )
    shown = [_row(labels, names) for labels in rows]
    return whole_page(
        title, style, body, script, {"gate": {"rows": shown, "names": list(names)}}
    )


def _row(labels: tuple[LabeledChange, ...], names: Sequence[str]) -> dict[str, Any]:
    # Judged is the row as it is; shown is what may leave the machine.
    shown = [redact(row).change for row in labels]
    change = shown[0]
    letters = "ab" if len(labels) > 1 else "p"
    plans = {letter: row.label.plan for letter, row in zip(letters, shown, strict=True)}
    return {
        "repo": change.repo,
        "about": _about(change),
        "files": _files(change, {"h": original_plan(change), **plans}),
        "commits": [_original(commit) for commit in change.commits],
        "labels": [
            _label(row_digest(row), each, name)
            for row, each, name in zip(labels, shown, names, strict=True)
        ],
    }


def _about(change: LabeledChange) -> str:
    commits = len(change.commits)
    parts = [
        change.id[:12],
        f"{commits} commit{'' if commits == 1 else 's'}",
        change.committed_at[:10],
        ", ".join(change.languages),
    ]
    return " · ".join(part for part in parts if part)


def _files(change: LabeledChange, plans: Mapping[str, Plan]) -> list[dict[str, Any]]:
    """Return each file's patch and the commits that have the file."""
    texts = shown_patches(change.diff, [file.path for file in change.files])
    lines = {file.path: file_line(file) for file in change.files}
    return [
        {
            "line": lines.get(path, path or "diff"),
            "places": [
                f"{letter}{number}"
                for letter, plan in plans.items()
                for number, commit in enumerate(plan.commits, start=1)
                if path in commit.files
            ],
            "text": text,
        }
        for path, text in texts.items()
    ]


def _original(commit: OriginalCommit) -> dict[str, Any]:
    header, _, body = commit.message.partition("\n")
    return {"header": header, "body": body.strip("\n"), "files": commit.files}


def _label(digest: str, row: LabeledChange, name: str) -> dict[str, Any]:
    plan = row.label.plan
    return {
        "row": digest,
        "name": name,
        "flags": [flag._asdict() for flag in flags(row)],
        "commits": [
            {
                "header": format_header(commit),
                "body": commit.body,
                "files": commit.files,
                "issues": [issue.model_dump() for issue in commit.issues],
            }
            for commit in plan.commits
        ],
        "gitignore": plan.gitignore,
    }


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
