"""Which modules of the house import which, and what a program imports as it runs.

In their source all imports count: those at the top of a module, inside functions, under
TYPE_CHECKING, relative ones, and module names in strings for lazy loading.
"""

import ast
import subprocess
import sys

LIGHT = {
    *("annotated_types", "click", "diffscribe", "orjson", "pathspec", "pydantic"),
    *("pydantic_core", "re2", "tabulate", "typing_extensions", "typing_inspection"),
    *("wcwidth", "yaml"),
}
"""What a program may import to answer --help."""


def modules(root):
    """Return the files of src and scripts by name: `eval.ask`, `scripts.eval`."""
    source = root / "src" / "diffscribe"
    found = {
        ".".join(path.relative_to(source).with_suffix("").parts): path
        for path in source.rglob("*.py")
    }
    return found | {f"scripts.{path.stem}": path for path in root.glob("scripts/*.py")}


def imported(name, path):
    """Yield every dotted name that a module imports, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ["diffscribe", *name.split(".")][: -node.level or None]
            parts = [*(above if node.level else []), *filter(None, [node.module])]
            yield ".".join(parts)
            yield from (".".join([*parts, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Constant) and str(node.value).startswith(
            "diffscribe."
        ):
            yield str(node.value)


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
import runpy, sys
before = {*sys.modules}
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    # What extensions of C make up has no spec.
    names = {
        name.partition(".")[0]
        for name in {*sys.modules} - before
        if getattr(sys.modules[name], "__spec__", None)
    }
    print(*names - sys.stdlib_module_names, file=sys.stderr)
"""


def helped(path, *arguments):
    """Return what a program says to --help, and the packages that it imported."""
    program = f"import sys; sys.argv = {[str(path), *arguments, '--help']}\n{HELP}"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = done.stderr.split()
    return done.stdout, {name for name in names if not name.startswith("_")}
