"""Supervised fine-tuning on answers only, by TRL's trainer."""

import csv
import hashlib
import json
import logging
import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.core.errors import RecordError
from diffscribe.core.files import file_sha256, read_jsonl, write_json
from diffscribe.core.params import TrainParams
from diffscribe.core.records import TrainingSample
from diffscribe.doors.adapter import WEIGHTS
from diffscribe.doors.model_folder import load_tokenizer, max_chat_tokens
from diffscribe.doors.torch_runtime import (
    patch_with_unsloth,
    quiet_libraries,
    seed_torch,
    suit_torch_to_cpu,
)
from diffscribe.train.trainer import (
    Backend,
    choose_backend,
    load_student,
    sft_config,
    sft_dataset,
)

logger = logging.getLogger(__name__)

LIBRARIES = ("torch", "transformers", "trl", "peft")
POOL = 16
"""Batches that are sorted together: enough for even lengths, few enough that
a batch still mixes the whole split."""


def training_order(
    lengths: Sequence[int], batch_size: int, epochs: float, seed: int
) -> list[int]:
    """Return the positions to train on, one after the other, for all epochs.

    Each epoch is a shuffle of its own, and its samples are then sorted within
    pools of POOL batches, so that a batch holds similar lengths and little
    padding. A fraction of an epoch is the beginning of one. Written out in
    full, since a run that resumes must go on in the same order.
    """
    random_order = random.Random(seed)  # noqa: S311 - not for secrets
    positions: list[int] = []
    while len(positions) < len(lengths) * epochs:
        epoch = list(range(len(lengths)))
        random_order.shuffle(epoch)
        positions += epoch
    positions = positions[: round(len(lengths) * epochs)]
    order: list[int] = []
    for pool in _chunks(positions, batch_size * POOL):
        *batches, last = _chunks(sorted(pool, key=lengths.__getitem__), batch_size)
        # Only the last batch may be short, or it would shift all that follow.
        if len(last) == batch_size:
            batches.append(last)
            last = []
        random_order.shuffle(batches)
        order += [*chain.from_iterable(batches), *last]
    return order


def _chunks(positions: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


FOLDER = Path(".cache/train")

COMPLETE = ".complete"
"""Marks a checkpoint whose last byte is written; holds what it cost."""


class RunCost(NamedTuple):
    """What a run has cost so far. What a kill threw away is not in it."""

    seconds: float
    parts: int
    """Processes that trained one after the other."""


def checkpoint_folder(sft: Path, base: Path, params: TrainParams) -> Path:
    """Return the folder for the checkpoints of exactly this run.

    Its name is a digest of the params and of every input file, so that other
    inputs never resume from it. It lies outside of the stage's outputs, which
    DVC removes before a run.
    """
    digest = hashlib.sha256(params.model_dump_json().encode())
    for folder in (sft, base, *([Path(params.adapter)] if params.adapter else [])):
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            digest.update(bytes.fromhex(file_sha256(file)))
    return FOLDER / digest.hexdigest()[:16]


def mark_complete(checkpoints: Path, cost: RunCost) -> None:
    """Mark the newest checkpoint as complete."""
    from transformers.trainer_utils import get_last_checkpoint

    newest = get_last_checkpoint(str(checkpoints))
    if newest is not None:
        write_json(Path(newest) / COMPLETE, cost._asdict())


def newest_checkpoint(checkpoints: Path) -> str | None:
    """Remove incomplete checkpoints and return the newest complete one, or None."""
    from transformers.trainer_utils import get_last_checkpoint

    for checkpoint in checkpoints.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE).exists():
            shutil.rmtree(checkpoint)
    if not checkpoints.is_dir():
        return None
    newest: str | None = get_last_checkpoint(str(checkpoints))
    return newest


CURVES = {
    "train.csv": ("step", "loss", "learning_rate"),
    "validation.csv": ("step", "eval_loss"),
}


def write_curves(folder: Path, curve: Sequence[Mapping[str, float]]) -> None:
    """Write train.csv and validation.csv; each has the points that it names."""
    for name, columns in CURVES.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(
                [point[column] for column in columns]
                for point in curve
                if columns[1] in point
            )


class FineTuned(NamedTuple):
    """The results of a run besides its weights."""

    backend: Backend
    curve: list[Mapping[str, float]]
    """Rows of step with loss and learning_rate, or step with eval_loss."""
    metrics: dict[str, int | float | str | None]
    """Equal for equal inputs, however often the run was killed."""
    cost: RunCost
    steps_left: int
    """0, unless the run was stopped."""


