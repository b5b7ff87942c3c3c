"""Stage label: give each change a commit plan."""

from contextlib import closing
from pathlib import Path

import click

from diffscribe.commits.diff import read_changes
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Change
from diffscribe.core.tracking import report
from diffscribe.label.label import (
    LabelTally,
    TooManyFailuresError,
    label_changes,
    label_run,
    outcomes,
    prices,
    row_count,
)
from diffscribe.label.labeler import LabelFailure


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("harvested", type=INPUT)
@click.argument("labeled", type=OUTPUT)
@click.argument("failures", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    harvested: Path,
    labeled: Path,
    failures: Path,
    details: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Write to LABELED the changes of HARVESTED, each with its plan."""
    values = load_params(params)
    section = values.label
    total = row_count(harvested) if section.asks else None
    changes = progress(read_changes(harvested, Change), "label", total)
    tally, show = LabelTally(prices(section)), changes.set_postfix_str
    failed: list[LabelFailure] = []
    with label_run(values, tally) as run:
        asked = outcomes(changes, harvested, prompts, section, values.style, run, show)
        # Closed before the run is, which has to hear of how it went.
        with closing(asked) as became:
            limit = section.max_failure_fraction
            rows = label_changes(became, limit, tally, failed)
            try:
                count = write_jsonl(labeled, rows)
            except TooManyFailuresError:
                write_jsonl(failures, failed)  # It says why of each.
                raise
    write_jsonl(failures, failed)
    counts = tally.metrics()
    summary = f"{count} of {counts['changes']} changes labeled from {section.source}"
    if section.asks:
        summary += f", {tally.unlabeled.total()} failed, {tally.bill.words()}"
    write_json(metrics, {"labeled": count})
    report(details, counts, summary, tally.statistics)


if __name__ == "__main__":
    main()
