"""Where a training run keeps what it needs to go on after a kill."""

import hashlib
from pathlib import Path

from diffscribe.params import TrainParams

FOLDER = Path(".cache/train")


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
