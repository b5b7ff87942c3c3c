"""Stage split: changes that train, and held-out ones that share nothing with them."""

from pathlib import Path

import click

from diffscribe.commits.diff import read_changes
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress, say
from diffscribe.core.files import whole_folder, write_json, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import CuratedChange
from diffscribe.core.tracking import report
from diffscribe.split.leaks import (
    count_leaks,
    find_leaks,
    read_benchmarks,
    refuse_leaks,
)
from diffscribe.split.split import SPLITS, split_changes


@click.command(cls=Command)
@click.argument("benchmark_sets", type=INPUT)
@click.argument("curated", type=INPUT)
@click.argument("splits", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    benchmark_sets: Path,
    curated: Path,
    splits: Path,
    details: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Write train, validation and test of CURATED, and what is in none, to SPLITS.

    What the lists in BENCHMARK_SETS name that params list is kept out.
    """
    section = load_params(params).split
    benchmark = read_benchmarks(section.benchmarks, benchmark_sets)
    changes = list(progress(read_changes(curated, CuratedChange), "split"))
    result = split_changes(changes, benchmark, section)
    leaks = find_leaks(result.rows, benchmark, section.by == "repository")
    if section.by != "random":
        refuse_leaks(leaks)
    with whole_folder(splits) as folder:
        for name in SPLITS:
            write_jsonl(folder / f"{name}.jsonl", result.rows[name])
        write_jsonl(folder / "dropped.jsonl", result.dropped)
    sizes = ", ".join(f"{len(result.rows[name])} {name}" for name in SPLITS)
    counts = {"leaks": count_leaks(leaks)}
    summary = f"{sizes}; {len(result.dropped)} dropped, {len(leaks)} leaks"
    warning = result.warning()
    if warning and section.by == "repository":
        say(f"split.py: {warning}", err=True)
    write_json(metrics, {"train_rows": len(result.rows["train"])})
    report(details, result.metrics() | counts, summary, result.statistics)


if __name__ == "__main__":
    main()
