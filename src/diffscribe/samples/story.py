"""Grow a sample repository: plan the commits, then draw and write them."""

import hashlib
from collections.abc import Callable, Mapping, Set
from random import Random
from typing import NamedTuple

from diffscribe.samples.builder import EXECUTABLE, History
from diffscribe.samples.draws import draw_edit
from diffscribe.samples.edits import Edit, start_module
from diffscribe.samples.messages import merge_message, write_message
from diffscribe.samples.plan import (
    ANY,
    GIT_REVERT,
    MERGE,
    REVERT,
    UNFINISHED,
    draw_plan,
)
from diffscribe.samples.project import Module, Project, with_module
from diffscribe.samples.sources import module_files
from diffscribe.samples.surroundings import (
    CHECKS,
    IGNORED,
    TOOLCHAINS,
    surrounding_files,
)
from diffscribe.samples.vocabulary import Repository

Delta = dict[str, str | bytes | None]

DRAWS = 400
"""Edits drawn before a step has to wait until the project is ready for it."""


class Past(NamedTuple):
    """A commit that can be reverted while its module is unchanged."""

    sha: str
    header: str
    before: Module
    after: Module


class State(NamedTuple):
    """Where the story is."""

    project: Project
    recent: tuple[Set[str], ...]
    """Paths changed by the last commits; the next one avoids them."""
    past: tuple[Past, ...]


def tell(history: History, repository: Repository, commits: int, seed: int) -> None:
    """Write about so many first-parent commits on main.

    Each type of commit occurs at least once, and a merge.
    """
    digest = hashlib.sha256(f"{seed} {repository.name}".encode()).digest()
    rng = Random(int.from_bytes(digest[:8], "big"))  # noqa: S311
    project = _start(repository, rng)
    first = (
        "chore: import the project" if repository.is_conventional else "Initial commit"
    )
    history.commit(first, _files(project), author=repository.authors[0])
    state = State(project, (), ())
    plan = draw_plan(commits - 1, rng)
    while plan:
        state = _advance(history, state, plan, rng)


def _start(repository: Repository, rng: Random) -> Project:
    language = repository.language
    return Project(
        repository,
        tuple(start_module(words, language, rng) for words in repository.modules[:4]),
        (0, 1, 0),
        repository.dependencies,
        TOOLCHAINS[language][1][:2],
        CHECKS[language][:1],
        IGNORED[language],
        (("Usage", "See the page of each module in docs."),),
        (),
        ((".DS_Store", b"\0\0\0\1Bud1\0\0"),),
    )


def _files(project: Project) -> dict[str, str | bytes]:
    files = surrounding_files(project)
    for module in project.modules:
        name, language = project.repository.name, project.repository.language
        files.update(module_files(module, name, language))
    return files


def _delta(old: Project, new: Project) -> Delta:
    before, after = _files(old), _files(new)
    gone: Delta = dict.fromkeys(before.keys() - after.keys())
    return gone | {
        path: content for path, content in after.items() if before.get(path) != content
    }


def _advance(history: History, state: State, plan: list[str], rng: Random) -> State:
    """Take the first step of the plan that is possible now, else any edit.

    The step leaves the plan; those before it wait.
    """
    for step in dict.fromkeys([*plan, ANY]):
        after = _take(history, state, step, rng)
        if after is None:
            continue
        if step in plan:
            plan.remove(step)
        return after
    return state


def _take(history: History, state: State, step: str, rng: Random) -> State | None:
    if step == MERGE:
        return _merge(history, state, rng)
    if step in (REVERT, GIT_REVERT):
        return _revert(history, state, step, rng)
    return _commit(history, state, step, rng)


def _draw(
    state: State, fits: Callable[[Edit], bool], rng: Random
) -> tuple[Edit, Delta] | None:
    """Return a fitting edit of files that the last commits left alone."""
    busy = frozenset[str]().union(*state.recent)
    for _ in range(DRAWS):
        edit = draw_edit(state.project, rng)
        if edit is None or not fits(edit):
            continue
        delta = _delta(state.project, edit.project)
        if delta and not busy & delta.keys():
            return edit, delta
    return None


