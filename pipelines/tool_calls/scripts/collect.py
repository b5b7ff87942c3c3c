"""Stage collect: turn logs into interactions without secrets."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import read_jsonl, temporary_folder, write_json, write_jsonl
from diffscribe.core.log_params import ToolCallsParams, load_log_params
from diffscribe.core.tracking import report
from diffscribe.tool_calls.collect import (
    Collecting,
    collect,
    find_logs,
    load_tools,
    read_options,
    require_some,
    with_tools,
)
from diffscribe.tool_calls.formats import FORMATS
from diffscribe.tool_calls.records import Interaction


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("tools", type=INPUT)
@click.argument("logs", type=INPUT, nargs=-1, required=True)
@click.argument("interactions", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
@click.option(
    "--min-rating",
    type=click.IntRange(1, 5),
    help="Only what was rated so or better; without it, what params say.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice([*FORMATS]),
    help="Of the logs; without it, what params say.",
)
def main(
    prompts: Path,
    tools: Path,
    logs: tuple[Path, ...],
    interactions: Path,
    details: Path,
    metrics: Path,
    params: Path,
    min_rating: int | None,
    format_: str | None,
) -> None:
    """Write to INTERACTIONS what LOGS tell; they are files, or folders of them.

    TOOLS describes the tools where a log does not.
    """
    chosen: dict[str, object] = {"format": format_} if format_ else {}
    if min_rating is not None:
        chosen |= {"min_rating": min_rating, "unrated": "drop"}
    section = load_log_params(params, ToolCallsParams).collect
    section = section.model_copy(update=chosen)
    counts = Collecting()
    known = load_tools(tools) if section.tools == "file" else ()
    options = read_options(prompts, section)
    with temporary_folder() as folder:
        first = folder / "interactions.jsonl"
        read = collect(find_logs(logs), section, options, known, counts)
        write_jsonl(first, progress(read, "collect"))
        require_some(counts, section)
        guessed = counts.shapes.specs()
        rows = (
            each if each.tools else with_tools(each, guessed, inferred=True)
            for each in read_jsonl(first, Interaction)
        )
        write_jsonl(interactions, rows)
    write_json(metrics, {"interactions": counts.kept.total()})
    guess = f"; {len(guessed)} tools guessed from their calls" if guessed else ""
    report(
        details,
        counts.metrics(),
        f"{counts.kept.total()} interactions of {len(counts.kept)} logs{guess}",
    )


if __name__ == "__main__":
    main()
