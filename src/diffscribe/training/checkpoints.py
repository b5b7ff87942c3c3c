"""Where a training run keeps what it needs to go on after a kill."""

import hashlib
import shutil
from pathlib import Path

from diffscribe.params import TrainParams

FOLDER = Path(".cache/train")

COMPLETE = ".complete"
"""Marks a checkpoint whose last byte is written."""


def checkpoint_folder(sft: Path, base: Path, params: TrainParams) -> Path:
    """Return the folder for the checkpoints of exactly this run.

    Its name is a digest of the params and of every input file, so that other
    inputs never resume from it. It lies outside of the stage's outputs, which
    DVC removes before a run.
    """
    digest = hashlib.sha256(params.model_dump_json().encode())
    for folder in (sft, base):
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return FOLDER / digest.hexdigest()[:16]


def mark_complete(checkpoints: Path) -> None:
    """Say of the newest checkpoint that it is whole."""
    from transformers.trainer_utils import get_last_checkpoint

    newest = get_last_checkpoint(str(checkpoints))
    if newest is not None:
        (Path(newest) / COMPLETE).touch()


def newest_checkpoint(checkpoints: Path) -> str | None:
    """Return the newest complete checkpoint, after removing the others' debris."""
    from transformers.trainer_utils import get_last_checkpoint

    for checkpoint in checkpoints.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE).exists():
            shutil.rmtree(checkpoint)
    newest: str | None = (
        get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    )
    return newest