def _commit(history: History, state: State, step: str, rng: Random) -> State | None:
    def fits(edit: Edit) -> bool:
        return not edit.author if step == UNFINISHED else step in (ANY, edit.type)

    drawn = _draw(state, fits, rng)
    if drawn is None:
        return None
    edit, delta = drawn
    repository = state.project.repository
    author = edit.author or rng.choice(repository.authors)
    message = write_message(edit, repository, author, rng)
    if step == UNFINISHED:
        header = message.splitlines()[0]
        message = rng.choice(["WIP", f"wip: {edit.subject}", f"fixup! {header}"])
    modes = {"release.sh": EXECUTABLE} if "release.sh" in delta else {}
    sha = history.commit(message, delta, author=author, modes=modes)
    return _after(state, edit.project, delta, sha, message)


def _after(
    state: State,
    project: Project,
    delta: Mapping[str, object],
    sha: str,
    message: str,
) -> State:
    """Return the state with a commit of the project added."""
    changed = [
        (before, after)
        for before, after in zip(state.project.modules, project.modules, strict=False)
        if before is not after and before.name == after.name
    ]
    past = state.past
    if len(changed) == 1 and len(project.modules) == len(state.project.modules):
        past = (*past, Past(sha, message.splitlines()[0], *changed[0]))
    recent = (*state.recent[-1:], frozenset(delta))
    return State(project, recent, past[-8:])


def _revert(history: History, state: State, step: str, rng: Random) -> State | None:
    """Take back the oldest of the last commits that nothing builds on."""
    repository = state.project.repository
    for past in state.past:
        if past.after not in state.project.modules:
            continue
        project = with_module(state.project, past.before)
        delta = _delta(state.project, project)
        if not delta or any(paths & delta.keys() for paths in state.recent):
            continue
        header = f'Revert "{past.header}"'
        if step == REVERT and repository.is_conventional:
            header = f"revert: {past.header}"
        message = f"{header}\n\nThis reverts commit {past.sha}."
        sha = history.commit(message, delta, author=rng.choice(repository.authors))
        left = tuple(each for each in state.past if each is not past)
        return _after(state._replace(past=left), project, delta, sha, message)
    return None


def _merge(history: History, state: State, rng: Random) -> State | None:
    """Commit once on a branch while main goes on, then merge."""
    drawn = _draw(state, lambda edit: _is_of_one_module(edit, state.project), rng)
    if drawn is None:
        return None
    edit, delta = drawn
    (module,) = set(edit.project.modules) - set(state.project.modules)
    repository = state.project.repository
    author = rng.choice(repository.authors)
    words = edit.subject.replace("@", "").split()[:3]
    branch = f"{edit.type}/{'-'.join(words)}-{history.head[:4]}"
    history.switch(branch)
    message = write_message(edit, repository, author, rng)
    history.commit(message, delta, author=author)
    history.switch("main")
    # Nothing of the module may change on both sides, or one change would be lost.
    files = module_files(module, repository.name, repository.language)
    meanwhile = state._replace(recent=(*state.recent[-1:], delta.keys() | files.keys()))
    after = _commit(history, meanwhile, ANY, rng) or meanwhile
    history.merge(branch, merge_message(branch, rng), author=author)
    return after._replace(
        project=with_module(after.project, module),
        recent=(*after.recent[-1:], frozenset(delta)),
    )


def _is_of_one_module(edit: Edit, project: Project) -> bool:
    """Tell whether an edit changes the inside of one module and breaks nothing."""
    old = {each.name: each for each in project.modules}
    new = {each.name: each for each in edit.project.modules}
    changed = [name for name in new if new[name] != old.get(name)]
    is_whole = edit.project._replace(modules=project.modules) == project
    return (
        len(changed) == 1
        and old.keys() == new.keys()
        and is_whole
        and not edit.breaking
    )
