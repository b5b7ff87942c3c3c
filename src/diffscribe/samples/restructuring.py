"""Edits that restructure: split, rename or remove functions and modules."""

import re
from random import Random

from diffscribe.samples.edits import Edit, spelled
from diffscribe.samples.project import (
    Function,
    Module,
    Project,
    about,
    with_function,
    with_module,
)


def extract(project: Project, module: Module, rng: Random) -> Edit | None:
    """Move the condition of a loop into a function of its own."""
    pattern = re.compile(r"\n {8}if (\w+) (<=|>=|<|>) (limit|wanted):\n")
    names = {each.name for each in module.functions}
    for function in rng.sample(module.functions, len(module.functions)):
        match = pattern.search(function.source)
        if match is None:
            continue
        left, operator, right = match.groups()
        word = {"<": "below", "<=": "within", ">": "above", ">=": "reaches"}[operator]
        name = f"{function.noun}_{word}_{right}"
        if name in names:
            continue
        part = Function(
            name,
            function.noun,
            None,
            f"def {name}({left}: int, {right}: int) -> bool:\n"
            f"    return {left} {operator} {right}\n",
            about(f"Compare a @ with the {right}.", function.noun),
            (),
            False,
            "",
        )
        condition = f"\n        if {name}({left}, {right}):\n"
        source = function.source.replace(match[0], condition)
        changed = with_function(module, function, function._replace(source=source))
        at = [each.name for each in changed.functions].index(function.name)
        functions = (*changed.functions[:at], part, *changed.functions[at:])
        part_name, caller = spelled(part, project), spelled(function, project)
        return Edit(
            "refactor",
            module.name,
            rng.choice([f"extract {part_name} from {caller}", f"extract {part_name}"]),
            with_module(project, changed._replace(functions=functions)),
            f"The condition of {caller} has a name now.",
        )
    return None


def rename_function(project: Project, module: Module, rng: Random) -> Edit | None:
    """Give a public function a better name."""
    verbs = {
        "has": "contains",
        "total": "sum",
        "keep": "select",
        "find": "search",
        "clean": "trim",
        "clamp": "limit",
        "average": "mean",
        "largest": "highest",
        "shift": "move",
        "join": "concat",
    }
    names = {each.name for each in module.functions}
    for function in rng.sample(module.functions, len(module.functions)):
        verb, _, rest = function.name.partition("_")
        renamed = f"{verbs.get(verb, '')}_{rest}"
        if verb not in verbs or renamed in names:
            continue
        changed = function._replace(
            name=renamed, source=function.source.replace(function.name, renamed)
        )
        old, new = spelled(function, project), spelled(changed, project)
        return Edit(
            "refactor",
            module.name,
            f"rename {old} to {new}",
            with_module(project, with_function(module, function, changed)),
            breaking=f"{old} is now called {new}.",
        )
    return None


def remove_function(project: Project, module: Module, rng: Random) -> Edit | None:
    """Remove a function with its tests and documentation."""
    removable = [each for each in module.functions if each.pattern is not None]
    if len(removable) < 4:
        return None
    gone = rng.choice(removable)
    left = tuple(
        each
        for each in module.functions
        if each is not gone
        and (each.pattern is not None or f"{each.name}(" not in gone.source)
    )
    name = spelled(gone, project)
    return Edit(
        "refactor",
        module.name,
        rng.choice([f"remove {name}", f"drop {name}"]),
        with_module(project, module._replace(functions=left)),
        breaking=f"{name} is gone; nothing replaces it.",
    )


def rename_module(project: Project, module: Module, rng: Random) -> Edit | None:
    """Give a module the spare name, once."""
    spare = project.repository.modules[-1]
    if any(each.name == spare.name for each in project.modules):
        return None
    renamed = module._replace(
        name=spare.name,
        intro=module.intro.replace(f"The {module.name} ", f"The {spare.name} "),
    )
    return Edit(
        "refactor",
        rng.choice([module.name, None]),
        f"rename the {module.name} module to {spare.name}",
        project._replace(
            modules=tuple(
                renamed if each is module else each for each in project.modules
            )
        ),
        breaking=f"Import {spare.name} instead of {module.name}.",
    )


def remove_module(project: Project, module: Module, rng: Random) -> Edit | None:
    """Delete a module with its tests and its page."""
    if len(project.modules) < 6:
        return None
    left = tuple(each for each in project.modules if each is not module)
    return Edit(
        "refactor",
        None,
        rng.choice(
            [f"remove the {module.name} module", f"delete the unused {module.name}"]
        ),
        project._replace(modules=left),
        breaking=f"The {module.name} module is gone.",
    )
