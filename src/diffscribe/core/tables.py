"""Tables of figures, for terminals of any width and for Markdown."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tabulate import tabulate

from diffscribe.core.compare import Comparison, Measure
from diffscribe.core.intervals import Estimate

NOTHING = "-"
NARROWEST = 80
"""Columns of the narrowest table; a narrower terminal wraps it."""
_GAP = 2

Row = dict[str, str]


def terminal_grid(rows: Sequence[Row], columns: int) -> str:
    """Return rows as a table at most `columns` wide.

    Columns that do not fit come below, with the first column again.
    """
    return "\n\n".join(grid(part, "simple") for part in in_width(rows, columns))


def grid(rows: Sequence[Row], style: str = "github") -> str:
    """Return rows with the keys of the first as titles; NOTHING without rows.

    Columns of numbers are aligned to the right. A line feed in a title breaks it in
    a terminal and is a space in Markdown.
    """
    if not rows:
        return NOTHING
    if style == "github":
        rows = [{key.replace("\n", " "): row[key] for key in row} for row in rows]
    _, *others = rows[0]
    is_words = {name: any(row[name][:1].isalpha() for row in rows) for name in others}
    align = ["left", *("left" if is_words[name] else "right" for name in others)]
    return tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=align
    )


def in_width(rows: Sequence[Row], columns: int) -> list[list[Row]]:
    """Take a table apart into ones that fit, each with the first column.

    A column that is wider than NARROWEST stays as it is.
    """
    first, *others = rows[0]
    parts: list[list[str]] = [[]]
    room = left = max(columns, NARROWEST) - _width(rows, first)
    for name in others:
        taken = _width(rows, name) + _GAP
        if taken > left and parts[-1]:
            parts.append([])
            left = room
        parts[-1].append(name)
        left -= taken
    return [
        [{key: row[key] for key in (first, *names)} for row in rows] for names in parts
    ]


def verdict_line(system: str, other: str, found: Mapping[str, Comparison]) -> str:
    """Return one line on how a system compares to another, by names of measures."""
    named: dict[str, list[str]] = {"better": [], "worse": [], "not shown": []}
    for name, each in found.items():
        named[each.verdict].append(name)
    words = "; ".join(
        f"{verdict}: {', '.join(names)}" for verdict, names in named.items() if names
    )
    return f"- {system} against {other}: {words}."


class Scored(Protocol):
    """A system with the means of its measures."""

    @property
    def system(self) -> str:
        """Name the column."""

    @property
    def scores(self) -> Mapping[str, Estimate]:
        """Return the means by the names of the measures."""


def measures_table(measures: Mapping[str, Measure], results: Sequence[Scored]) -> str:
    """Return a Markdown table of every measure, in percent of its highest value."""
    rows = []
    for name, of in measures.items():
        values = {
            each.system: percent(each.scores[name].value, of.high) for each in results
        }
        row = {"measure": f"`{name}`", "better": of.better, **values}
        rows.append({**row, "what it is": of.meaning})
    return grid(rows)


def percent(value: float | None, high: float = 1.0) -> str:
    """Return a value in whole percent of its highest."""
    return NOTHING if value is None else f"{round(100 * (value / high))}"


def cell(mean: Estimate, high: float = 1.0) -> str:
    """Return a mean in percent with the ends of its interval, such as `71 [62,79]`."""
    if mean.value is None:
        return NOTHING
    low, top = percent(mean.low, high), percent(mean.high, high)
    return f"{percent(mean.value, high)} [{low},{top}]"


def _width(rows: Sequence[Row], name: str) -> int:
    lines = [*name.split("\n"), *(row[name] for row in rows)]
    return max(map(len, lines))


def number(value: float | None) -> str:
    """Return a number with three digits or more."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
