"""Write the code that each stage really imports into the deps of dvc.yaml.

Usage: python tools/dvc_deps.py    (or: make deps)
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

ROOT = Path(__file__).resolve().parents[1]
PLUMBING = {
    f"core/{name}" for name in ("cli", "errors", "interrupt", "params", "tracking")
}
"""Modules of src/diffscribe that cannot change a byte of an output."""
CODE = (".py", ".css", ".html", ".js")


def main() -> None:
    """Rewrite dvc.yaml in place; paths of data stay as and where they are."""
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    path = ROOT / "dvc.yaml"
    pipeline = yaml.load(path)
    for name, stage in pipeline["stages"].items():
        _set_deps(stage, [*data_deps(stage), *code_deps(script(name))])
    yaml.dump(pipeline, path)


def script(stage: str) -> Path:
    """Return the script of a stage."""
    return ROOT / "scripts" / f"{stage.replace('-', '_')}.py"


def data_deps(stage: CommentedMap) -> list[str]:
    """Return the deps of a stage that are not code."""
    return [dep for dep in stage.get("deps", []) if not dep.endswith(CODE)]


def code_deps(path: Path) -> list[str]:
    """Return a script and what it imports, sorted, relative to the repository.

    A page's module brings the style and the script of its name beside it.
    """
    files = {path} | imported(path)
    plumbing = {ROOT / "src" / "diffscribe" / f"{name}.py" for name in PLUMBING}
    beside = (file.with_suffix(suffix) for file in files for suffix in CODE)
    code = {file for file in beside if file.is_file()} - plumbing
    return sorted(str(file.relative_to(ROOT)) for file in code)


def imported(path: Path, seen: frozenset[Path] = frozenset()) -> set[Path]:
    """Return the files of src that a file imports, directly or through others.

    Imports inside functions count: they run too.
    """
    files: set[Path] = set()
    for file in imports(path):
        if file not in seen | files:
            files |= {file} | imported(file, seen | files | {file})
    return files


def imports(path: Path) -> Iterator[Path]:
    """Yield the files of src that a file names in its own import statements."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            for module in (node.module, *inside):
                file = ROOT.joinpath("src", *module.split(".")).with_suffix(".py")
                if file.is_file():
                    yield file


def _set_deps(stage: CommentedMap, deps: list[str]) -> None:
    """Give a stage one dep a line, right below its cmd."""
    stage.pop("deps", None)
    stage.insert(list(stage).index("cmd") + 1, "deps", CommentedSeq(deps))


if __name__ == "__main__":
    main()
