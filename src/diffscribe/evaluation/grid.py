"""Rows of text as a grid, for a terminal or for Markdown."""

from collections.abc import Sequence

NOTHING = "-"
NARROWEST = 80
"""Columns; a narrower terminal wraps."""
LEFT = ("family", "measure", "better", "what it is")
"""Columns of words, which are aligned to the left, as the first always is."""
_GAP = 2

Row = dict[str, str]


def grid(rows: Sequence[Row], style: str = "github") -> str:
    """Return rows with the keys of the first as titles; NOTHING without rows.

    A line feed in a title breaks it in a terminal and is a space in Markdown.
    """
    from tabulate import tabulate

    if not rows:
        return NOTHING
    if style == "github":
        rows = [
            {key.replace("-\n", "").replace("\n", " "): row[key] for key in row}
            for row in rows
        ]
    align = ["left" if name in LEFT else "right" for name in rows[0]]
    align[0] = "left"
    return tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=align
    )


def in_width(rows: Sequence[Row], columns: int) -> list[list[Row]]:
    """Take a table apart into ones that fit, each with the first column.

    What does not fit into NARROWEST even alone stays as it is.
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


def percent(share: float | None) -> str:
    """Return a share in whole percent."""
    return NOTHING if share is None else f"{round(100 * share)}"


def decimal(value: float | None) -> str:
    """Return a number with two decimals."""
    return NOTHING if value is None else f"{value:.2f}"


def number(value: float | None) -> str:
    """Return a number with three digits or more."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _width(rows: Sequence[Row], name: str) -> int:
    lines = [*name.split("\n"), *(row[name] for row in rows)]
    return max(map(len, lines))
