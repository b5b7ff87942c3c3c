"""Record the verdicts that a page of the gate exported.

Usage: python scripts/gate_accept.py verdicts.json reports/gate
    (or: make gate-accept FILE=verdicts.json)
"""

from pathlib import Path

import click

from diffscribe.core.cli import Command
from diffscribe.review.gate import accept


@click.command(cls=Command)
@click.argument("exported", type=click.Path(path_type=Path))
@click.argument("report", type=click.Path(path_type=Path), default=Path("reports/gate"))
def main(exported: Path, report: Path) -> None:
    """Add the verdicts of EXPORTED to REPORT/verdicts.jsonl.

    Only rows that a page in REPORT shows are recorded.
    """
    for line in accept(exported, report):
        click.echo(f"gate: {line}")


if __name__ == "__main__":
    main()
