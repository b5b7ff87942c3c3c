"""Which modules of the house import which, read from their source.

All imports count: those at the top of a module, inside functions, under
TYPE_CHECKING, relative ones, and module names in strings for lazy loading.
"""

import ast


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
