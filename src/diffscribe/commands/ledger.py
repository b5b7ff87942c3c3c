"""Keep the answers of models: export, merge, prune or show the ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from diffscribe.asking import upkeep
from diffscribe.asking.ledger import ledger_path
from diffscribe.core.cli import INPUT, OUTPUT, Group, say


@click.group(cls=Group)
@click.option("--ledger", type=Path, help="Default: .cache/teacher.sqlite.")
@click.pass_context
def ledger_command(context: click.Context, ledger: Path | None) -> None:
    """Export, merge, prune or show the answers of models in the ledger.

    Other processes may use the ledger at the same time.
    """
    context.obj = ledger or ledger_path()


@ledger_command.command("export")
@click.argument("target", type=OUTPUT)
@click.pass_obj
def ledger_export(ledger: Path, target: Path) -> None:
    """Write the answers to TARGET, one JSON object a line.

    The lines are ordered by key. Answers about private changes are left out.
    """
    written, left_out = upkeep.export(ledger, target)
    private = f"; {left_out} about private changes left out" if left_out else ""
    say(f"export: {written} answers in {target}{private}")


@ledger_command.command("merge")
@click.argument("sources", type=INPUT, nargs=-1, required=True)
@click.pass_obj
def ledger_merge(ledger: Path, sources: tuple[Path, ...]) -> None:
    """Add the answers of SOURCES, which are exports or other ledgers."""
    for source in sources:
        merged = upkeep.merge(ledger, source)
        say(f"merge: {source}: {merged.added} new, {merged.known} known")
        if not merged.is_whole:
            say(f"merge: {source} is damaged, the rest is lost", err=True)


@ledger_command.command("prune")
@click.option("--model", "models", multiple=True, help="Drop answers of this model.")
@click.option(
    "--repo", "repos", multiple=True, help="Drop answers about this repository."
)
@click.option(
    "--older-than",
    # A date before the year 1 is an OverflowError.
    type=click.IntRange(0, 36_500),
    help="Drop answers older than this many days.",
)
@click.option(
    "--keep", type=INPUT, help="Keep the answers whose keys are in this file."
)
@click.pass_obj
def ledger_prune(
    ledger: Path,
    models: tuple[str, ...],
    repos: tuple[str, ...],
    older_than: int | None,
    keep: Path | None,
) -> None:
    """Drop the answers that meet all given options."""
    if not models and not repos and older_than is None and keep is None:
        names = "--model, --repo, --older-than, --keep"
        raise click.UsageError(f"give at least one of {names}")
    before = None
    if older_than is not None:
        before = datetime.now(UTC) - timedelta(days=older_than)
    kept = None if keep is None else upkeep.keys_in(keep)
    dropped = upkeep.prune(ledger, models=models, repos=repos, before=before, kept=kept)
    say(f"prune: {dropped} answers dropped")


@ledger_command.command("show")
@click.pass_obj
def ledger_show(ledger: Path) -> None:
    """Print answers, tokens and times for each model."""
    from tabulate import tabulate

    totals = upkeep.totals(ledger)
    headers = [name.replace("_", " ") for name in upkeep.Totals._fields]
    say(tabulate(totals, headers=headers, intfmt=","))
    answers = sum(total.answers for total in totals)
    say(f"show: {answers} answers, {ledger.stat().st_size:,} bytes")
