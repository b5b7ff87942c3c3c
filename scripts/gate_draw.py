"""Draw the changes whose labels a person judges before all are made.

Usage: python scripts/gate_draw.py data/harvested.jsonl reports/gate/harvested.jsonl
"""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Change
from diffscribe.label.gate import sampled


@click.command(cls=Command)
@click.argument("harvested", type=INPUT)
@click.argument("sample", type=OUTPUT)
@click.option(
    "--rows", type=click.IntRange(min=1), help="How many; else params' label.gate_rows."
)
@params_option
def main(harvested: Path, sample: Path, rows: int | None, params: Path) -> None:
    """Write to SAMPLE a stratified sample of the changes of HARVESTED."""
    rows = rows or load_params(params).label.gate_rows
    count = write_jsonl(sample, sampled(harvested, rows, Change))
    click.echo(f"gate: {count} changes drawn to {sample}")


if __name__ == "__main__":
    main()
