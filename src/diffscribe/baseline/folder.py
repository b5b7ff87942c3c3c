"""Keep a fitted baseline as JSON and safetensors, which hold nothing that can run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from diffscribe.baseline.features import COLUMNS, Rarity
from diffscribe.baseline.grouping import Grouping, Trees
from diffscribe.baseline.model import Baseline
from diffscribe.baseline.types import SIGNS, TypeModel
from diffscribe.core.errors import SourceError
from diffscribe.core.files import write_json
from diffscribe.core.records import Record

WORDS = "baseline.json"
NUMBERS = "baseline.safetensors"
MAX_DEPTH = 64
OF_NODES = ("column", "limit", "low", "high", "value")
KINDS = {
    **{f"trees.{name}": "int32" for name in ("roots", "column", "low", "high")},
    **{f"trees.{name}": "float64" for name in ("start", "limit", "value")},
    **{f"types.{name}": "float32" for name in ("weights", "bias")},
}
"""The arrays of a baseline and their types."""


class Words(Record):
    """Everything of a baseline that is not an array."""

    columns: tuple[str, ...]
    """The features that the trees ask for, in order."""
    depth: int = Field(ge=0, le=MAX_DEPTH)
    threshold: float = Field(ge=0, le=1)
    files: int = Field(ge=0)
    """The number of training files."""
    counts: dict[str, int]
    """The number of training files with each identifier."""
    types: tuple[str, ...] = Field(min_length=1)
    patterns: tuple[str, ...]


def save(baseline: Baseline, folder: Path) -> None:
    """Write the files of a baseline into an empty folder; equal input, equal bytes."""
    from safetensors.numpy import save_file

    rarity, trees, threshold = baseline.grouping
    words = Words(
        columns=COLUMNS,
        depth=trees.depth,
        threshold=threshold,
        files=rarity.files,
        counts=dict(rarity.counts),
        types=baseline.types.types,
        patterns=baseline.patterns,
    )
    write_json(folder / WORDS, words.model_dump(mode="json"))
    arrays = {
        "trees.start": np.array([trees.start]),
        **{f"trees.{name}": getattr(trees, name) for name in ("roots", *OF_NODES)},
        "types.weights": baseline.types.weights,
        "types.bias": baseline.types.bias,
    }
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / NUMBERS)


def load(folder: Path) -> Baseline:
    """Return what `save` wrote.

    Raises:
        SourceError: if files are missing, damaged, or do not fit each other or
            this version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        words = Words.model_validate_json((folder / WORDS).read_bytes())
        arrays = load_file(folder / NUMBERS)
        _check(words, arrays)
    except (OSError, SafetensorError, ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{folder} cannot be loaded: {reason}; run the stage baseline again"
        ) from error
    trees = Trees(
        start=float(arrays["trees.start"][0]),
        depth=words.depth,
        **{name: arrays[f"trees.{name}"] for name in ("roots", *OF_NODES)},
    )
    return Baseline(
        Grouping(Rarity(words.files, words.counts), trees, words.threshold),
        TypeModel(words.types, arrays["types.weights"], arrays["types.bias"]),
        words.patterns,
    )


def _check(words: Words, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays that would be read beyond their end, or mean something else.

    Raises:
        ValueError: with the array and what is wrong with it.
    """
    kinds = {name: str(each.dtype) for name, each in arrays.items()}
    if kinds != KINDS:
        raise ValueError(f"its arrays are {kinds}, not {KINDS}")
    if words.columns != COLUMNS:
        raise ValueError("its trees ask for other features than this version has")
    nodes, types = arrays["trees.value"].size, len(words.types)
    shapes = {
        "trees.start": (1,),
        "trees.roots": (arrays["trees.roots"].size,),
        **dict.fromkeys((f"trees.{name}" for name in OF_NODES), (nodes,)),
        "types.weights": (SIGNS, types),
        "types.bias": (types,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, not {shape}")
    for name in ("roots", "low", "high", "column"):
        limit = len(COLUMNS) if name == "column" else nodes
        numbers = arrays[f"trees.{name}"]
        if np.any((numbers < 0) | (numbers >= limit)):
            raise ValueError(f"trees.{name} holds numbers outside 0 to {limit - 1}")
