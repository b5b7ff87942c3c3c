"""The section `style` of params."""

from pathlib import Path

from diffscribe.core.params import StyleParams, load_params

STYLE = load_params(Path(__file__).parents[2] / "params.yaml").style.model_copy(
    update={"body": "optional"}
)
"""That of the default pipeline, but that messages may have bodies."""


def style(**fields) -> StyleParams:
    """Return that style, but for the fields."""
    return STYLE.model_copy(update=fields)
