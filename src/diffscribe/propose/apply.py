"""Build the commits of a draft aside, each from its parent, to be published at once.

Commit k is HEAD and the units of commits 1 to k. A whole file has the content that the
snapshot of the working tree holds; a file that is split has the lines of HEAD, changed
by the hunks of those commits, and in the end the snapshot's content again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from diffscribe.commits.diff import FilePatch, Hunk, patches_by_path
from diffscribe.commits.gitignore import matching
from diffscribe.commits.grammar import format_message
from diffscribe.core.errors import HookError, RecordError
from diffscribe.core.records import Change
from diffscribe.doors.checkout import (
    Aside,
    Checkout,
    FileEdit,
    Head,
    changed_entries,
    cleaned,
    read_blob,
    read_entry,
    smudged,
    write_blob,
    write_commit,
    write_next_tree,
)
from diffscribe.doors.git import decode, encode
from diffscribe.doors.hooks import (
    Room,
    run_commit_msg,
    run_pre_commit,
    show_changes,
)
from diffscribe.doors.trees import SUBMODULE, SYMLINK, TreeEntry, squash_entries
from diffscribe.propose.draft import Draft

GITIGNORE = ".gitignore"
MAX_SUBJECT_CHARS = 72


class Built(NamedTuple):
    """Commits that nobody sees yet, oldest first."""

    commits: tuple[str, ...]
    tree: str
    entries: tuple[TreeEntry, ...]
    """What they change, all together."""
    edits: tuple[FileEdit, ...]
    """What the working tree gets: patterns, and what hooks changed."""


class Terms(NamedTuple):
    """How commits are made."""

    sign: bool = False
    accept_hook_changes: bool = False
    trailers: tuple[str, ...] = ()
    """Lines below each message, such as `Signed-off-by: A <a@b.example>`."""


def build(
    work: Aside,
    head: Head,
    tree: str,
    change: Change,
    draft: Draft,
    terms: Terms,
    room: Room | None,
) -> Built:
    """Return the commits that a valid draft of a change makes on top of HEAD.

    `change` is what turns the tree of HEAD into `tree`. Patterns for `.gitignore` are
    a commit of their own, the first. The user's hooks run in `room`, if there is one.

    Raises:
        HookError: if a hook refuses a commit, or changes files and may not.
        RecordError: if the result is not `tree` but for what the draft leaves out.
        SourceError: if git cannot make a commit.
    """
    patterns = place_patterns(work, change, draft)
    hooked: dict[bytes, TreeEntry] = {}
    last, parent = head.tree, head.commit
    commits = []
    for message, entries in _steps(work, head, tree, change, draft, patterns):
        step = write_next_tree(work, last, entries)
        if step == last:  # A folder that came earlier took the file's place.
            continue
        message = _with_trailers(message, terms.trailers)
        if room is not None:
            planned = step
            step, message = _checked(
                room, head, parent, planned, message, terms.accept_hook_changes
            )
            for entry in entries:  # The hook has had its say on these anew.
                hooked.pop(entry.path, None)
            changes = changed_entries(work, planned, step)
            so_far = squash_entries([[*hooked.values()], changes])
            hooked = {entry.path: entry for entry in so_far}
        parent = write_commit(work, step, parent, message, terms.sign)
        commits.append(parent)
        last = step
    left = {encode(path) for path in _left_out(change, draft)}
    wrong = {entry.path for entry in changed_entries(work, last, tree)} - left
    if wrong := wrong - patterns.keys() - hooked.keys():
        raise RecordError(
            f"{work.checkout.top}: the plan does not lead to the working tree, but "
            f"differs in {min(wrong)!r}; nothing was changed, please report it"
        )
    edits = [pattern_edit(work.checkout, *each) for each in patterns.items()]
    edits += filter(None, (_hook_edit(work, each) for each in hooked.values()))
    changed = changed_entries(work, head.tree, last)
    return Built(tuple(commits), last, changed, tuple(edits))


def _steps(
    work: Aside,
    head: Head,
    tree: str,
    change: Change,
    draft: Draft,
    patterns: Mapping[bytes, bytes],
) -> Iterator[tuple[str, list[TreeEntry]]]:
    """Yield the message of each commit, and the entries that it changes."""
    files = {file.path: file for file in change.files}
    patches = patches_by_path(change.diff)
    whole = {entry.path: entry for entry in changed_entries(work, head.tree, tree)}

    def with_patterns(entry: TreeEntry) -> TreeEntry:
        if entry.path not in patterns or entry.is_deleted:
            return entry
        content = appended(read_blob(work, entry.blob), patterns[entry.path])
        return entry._replace(blob=write_blob(work, content))

    if patterns:
        entries = []
        for name, lines in patterns.items():
            mode, content = read_entry(work, head.tree, name) or ("100644", b"")
            blob = write_blob(work, appended(content, lines))
            entries.append(TreeEntry(name, mode, mode, "", blob))
        yield _ignoring(draft.plan.gitignore), entries
    done: dict[str, set[int]] = {}
    for commit in draft.plan.commits:
        entries = []
        for path in commit.files:
            entry, old_path = whole[encode(path)], files[path].old_path
            gone = None if old_path is None else whole[encode(old_path)]
            if path in commit.hunks:
                (patch,) = patches[path]
                chosen = done.setdefault(path, set())
                chosen.update(commit.hunks[path])
                if len(chosen) < len(patch.hunks):
                    old = entry if gone is None else gone
                    content = part_of_file(read_blob(work, old.old_blob), patch, chosen)
                    blob = write_blob(work, content)
                    entry = entry._replace(mode=old.old_mode, blob=blob)
            entries += filter(None, [with_patterns(entry), gone])
        yield format_message(commit), entries


def _ignoring(patterns: Iterable[str]) -> str:
    """Return the message of the commit that adds patterns to .gitignore."""
    patterns = tuple(patterns)
    subject = f"chore: ignore {' '.join(patterns)}"
    if len(subject) <= MAX_SUBJECT_CHARS:
        return subject
    return f"chore: ignore {len(patterns)} kinds of files that tools make"


def _with_trailers(message: str, trailers: Iterable[str]) -> str:
    """Return a message, ended by a line feed, with lines below it."""
    below = "\n".join(line for line in trailers if line not in message.splitlines())
    return f"{message}\n\n{below}\n" if below else f"{message}\n"


def _checked(
    room: Room,
    head: Head,
    parent: str | None,
    tree: str,
    message: str,
    may_change: bool,
) -> tuple[str, str]:
    """Return tree and message of a commit as hooks leave them.

    Raises:
        HookError: if one refuses the commit, or changes files and may not.
    """
    subject = message.partition("\n")[0]
    outcome = run_pre_commit(room, head, parent, tree)
    if outcome.tree != tree and not may_change:
        raise HookError(
            f"pre-commit changed files of the commit '{subject}'; give "
            "--accept-hook-changes to take that into the commits and the working tree",
            f"{outcome.output}\n{show_changes(room, tree, outcome.tree)}",
        )
    if outcome.code and outcome.tree != tree:
        # Formatters end with an error when they have changed something.
        tree = outcome.tree
        outcome = run_pre_commit(room, head, parent, tree)
    if outcome.code:
        raise HookError(
            f"pre-commit refuses the commit '{subject}'; mend it and give --continue, "
            "or pass the hooks by with --no-verify",
            outcome.output,
        )
    code, output, message = run_commit_msg(room, message)
    if code:
        raise HookError(
            f"commit-msg refuses the message '{subject}'; give --continue and edit it, "
            "or pass the hooks by with --no-verify",
            output,
        )
    return outcome.tree, message


def _hook_edit(work: Aside, entry: TreeEntry) -> FileEdit | None:
    """Return how the working tree gets what a hook made of a file.

    It is None where the file is another than that which the hook was given: it may hold
    work that is left out, or be ignored.
    """
    file = work.checkout.top / os.fsdecode(entry.path)
    if SYMLINK in (entry.mode, entry.old_mode) or entry.mode == SUBMODULE:
        return None
    if entry.is_added:
        return FileEdit(entry.path, None, smudged(work, entry.path, entry.blob))
    if not file.is_file() or cleaned(work, entry.path) != entry.old_blob:
        return None
    after = None if entry.is_deleted else smudged(work, entry.path, entry.blob)
    return FileEdit(entry.path, file.read_bytes(), after)


# Patterns of junk.


def junk_of(change: Change, draft: Draft) -> tuple[str, ...]:
    """Return the files that a draft neither commits nor leaves."""
    planned = {path for commit in draft.plan.commits for path in commit.files}
    paths = (file.path for file in change.files)
    return tuple(path for path in paths if path not in planned | draft.left_out.keys())


def place_patterns(work: Aside, change: Change, draft: Draft) -> dict[bytes, bytes]:
    """Return the lines that each .gitignore gets, by its path from the top.

    A pattern goes to the deepest .gitignore above all that it hides, and is written
    from there; to that of the top, perhaps a new one, if there is none.
    """
    if not draft.plan.gitignore:
        return {}
    listed = work.git("ls-files", "-z", "--", f":(top,glob)**/{GITIGNORE}").split(b"\0")
    homes = {
        PurePosixPath(decode(each)).parent
        for each in listed
        # Of a link git reads no patterns.
        if each and not (work.checkout.top / os.fsdecode(each)).is_symlink()
    }
    junk = junk_of(change, draft)
    placed: dict[bytes, bytes] = {}
    for pattern in draft.plan.gitignore:
        hidden = [path for path in junk if pattern in matching([pattern], path)]
        home, line = _place(pattern, hidden, homes)
        path = encode(str(home / GITIGNORE))
        placed[path] = placed.get(path, b"") + encode(line) + b"\n"
    return placed


def appended(content: bytes, lines: bytes) -> bytes:
    """Return a file's content with lines behind it, ended as its others are."""
    end = b"\r\n" if b"\r\n" in content else b"\n"
    gap = b"" if not content or content.endswith(b"\n") else end
    return content + gap + lines.replace(b"\n", end)


