"""The key of an endpoint, which stands in the environment and nowhere else."""

import os

from diffscribe.errors import ParamsError


def api_key_from(variable: str | None, setting: str) -> str:
    """Return the key that a variable of the environment holds.

    Args:
        variable: None for an endpoint that wants no key.
        setting: what names the variable, for who has to mend it.

    Raises:
        ParamsError: if the environment has no such variable, or it is empty.
    """
    if variable is None:
        return "none"
    if key := os.environ.get(variable):
        return key
    raise ParamsError(
        f"the environment has no {variable}, which {setting} names; "
        f"export {variable} and run again"
    )
