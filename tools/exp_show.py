"""Print all experiments: their results, and what of params differs.

`dvc exp show` gives every metric and param a column of its own, hundreds here;
this is the same table in 160 columns.

Usage: python tools/exp_show.py    (or: make exp-show)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dvc.api import exp_show
from tabulate import tabulate

from diffscribe.commands.train import set_params

ROOT = Path(__file__).resolve().parents[1]
PARAMS = {
    setting.partition("=")[0]
    for setting in set_params(yaml.safe_load((ROOT / "params.yaml").read_text()))
}
"""Names of params; some metrics begin with the name of a stage too."""

SCORES = ("valid", "type", "ari", "junk")
CHANGED_WIDTH = 72


def main() -> None:
    """Print one row an experiment, the workspace and its commit first."""
    print(table(exp_show()))  # noqa: T201


def table(experiments: list[dict[str, Any]]) -> str:
    """Return the table of what dvc.api.exp_show gives.

    Scores are those of the main student, the one with the first of
    merge_quantize.types, in percent.
    """
    commits = (row for row in experiments if row["typ"] == "baseline")
    base = next((row for row in commits if row["rev"] != "workspace"), {})
    return tabulate(
        [
            [
                row["Experiment"] or row["rev"],
                row["Created"] or "",
                row.get("validation_loss"),
                *(_percent(row.get(f"{row.get('student')}.{name}")) for name in SCORES),
                changes(row, base),
            ]
            for row in experiments
        ],
        headers=["experiment", "created", "validation\nloss"]
        + [f"{name}\n%" for name in SCORES]
        + ["params that differ"],
        maxcolwidths=[None] * (3 + len(SCORES)) + [CHANGED_WIDTH],
        floatfmt=".3f",
        missingval="-",
    )


def changes(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """Return the params whose values differ from those of the commit."""
    return ", ".join(
        f"{key}={_spelled(value)}"
        for key, value in row.items()
        if key in PARAMS and key in base and value != base[key]
    )


def _spelled(value: Any) -> Any:
    """Return a whole number as such: DVC makes a float of every number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.0f}"


if __name__ == "__main__":
    main()
