"""The verb `train`: the pipeline as one experiment, with a profile over params.yaml."""

import importlib.util
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from diffscribe.core.cli import Command
from diffscribe.core.errors import InputError, ParamsError, ToolError
from diffscribe.core.params import (
    WITHOUT_KEY,
    Params,
    load_params,
    may_hold_key,
    merge_params,
    merge_sources,
    parse_params,
    read_yaml,
)

PARAMS = Path("params.yaml")
PROFILES = Path("profiles")

logger = logging.getLogger(__name__)


def load_profile(name: str) -> dict[str, Any]:
    """Return the overrides of a profile, those of what it extends included.

    `extends: gpu` at the top of a profile lays it over profiles/gpu.yaml.

    Raises:
        InputError: if no profile has the name.
        ParamsError: if a key or value does not fit params.yaml.
    """
    overrides = _extended(name, ())
    values = merge_sources(read_yaml(PARAMS), overrides)
    parse_params(values, PROFILES / f"{name}.yaml")
    if "sources" in overrides.get("harvest", {}):
        return merge_params(
            overrides, {"harvest": {"sources": values["harvest"]["sources"]}}
        )
    return overrides


def profile_params(name: str) -> Params:
    """Return params.yaml with a profile laid over it; fails as `load_profile` does."""
    values = merge_sources(read_yaml(PARAMS), _extended(name, ()))
    return parse_params(values, PROFILES / f"{name}.yaml")


def _extended(name: str, below: tuple[str, ...]) -> dict[str, Any]:
    known = {path.stem: path for path in sorted(PROFILES.glob("*.yaml"))}
    if name not in known:
        raise InputError(
            f"no profile '{name}' in {PROFILES}/; name one of {', '.join(known)}"
        )
    if name in below:
        raise ParamsError(
            f"{known[name]}: extends itself through {' and '.join(below)}; end that"
        )
    logger.info("profile %s", known[name])
    overrides = dict(read_yaml(known[name]) or {})
    base = overrides.pop("extends", None)
    if base is None:
        return overrides
    return merge_sources(_extended(str(base), (*below, name)), overrides)


def set_params(overrides: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield each leaf as what `dvc exp run -S` takes, `++` for keys that may be new."""
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            yield from set_params(value, f"{above}{key}.")
        else:
            yield f"++{above}{key}={_hydra(value)}"


def _hydra(value: Any) -> str:
    """Return a value in Hydra's grammar, where only quoted text stays text."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_hydra(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(_hydra(each) for each in value)}]"
    if isinstance(value, str):
        # A backslash counts as one, but before a quote it has to be doubled.
        doubled = re.sub(r"(?<!\\)\\+(?='|$)", lambda found: found[0] * 2, value)
        return "'" + doubled.replace("'", "\\'") + "'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.option("--profile", default="", help="A file of profiles/, without its suffix.")
@click.argument("dvc_arguments", nargs=-1, type=click.UNPROCESSED)
def train_command(profile: str, dvc_arguments: tuple[str, ...]) -> None:
    """Run the pipeline as an experiment, with a profile laid over params.yaml.

    Without a profile params.yaml runs as it stands. DVC_ARGUMENTS, such as --queue
    or -n NAME, go to `dvc exp run`.
    """
    if any(map(may_hold_key, dvc_arguments)):
        # DVC would write it to params.yaml, and with --queue into a commit.
        raise click.UsageError(f"what DVC is told {WITHOUT_KEY}")
    if any("harvest.sources" in each for each in dvc_arguments) and any(
        source.private for source in load_params(PARAMS).harvest.sources
    ):
        raise click.UsageError(
            "harvest.sources of params.yaml marks what is private, and -S would take "
            "that away; name other sources in a profile, which keeps it"
        )
    settings = list(set_params(load_profile(profile))) if profile else []
    for setting in settings:
        logger.info("%s", setting)
    options = [f"--set-param={each}" for each in settings]
    become_dvc("exp", "run", *options, *dvc_arguments)


def become_dvc(*arguments: str) -> NoReturn:
    """Replace this process by DVC, which ends as the command does.

    Raises:
        ToolError: if DVC is not installed.
    """
    if importlib.util.find_spec("dvc") is None:
        raise ToolError("DVC is not installed; run 'make setup'")
    os.execv(sys.executable, [sys.executable, "-m", "dvc", *arguments])  # noqa: S606
