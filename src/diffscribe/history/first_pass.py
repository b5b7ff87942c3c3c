"""Decide of each commit whether it may be in a change, before any diff."""

from collections.abc import Iterable, Iterator

from diffscribe.history.excluded import path_excluder, without_excluded
from diffscribe.history.filters import (
    CommitReason,
    unwanted_author,
    unwanted_day,
    unwanted_message,
)
from diffscribe.history.paths import is_unsafe
from diffscribe.history.presets import Facts, PresetReason, Stage, preset_reason
from diffscribe.history.source import OpenSource
from diffscribe.history.surroundings import Surroundings
from diffscribe.history.tally import Tally
from diffscribe.history.targets import Terms
from diffscribe.history.walk import Commit
from diffscribe.history.windows import Kept


def first_pass(
    commits: Iterable[Commit], source: OpenSource, terms: Terms, tally: Tally
) -> Iterator[tuple[Commit, Kept | None]]:
    """Yield each commit without excluded files, and what surrounds it if kept."""
    surroundings = Surroundings(source)
    settings = terms.settings
    is_excluded = path_excluder(settings.paths_exclude)
    for commit in commits:
        gitignore, license_id = surroundings.of(commit)
        entries = without_excluded(commit.entries or (), is_excluded)
        is_partial = len(entries) < len(commit.entries or ())
        reason = (
            _unwanted(commit, source, terms)
            or _broken(commit, terms)
            or (None if entries else CommitReason.EXCLUDED_PATHS)
        )
        tally.commits[reason] += 1
        if is_partial:
            commit = commit._replace(entries=entries)
        kept = Kept(commit, gitignore, settings.license or license_id, is_partial)
        yield commit, kept if reason is None else None


def _unwanted(commit: Commit, source: OpenSource, terms: Terms) -> CommitReason | None:
    if not commit.parents:
        is_boundary = commit.sha in source.shallow
        return CommitReason.SHALLOW_BOUNDARY if is_boundary else CommitReason.ROOT
    if commit.has_long_message:
        return CommitReason.MESSAGE_TOO_LONG
    if commit.message is None:
        return CommitReason.NOT_UTF8
    if commit.committed_at is None:
        return CommitReason.BAD_DATE
    if len(commit.parents) > 1:
        return CommitReason.MERGE
    return (
        unwanted_day(commit.committed_at.date(), terms.settings)
        or unwanted_author(commit.signature, terms.settings, terms.params.bot_authors)
        or (CommitReason.EMPTY if commit.tree == commit.parent_tree else None)
        or unwanted_message(commit.message)
        or _unsafe(commit)
    )


def _unsafe(commit: Commit) -> CommitReason | None:
    """Return why no work tree can hold what the commit changed."""
    if commit.entries is None:
        return CommitReason.TOO_MANY_FILES
    paths = {entry.path for entry in commit.entries}
    if len(paths) < len(commit.entries) or any(map(is_unsafe, paths)):
        return CommitReason.UNSAFE_PATH
    return None


def _broken(commit: Commit, terms: Terms) -> PresetReason | None:
    if terms.params.preset is None:
        return None
    facts = Facts(commit.message or "", commit.signature, terms.history_commits)
    return preset_reason(terms.params.preset, Stage.MESSAGE, facts)
