"""Profiles: overrides of params.yaml that become one `dvc exp run`.

Usage: python -m diffscribe.commands.profile NAME [DVC_ARGUMENTS...]
"""

from diffscribe.core.cli import Stage

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from diffscribe.core.errors import ParamsError
from diffscribe.core.params import merge_params, parse_params

PARAMS = Path("params.yaml")
PROFILES = Path("profiles")


def load_profile(name: str) -> dict[str, Any]:
    """Return the overrides of a profile that fits params.yaml.

    Raises:
        ParamsError: if no profile has the name, or a key or value does not fit.
    """
    known = {path.stem: path for path in sorted(PROFILES.glob("*.yaml"))}
    if name not in known:
        problem = f"no profile '{name}'" if name else "name a profile"
        raise ParamsError(
            f"{problem}: make train PROFILE=..., one of {', '.join(known)}"
        )
    path = known[name]
    overrides = yaml.safe_load(path.read_text(encoding="utf-8"))
    values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    parse_params(merge_params(values, overrides), path)
    return dict(overrides)


def set_params(overrides: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield each leaf as the `key=value` that `dvc exp run -S` takes."""
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            yield from set_params(value, f"{above}{key}.")
        else:
            yield f"{above}{key}={_hydra(value)}"


def _hydra(value: Any) -> str:
    """Return a value in Hydra's grammar, where only quoted text stays text."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_hydra(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(_hydra(each) for each in value)}]"
    if isinstance(value, str):
        return "'" + value.replace("'", "\\'") + "'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


@click.command(cls=Stage, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("dvc_arguments", nargs=-1)
def main(name: str, dvc_arguments: tuple[str, ...]) -> None:
    """Run profile NAME as an experiment; DVC_ARGUMENTS go to `dvc exp run`."""
    settings = [f"--set-param={each}" for each in set_params(load_profile(name))]
    os.execvp("dvc", ["dvc", "exp", "run", *settings, *dvc_arguments])  # noqa: S606


if __name__ == "__main__":
    main()
