"""Stage curate: keep what is worth learning from."""

from pathlib import Path

import click

from diffscribe.commits.diff import read_changes
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import LabeledChange
from diffscribe.core.tracking import report
from diffscribe.curate.curate import curate


@click.command(cls=Command)
@click.argument("labeled", type=INPUT)
@click.argument("curated", type=OUTPUT)
@click.argument("rejected", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    labeled: Path,
    curated: Path,
    rejected: Path,
    details: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Write to CURATED what is worth learning from, the rest to REJECTED."""
    values = load_params(params)
    changes = progress(read_changes(labeled, LabeledChange), "curate")
    result = curate(changes, values.curate, values.style)
    write_jsonl(curated, result.kept)
    write_jsonl(rejected, result.rejected)
    total = len(result.kept) + len(result.rejected)
    summary = f"{len(result.kept)} of {total} changes kept"
    write_json(metrics, {"kept": len(result.kept)})
    report(details, result.metrics(), summary, result.statistics)


if __name__ == "__main__":
    main()
