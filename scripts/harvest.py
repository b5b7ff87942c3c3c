"""Stage harvest: squash windows of consecutive commits to working-tree changes."""

from functools import partial
from pathlib import Path

import click

from diffscribe.commits.lesson import no_lesson
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress, say
from diffscribe.core.files import write_json, write_lines
from diffscribe.core.params import load_params
from diffscribe.core.tracking import report
from diffscribe.harvest.harvest import HarvestCounts, harvest


@click.command(cls=Command)
@click.argument("tracked", nargs=-1, type=INPUT)
@click.argument("harvested", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    tracked: tuple[Path, ...],  # noqa: ARG001
    harvested: Path,
    details: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Write the changes of the repositories in harvest.sources to HARVESTED.

    TRACKED are the sources that DVC watches, if any.
    """
    values = load_params(params)
    counts = HarvestCounts()
    screen = None
    if values.label.keeps_messages:
        nonconventional = values.label.nonconventional
        screen = partial(no_lesson, style=values.style, nonconventional=nonconventional)
    rows = harvest(values.harvest, counts, progress, values.split, screen)
    write_lines(harvested, rows)
    for error in counts.bad:
        say(f"harvest.py: left out: {error}", err=True)
    for sentence in counts.notes:
        say(f"harvest.py: {sentence}", err=True)
    totals = counts.metrics(values.harvest)
    write_json(metrics, {"changes": totals["changes"]})
    report(
        details,
        totals,
        f"{totals['changes']} changes of {totals['commits_kept']} commits "
        f"kept of {totals['commits']} in {totals['sources']} sources",
        counts.statistics,
    )


if __name__ == "__main__":
    main()
