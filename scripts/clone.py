"""Bring the repositories that harvest.sources names by URL; no stage runs it."""

import sys
from pathlib import Path

import click

from diffscribe.commands.train import profile_params
from diffscribe.core.cli import Command, params_option, say
from diffscribe.core.errors import SourceError
from diffscribe.core.params import load_params
from diffscribe.doors.clone import clone
from diffscribe.doors.places import CLONES


@click.command(cls=Command)
@click.option("--profile", default="", help="A profile to lay over params.yaml.")
@params_option
def main(params: Path, profile: str) -> None:
    """Clone each URL of harvest.sources, at its revision, into data/clones.

    What is there already is left, so a clone that was killed goes on.
    """
    section = (profile_params(profile) if profile else load_params(params)).harvest
    urls = [(each.url, each.revision) for each in section.sources if each.url]
    brought = 0
    for number, (url, revision) in enumerate(urls, start=1):
        say(f"clone.py: {number} of {len(urls)}: {url}", err=True)
        try:
            brought += clone(url, str(revision), CLONES, _show)
        except SourceError as error:
            if section.on_bad_source == "stop":
                raise
            say(f"clone.py: left out: {error}", err=True)
    say(f"clone: {brought} of {len(urls)} repositories brought to {CLONES}")


def _show(words: bytes) -> None:
    """Pass git's progress on to a terminal."""
    if sys.stderr.isatty():
        sys.stderr.buffer.write(words)
        sys.stderr.flush()


if __name__ == "__main__":
    main()
