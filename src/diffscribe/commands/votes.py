"""The verb votes: what people and judges said, and how far they agree."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, Command, say
from diffscribe.review.votes import votes_report


@click.command(cls=Command)
@click.argument("files", type=INPUT, nargs=-1, required=True)
def votes_command(files: tuple[Path, ...]) -> None:
    """Count the votes of files that pages or the judge wrote.

    Of two or more files it also says how far their voters agree.
    """
    say(votes_report(files))
