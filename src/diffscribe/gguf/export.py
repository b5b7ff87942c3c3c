"""Ship a model as GGUFs of several types, and say what they hold."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

from diffscribe.gguf.convert import convert
from diffscribe.gguf.quantize import Contents, contents, quantize
from diffscribe.params import QuantizationType

NOTHING = Contents(size_bytes=0, parameters=0, fallback_tensors=0)


def export(
    model: Path, name: str, kinds: Iterable[QuantizationType], folder: Path
) -> dict[QuantizationType, Contents]:
    """Write `<name>-<kind>.gguf` of each kind and return what they hold.

    Args:
        model: a transformers folder.
        name: of the files, and of the model inside of them.
        kinds: the f16 that the others are made of is kept only if listed.
        folder: where the files go.
    """
    f16 = folder / f"{name}-f16.gguf"
    convert(model, f16, f"diffscribe {name}")
    exported = {}
    for kind in dict.fromkeys(kinds):
        path = folder / f"{name}-{kind}.gguf"
        if path != f16:
            quantize(f16, path, kind)
        exported[kind] = contents(path, kind)
    if "f16" not in exported:
        f16.unlink()
    return exported


def export_metrics(
    exported: Mapping[QuantizationType, Contents],
) -> dict[QuantizationType, dict[str, int]]:
    """Return what the files hold by type; all zeros for a type not exported."""
    return {
        kind: exported.get(kind, NOTHING)._asdict()
        for kind in get_args(QuantizationType)
    }