def pattern_edit(checkout: Checkout, path: bytes, lines: bytes) -> FileEdit:
    """Return how the file of the working tree gets the lines."""
    file = checkout.top / os.fsdecode(path)
    before = file.read_bytes() if file.is_file() else None
    return FileEdit(path, before, appended(before or b"", lines))


def _place(
    pattern: str, hidden: Sequence[str], homes: set[PurePosixPath]
) -> tuple[PurePosixPath, str]:
    top = PurePosixPath()
    above = [set(PurePosixPath(path).parents) for path in hidden]
    for home in sorted(homes, key=lambda each: len(each.parts), reverse=True):
        if home == top or not above or not all(home in each for each in above):
            continue
        if "/" not in pattern.rstrip("/"):
            return home, pattern
        if pattern.lstrip("/").startswith(f"{home}/"):
            return home, pattern.lstrip("/").removeprefix(str(home))
    return top, pattern


def _left_out(change: Change, draft: Draft) -> Iterator[str]:
    """Yield the paths that differ from the working tree in the end."""
    planned = {path for commit in draft.plan.commits for path in commit.files}
    for file in change.files:
        if file.path not in planned or file.path in draft.left_out:
            yield file.path
            if file.old_path is not None:
                yield file.old_path


def part_of_file(old: bytes, patch: FilePatch, chosen: Iterable[int]) -> bytes:
    """Return a file's content after some hunks of its patch, numbered from 1.

    Raises:
        RecordError: if the patch is not one of this content.
    """
    chosen = set(chosen)
    lines = _lines(old)
    parts: list[bytes] = []
    position = 0
    for number, hunk in enumerate(patch.hunks, start=1):
        before, after = _side(hunk, "-"), _side(hunk, "+")
        start = hunk.starts[0] - bool(before)
        end = start + len(before)
        if lines[start:end] != before:
            raise RecordError(f"{patch.path}: hunk {number} is not one of this file")
        parts += lines[position:start]
        parts += after if number in chosen else before
        position = end
    return b"".join(parts + lines[position:])


def _lines(content: bytes) -> list[bytes]:
    """Return the lines as git counts them, each with its line feed."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1].removesuffix(b"\n")
    return lines if lines[-1] else lines[:-1]


def _side(hunk: Hunk, sign: str) -> list[bytes]:
    """Return the lines that a hunk has before or after."""
    lines: list[bytes] = []
    kept = False
    for line in hunk.lines:
        if line[0] == "\\" and kept:
            lines[-1] = lines[-1].removesuffix(b"\n")
        elif line[0] != "\\":
            kept = line[0] in (" ", sign)
            lines += [encode(line[1:])] if kept else []
    return lines
