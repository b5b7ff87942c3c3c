"""Keep the teacher's answers: export, merge, prune or show the ledger.

Usage: python scripts/ledger.py export answers.jsonl    (also: merge, prune, show)
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from diffscribe.asking import ledger as ledgers
from diffscribe.asking.ledger import ledger_path
from diffscribe.core.cli import INPUT, OUTPUT, Command


@click.group()
@click.option("--ledger", type=Path, help="Default: .cache/teacher.sqlite.")
@click.pass_context
def main(context: click.Context, ledger: Path | None) -> None:
    """Work on the ledger, which a labeling may be using at the same time."""
    context.obj = ledger or ledger_path()


@main.command(cls=Command)
@click.argument("target", type=OUTPUT)
@click.pass_obj
def export(ledger: Path, target: Path) -> None:
    """Write all answers to TARGET, one JSON object a line, ordered by key."""
    click.echo(f"export: {ledgers.export(ledger, target)} answers in {target}")


@main.command(cls=Command)
@click.argument("sources", type=INPUT, nargs=-1, required=True)
@click.pass_obj
def merge(ledger: Path, sources: tuple[Path, ...]) -> None:
    """Take in the answers of SOURCES: exports or other ledgers."""
    for source in sources:
        merged = ledgers.merge(ledger, source)
        click.echo(f"merge: {source}: {merged.added} new, {merged.known} known")
        if not merged.is_whole:
            click.echo(f"merge: {source} is damaged, the rest is lost", err=True)


@main.command(cls=Command)
@click.option("--model", "models", multiple=True, help="Drop answers of this model.")
@click.option("--repo", "repos", multiple=True, help="Drop answers about this one.")
@click.option("--older-than", type=click.IntRange(0), help="Drop older ones, in days.")
@click.option("--keep", type=INPUT, help="Keep those whose keys are in this file.")
@click.pass_obj
def prune(
    ledger: Path,
    models: tuple[str, ...],
    repos: tuple[str, ...],
    older_than: int | None,
    keep: Path | None,
) -> None:
    """Drop the answers that all given options allow to drop."""
    if not models and not repos and older_than is None and keep is None:
        names = "--model, --repo, --older-than, --keep"
        raise click.UsageError(f"give at least one of {names}")
    before = None if older_than is None else _days_ago(older_than)
    kept = None if keep is None else ledgers.keys_in(keep)
    dropped = ledgers.prune(
        ledger, models=models, repos=repos, before=before, kept=kept
    )
    click.echo(f"prune: {dropped} answers dropped")


@main.command(cls=Command)
@click.pass_obj
def show(ledger: Path) -> None:
    """Print answers, tokens and times for each model."""
    from tabulate import tabulate

    totals = ledgers.totals(ledger)
    headers = [name.replace("_", " ") for name in ledgers.Totals._fields]
    click.echo(tabulate(totals, headers=headers, intfmt=","))
    answers = sum(total.answers for total in totals)
    click.echo(f"show: {answers} answers, {ledger.stat().st_size:,} bytes")


def _days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


if __name__ == "__main__":
    main()
