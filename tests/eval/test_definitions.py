"""docs/evaluation.md defines what is measured, and says how it misleads."""

from pathlib import Path

import pytest

from diffscribe.eval.metrics import HEADLINE
from diffscribe.eval.scores import SCORES

TEXT = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and "`" in line.split(" | ")[0]
]


@pytest.mark.parametrize("name", SCORES)
def test_every_measure_has_a_row_with_its_direction_and_its_trap(name):
    [row] = [row for row in ROWS if f"`{name}`" in row[0].replace("*", "")]
    if SCORES[name].family == "seeds":
        assert len(row) == 3
    else:
        assert len(row) == 4
        assert row[1] == {"higher": "↑", "lower": "↓"}[SCORES[name].better]
    assert min(map(len, row[-2:])) > 5
    assert (f"**`{name}`**" in row[0]) == (name in HEADLINE)
