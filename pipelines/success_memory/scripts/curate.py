"""Stage curate: put together what is known of each task, without secrets."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.log_params import SuccessMemoryParams, load_log_params
from diffscribe.core.tracking import report
from diffscribe.success_memory.curate import curate_episodes, table_of
from diffscribe.success_memory.records import LoggedAttempt, Memory


@click.command(cls=Command)
@click.argument("memories", type=INPUT)
@click.argument("attempts", type=INPUT)
@click.argument("curated", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(
    memories: Path, attempts: Path, curated: Path, details: Path, params: Path
) -> None:
    """Write to CURATED the episodes of MEMORIES and ATTEMPTS, one a task."""
    section = load_log_params(params, SuccessMemoryParams).curate
    result = curate_episodes(
        list(read_jsonl(memories, Memory)),
        list(read_jsonl(attempts, LoggedAttempt)),
        section.max_script_chars,
    )
    write_jsonl(curated, result.episodes)
    table = table_of(result.counts)
    dropped = sum(sum(reasons.values()) for reasons in table.values())
    report(
        details,
        {"episodes": len(result.episodes), "dropped": table},
        f"{len(result.episodes)} episodes, {dropped} parts dropped",
    )


if __name__ == "__main__":
    main()
