"""Which modules of the house import which, and what a program imports as it runs.

In their source all imports count: those at the top of a module, inside functions, under
TYPE_CHECKING, relative ones, and module names in strings for lazy loading.
"""

import ast
import json
import subprocess
import sys
from functools import cache

LIGHT = {
    *("annotated_types", "click", "diffscribe", "orjson", "pathspec", "pydantic"),
    *("pydantic_core", "re2", "tabulate", "typing_extensions", "typing_inspection"),
    *("wcwidth", "yaml"),
}
"""What a program may import to answer --help."""


def modules(root):
    """Return the files of src and scripts by name: `eval.ask`, `scripts.eval`.

    Those of other pipelines have their names before: `scripts.tool_calls.eval`.
    """
    source = root / "src" / "diffscribe"
    found = {
        ".".join(path.relative_to(source).with_suffix("").parts): path
        for path in source.rglob("*.py")
    }
    found |= {f"scripts.{path.stem}": path for path in root.glob("scripts/*.py")}
    return found | {
        f"scripts.{path.parts[-3]}.{path.stem}": path
        for path in root.glob("pipelines/*/scripts/*.py")
    }


def imported(name, path):
    """Return every dotted name that a module imports, in full."""
    return _imported(name, path.read_text())


@cache
def _imported(name, text):
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ["diffscribe", *name.split(".")][: -node.level or None]
            parts = [*(above if node.level else []), *filter(None, [node.module])]
            found.add(".".join(parts))
            found.update(".".join([*parts, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Constant) and str(node.value).startswith(
            "diffscribe."
        ):
            found.add(str(node.value))
    return found


def house_of(root):
    """Return the modules of the house that each module imports."""
    known = modules(root)
    return {
        name: {
            inside
            for full in imported(name, path)
            if (inside := full.removeprefix("diffscribe.")) in known
        }
        - {name}
        for name, path in known.items()
    }


def reached(house, start):
    """Return the modules that a module imports, also through others."""
    seen, waiting = set(), [start]
    while waiting:
        for target in house[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return seen


HELP = """
import contextlib, io, json, runpy, sys
said = []
for sys.argv in json.loads(sys.argv[1]):
    before, shown = {*sys.modules}, io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        runpy.run_path(sys.argv[0], run_name="__main__")
    # What extensions of C make up has no spec.
    names = {
        name.partition(".")[0]
        for name in {*sys.modules} - before
        if getattr(sys.modules[name], "__spec__", None)
    }
    said.append((shown.getvalue(), sorted(names - sys.stdlib_module_names)))
print(json.dumps(said))
"""


def helped(*programs):
    """Return what each program says to --help, and the packages that it imported.

    All run in one process, so what several import is counted for the first of them.
    """
    asked = json.dumps([[*map(str, program), "--help"] for program in programs])
    command = [sys.executable, "-c", HELP, asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [
        (shown, {name for name in names if not name.startswith("_")})
        for shown, names in json.loads(done.stdout)
    ]
