"""The programs of the project, run in the process of the tests.

A process of its own would import the libraries again, which takes seconds.
"""

import contextlib
import logging
import os
from pathlib import Path
from runpy import run_path
from typing import Any, NamedTuple

import yaml
from click.testing import CliRunner

from diffscribe.core.params import merge_params

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """What subprocess.run would tell of a program."""

    returncode: int
    stdout: str
    stderr: str


def run_script(
    name: str, *arguments: Any, folder: Path = ROOT, **variables: str
) -> Done:
    """Run a script of the folder scripts in a folder."""
    path = ROOT / "scripts" / f"{name}.py"
    return _run(run_path(str(path))["main"], path.name, arguments, folder, variables)


def run_verb(*arguments: Any, folder: Path = ROOT, **variables: str) -> Done:
    """Run a verb of the command diffscribe in a folder."""
    from diffscribe.commands.main import main

    return _run(main, "diffscribe", arguments, folder, variables)


def write_params(folder: Path, **sections: dict[str, Any]) -> None:
    """Write the repository's params into a folder, with these values of sections."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(merge_params(values, sections))
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def without_mlflow(**variables: str) -> dict[str, str]:
    """Return the environment of a program that writes no run."""
    return os.environ | {"DISABLE_MLFLOW_INTEGRATION": "true"} | variables


def _run(
    main: Any, name: str, arguments: Any, folder: Path, variables: dict[str, str]
) -> Done:
    runner = CliRunner(env=without_mlflow(**variables), catch_exceptions=False)
    with contextlib.chdir(folder):
        done = runner.invoke(main, list(map(str, arguments)), prog_name=name)
    logging.getLogger("diffscribe").handlers.clear()  # --verbose adds one
    return Done(done.exit_code, done.stdout, done.stderr)
