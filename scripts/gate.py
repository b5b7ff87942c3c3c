"""Put a sample of labels before a person: one page without network.

Usage: python scripts/gate.py data/labeled.jsonl reports/gate
    (make gate labels a sample first)
"""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.params import load_params
from diffscribe.review.gate import show


@click.command(cls=Command)
@click.argument("labeled", type=INPUT, default=Path("data/labeled.jsonl"))
@click.argument("report", type=OUTPUT, default=Path("reports/gate"))
@click.option(
    "--rows", type=click.IntRange(min=1), help="How many; else params' label.gate_rows."
)
@params_option
def main(labeled: Path, report: Path, rows: int | None, params: Path) -> None:
    """Write REPORT/index.html with a stratified sample of the rows of LABELED."""
    rows = rows or load_params(params).label.gate_rows
    click.echo(f"gate: {show(labeled, report, rows)}")
    click.echo(f"gate: open {report / 'index.html'}")


if __name__ == "__main__":
    main()