def fine_tune(
    sft: Path,
    base: Path,
    folder: Path,
    checkpoints: Path,
    params: TrainParams,
    on_log: Callable[[int, Mapping[str, float]], None],
    max_minutes: float | None = None,
) -> FineTuned:
    """Fill `folder` with an adapter, or a whole model if method is full.

    Goes on from the newest complete checkpoint, with the same result as a run
    that was never killed. `on_log` is called with each point of the curves. After
    `max_minutes` it stops with a checkpoint; the adapter is then that of this step.
    """
    trainer, backend, samples = prepare_trainer(sft, base, checkpoints, params)
    newest = newest_checkpoint(checkpoints)
    logger.info("resuming from %s", newest or "nothing: the run begins")
    spent = RunCost(0.0, 0)
    if newest is not None:
        spent = RunCost(**json.loads((Path(newest) / COMPLETE).read_bytes()))
    clock = _Clock(spent, max_minutes)
    trainer.add_callback(_callback(on_log, clock))
    trainer.train(resume_from_checkpoint=newest)
    _measure_last_step(trainer)
    trainer.save_model(str(folder))
    _tidy(folder, base)
    curve = [_point(entry) for entry in trainer.state.log_history]
    return FineTuned(
        backend,
        curve,
        _metrics(trainer, backend, samples, curve),
        clock.cost(),
        trainer.state.max_steps - trainer.state.global_step,
    )


def earlier_runs(adapter: str | None) -> list[dict[str, Any]]:
    """Return the runs that made an adapter which is trained further, oldest first.

    They stand in results.json, which `diffscribe ship` writes beside an adapter.
    """
    results = Path(adapter, "results.json") if adapter else None
    if results is None or not results.is_file():
        return []
    try:
        return list(json.loads(results.read_bytes())["training"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{results}: names no training; bring back the file that belongs to the "
            "adapter"
        ) from error


class _Clock:
    """Tells what a run has cost, and when this part of it has to stop."""

    def __init__(self, spent: RunCost, max_minutes: float | None) -> None:
        self._spent = spent
        self._begin_s = time.monotonic()
        self._limit_s = 60 * max_minutes if max_minutes else math.inf

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._begin_s

    def is_over(self) -> bool:
        return self._elapsed_s() > self._limit_s

    def cost(self) -> RunCost:
        seconds = self._spent.seconds + self._elapsed_s()
        return RunCost(round(seconds, 1), self._spent.parts + 1)


def prepare_trainer(
    sft: Path, base: Path, checkpoints: Path, params: TrainParams
) -> tuple[Any, Backend, int]:
    """Return TRL's trainer with all it trains on in its order, its engine, and samples.

    The number of samples is that of the file; the trainer has those of all epochs.
    """
    suit_torch_to_cpu()
    train, validation = _samples(sft, params)
    if params.architecture == "seq2seq":
        from diffscribe.train.seq2seq import seq2seq_trainer

        quiet_libraries()
        seed_torch(params.seed)
        trainer = seq2seq_trainer(base, checkpoints, params, train, validation)
        return _in_order(trainer, params), "trl", len(train)
    backend = choose_backend(params)
    if backend == "unsloth":
        patch_with_unsloth()
    from trl import SFTTrainer

    quiet_libraries()
    seed_torch(params.seed)
    tokenizer = load_tokenizer(base)
    longest = None
    if backend == "unsloth":
        longest = max_chat_tokens(tokenizer, [*train, *validation])
    config = sft_config(checkpoints, params, len(train), bool(validation), backend)
    model, peft_config = load_student(base, backend, params, config, longest)
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=sft_dataset(train, tokenizer),
        eval_dataset=sft_dataset(validation, tokenizer) if validation else None,
        processing_class=tokenizer,
        peft_config=peft_config,
    )
    _in_order(trainer, params)
    if config.use_cpu:
        from diffscribe.train.cpu import compute_loss_once, fuse_modules

        fuse_modules(trainer.model)
        compute_loss_once()
    return trainer, backend, len(train)


def _in_order(trainer: Any, params: TrainParams) -> Any:
    """Return the trainer with all it trains on in its order, which prints no logs."""
    from transformers.trainer_callback import PrinterCallback

    # A stage prints one line; the trainer would print its logs.
    trainer.remove_callback(PrinterCallback)
    lengths = [len(ids) for ids in trainer.train_dataset["input_ids"]]
    size, epochs = params.per_device_train_batch_size, params.num_train_epochs
    order = training_order(lengths, size, epochs, params.seed)
    trainer.train_dataset = trainer.train_dataset.select(order)
    return trainer


