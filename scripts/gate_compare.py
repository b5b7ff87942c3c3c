"""Put two labeled files side by side: paired tests, and one page without network.

Usage: python scripts/gate_compare.py a.jsonl b.jsonl reports/gate
    (or: make gate-compare A=a.jsonl B=b.jsonl)
"""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.params import load_params
from diffscribe.review.gate import show_both


@click.command(cls=Command)
@click.argument("first", type=INPUT)
@click.argument("second", type=INPUT)
@click.argument("report", type=OUTPUT, default=Path("reports/gate"))
@click.option(
    "--rows", type=click.IntRange(min=1), help="How many; else params' label.gate_rows."
)
@params_option
def main(
    first: Path, second: Path, report: Path, rows: int | None, params: Path
) -> None:
    """Write REPORT/compare.html with the labels that FIRST and SECOND give a sample.

    What needs no person is compared over all changes that both have.
    """
    rows = rows or load_params(params).label.gate_rows
    click.echo(show_both(first, second, report, rows))
    click.echo(f"gate: open {report / 'compare.html'}")


if __name__ == "__main__":
    main()
