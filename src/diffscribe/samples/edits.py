"""Small realistic changes of a project, one function for each kind.

An edit that finds nothing to change returns None and another one is drawn.
"""

import re
from random import Random
from typing import NamedTuple

from diffscribe.samples.languages import LANGUAGES
from diffscribe.samples.patterns import PATTERNS, Step
from diffscribe.samples.printing import function_name, parse_function
from diffscribe.samples.project import (
    Case,
    Function,
    Module,
    Project,
    about,
    new_function,
    with_function,
    with_module,
)
from diffscribe.samples.sources import can_be_sloppy, printed_call
from diffscribe.samples.vocabulary import Words


class Edit(NamedTuple):
    """A change of the project and what its author says about it."""

    type: str
    scope: str | None
    subject: str
    project: Project
    body: str = ""
    breaking: str = ""
    """What a user has to change, if anything."""
    author: str = ""
    """A bot, or empty for one of the authors."""


def spelled(function: Function, project: Project) -> str:
    """Return a function's name as the project's language writes it."""
    name = parse_function(function.source).name
    return function_name(name, LANGUAGES[project.repository.language])


def start_module(words: Words, language: str, rng: Random) -> Module:
    """Return a module with two functions."""
    spelling = rng.choice(["separate", "seperate"])
    intro = (
        f"The {words.name} module {words.purpose}. "
        f"It is {spelling} from the other modules."
    )
    module = Module(words.name, words.numbers, words.texts, intro, ())
    for _ in range(2):
        added = _some_function(module, language, rng)
        if added:
            module = module._replace(functions=(*module.functions, added))
    return module


def add_function(project: Project, module: Module, rng: Random) -> Edit | None:
    """Add a function with its test and, mostly, a line of documentation."""
    if len(module.functions) > 9:
        return None
    language = project.repository.language
    added = _some_function(module, language, rng)
    if added is None:
        return None
    if rng.random() < 0.25:
        added = added._replace(is_documented=False)
    if rng.random() < 0.12:
        added = added._replace(cases=())
    name = spelled(added, project)
    pattern = PATTERNS[added.pattern or 0]
    phrase = added.doc[0].lower() + added.doc[1:].rstrip(".")
    subject = rng.choice(
        [f"add {name}", f"add {name} to {module.name}", phrase, f"add {name}"]
    )
    changed = module._replace(functions=_inserted(module.functions, added, rng))
    call, result = printed_call(added, module, pattern.calls[0], language)
    body = rng.choice([f"`{call}` gives `{result}`.", f"It can {phrase}."])
    return Edit("feat", module.name, subject, with_module(project, changed), body)


def add_module(project: Project, module: Module, rng: Random) -> Edit | None:
    """Add the next module of the repository."""
    present = {each.name for each in project.modules}
    waiting = [
        words for words in project.repository.modules[:-1] if words.name not in present
    ]
    if not waiting or module.name == waiting[0].name:
        return None
    added = start_module(waiting[0], project.repository.language, rng)
    names = " and ".join(spelled(each, project) for each in added.functions)
    return Edit(
        "feat",
        added.name if rng.random() < 0.5 else None,
        rng.choice([f"add the {added.name} module", f"add a module {added.name}"]),
        project._replace(modules=(*project.modules, added)),
        f"It starts with {names}.",
    )


def take_option(project: Project, module: Module, rng: Random) -> Edit | None:
    """Give a function another parameter, which breaks its callers."""
    found = _step(module, "options", rng)
    if found is None:
        return None
    function, step = found
    changed = function._replace(
        source=function.source.replace(*_texts(step, function)),
        cases=(Case("", step.calls),),
        steps=(*function.steps, step.says),
    )
    return Edit(
        "feat",
        module.name,
        _says(step.says, function, project),
        with_module(project, with_function(module, function, changed)),
        breaking=_sentence(step.why, function, project),
    )


def fix(project: Project, module: Module, rng: Random) -> Edit | None:
    """Mend a function and add the test that would have failed."""
    found = _step(module, "fixes", rng)
    if found is None:
        return None
    function, step = found
    changed = function._replace(
        source=function.source.replace(*_texts(step, function)),
        cases=(*function.cases, Case(step.test, step.calls)),
        steps=(*function.steps, step.says),
    )
    return Edit(
        "fix",
        module.name,
        _says(step.says, function, project),
        with_module(project, with_function(module, function, changed)),
        _sentence(step.why, function, project),
    )


def speed_up(project: Project, module: Module, rng: Random) -> Edit | None:
    """Make a function faster; its results stay."""
    found = _step(module, "perfs", rng)
    if found is None:
        return None
    function, step = found
    changed = function._replace(
        source=function.source.replace(*_texts(step, function)),
        steps=(*function.steps, step.says),
    )
    return Edit(
        "perf",
        module.name,
        _says(step.says, function, project),
        with_module(project, with_function(module, function, changed)),
        _sentence(step.why, function, project),
    )


def refactor(project: Project, module: Module, rng: Random) -> Edit | None:
    """Rename a variable or rewrite a function; its results stay."""
    found = _step(module, "refactors", rng)
    if found is None:
        return None
    function, step = found
    old, new = _texts(step, function)
    if step.says.startswith("rename"):
        old, new = step.old.split()[0], step.new.split()[0]
        if re.search(rf"\b{new}\b", function.source):
            return None
        source = re.sub(rf"\b{old}\b", new, function.source)
    else:
        source = function.source.replace(old, new)
    changed = function._replace(source=source, steps=(*function.steps, step.says))
    return Edit(
        "refactor",
        module.name,
        _says(step.says, function, project),
        with_module(project, with_function(module, function, changed)),
    )


