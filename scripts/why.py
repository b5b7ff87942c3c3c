"""What happened to a change, or to a commit, in every stage.

Usage: python scripts/why.py 1f2e3d4c    (or: make why ID=1f2e3d4c)
"""

from pathlib import Path

import click

from diffscribe.commands.why import trace
from diffscribe.core.cli import INPUT, Command


@click.command(cls=Command)
@click.argument("wanted")
@click.argument("folder", type=INPUT, default=Path("data"))
@click.argument("metrics", type=INPUT, default=Path("metrics"))
def main(wanted: str, folder: Path, metrics: Path) -> None:
    """Follow WANTED, the beginning of an id or a sha, through FOLDER."""
    for line in trace(folder, metrics, wanted):
        click.echo(line)


if __name__ == "__main__":
    main()
