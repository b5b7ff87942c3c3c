"""What comes with diffscribe: the baseline, the prompts, the params of its model.

They lie beside the packages, as links in a checkout and as copies in a wheel. The
model's own files are not among them: `diffscribe model install` brings them.
"""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from diffscribe.core.errors import SourceError
from diffscribe.core.files import user_folder
from diffscribe.core.records import Record

if TYPE_CHECKING:
    from diffscribe.core.params import RenderParams, StyleParams

SHIPPED = Path(__file__).parents[1] / "shipped"
ADAPTER = SHIPPED / "diffscribe-135m"
BASELINE = ADAPTER / "baseline"
PROMPTS = SHIPPED / "prompts"
NAME = "diffscribe-135m"


class InstalledModel(Record):
    """The model as `diffscribe model install` wrote it."""

    model: Path
    """The GGUF of the base with the adapter in it."""
    adapter_sha256: str
    """Of that adapter."""


class LearnedParams(NamedTuple):
    """The params with which the shipped model was trained, and has to be asked."""

    render: "RenderParams"
    style: "StyleParams"


def manifest() -> Path:
    """Return the file that tells what is installed."""
    return user_folder() / NAME / "model.json"


def installed_model() -> InstalledModel | None:
    """Return what is installed, or None; files that are gone count as not installed.

    Raises:
        SourceError: if the manifest cannot be read.
    """
    path = manifest()
    try:
        found = InstalledModel.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise SourceError(
            f"{path} cannot be read; run 'diffscribe model install' again"
        ) from error
    return found if found.model.is_file() else None


def required_model() -> InstalledModel:
    """Return what is installed.

    Raises:
        SourceError: if nothing is, or the manifest cannot be read.
    """
    installed = installed_model()
    if installed is None:
        raise SourceError("no model is installed; run 'diffscribe model install'")
    return installed


def shipped_sha256() -> str:
    """Return the digest of the adapter that comes with this version."""
    digest: str = _results()["files"]["adapter_model.safetensors"]["sha256"]
    return digest


@cache
def learned_params() -> LearnedParams:
    """Return the params that the shipped model knows."""
    from diffscribe.core.params import RenderParams, StyleParams

    params = _results()["params"]
    return LearnedParams(
        RenderParams.model_validate(params["render"]),
        StyleParams.model_validate(params["style"]),
    )


@cache
def _results() -> dict[str, Any]:
    results: dict[str, Any] = json.loads((ADAPTER / "results.json").read_bytes())
    return results
