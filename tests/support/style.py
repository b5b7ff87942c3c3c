"""The section `style` of params."""

from pathlib import Path

from diffscribe.core.params import StyleParams, load_params

STYLE = load_params(Path(__file__).parents[2] / "params.yaml").style
"""That of the default pipeline."""


def style(**fields) -> StyleParams:
    """Return the default style, but for the fields."""
    return STYLE.model_copy(update=fields)