Samples = list[TrainingSample]


def _samples(sft: Path, params: TrainParams) -> tuple[Samples, Samples]:
    train = list(read_jsonl(sft / "train.jsonl", TrainingSample))
    if not train:
        raise RecordError(
            f"{sft / 'train.jsonl'}: no samples to train on; see reports/render.json "
            "and reports/curate.json for what dropped them"
        )
    read = read_jsonl(sft / "validation.jsonl", TrainingSample)
    validation = sorted(read, key=lambda sample: sample.id)
    kept = validation[: params.max_validation_samples]
    logger.info(
        "read %d samples to train on, %d of %d to validate with",
        *(len(train), len(kept), len(validation)),
    )
    return train, kept


def _callback(on_log: Callable[[int, Mapping[str, float]], None], clock: _Clock) -> Any:
    """Return a callback that hands on the curves, marks whole checkpoints, and stops.

    A run stops where it logs: the mean loss of steps on both sides of a checkpoint
    would be lost.
    """
    from transformers import TrainerCallback

    class Curves(TrainerCallback):
        def on_step_end(self, _: Any, __: Any, control: Any, **___: Any) -> None:
            if control.should_log and clock.is_over():
                control.should_save = control.should_training_stop = True

        def on_log(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            point = _point(state.log_history[-1])
            on_log(int(point["step"]), point)

        def on_save(self, args: Any, *_: Any, **__: Any) -> None:
            mark_complete(Path(args.output_dir), clock.cost())

    return Curves()


def _measure_last_step(trainer: Any) -> None:
    """Add the validation loss of the weights that are kept, if it is not there.

    The checkpoint is written before, so a stopped run goes on without this point.
    """
    measured = [e["step"] for e in trainer.state.log_history if "eval_loss" in e]
    is_last = measured and measured[-1] == trainer.state.global_step
    if trainer.eval_dataset is not None and not is_last:
        trainer.evaluate()


def _tidy(folder: Path, base: Path) -> None:
    """Leave only what a loader needs, in bytes that do not depend on the run.

    An adapter is kept in float16, half of its size: what is evaluated is what is
    shipped, and the base has fewer digits still.
    """
    import torch
    from safetensors.torch import load_file, save_file

    for name in ("README.md", "training_args.bin"):
        (folder / name).unlink(missing_ok=True)
    config = folder / "adapter_config.json"
    if config.is_file():
        weights = folder / WEIGHTS
        tensors = {k: v.to(torch.float16) for k, v in load_file(weights).items()}
        save_file(tensors, weights, {"format": "pt"})
        values = json.loads(config.read_text(encoding="utf-8"))
        values["base_model_name_or_path"] = base.name
        # PEFT keeps it as a set, whose order differs from process to process.
        if isinstance(values["target_modules"], list):
            values["target_modules"].sort()
        write_json(config, values)


_POINTS = ("step", "loss", "learning_rate", "eval_loss", "eval_mean_token_accuracy")


def _point(entry: Mapping[str, Any]) -> Mapping[str, float]:
    return {name: entry[name] for name in _POINTS if name in entry}


def _metrics(
    trainer: Any,
    backend: Backend,
    samples: int,
    curve: list[Mapping[str, float]],
) -> dict[str, int | float | str | None]:
    def last(name: str) -> float | None:
        values = [point[name] for point in curve if name in point]
        return round(values[-1], 4) if values else None

    args, steps = trainer.args, trainer.state.global_step
    step_samples = args.train_batch_size * args.gradient_accumulation_steps
    rows = trainer.train_dataset["input_ids"]
    seen = rows[: steps * step_samples * args.world_size]
    weights = [each for each in trainer.model.parameters() if each.requires_grad]
    return {
        "samples": samples,
        "samples_seen": len(seen),
        "steps": steps,
        "tokens": sum(map(len, seen)),
        "trainable_parameters": sum(each.numel() for each in weights),
        "train_loss": last("loss"),
        "validation_loss": last("eval_loss"),
        "validation_token_accuracy": last("eval_mean_token_accuracy"),
        "versions": {
            **{name: version(name) for name in LIBRARIES},
            "unsloth": version("unsloth") if backend == "unsloth" else None,
        },
    }
