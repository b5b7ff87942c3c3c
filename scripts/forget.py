"""Take a repository out of everything the pipeline wrote, and prove it is gone.

Usage: python scripts/forget.py github.com/owner/name    (or: make forget REPO=...)
"""

import sys
from pathlib import Path

import click

from diffscribe.commands.forget import forget
from diffscribe.core.cli import Command, params_option
from diffscribe.core.params import load_params
from diffscribe.core.tracking import forget_traces


@click.command(cls=Command)
@click.argument("repo")
@params_option
def main(repo: str, params: Path) -> None:
    """Remove REPO, as rows name it, from all that stages wrote and teachers said."""
    result = forget(Path(), repo, load_params(params).base.source == "scratch")
    traces = forget_traces(repo)
    click.echo(
        f"forget: {result.rows} rows of {repo}, {result.answers} answers, "
        f"{result.requests} requests of batches and {traces} traces removed"
    )
    if result.sent:
        click.echo(
            f"forget: the service still holds requests: {', '.join(result.sent)}; "
            "delete them there, what it answers is ignored here"
        )
    for path in result.removed:
        click.echo(f"forget: {path} removed")
    for path in result.found:
        click.echo(f"forget: {path} still holds it", err=True)
    click.echo(
        f"forget: {result.scanned_files} files scanned, {len(result.found)} hold it; "
        "take it out of harvest.sources, or the next harvest brings it back; "
        "'dvc gc --workspace' drops older models from DVC's cache"
    )
    sys.exit(1 if result.found else 0)


if __name__ == "__main__":
    main()
