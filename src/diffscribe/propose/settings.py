"""Who words the commits, and how: what git's configuration says."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError

from diffscribe.core.errors import ParamsError
from diffscribe.core.records import Record
from diffscribe.propose.house_style import HouseStyle

NO_MODEL = "none"


class Settings(Record):
    """Who words the commits, and how."""

    model: str = ""
    """Empty is what `diffscribe model install` installed; or `none`, a GGUF file, or a
    model at an OpenAI-compatible endpoint, as URL#MODEL."""
    adapter: str = ""
    """A GGUF LoRA file to lay over a GGUF file."""
    api_key_variable: str | None = None
    """The environment variable with the key of an endpoint."""
    prompt: Literal["auto", "student", "full"] = "auto"
    """What is asked: as the shipped model was trained, or as any model understands it;
    auto is the former of GGUF files and the latter of endpoints."""
    intent: str = ""
    """What the author says about the change; only the full prompt has room for it."""
    house: HouseStyle = HouseStyle()
    timeout_s: float = 60.0
    """For all messages together; what is not worded by then is generated."""
    candidates: int = Field(default=8, ge=1, le=32)
    """How many messages a GGUF is asked for at a commit; the one that the others agree
    with is kept."""


def read_settings(
    config: Mapping[str, str], house: HouseStyle, intent: str = ""
) -> Settings:
    """Return the settings that git's configuration names.

    Args:
        config: with names in lower case: `diffscribe.model`, `diffscribe.adapter`,
            `diffscribe.apikeyvariable`, `diffscribe.candidates`, `diffscribe.prompt`,
            `diffscribe.timeout`.
        house: the style of the repository.
        intent: what the author says about the change.

    Raises:
        ParamsError: naming a value that does not fit.
    """
    names = {
        "model": "model",
        "adapter": "adapter",
        "api_key_variable": "apikeyvariable",
        "prompt": "prompt",
        "timeout_s": "timeout",
        "candidates": "candidates",
    }
    keys = {name: f"diffscribe.{key}" for name, key in names.items()}
    found = {name: config[key] for name, key in keys.items() if key in config}
    try:
        settings = Settings.model_validate(found | {"house": house, "intent": intent})
        if settings.api_key_variable is not None:
            from diffscribe.core.params import check_variable

            check_variable(settings.api_key_variable)
        if "://" in settings.model:
            address_of(settings)
    except ValidationError as error:
        at = keys[str(error.errors()[0]["loc"][0])]
        raise ParamsError(f"{at}: {error.errors()[0]['msg']}") from error
    except ValueError as error:
        raise ParamsError(f"diffscribe.apiKeyVariable {error}") from error
    return settings


def address_of(settings: Settings) -> tuple[str, str]:
    """Return the address and the model of URL#MODEL.

    Raises:
        ParamsError: if it is none; what may hold a key is not repeated.
    """
    from diffscribe.core.params import check_address

    address, _, name = settings.model.partition("#")
    try:
        check_address(address)
    except ValueError as error:
        raise ParamsError(f"diffscribe.model: the URL {error}") from error
    if not name:
        raise ParamsError(f"diffscribe.model: add the model, as {address}#MODEL")
    return address, name
