"""How fast the stage train is on a CPU, against plain TRL and the machine's limit.

Usage: python benchmarks/training.py data/sft models/base [--runs 3] [--steps 6]
           [--threads 2] [--params params.yaml] [--busy 0]

In turn, each in a process of its own: the stage's trainer, and TRL's SFTTrainer with
PEFT as a user begins with them (the folder of the base, the same LoRA, batch size and
samples, everything else TRL's default), for so many steps after a first one that is
not counted; then the best rate of a product of 2048 x 2048 matrices in bfloat16 and
float32. Both trainers compute logits and loss of answers alone. Speed is in tokens of
samples, without padding, a second of the clock, and a second of CPU, which other work
on the machine changes less. `--busy N` keeps N cores busy with other work meanwhile.

An operation is an addition or a multiplication of the matrix products that a step
cannot do without: for each token 2 forward and 2 backward with each frozen weight, 6
with each weight of the adapter, and 4 with each of the head if it is an answer's.
Attention is left out.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from tabulate import tabulate

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Sample

SIZE = 2048
"""Rows and columns of the matrices."""
SPIN = "while True: pass"


class Run(NamedTuple):
    """What one run was given and took."""

    tokens: int
    wall_s: float
    cpu_s: float
    operations: float
    loss: float


@click.command()
@click.argument("sft", type=click.Path(path_type=Path))
@click.argument("base", type=click.Path(path_type=Path))
@click.option("--runs", default=3, show_default=True)
@click.option("--steps", default=6, show_default=True, help="Counted steps of a run.")
@click.option("--threads", default=os.cpu_count() or 1, show_default=True)
@click.option("--busy", default=0, show_default=True, help="Cores of other work.")
@click.option("--params", default=Path("params.yaml"), type=click.Path(path_type=Path))
def main(
    sft: Path, base: Path, runs: int, steps: int, threads: int, busy: int, params: Path
) -> None:
    """Measure on the first samples of SFT, which train BASE."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    train = load_params(params).train
    settings = train.model_dump() | {"num_train_epochs": 1, "evaluations": 1}
    measured: dict[str, list[Run]] = {"the stage": [], "plain TRL": []}
    rates: dict[str, list[float]] = {"bfloat16": [], "float32": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for _ in range(busy):
            stack.enter_context(other_work())
        count = train.per_device_train_batch_size * (steps + 1)
        samples = list(read_jsonl(sft / "train.jsonl", Sample))[:count]
        write_jsonl(folder / "train.jsonl", samples)
        write_jsonl(folder / "validation.jsonl", [])
        for _ in range(runs):
            for name, trainer in (("the stage", of_stage), ("plain TRL", plain)):
                run = apart(measure, trainer, folder, base, settings)
                measured[name].append(run)
            for name in rates:
                rates[name].append(apart(matmul_rate, name))
    show(measured, rates, os.getloadavg()[0])


def show(
    measured: dict[str, list[Run]], rates: dict[str, list[float]], load: float
) -> None:
    """Print medians of the runs, and what they are of each other."""
    rate = {name: statistics.median(values) for name, values in rates.items()}
    lines = []
    for name, runs in measured.items():
        wall, cpu, done = (
            statistics.median(values)
            for values in zip(
                *(
                    (
                        run.tokens / run.wall_s,
                        run.tokens / run.cpu_s,
                        run.operations / run.wall_s,
                    )
                    for run in runs
                ),
                strict=True,
            )
        )
        shares = [f"{100 * done / rate[kind]:.0f} %" for kind in rate]
        lines.append(
            [
                name,
                f"{wall:.0f}",
                f"{cpu:.0f}",
                f"{done / 1e12:.2f}",
                *shares,
                f"{runs[0].loss:.3f}",
            ]
        )
    headers = ["", "tokens/s", "tokens/CPU s", "TFLOP/s"]
    headers += [f"of {kind} ({value / 1e12:.2f})" for kind, value in rate.items()]
    print(tabulate(lines, headers=[*headers, "mean loss"]))
    pairs = zip(*measured.values(), strict=True)
    ratios = [(o.tokens / o.wall_s) / (p.tokens / p.wall_s) for o, p in pairs]
    print(f"the stage is {statistics.median(ratios):.2f} times plain TRL, load {load}")


def apart(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns in a new process, so that none warms another."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


@contextmanager
def other_work() -> Iterator[None]:
    """Keep a core busy."""
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def of_stage(sft: Path, base: Path, settings: dict[str, Any], folder: Path) -> Any:
    """Return the trainer of the stage."""
    from diffscribe.core.params import TrainParams
    from diffscribe.train.sft import prepare_trainer

    trainer, *_ = prepare_trainer(
        sft, base, folder, TrainParams.model_validate(settings)
    )
    return trainer


def plain(sft: Path, base: Path, settings: dict[str, Any], folder: Path) -> Any:
    """Return TRL's trainer with its defaults."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    rows = map(orjson.loads, (sft / "train.jsonl").read_bytes().splitlines())
    data = [{key: row[key] for key in ("prompt", "completion")} for row in rows]
    return SFTTrainer(
        model=str(base),
        args=SFTConfig(
            output_dir=str(folder),
            per_device_train_batch_size=settings["per_device_train_batch_size"],
            num_train_epochs=1,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=Dataset.from_list(data),
        peft_config=LoraConfig(**settings["lora"], task_type="CAUSAL_LM"),
    )


def measure(
    make: Callable[..., Any], sft: Path, base: Path, settings: dict[str, Any]
) -> Run:
    """Return what a trainer takes for all of its steps but the first."""
    with tempfile.TemporaryDirectory() as name:
        trainer = make(sft, base, settings, Path(name))
        from transformers import TrainerCallback
        from transformers.trainer_callback import PrinterCallback

        points: list[tuple[float, float, int]] = []

        class Clock(TrainerCallback):
            def on_log(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
                tokens = state.log_history[-1].get("num_tokens")
                if tokens and "loss" in state.log_history[-1]:
                    points.append((time.perf_counter(), time.process_time(), tokens))

        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Clock())
        trainer.train()
        tokens = int(points[-1][2] - points[0][2])
        rows = trainer.train_dataset
        answers = sum(label != -100 for labels in rows["labels"] for label in labels)
        share = answers / sum(map(len, rows["input_ids"]))
        sizes = {True: 0, False: 0}
        for key, weight in trainer.model.named_parameters():
            if weight.ndim == 2 and "embed_tokens" not in key:
                sizes[weight.requires_grad] += weight.numel()
        head = trainer.model.get_output_embeddings().weight.numel()
        a_token = 4 * sizes[False] + 6 * sizes[True] + 4 * head * share
        losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
        return Run(
            tokens,
            points[-1][0] - points[0][0],
            points[-1][1] - points[0][1],
            a_token * tokens,
            statistics.mean(losses),
        )


def matmul_rate(dtype: str) -> float:
    """Return the most operations a second of several products."""
    import torch

    left, right = (torch.randn(SIZE, SIZE, dtype=getattr(torch, dtype)) for _ in "ab")
    best_s = float("inf")
    for _ in range(12):
        start = time.perf_counter()
        left @ right
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * SIZE**3 / best_s


if __name__ == "__main__":
    main()
