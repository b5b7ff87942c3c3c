"""Stage split: hold out the newest interactions that share nothing with training."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import read_jsonl, whole_folder, write_jsonl
from diffscribe.core.log_params import ToolCallsParams, load_log_params
from diffscribe.core.records import SPLITS
from diffscribe.core.tracking import report
from diffscribe.logs.leaks import split_without_leaks
from diffscribe.logs.split import rows_of_splits
from diffscribe.tool_calls.records import Interaction, SplitInteraction
from diffscribe.tool_calls.render import log_row


@click.command(cls=Command)
@click.argument("curated", type=INPUT)
@click.argument("splits", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(curated: Path, splits: Path, details: Path, params: Path) -> None:
    """Write train, validation and test of CURATED to SPLITS, by whole clusters."""
    values = load_log_params(params, ToolCallsParams)
    rows = list(read_jsonl(curated, Interaction))
    fractions = {
        "validation": values.split.validation_fraction,
        "test": values.split.test_fraction,
    }
    placed = split_without_leaks(list(map(log_row, rows)), fractions, values.seed)
    found = rows_of_splits(
        placed,
        [
            SplitInteraction(**dict(each), cluster=placed.cluster_of[each.id])
            for each in rows
        ],
    )
    with whole_folder(splits) as folder:
        for name in SPLITS:
            write_jsonl(folder / f"{name}.jsonl", found[name])
    sizes = {name: len(found[name]) for name in SPLITS}
    clusters = len(set(placed.cluster_of.values()))
    report(
        details,
        {"interactions": sizes, "clusters": clusters, "leaks": 0},
        f"{', '.join(f'{number} {name}' for name, number in sizes.items())}; "
        f"{clusters} clusters",
    )


if __name__ == "__main__":
    main()
