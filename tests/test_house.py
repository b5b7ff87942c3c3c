"""The rules of the house: which package may import which, and what goes outside."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.imports import house_of, imported, modules, reached

ROOT = Path(__file__).parents[1]

SHARED = {"core", "commits", "secrets", "doors", "asking"}
STAGES = {
    *("harvest", "label", "curate", "split", "baseline"),
    *("base", "render", "train", "merge_quantize", "eval"),
}
PIPELINES = {"tool_calls", "success_memory"}
"""Those that learn from logs: packages with their stages inside."""
ALLOWED = {
    "core": set(),
    "secrets": {"core"},
    "commits": {"core"},
    "doors": {"core", "secrets", "commits", "memory"},
    "asking": {"core", "commits", "secrets", "doors"},
    **dict.fromkeys(STAGES, SHARED),
    "logs": SHARED | {"memory"},
    **dict.fromkeys(PIPELINES, SHARED | {"logs", "base", "train", "merge_quantize"}),
    "success_memory": SHARED | {"logs", "base", "train", "merge_quantize", "memory"},
    "review": SHARED | {"label", "eval", "logs"},
    "propose": SHARED | {"baseline", "eval"},
    "commands": SHARED | STAGES | PIPELINES | {"logs", "memory", "review", "propose"},
}
"""The packages of ours that a package may import besides itself."""

DOORS = {
    "aiohttp": ("doors/",),
    "dvc": ("commands/",),
    "httpx": ("doors/",),
    "httpx2": ("doors/",),
    "mlflow": ("core/tracking.py",),
    "openai": ("doors/",),
    "peft": ("doors/adapter.py", "train/"),
    "pygit2": ("doors/",),
    "subprocess": ("doors/",),
    "torch": ("doors/adapter.py", "doors/torch_runtime.py", "base/", "train/"),
    "transformers": ("doors/", "base/", "train/"),
    "trl": ("train/",),
    "unsloth": ("doors/torch_runtime.py", "train/"),
}
"""The only places that may import what leads outside; llama.cpp's programs are
started through subprocess."""

OF_ONE_IMPORTER = {
    "baseline.messages": "the model that types commits and words them",
    "commits.answer_grammar": "GBNF of exactly the valid plans of a change",
    "core.engine": "the pool of processes, for any stage that cuts its work into jobs",
    "doors.package_index": "a pinned file out of a wheel, of which nothing is run",
    "doors.server_watch": "the process that ends a llama-server nobody asks",
    "harvest.context": "patterns of .gitignore and the license at a commit",
    "harvest.rows": "the rows of a run of commits, with git's own diffs",
    "propose.wording": "what asks a model, which a plan without one does not load",
    "review.flags": "what a reader of a label should look at",
    "train.seq2seq": "training of models with an encoder, such as T5",
    "tool_calls.match": "calls of tools compared by rule, none of them run",
    "split.junk": "variants of a change with junk files",
}
"""What each module is that only one other imports. A script imports the entry of its
stage, a command that of its verb or page; these are not among them."""

BROKEN_BEFORE = {
    "Eval->Label": ("eval", "label"),
    "Eval->Data": ("eval", "curate"),
    "Eval->Harvest": ("eval", "harvest"),
    "Gate->Eval": ("label", "eval"),
    "Label->Gate": ("label", "review"),
    "Label->Data": ("label", "split"),
    "Data->Harvest": ("split", "harvest"),
    "Train->Gguf": ("train", "merge_quantize"),
}
"""Directions that an earlier layout broke, by their names there, in packages of now."""

SPELLINGS = {
    "top": "from diffscribe.{to}.planted import thing\n",
    "module": "import diffscribe.{to}.planted\n",
    "package": "from diffscribe.{to} import planted\n",
    "relative": "from ..{to}.planted import thing\n",
    "function": "def f():\n    from diffscribe.{to}.planted import thing\n",
    "types": "if TYPE_CHECKING:\n    from diffscribe.{to}.planted import thing\n",
    "string": "name = 'diffscribe.{to}.planted'\n",
}


def package(name):
    """Return what a module belongs to; a script stands for itself."""
    return name if name.startswith("scripts.") else name.partition(".")[0]


def owner(script):
    """Return the stage of a script, or its pipeline: `eval`, `tool_calls`."""
    return script.split(".")[1]


def broken_arrows(root):
    """Return pairs of packages, the first of which must not import the second."""
    return {
        (package(name), package(target))
        for name, targets in house_of(root).items()
        if not name.startswith("scripts.") or owner(name) in STAGES | PIPELINES
        for target in targets
        if package(target) != package(name) and package(target) not in may(name)
    }


def may(name):
    """Return what a module may import; a script joins its stage with the pages."""
    if name.startswith("scripts."):
        logs = {"logs"} if owner(name) in PIPELINES else set()
        return SHARED | logs | {owner(name), "review"}
    return ALLOWED[package(name)]


def circles(root):
    """Return the modules that import themselves through others."""
    house = house_of(root)
    return {name for name in house if name in reached(house, name)}


def wrong_doors(root):
    """Return pairs of a file and what it must not import."""
    source = root / "src" / "diffscribe"
    return {
        (file, library)
        for name, path in modules(root).items()
        if path.is_relative_to(source)
        for library in {full.split(".")[0] for full in imported(name, path)}
        if library in DOORS
        and not (file := path.relative_to(source).as_posix()).startswith(DOORS[library])
    }


DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def names_of(root):
    """Return the modules in which each public function or class is defined."""
    found = defaultdict(list)
    for name, path in modules(root).items():
        if not name.startswith("scripts."):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, DEFINITION):
                    found[node.name].append(name)
    return {name: at for name, at in found.items() if not name.startswith("_")}


def imported_once(root):
    """Return the modules with one importer, which is no script and no command."""
    importers = defaultdict(set)
    for name, targets in house_of(root).items():
        for target in targets:
            importers[target].add(name)
    return {
        name
        for name, (first, *more) in importers.items()
        if not more and not first.startswith(("scripts.", "commands."))
    }


def test_a_public_name_stands_in_one_module():
    assert {name: at for name, at in names_of(ROOT).items() if len(at) > 1} == {}


def test_few_modules_have_one_importer_and_each_is_a_thing_of_its_own():
    assert imported_once(ROOT) == set(OF_ONE_IMPORTER)
    assert len(OF_ONE_IMPORTER) <= 12


def test_packages_import_only_what_they_may():
    assert broken_arrows(ROOT) == set()


def test_what_leads_outside_has_one_door():
    assert wrong_doors(ROOT) == set()


def test_no_module_imports_itself_through_others():
    assert circles(ROOT) == set()


def test_every_package_is_in_the_table():
    folders = {path.parent.name for path in ROOT.glob("src/diffscribe/*/__init__.py")}
    assert folders == set(ALLOWED)


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("src/**/__init__.py")), ids=lambda path: path.parent.name
)
def test_packages_hold_a_docstring_and_nothing_else(path):
    body = ast.parse(path.read_text()).body
    assert [type(node) for node in body] == [ast.Expr]


@pytest.fixture
def house(tmp_path):
    """A house without a fault: each package holds two modules, the stages a script."""
    (tmp_path / "scripts").mkdir()
    for name, targets in ALLOWED.items():
        folder = tmp_path / "src" / "diffscribe" / name
        folder.mkdir(parents=True)
        (folder / "planted.py").write_text("thing = 1\n")
        lines = [f"from diffscribe.{each}.planted import thing" for each in targets]
        (folder / "user.py").write_text("\n".join(lines))
        if name in STAGES:
            text = f"from diffscribe.{name}.user import *\n"
            (tmp_path / "scripts" / f"{name}.py").write_text(text)
    return tmp_path


def plant(house, file, text):
    """Add a line to a module of the invented house."""
    path = house / file
    path.write_text(path.read_text() + "\n" + text)


def test_guard_is_silent_where_nothing_is_wrong(house):
    assert broken_arrows(house) == wrong_doors(house) == circles(house) == set()


@pytest.mark.parametrize("direction", BROKEN_BEFORE)
def test_guard_sees_each_direction_that_was_broken(house, direction):
    origin, to = BROKEN_BEFORE[direction]
    path = house / f"src/diffscribe/{origin}/user.py"
    before = path.read_text()
    for spelling in SPELLINGS.values():
        path.write_text(f"{before}\n{spelling.format(to=to)}")
        assert broken_arrows(house) == {(origin, to)}, spelling


def test_guard_sees_a_script_that_joins_two_stages(house):
    plant(house, "scripts/eval.py", "from diffscribe.review.planted import thing\n")
    assert broken_arrows(house) == set()
    plant(house, "scripts/eval.py", "from diffscribe.split.planted import thing\n")
    assert broken_arrows(house) == {("scripts.eval", "split")}


@pytest.mark.parametrize("spelling", ["top", "function", "types"])
def test_guard_sees_a_circle_of_modules(house, spelling):
    text = SPELLINGS[spelling].format(to="label").replace("planted", "user")
    plant(house, "src/diffscribe/label/planted.py", text)
    assert circles(house) == set()
    plant(house, "src/diffscribe/label/user.py", "from .planted import thing\n")
    assert circles(house) == {"label.planted", "label.user"}


@pytest.mark.parametrize("library", DOORS)
def test_guard_sees_a_way_around_a_door(house, library):
    plant(house, "src/diffscribe/curate/user.py", f"def f():\n    import {library}.x\n")
    assert wrong_doors(house) == {("curate/user.py", library)}
