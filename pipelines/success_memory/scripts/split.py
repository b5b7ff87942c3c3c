"""Stage split: hold out the newest episodes that share nothing with training."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import read_jsonl, whole_folder, write_jsonl
from diffscribe.core.log_params import SuccessMemoryParams, load_log_params
from diffscribe.core.records import SPLITS
from diffscribe.core.tracking import report
from diffscribe.logs.leaks import split_without_leaks
from diffscribe.logs.split import rows_of_splits
from diffscribe.success_memory.records import Episode
from diffscribe.success_memory.split import row_of, shared_files


@click.command(cls=Command)
@click.argument("curated", type=INPUT)
@click.argument("splits", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(curated: Path, splits: Path, details: Path, params: Path) -> None:
    """Write train, validation and test of CURATED to SPLITS, by whole clusters."""
    values = load_log_params(params, SuccessMemoryParams)
    episodes = list(read_jsonl(curated, Episode))
    section = values.split
    fractions = {
        "validation": section.validation_fraction,
        "test": section.test_fraction,
    }
    rows = list(map(row_of, episodes))
    placed = split_without_leaks(rows, fractions, values.seed)
    clustered = [
        each.model_copy(update={"cluster": placed.cluster_of[each.id]})
        for each in episodes
    ]
    found = rows_of_splits(placed, clustered)
    with whole_folder(splits) as folder:
        for name in SPLITS:
            write_jsonl(folder / f"{name}.jsonl", found[name])
    sizes = {name: len(found[name]) for name in SPLITS}
    shared = shared_files(found)
    report(
        details,
        {
            "episodes": sizes,
            "clusters": len(set(placed.cluster_of.values())),
            "leaks": 0,
            "test_files_in_train": shared,
        },
        f"{', '.join(f'{number} {name}' for name, number in sizes.items())}; "
        f"{len(shared)} files of test are changed in train too",
    )


if __name__ == "__main__":
    main()