def tidy(project: Project, module: Module, rng: Random) -> Edit | None:
    """Mend the formatting of a function."""
    spoiled = [each for each in module.functions if each.sloppy]
    if not spoiled:
        return None
    function = rng.choice(spoiled)
    name = spelled(function, project)
    subject = {
        "comma": [f"put a space after the comma in {name}", f"format {name}"],
        "operator": [f"put spaces around operators in {name}", f"format {name}"],
        "trailing": [
            f"remove trailing white space from {name}",
            f"strip trailing white space in {module.name}",
        ],
    }[function.sloppy]
    changed = with_function(module, function, function._replace(sloppy=""))
    return Edit(
        "style", module.name, rng.choice(subject), with_module(project, changed)
    )


def cover(project: Project, module: Module, rng: Random) -> Edit | None:
    """Add a test for a function that lacks one."""
    public = [each for each in module.functions if each.pattern is not None]
    for function in rng.sample(public, len(public)):
        pattern = PATTERNS[function.pattern or 0]
        arguments, ending = pattern.edge
        if _took_option(function):
            continue
        name = spelled(function, project)
        if not function.cases:
            case = Case("", pattern.calls)
            subjects = [f"cover {name}", f"add a test for {name}"]
        elif all(each.ending != ending for each in function.cases):
            case = Case(ending, (arguments,))
            words = ending.replace("_", " ")
            subjects = [f"cover {name} {words}", f"check {name} {words}"]
        else:
            continue
        changed = function._replace(cases=(*function.cases, case))
        return Edit(
            "test",
            module.name,
            rng.choice(subjects),
            with_module(project, with_function(module, function, changed)),
        )
    return None


def document(project: Project, module: Module, rng: Random) -> Edit | None:
    """Describe a function, correct a word or add an example."""
    language = project.repository.language
    if "seperate" in module.intro and rng.random() < 0.4:
        intro = module.intro.replace("seperate", "separate")
        subjects = [
            f"fix a typo in the {module.name} page",
            "correct a misspelled word",
        ]
        return _docs(project, module, module._replace(intro=intro), subjects, rng)
    for function in module.functions:
        if function.pattern is not None and not function.is_documented:
            name = spelled(function, project)
            described = function._replace(is_documented=True)
            changed = with_function(module, function, described)
            subjects = [f"describe {name}", f"document {name}", f"mention {name}"]
            return _docs(project, module, changed, subjects, rng)
    tested = [each for each in module.functions if each.cases]
    if not tested or len(module.notes) > 3:
        return None
    function = rng.choice(tested)
    name = spelled(function, project)
    call, result = printed_call(function, module, function.cases[0].calls[0], language)
    note = f"For example, `{call}` gives `{result}`."
    if note in module.notes:
        return None
    changed = module._replace(notes=(*module.notes, note))
    subjects = [f"add an example of {name}", f"show how to call {name}"]
    return _docs(project, module, changed, subjects, rng)


def _docs(
    project: Project, old: Module, new: Module, subjects: list[str], rng: Random
) -> Edit:
    scope = rng.choice([old.name, old.name, None])
    return Edit("docs", scope, rng.choice(subjects), with_module(project, new))


def _some_function(module: Module, language: str, rng: Random) -> Function | None:
    """Return a function that the module lacks, one in two badly formatted."""
    names = {each.name for each in module.functions}
    for _ in range(9):
        index = rng.randrange(len(PATTERNS))
        pattern = PATTERNS[index]
        nouns = module.numbers if pattern.noun == "number" else module.texts
        added = new_function(pattern, index, rng.choice(nouns))
        if added.name not in names:
            flaw = rng.choice(["", "", "", "comma", "operator", "trailing"])
            is_sloppy = flaw and can_be_sloppy(added, flaw, language)
            return added._replace(sloppy=flaw) if is_sloppy else added
    return None


def _inserted(
    functions: tuple[Function, ...], added: Function, rng: Random
) -> tuple[Function, ...]:
    at = rng.randint(0, len(functions))
    return (*functions[:at], added, *functions[at:])


def _step(module: Module, kind: str, rng: Random) -> tuple[Function, Step] | None:
    """Return a function and a step of that kind that it can still take."""
    possible = []
    for function in module.functions:
        if function.pattern is None or _took_option(function):
            continue
        steps: tuple[Step, ...] = getattr(PATTERNS[function.pattern], kind)
        for step in steps:
            old, _ = _texts(step, function)
            if step.says not in function.steps and old in function.source:
                possible.append((function, step))
    return rng.choice(possible) if possible else None


def _took_option(function: Function) -> bool:
    """Tell whether the calls of its pattern no longer fit a function."""
    options = PATTERNS[function.pattern or 0].options
    return any(step.says in function.steps for step in options)


def _texts(step: Step, function: Function) -> tuple[str, str]:
    return about(step.old, function.noun), about(step.new, function.noun)


def _says(text: str, function: Function, project: Project) -> str:
    return about(text, function.noun).replace("{f}", spelled(function, project))


def _sentence(text: str, function: Function, project: Project) -> str:
    says = _says(text, function, project)
    return says if text.startswith("{f}") else says[:1].upper() + says[1:]
