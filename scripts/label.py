"""Stage label: give each change a commit plan.

Usage: python scripts/label.py prompts/teacher data/harvested.jsonl \
data/labeled.jsonl data/label_failures.jsonl metrics/label.json
"""

from diffscribe.cli import INPUT, OUTPUT, Stage, params_option, progress

from contextlib import closing
from pathlib import Path

import click

from diffscribe.jsonl import read_jsonl, write_jsonl
from diffscribe.labels.asking import outcomes, row_count
from diffscribe.labels.connection import prices
from diffscribe.labels.failures_file import failures_file
from diffscribe.labels.label import Tally, label_changes
from diffscribe.labels.label_run import label_run
from diffscribe.params import load_params
from diffscribe.records import Change
from diffscribe.tracking import report


@click.command(cls=Stage)
@click.argument("prompts", type=INPUT)
@click.argument("harvested", type=INPUT)
@click.argument("labeled", type=OUTPUT)
@click.argument("failures", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    harvested: Path,
    labeled: Path,
    failures: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Write to LABELED the changes of HARVESTED, each with its plan."""
    values = load_params(params)
    section = values.label
    total = row_count(harvested) if section.asks else None
    changes = progress(read_jsonl(harvested, Change), "label", total)
    tally, show = Tally(prices(section)), changes.set_postfix_str
    with label_run(values, tally) as run, failures_file(failures) as on_failure:
        asked = outcomes(changes, harvested, prompts, section, run, show)
        # Closed before the run is, which has to hear of how it went.
        with closing(asked) as became:
            limit = section.max_failure_fraction
            rows = label_changes(became, limit, tally, on_failure)
            count = write_jsonl(labeled, rows)
    counts = tally.metrics()
    summary = f"{count} of {counts['changes']} changes labeled from {section.source}"
    if section.asks:
        summary += f", {tally.unlabeled.total()} failed, {tally.bill.words()}"
    report(metrics, counts, summary, tally.statistics)


if __name__ == "__main__":
    main()
