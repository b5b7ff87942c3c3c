"""Grow a sample repository: draw edits and commit them."""

import hashlib
from collections.abc import Mapping, Set
from random import Random
from typing import NamedTuple

from diffscribe.samples.builder import EXECUTABLE, History
from diffscribe.samples.draws import draw_edit
from diffscribe.samples.edits import Edit, start_module
from diffscribe.samples.messages import merge_message, write_message
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

REVERT_FRACTION = 0.05
MERGE_FRACTION = 0.05
UNFINISHED_FRACTION = 0.02
"""Of the commits: reverts, merged branches, `WIP` and `fixup!` commits."""


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
    """Write about so many first-parent commits on main."""
    digest = hashlib.sha256(f"{seed} {repository.name}".encode()).digest()
    rng = Random(int.from_bytes(digest[:8], "big"))  # noqa: S311
    project = _start(repository, rng)
    first = (
        "chore: import the project" if repository.is_conventional else "Initial commit"
    )
    history.commit(first, _files(project), author=repository.authors[0])
    state = State(project, (), ())
    merges = 0
    for number in range(1, commits):
        chance = rng.random()
        if chance < REVERT_FRACTION and state.past:
            state = _revert(history, state, rng)
        elif chance < REVERT_FRACTION + MERGE_FRACTION or (merges == 0 and number > 60):
            merges += 1
            state = _merge(history, state, rng)
        else:
            state = _commit(history, state, rng)


def _start(repository: Repository, rng: Random) -> Project:
    language = repository.language
    return Project(
        repository,
        tuple(start_module(words, rng) for words in repository.modules[:4]),
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


def _draw(state: State, rng: Random) -> tuple[Edit, Delta]:
    """Return an edit of files that the last commits left alone."""
    busy = frozenset[str]().union(*state.recent)
    while True:
        edit = draw_edit(state.project, rng)
        if edit is None:
            continue
        delta = _delta(state.project, edit.project)
        if delta and not busy & delta.keys():
            return edit, delta


def _commit(history: History, state: State, rng: Random) -> State:
    edit, delta = _draw(state, rng)
    repository = state.project.repository
    author = edit.author or rng.choice(repository.authors)
    message = write_message(edit, repository, author, rng)
    if not edit.author and rng.random() < UNFINISHED_FRACTION:
        message = rng.choice(["WIP", f"wip: {edit.scope}", f"fixup! {message}"])
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


def _revert(history: History, state: State, rng: Random) -> State:
    """Take back the oldest of the last commits that nothing builds on."""
    for past in state.past:
        if past.after not in state.project.modules:
            continue
        project = with_module(state.project, past.before)
        delta = _delta(state.project, project)
        if not delta or any(paths & delta.keys() for paths in state.recent):
            continue
        header = f'Revert "{past.header}"'
        if state.project.repository.is_conventional:
            header = rng.choice([f"revert: {past.header}"] * 3 + [header])
        message = f"{header}\n\nThis reverts commit {past.sha}."
        author = rng.choice(state.project.repository.authors)
        sha = history.commit(message, delta, author=author)
        left = tuple(each for each in state.past if each is not past)
        return _after(state._replace(past=left), project, delta, sha, message)
    return _commit(history, state, rng)


def _merge(history: History, state: State, rng: Random) -> State:
    """Commit once on a branch while main goes on, then merge."""
    change = _draw_mergeable(state, rng)
    while change is None:
        change = _draw_mergeable(state, rng)
    edit, delta, module = change
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
    after = _commit(history, meanwhile, rng)
    history.merge(branch, merge_message(branch, rng), author=author)
    return after._replace(
        project=with_module(after.project, module),
        recent=(*after.recent[-1:], frozenset(delta)),
    )


def _draw_mergeable(state: State, rng: Random) -> tuple[Edit, Delta, Module] | None:
    """Return an edit of a single module, if the next one drawn is one."""
    edit, delta = _draw(state, rng)
    old = state.project
    changed = [each for each in edit.project.modules if each not in old.modules]
    is_whole = edit.project._replace(modules=old.modules) == old
    if len(changed) != 1 or not is_whole or edit.breaking:
        return None
    if changed[0].name not in {each.name for each in old.modules}:
        return None
    return edit, delta, changed[0]
