"""Stage label: give each change a commit plan.

Usage: python scripts/label.py data/harvested.jsonl data/labeled.jsonl \
metrics/label.json
"""

from diffscribe.cli import INPUT, OUTPUT, Stage, params_option, progress

from pathlib import Path

import click

from diffscribe.data.label import Tally, label_changes
from diffscribe.jsonl import read_jsonl, write_jsonl
from diffscribe.params import load_params
from diffscribe.records import Change
from diffscribe.tracking import report


@click.command(cls=Stage)
@click.argument("harvested", type=INPUT)
@click.argument("labeled", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(harvested: Path, labeled: Path, metrics: Path, params: Path) -> None:
    """Write to LABELED the changes of HARVESTED, each with its plan."""
    section = load_params(params).label
    changes = progress(read_jsonl(harvested, Change), "label")
    tally = Tally()
    count = write_jsonl(labeled, label_changes(changes, section, tally))
    counts = tally.metrics()
    summary = f"{count} of {counts['changes']} changes labeled from {section.source}"
    report(metrics, counts, summary, tally.statistics)


if __name__ == "__main__":
    main()
