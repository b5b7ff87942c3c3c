"""The command group: its table, lazy loading, --verbose and one-line failures."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.support.imports import LIGHT, helped

from diffscribe.commands.main import VERBS, main
from diffscribe.core.cli import Command

ROOT = Path(__file__).parents[2]


def command_of(verb):
    word = verb.replace("-", "_")
    module = importlib.import_module(f"diffscribe.commands.{word}")
    return getattr(module, f"{word}_command")


@pytest.mark.parametrize(("verb", "words"), VERBS.items())
def test_each_verb_is_a_module_whose_help_begins_as_the_table_says(verb, words):
    assert command_of(verb).get_short_help_str(limit=200) == words


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_verbose_on_demand(verb):
    command = command_of(verb)
    for each in (command, *getattr(command, "commands", {}).values()):
        assert isinstance(each, Command), each.name
        assert "--verbose" in each.get_help(click.Context(each)), each.name


def test_help_lists_the_verbs():
    shown = CliRunner().invoke(main, ["--help"]).stdout
    assert re.findall(r"^  ([a-z][a-z-]*)  ", shown, re.MULTILINE) == list(VERBS)


def test_help_of_a_verb_imports_little():
    main = ROOT / "src/diffscribe/commands/main.py"
    said = helped([main], *([main, verb] for verb in VERBS))
    for verb, (shown, imported) in zip(["", *VERBS], said, strict=True):
        assert "Usage:" in shown, verb
        assert imported <= LIGHT, verb


def test_a_mistyped_verb_is_told_from_the_one_that_was_meant():
    done = CliRunner().invoke(main, ["forgt"])
    assert done.exit_code == 2
    assert "No such command 'forgt'. Did you mean 'forget'?" in done.stderr


@pytest.fixture
def without(tmp_path):
    """A function that runs the command where some packages are not installed."""

    def run(packages, *arguments):
        (tmp_path / "sitecustomize.py").write_text(
            "import sys\n"
            "class Missing:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name.split('.')[0] in {packages!r}:\n"
            "            raise ModuleNotFoundError(name, name=name)\n"
            "sys.meta_path.insert(0, Missing())\n"
        )
        paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
        return subprocess.run(
            [sys.executable, "-m", "diffscribe.commands.main", *arguments],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
        )

    return run


def test_a_package_that_is_not_installed_is_one_line(without):
    done = without(("yaml",), "train")
    assert done.returncode == 69
    assert done.stderr == (
        "diffscribe: the package yaml is not installed; run 'make setup', or "
        "pip install 'diffscribe[train]'\n"
    )


def test_what_help_may_import_is_in_the_light_install():
    """What `pip install .` leaves out is in the extra train alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    heavy = {
        re.match(r"[\w-]+", each)[0]
        for each in project["optional-dependencies"]["train"]
    }
    assert {"torch", "dvc", "mlflow"} <= heavy
    provided = packages_distributions()
    names = {name for module in LIGHT for name in provided.get(module, [])}
    assert {"pyyaml", "tabulate"} <= {name.lower() for name in names}
    assert not heavy & names
