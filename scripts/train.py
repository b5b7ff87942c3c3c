"""Stage train: fine-tune the base on the answers."""

import shutil
from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.errors import BudgetError
from diffscribe.core.files import whole_folder, write_json
from diffscribe.core.log_params import load_any_params
from diffscribe.core.tracking import report, tracked_run
from diffscribe.doors.torch_runtime import machine
from diffscribe.train.sft import (
    checkpoint_folder,
    earlier_runs,
    fine_tune,
    write_curves,
)

HEADLINE = ("train_loss", "validation_loss", "validation_token_accuracy")
"""What `dvc exp show` shows of a training."""


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("adapter", type=OUTPUT)
@click.argument("curves", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
@click.option(
    "--max-minutes",
    type=click.FloatRange(0, min_open=True),
    help="Stop after so long with exit code 75; the same command goes on from there.",
)
def main(
    sft: Path,
    base: Path,
    adapter: Path,
    curves: Path,
    details: Path,
    metrics: Path,
    params: Path,
    max_minutes: float | None,
) -> None:
    """Write to ADAPTER what SFT teaches BASE; goes on where it was stopped."""
    values = load_any_params(params)
    checkpoints = checkpoint_folder(sft, base, values.train)
    with tracked_run("train", values) as run:
        with whole_folder(adapter) as folder:
            tuned = fine_tune(
                *(sft, base, folder, checkpoints, values.train, run.log_step),
                max_minutes,
            )
        with whole_folder(curves) as folder:
            write_curves(folder, tuned.curve)
        run.log_metrics(tuned.metrics)
        run.set_tags({"backend": tuned.backend})
    write_json(metrics, {key: tuned.metrics[key] for key in HEADLINE})
    this_run = {
        **tuned.metrics,
        **tuned.cost._asdict(),
        "backend": tuned.backend,
        "machine": machine(),
        "params": values.train.model_dump(mode="json"),
    }
    report(
        details,
        {**tuned.metrics, "runs": [*earlier_runs(values.train.adapter), this_run]},
        f"{tuned.metrics['steps']} steps on {tuned.metrics['samples']} samples by "
        f"{tuned.backend}, validation loss {tuned.metrics['validation_loss']}",
    )
    if tuned.steps_left:
        raise BudgetError(
            f"{tuned.steps_left} steps are left after {max_minutes:g} minutes; the "
            f"adapter so far is in {adapter}, and the same command goes on"
        )
    shutil.rmtree(checkpoints, ignore_errors=True)


if __name__ == "__main__":
    main()
