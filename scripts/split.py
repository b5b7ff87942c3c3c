"""Stage split: whole repositories apart, junk variants with their parents.

Usage: python scripts/split.py data/curated.jsonl data/splits metrics/split.json
"""

from diffscribe.cli import INPUT, OUTPUT, Stage, params_option, progress

from pathlib import Path

import click

from diffscribe.data.split import SPLITS, split_changes
from diffscribe.jsonl import read_jsonl, whole_folder, write_jsonl
from diffscribe.params import load_params
from diffscribe.records import CuratedChange
from diffscribe.tracking import report


@click.command(cls=Stage)
@click.argument("curated", type=INPUT)
@click.argument("splits", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(curated: Path, splits: Path, metrics: Path, params: Path) -> None:
    """Write train, validation and test of CURATED to the folder SPLITS."""
    section = load_params(params).split
    changes = list(progress(read_jsonl(curated, CuratedChange), "split"))
    result = split_changes(changes, section)
    with whole_folder(splits) as folder:
        for name in SPLITS:
            write_jsonl(folder / f"{name}.jsonl", result.rows[name])
    sizes = ", ".join(f"{len(result.rows[name])} {name}" for name in SPLITS)
    report(metrics, result.metrics(), f"{sizes}; {result.dropped.total()} dropped")


if __name__ == "__main__":
    main()
