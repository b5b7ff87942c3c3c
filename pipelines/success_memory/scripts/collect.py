"""Stage collect: read what an agent logged, and find the script of each success."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from diffscribe.core.cli import OUTPUT, Command, params_option
from diffscribe.core.files import write_jsonl
from diffscribe.core.log_params import SuccessMemoryParams, load_log_params
from diffscribe.core.tracking import report
from diffscribe.doors.python_process import string_hashes
from diffscribe.logs.lines import LogLines
from diffscribe.success_memory.collect import read_attempts, read_memories
from diffscribe.success_memory.curate import is_named, names_of, rating_reason
from diffscribe.success_memory.patch_sets import (
    NONE,
    Found,
    find_script,
    read_patch_sets,
)
from diffscribe.success_memory.records import LoggedAttempt, Memory


@click.command(cls=Command)
@click.argument("memories", type=OUTPUT)
@click.argument("attempts", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.option("--memory", help="A log of successes, in place of collect.memory.")
@click.option("--patch-sets", help="A folder, in place of collect.patch_sets.")
@click.option("--attempt-log", help="A log of attempts, in place of collect.attempts.")
@params_option
def main(
    memories: Path,
    attempts: Path,
    details: Path,
    memory: str | None,
    patch_sets: str | None,
    attempt_log: str | None,
    params: Path,
) -> None:
    """Write to MEMORIES and ATTEMPTS what the logs that params name tell of."""
    section = load_log_params(params, SuccessMemoryParams).collect
    memory = memory or section.memory
    patch_sets = patch_sets or section.patch_sets
    attempt_log = attempt_log or section.attempts
    sets = read_patch_sets(Path(patch_sets)) if patch_sets else NONE
    seed = section.hash_seed
    rehash = None if seed is None else partial(string_hashes, seed=seed)
    found = Counter({each.value: 0 for each in Found})
    read: dict[str, Counter[str]] = {"memory": Counter(), "attempts": Counter()}
    dropped: Counter[str] = Counter()
    wanted: set[str] = set()
    refused: set[str] = set()
    skips = section.on_bad_line == "skip"

    def successes() -> Iterator[Memory]:
        path = Path(str(memory))
        lines = LogLines(path, section.on_bad_line)
        for each in read_memories(path, lines, skips, read["memory"]):
            script, where = find_script(each, sets, rehash)
            found[where.value] += 1
            reason = rating_reason(each, section.min_rating, section.unrated == "keep")
            (refused if reason else wanted).update(names_of(each))
            if not reason and section.require_script and script is None:
                reason = where.value
            if reason:
                dropped[reason] += 1
            else:
                yield each.model_copy(update={"script": script})

    def tries() -> Iterator[LoggedAttempt]:
        path = Path(str(attempt_log))
        lines = LogLines(path, section.on_bad_line)
        unwanted = refused - wanted
        for each in read_attempts(path, lines, skips, read["attempts"]):
            if is_named(each, unwanted):
                dropped["attempt_at_refused"] += 1
            else:
                yield each

    kept = write_jsonl(memories, successes() if memory else ())
    logged = write_jsonl(attempts, tries() if attempt_log else ())
    counts = {
        "successes": kept,
        "attempts": logged,
        "scripts": dict(found),
        "dropped": dict(dropped),
        "read": {name: dict(each) for name, each in read.items()},
        "patch_sets": {"sets": len(sets.sets), "links_not_followed": sets.links},
    }
    report(
        details,
        counts,
        f"{kept} successes with {sum(dropped.values())} dropped, {logged} attempts; "
        f"scripts: {', '.join(f'{n} {name}' for name, n in found.items() if n)}",
    )


if __name__ == "__main__":
    main()
