"""Draw a small change of a project, each kind as often as in real histories."""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from diffscribe.samples.chores import (
    add_check,
    add_file,
    bot_bumps_dependency,
    bump_dependency,
    change_toolchains,
    extend_readme,
    ignore,
    redraw,
    release,
    translate,
)
from diffscribe.samples.edits import (
    Edit,
    add_function,
    add_module,
    cover,
    document,
    fix,
    refactor,
    speed_up,
    take_option,
    tidy,
)
from diffscribe.samples.project import Module, Project
from diffscribe.samples.restructuring import (
    extract,
    remove_function,
    remove_module,
    rename_function,
    rename_module,
)

EditModule = Callable[[Project, Module, Random], Edit | None]
EditProject = Callable[[Project, Random], Edit | None]
T = TypeVar("T")

MODULE_WEIGHTS: dict[EditModule, int] = {
    add_function: 24,
    fix: 26,
    refactor: 14,
    extract: 4,
    rename_function: 3,
    rename_module: 1,
    remove_module: 1,
    remove_function: 2,
    take_option: 3,
    add_module: 4,
    document: 10,
    cover: 12,
    speed_up: 9,
    tidy: 14,
}
"""How often each kind of edit of a module is drawn."""
PROJECT_WEIGHTS: dict[EditProject, int] = {
    bump_dependency: 4,
    bot_bumps_dependency: 6,
    add_check: 2,
    change_toolchains: 3,
    release: 4,
    ignore: 3,
    add_file: 3,
    translate: 3,
    redraw: 1,
    extend_readme: 3,
}
"""How often each kind of edit of the surroundings is drawn."""
PROJECT_FRACTION = 0.2
"""Of the drawn edits are edits of the surroundings."""


def draw_edit(project: Project, rng: Random) -> Edit | None:
    """Return an edit of a kind drawn by weight, None if it finds nothing to do."""
    if rng.random() < PROJECT_FRACTION:
        return _some(PROJECT_WEIGHTS, rng)(project, rng)
    return _some(MODULE_WEIGHTS, rng)(project, rng.choice(project.modules), rng)


def _some(weights: dict[T, int], rng: Random) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]
