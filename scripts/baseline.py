"""Stage baseline: fit what a model has to beat, without a neural network."""

from pathlib import Path

import click

from diffscribe.baseline.model import fit, measure, plans, save_baseline
from diffscribe.commits.diff import read_changes
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import whole_folder, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import SplitChange
from diffscribe.core.tracking import report


@click.command(cls=Command)
@click.argument("splits", type=INPUT)
@click.argument("baseline", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(splits: Path, baseline: Path, details: Path, params: Path) -> None:
    """Fit the baseline on the training rows of SPLITS and keep it in BASELINE.

    Beside it stand its plans of the validation and test rows, which eval compares.
    """
    section = load_params(params).baseline
    rows = {
        name: list(progress(read_changes(splits / f"{name}.jsonl", SplitChange), name))
        for name in ("train", "validation", "test")
    }
    fitted = fit(rows["train"], rows["validation"], section)
    with whole_folder(baseline) as folder:
        save_baseline(fitted, folder)
        held_out = plans(fitted, rows["validation"] + rows["test"])
        write_jsonl(folder / "plans.jsonl", held_out)
    numbers = measure(fitted, rows["validation"])
    summary = (
        f"on validation type {numbers['type_accuracy']} of {numbers['commits']} "
        f"commits, ARI {numbers['ari']} and exact partition "
        f"{numbers['exact_partition']} of {numbers['changes']} changes"
    )
    report(details, numbers, summary)


if __name__ == "__main__":
    main()
