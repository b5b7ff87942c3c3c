"""The learning curves as files that DVC plots."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

CURVES = {
    "train.csv": ("step", "loss", "learning_rate"),
    "validation.csv": ("step", "eval_loss"),
}


def write_curves(folder: Path, curve: Sequence[Mapping[str, float]]) -> None:
    """Write train.csv and validation.csv; each has the points that it names."""
    for name, columns in CURVES.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(
                [point[column] for column in columns]
                for point in curve
                if columns[1] in point
            )
