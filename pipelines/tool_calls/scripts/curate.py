"""Stage curate: choose the interactions that teach something."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.log_params import ToolCallsParams, load_log_params
from diffscribe.core.tracking import report
from diffscribe.tool_calls.curate import curate_interactions, failed_responses
from diffscribe.tool_calls.records import Interaction


@click.command(cls=Command)
@click.argument("interactions", type=INPUT)
@click.argument("curated", type=OUTPUT)
@click.argument("rejected", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(
    interactions: Path, curated: Path, rejected: Path, details: Path, params: Path
) -> None:
    """Write to CURATED the interactions that teach something, to REJECTED the rest."""
    section = load_log_params(params, ToolCallsParams).curate
    rows = progress(read_jsonl(interactions, Interaction), "curate")
    failed = failed_responses(read_jsonl(interactions, Interaction))
    result = curate_interactions(rows, section, failed)
    write_jsonl(curated, result.kept)
    write_jsonl(rejected, result.rejected)
    total = len(result.kept) + len(result.rejected)
    report(
        details,
        result.metrics(),
        f"{len(result.kept)} of {total} interactions kept, "
        f"{sum(len(each.learn) for each in result.kept)} turns to learn",
    )


if __name__ == "__main__":
    main()
