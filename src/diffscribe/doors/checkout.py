"""The user's own repository: its state, its working tree as a tree, commits at once.

Git runs here as the user runs it, with their configuration, filters, hooks and keys.
What is built is built aside, with an index and an object store of its own, and is seen
by nobody until `publish` moves the branch. Whoever kills it leaves the repository as it
was, or done: the next run ends what was begun, or takes it back.
"""

import base64
import contextlib
import errno
import hashlib
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from diffscribe.core.cli import unbroken
from diffscribe.core.errors import SourceError, StorageError, ToolError
from diffscribe.core.files import Lock, disk_explained, read_json, write_json
from diffscribe.doors.git import git_required, one_line
from diffscribe.doors.trees import ABSENT, TreeEntry, parse_entries

SETTINGS = (
    # Of the index and of messages only what every git reads, wherever they are copied.
    *("-c", "core.splitIndex=false", "-c", "core.untrackedCache=false"),
    *("-c", "core.fsmonitor=false", "-c", "i18n.commitEncoding=utf-8"),
    *("-c", "advice.addEmbeddedRepo=false", "-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false", "-c", "core.quotePath=off"),
    *("-c", "diff.suppressBlankEmpty=false", "-c", "log.showSignature=false"),
)
REPLACED = (
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS"),
    *("GIT_ICASE_PATHSPECS", "GIT_DIFF_OPTS"),
)
"""Variables that would have git read other names, or count other hunks, than we say."""
OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""Git fetches no object that a partial clone lacks; the second has those before 2.45
not do so either."""
BUSY = {
    "MERGE_HEAD": ("a merge", "git merge --continue' or 'git merge --abort"),
    "rebase-merge": ("a rebase", "git rebase --continue' or 'git rebase --abort"),
    "rebase-apply": ("a rebase or 'git am'", "git status"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue' or '--abort"),
    "REVERT_HEAD": ("a revert", "git revert --continue' or '--abort"),
    "BISECT_LOG": ("a bisect", "git bisect reset"),
}
"""Files of a git directory that stand for work in progress, and what ends it."""
HOME = "diffscribe"
"""Our folder in the git directory."""
JOURNAL = "journal.json"
LAST = "last.json"


class Checkout(NamedTuple):
    """A working tree and where its repository is."""

    top: Path
    prefix: str
    """The user's folder, from the top, with a slash behind it; empty at the top."""
    git_dir: Path
    """Of this working tree; of a linked one it is in `.git/worktrees`."""
    objects: Path
    index_file: Path
    """Which a variable may name, as git does for hooks of `git commit --all`."""

    @property
    def home(self) -> Path:
        """Our folder in the git directory."""
        return self.git_dir / HOME

    @property
    def folder(self) -> Path:
        """The folder of the repository, also of a linked working tree."""
        common = self.objects.parent
        return common.parent if common.name == ".git" else common


class Head(NamedTuple):
    """Where new commits go."""

    branch: str | None
    """The whole name of a reference, or None if HEAD is detached."""
    commit: str | None
    """None of a branch without commits."""
    tree: str


class Aside(NamedTuple):
    """A folder with an index and objects that no other git sees."""

    checkout: Checkout
    folder: Path

    @property
    def state(self) -> Path:
        """The index of the working tree's state."""
        return self.folder / "index"

    @property
    def environment(self) -> dict[str, str]:
        """What has git write objects here and find all others."""
        known = os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
        # In quotes, as a name may have the sign that stands between two.
        name = re.sub(r'["\\]', r"\\\g<0>", str(self.checkout.objects))
        others = [f'"{name}"', *filter(None, [known])]
        return {
            "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(others),
        }

    def git(
        self, *arguments: str, index: Path | None = None, stdin: bytes = b""
    ) -> bytes:
        """Return what git prints that works on an index of this folder."""
        extra = {"GIT_INDEX_FILE": str(index or self.state)}
        return _git(self.checkout, *arguments, stdin=stdin, **self.environment, **extra)


class FileEdit(NamedTuple):
    """A file of the working tree that is to have another content."""

    path: bytes
    before: bytes | None
    """None if there is no such file, as in `after`. Another content stays."""
    after: bytes | None


# What is there.


def open_checkout(folder: Path) -> Checkout:
    """Return the working tree that a folder is in.

    Raises:
        SourceError: if it is in none.
        ToolError: if git is missing.
    """

    def ask(*arguments: str) -> str:
        # One question at a time, as a folder's name may have line feeds.
        with git_required():
            answer = subprocess.run(
                ["git", "rev-parse", *arguments],
                cwd=folder,
                capture_output=True,
                check=False,
            )
        if answer.returncode:
            reason = one_line(answer.stderr)
            if reason.startswith("fatal: not a git repository"):
                reason = "it is in no repository; go to one, or type 'git init'"
            elif reason.startswith("fatal: this operation must be run in a work tree"):
                reason = "it has no files to commit; go to a working tree"
            raise SourceError(f"{folder}: {reason}")
        return os.fsdecode(answer.stdout).removesuffix("\n")

    top, git_dir = Path(ask("--show-toplevel")), Path(ask("--absolute-git-dir"))
    objects = (folder / ask("--git-path", "objects")).resolve()
    index = top / os.environ.get("GIT_INDEX_FILE", git_dir / "index")
    return Checkout(top, ask("--show-prefix"), git_dir, objects, index)


def head_of(checkout: Checkout, may_be_detached: bool = False) -> Head:
    """Return where commits go.

    Raises:
        SourceError: if a merge, rebase or the like is in progress, if files are in
            conflict, or if HEAD is detached where it may not be.
    """
    for name, (work, command) in BUSY.items():
        if (checkout.git_dir / name).exists():
            raise SourceError(
                f"{checkout.top}: {work} is in progress; type '{command}'"
            )
    if _git(checkout, "ls-files", "--unmerged", "-z"):
        raise SourceError(
            f"{checkout.top}: files are in conflict; mend them, then 'git add' them"
        )
    branch = _ask(checkout, "symbolic-ref", "--quiet", "HEAD")
    if branch is None and not may_be_detached:
        raise SourceError(
            f"{checkout.top}: HEAD is detached; 'git switch BRANCH', or give --detached"
        )
    commit = _ask(checkout, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if commit is None:
        tree = _git(checkout, "hash-object", "-t", "tree", "--stdin")
    else:
        tree = _git(checkout, "rev-parse", f"{commit}^{{tree}}")
    return Head(branch, commit, tree.decode().strip())


def branch_point(checkout: Checkout, head: Head, base: str) -> Head:
    """Return the commit, named as BASE or BASE.., that commits of a branch begin after.

    Raises:
        SourceError: if it is no ancestor of HEAD, nothing came after it, or merges did.
    """
    name = base.removesuffix("..")
    commit = _ask(checkout, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if commit is None or head.commit is None:
        raise SourceError(
            f"{checkout.top}: '{name}' names no commit; name a branch, tag or commit"
        )
    if _ask(checkout, "merge-base", "--is-ancestor", commit, head.commit) is None:
        raise SourceError(
            f"{checkout.top}: HEAD does not come after '{name}'; 'git merge-base HEAD "
            f"{name}' names where they part"
        )
    arguments = ("rev-list", "--merges", "--count", f"{commit}..{head.commit}")
    if commit == head.commit or int(_git(checkout, *arguments)):
        raise SourceError(
            f"{checkout.top}: there are merges, or no commits, after '{name}'; name a "
            "commit behind the last merge"
        )
    tree = _git(checkout, "rev-parse", f"{commit}^{{tree}}").decode().strip()
    return Head(head.branch, commit, tree)


def is_at(checkout: Checkout, head: Head) -> bool:
    """Tell whether the branch is where it was."""
    place = _ask(checkout, "rev-parse", "--verify", "--quiet", head.branch or "HEAD")
    return place == head.commit


def keep_reference(checkout: Checkout, head: Head) -> str:
    """Write and return a reference that keeps the commit of HEAD."""
    branch = (head.branch or "HEAD").removeprefix("refs/heads/")
    name = f"refs/diffscribe/{branch}/{head.commit}"
    _git(checkout, "update-ref", name, str(head.commit))
    return name


@contextlib.contextmanager
def aside(checkout: Checkout) -> Iterator[Aside]:
    """Give an empty folder to build in, which goes with the block.

    Only one is there at a time; what a killed one began is ended or taken back first.

    Raises:
        StorageError: if another process builds in the same working tree.
    """
    with _alone(checkout):
        folder = Path(tempfile.mkdtemp(prefix="aside-", dir=checkout.home))
        try:
            (folder / "objects").mkdir()
            yield Aside(checkout, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def snapshot(
    work: Aside, head: Head, paths: Sequence[str] = (), staged: bool = False
) -> str:
    """Return the tree of what would be committed; the user's index is not touched.

    It is what `git add --all` would stage, of `paths` alone if there are any, or what
    is staged. Left out is what only `paths` can ask for, if at all: a repository inside
    that the user has not added, a file that they have taken out of the index, and new
    files where git's configuration has them not shown.

    Raises:
        SourceError: if git cannot read a file of the working tree.
    """
    checkout = work.checkout
    work.state.unlink(missing_ok=True)
    if checkout.index_file.exists():
        _copy_index(checkout.index_file, work.state)
    only = _pathspecs(paths)
    takes_new = not staged and (only or _shows_new(checkout))
    # Before a commit's files take the place of those that are staged.
    inner, untracked = _unwanted(work, head) if takes_new else ([], set[bytes]())
    here = ("-C", checkout.prefix)
    if only:
        # What is staged of other paths is no part of this.
        listing = (*here, "ls-files", "--full-name", "-z")
        listed = work.git(*listing, "--stage", "--", *only)
        work.git("read-tree", "-i", "-m", head.tree)
        known = _parts(work.git(*listing, "--", *only))
        gone = known if staged else untracked.intersection(known)
        lines = b"".join(map(_line, _absent(head, gone))) + listed
        work.git("update-index", "-z", "--replace", "--index-info", stdin=lines)
    if not staged:
        add = ("add", "--all" if takes_new else "--update", "--sparse", "--")
        left = [
            f":(top,exclude,literal){os.fsdecode(path)}"
            for path in (*inner, *sorted(untracked))
        ]
        _require_known(work, paths, only)
        work.git(*here, *add, *(only or [":/"]), *left)
    return work.git("write-tree").decode().strip()


def _shows_new(checkout: Checkout) -> bool:
    """Tell whether new files are shown; not so where all of a home is a checkout."""
    shown = _ask(checkout, "config", "--get", "status.showUntrackedFiles")
    return shown not in ("no", "false")


def _unwanted(work: Aside, head: Head) -> tuple[list[bytes], set[bytes]]:
    """Return repositories inside, and files of HEAD that were taken out of the index.

    They are new files to git, which would add them. Without an index there is nothing
    that they could have been taken out of.
    """
    new = _parts(work.git("ls-files", "--others", "--exclude-standard", "-z", ":/"))
    inner = [path[:-1] for path in new if path.endswith(b"/")]
    git_dir, top = work.checkout.git_dir, work.checkout.top
    if git_dir.is_relative_to(top) and git_dir.name != ".git":
        inner.append(os.fsencode(git_dir.relative_to(top)))
    if not work.state.exists():
        return inner, set()
    deleted = ("diff-index", "--cached", "--diff-filter=D", "--no-renames")
    gone = work.git(*deleted, "--name-only", "-z", head.tree)
    return inner, {*_parts(gone)}.intersection(new)


def _pathspecs(paths: Iterable[str]) -> list[str]:
    """Return paths as git in the user's folder reads them, `*` as a name.

    Git refuses an empty one.
    """
    return [
        path if path.startswith(":") or not path else f":(literal){path}"
        for path in paths
    ]


def _require_known(work: Aside, paths: Sequence[str], only: Sequence[str]) -> None:
    listing = ("-C", work.checkout.prefix, "ls-files", "--cached", "--others", "-z")
    for path, pathspec in zip(paths, only, strict=True):
        if not work.git(*listing, "--", pathspec):
            raise SourceError(
                f"{work.checkout.top}: there is no file '{path}'; 'git diffscribe -h' "
                "lists the verbs"
            )


def settled_entries(
    work: Aside, head: Head, tree: str, paths: Sequence[str] = ()
) -> tuple[TreeEntry, ...]:
    """Return what the index gets of files that no commit changes.

    Staged is what the working tree has by now no more, such as a new file that is
    deleted, and the next `git commit` would bring it back. `tree` is that of the last
    `snapshot`, of the same paths.
    """
    differing = ("diff-index", "--cached", "--raw", "-z", "--no-renames")
    arguments = ("-C", work.checkout.prefix, *differing, "--full-index")
    only = _pathspecs(paths) or [":/"]
    # What is only meant to be added counts as empty, or as not there.
    listed = b"".join(
        work.git(*arguments, how, tree, "--", *only, index=work.checkout.index_file)
        for how in ("--ita-visible-in-index", "--ita-invisible-in-index")
    )
    changed = {entry.path for entry in changed_entries(work, head.tree, tree)}
    return tuple(
        TreeEntry(path, mode, old_mode, blob, old_blob)
        for path, old_mode, mode, old_blob, blob in parse_entries(listed)
        if path not in changed
    )


def _absent(head: Head, paths: Iterable[bytes]) -> tuple[TreeEntry, ...]:
    """Return the entries that take paths out of an index."""
    zeros = "0" * len(head.tree)
    return tuple(TreeEntry(path, ABSENT, ABSENT, zeros, zeros) for path in paths)


def changed_entries(work: Aside, old: str, new: str) -> tuple[TreeEntry, ...]:
    """Return what differs between two trees, a rename as two entries."""
    arguments = ("diff-tree", "-r", "--raw", "-z", "--no-renames", "--full-index")
    return parse_entries(work.git(*arguments, old, new))


def read_blob(work: Aside, sha: str) -> bytes:
    """Return the content of an object."""
    return work.git("cat-file", "blob", sha)


def read_entry(work: Aside, tree: str, path: bytes) -> tuple[str, bytes] | None:
    """Return mode and content of a file of a tree, or None if it has none there."""
    name = f":(top,literal){os.fsdecode(path)}"
    listed = work.git("ls-tree", "-z", "--full-tree", tree, "--", name)
    if not listed:
        return None
    mode, kind, sha = listed.partition(b"\t")[0].decode().split(" ")
    return (mode, read_blob(work, sha)) if kind == "blob" else None


def smudged(work: Aside, path: bytes, sha: str) -> bytes:
    """Return the content of an object as a file of the working tree has it."""
    return work.git("cat-file", "--filters", f"--path={os.fsdecode(path)}", sha)


def cleaned(work: Aside, path: bytes) -> str:
    """Return the name of the object that a file of the working tree is as."""
    name = os.fsdecode(path)
    hashed = work.git("hash-object", f"--path={name}", "--", name)
    return hashed.decode().strip()


# What is built.


def write_blob(work: Aside, content: bytes) -> str:
    """Return the name of an object with the content, as it is."""
    written = work.git("hash-object", "-w", "--no-filters", "--stdin", stdin=content)
    return written.decode().strip()


def write_next_tree(work: Aside, base: str, entries: Iterable[TreeEntry]) -> str:
    """Return the tree that the entries make of another."""
    index = work.folder / "next-index"
    # Git writes an index anew far quicker than it reads a tree of many files into one.
    if (
        not index.exists()
        or work.git("write-tree", index=index).decode().strip() != base
    ):
        work.git("read-tree", base, index=index)
    _put(work, index, entries)
    return work.git("write-tree", index=index).decode().strip()


def write_commit(
    work: Aside, tree: str, parent: str | None, message: str, sign: bool
) -> str:
    """Return a commit by the user, signed with their key if they want it.

    Raises:
        SourceError: if git knows no author, or cannot sign.
    """
    parents = [] if parent is None else ["-p", parent]
    signing = ["-S"] if sign else []
    arguments = ("commit-tree", *signing, *parents, "-F", "-", tree)
    return work.git(*arguments, stdin=message.encode()).decode().strip()


def read_config(checkout: Checkout) -> dict[str, str]:
    """Return the user's configuration of git; of a key set twice, the last value."""
    entries = _parts(_git(checkout, "config", "--list", "-z"))
    pairs = (os.fsdecode(entry).partition("\n") for entry in entries)
    return {key: value for key, _, value in pairs}


class MadeCommit(NamedTuple):
    """A commit that the branch has."""

    sha: str
    tree: str
    parents: str
    """shas with blanks between them."""
    message: str


def last_commits(checkout: Checkout, most: int) -> list[MadeCommit]:
    """Return the last commits by first parents, newest first; none of an unborn one."""
    form = "--format=%H%x00%T%x00%P%x00%B%x00"
    listed = _ask(checkout, "log", "--first-parent", f"-n{most}", form, "HEAD") or ""
    fields = [each.strip("\n") for each in listed.split("\0")]
    return [MadeCommit(*fields[at : at + 4]) for at in range(0, len(fields) - 1, 4)]


def git_path(checkout: Checkout, name: str) -> Path:
    """Return where git looks for a file, relative to the top if it is below it."""
    found = _git(checkout, "rev-parse", "--git-path", name)
    return Path(os.fsdecode(found.removesuffix(b"\n")))


def is_set(checkout: Checkout, key: str) -> bool:
    """Tell whether a key of git's configuration is true, such as `commit.gpgSign`."""
    return _ask(checkout, "config", "--type=bool", "--get", key) == "true"


def read_seconds(checkout: Checkout, key: str) -> float | None:
    """Return the seconds that a key of git's configuration says, or None.

    Raises:
        SourceError: if it says something else.
    """
    told = _ask(checkout, "config", "--get", key)
    if told is None:
        return None
    with contextlib.suppress(ValueError):
        if 0 < float(told) < math.inf:
            return float(told)
    raise SourceError(f"{checkout.top}: {key} is '{told}'; say a number of seconds")


def signature(checkout: Checkout) -> str:
    """Return name and address of the committer.

    Raises:
        SourceError: if git knows none.
    """
    named = _ask(checkout, "var", "GIT_COMMITTER_IDENT")
    if named is None:
        raise SourceError(
            "git does not know who you are; type 'git config --global user.name NAME' "
            "and 'git config --global user.email ADDRESS'"
        )
    return named.rpartition(">")[0] + ">"


def open_editor(checkout: Checkout, file: Path) -> None:
    """Have the user edit a file, in the editor that git opens.

    Raises:
        ToolError: if the editor fails.
    """
    editor = os.fsdecode(_git(checkout, "var", "GIT_EDITOR")).strip()
    ended = subprocess.run(["sh", "-c", f'{editor} "$@"', editor, file], check=False)
    if ended.returncode:
        raise ToolError(
            f"the editor '{editor}' ended with code {ended.returncode}; name another "
            "with GIT_EDITOR, or 'git config core.editor'"
        )


# What is moved.


def publish(
    work: Aside,
    head: Head,
    commit: str,
    entries: Sequence[TreeEntry],
    edits: Sequence[FileEdit] = (),
) -> None:
    """Move the branch from `head` to a commit, all at once.

    In the index the paths of `entries` become what they are in the commit; what else is
    staged stays so. The files of `edits` follow.

    Raises:
        StorageError: if the index is locked, the branch was moved meanwhile, a file
            cannot be written, or the disk is full; everything is as before then.
    """
    checkout = work.checkout
    changed = work.folder / "changed-index"
    for edit in edits:
        _require_place(checkout, edit.path)
    with _locked_index(checkout) as lock:
        if checkout.index_file.exists():
            _copy_index(checkout.index_file, changed)
        _put(work, changed, entries)
        _ask(checkout, "update-index", "-q", "--refresh", GIT_INDEX_FILE=str(changed))
        now = head_of(checkout, may_be_detached=True)
        if now.branch != head.branch:
            raise StorageError(
                f"{checkout.top}: HEAD is at {now.branch or 'no branch'} by now, and "
                f"not at {head.branch or 'no branch'}; begin anew"
            )
        keep_objects(work)
        _move_all(checkout, lock, head, commit, changed, edits)


def undo(checkout: Checkout) -> str:
    """Take the last `publish` back and return the commit that HEAD was at.

    Raises:
        SourceError: if nothing was published, or something came after it.
    """
    with _alone(checkout):
        last = _read(checkout.home / LAST)
        if last is None:
            raise SourceError(f"{checkout.top}: there is nothing to undo")
        after = SourceError(
            f"{checkout.top}: something came after the last commits of diffscribe; "
            f"'git reset --soft {last['old'] or 'ID'}' takes them back and keeps files"
        )
        head = head_of(checkout, may_be_detached=True)
        if (head.branch, head.commit) != (_name(last["branch"]), last["new"]):
            raise after
        with _locked_index(checkout) as lock:
            if _listing(checkout, checkout.index_file) != last["index_after"]:
                raise after
            kept = checkout.home / last["index"]
            if _ask(checkout, "write-tree", GIT_INDEX_FILE=str(kept)) is None:
                raise SourceError(
                    f"{checkout.top}: git has removed what was staged before; "
                    f"'git reset --soft {last['old'] or 'ID'}' takes the commits back"
                )
            edits = [FileEdit(path, new, old) for path, old, new in _edits(last)]
            _move_all(checkout, lock, head, last["old"], kept, edits, undoes=True)
        return last["old"] or ""


def _move_all(
    checkout: Checkout,
    lock: Path,
    head: Head,
    new: str | None,
    index: Path,
    edits: Sequence[FileEdit],
    undoes: bool = False,
) -> None:
    """Move branch, index and files, or nothing; no signal comes in between.

    Raises:
        StorageError: if the branch cannot be moved, or a file not be written, which the
            next run does then.
    """
    with _prepared(checkout, head.branch, head.commit, new) as confirm, unbroken():
        _write_journal(checkout, head, new, index, edits, undoes)
        try:
            if index.exists():
                _copy_index(index, lock)
                lock.replace(checkout.index_file)
            else:
                checkout.index_file.unlink()
            confirm()
        finally:
            _end_journal(checkout)


# One at a time, and whole.


@contextlib.contextmanager
def _alone(checkout: Checkout) -> Iterator[None]:
    with disk_explained(checkout.home):
        checkout.home.mkdir(exist_ok=True)
        with contextlib.closing(Lock(checkout.home / "lock", checkout.top)):
            _unlock(checkout)
            _end_journal(checkout)
            for folder in checkout.home.glob("aside-*"):
                shutil.rmtree(folder, ignore_errors=True)
            yield


def _lock_names(checkout: Checkout) -> tuple[Path, Path]:
    """Return git's lock of the index, and the name by which we know ours again."""
    name = checkout.index_file.name
    return (
        checkout.index_file.with_name(f"{name}.lock"),
        checkout.index_file.with_name(f"{name}.diffscribe-lock"),
    )


@contextlib.contextmanager
def _locked_index(checkout: Checkout) -> Iterator[Path]:
    """Give git's lock file of the index; to replace the index by it is to write it."""
    lock, own = _lock_names(checkout)
    try:
        own.write_bytes(b"")
        try:
            lock.hardlink_to(own)
        except FileExistsError as error:
            raise StorageError(
                f"{lock} exists: another git is at work; if none is, remove the file"
            ) from error
        yield lock
    finally:
        _unlock(checkout)


def _unlock(checkout: Checkout) -> None:
    """Take a lock of the index away that is ours."""
    lock, own = _lock_names(checkout)
    if own.exists():
        if lock.exists() and lock.samefile(own):
            lock.unlink()
        own.unlink()


@contextlib.contextmanager
def _prepared(
    checkout: Checkout, branch: str | None, old: str | None, new: str | None
) -> Iterator[Callable[[], None]]:
    """Lock a branch that is at `old`; what is given moves it, else it is left."""
    zeros = "0" * len(old or new or "")
    name = branch or "HEAD"
    update = f"option no-deref\nupdate {name} {new or zeros} {old or zeros}\n"
    arguments = ("update-ref", "--create-reflog", "-m", "diffscribe", "--stdin")
    with (
        git_required(),
        tempfile.TemporaryFile() as errors,  # A pipe that nobody reads fills up.
        subprocess.Popen(
            ["git", *SETTINGS, *arguments],
            cwd=checkout.top,
            env=_environment(checkout),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as git,
    ):
        _say(git, f"start\n{update}prepare\n", name, errors)
        yield lambda: _say(git, "commit\n", name, errors)
        # Without a commit, the end of its input has git take the lock away.


def _say(
    git: "subprocess.Popen[bytes]", words: str, name: str, errors: IO[bytes]
) -> None:
    """Have a git that updates references do something, and wait until it has."""
    assert git.stdin and git.stdout
    with contextlib.suppress(BrokenPipeError):
        git.stdin.write(os.fsencode(words))
        git.stdin.flush()
    verb = words.split()[-1]
    while line := git.stdout.readline():
        if line == f"{verb}: ok\n".encode():
            return
    errors.seek(0)
    raise StorageError(
        f"{name} cannot be moved: {one_line(errors.read(4096))}; look at it with "
        "'git log' and begin anew"
    )


def _copy_index(source: Path, target: Path) -> None:
    """Copy an index with its time, by which git tells files that changed since."""
    shutil.copy2(source, target)


def _put(work: Aside, index: Path, entries: Iterable[TreeEntry]) -> None:
    """Write entries into an index, absent ones first: a folder may replace a file."""
    entries = sorted(entries, key=lambda entry: not entry.is_deleted)
    lines = b"".join(map(_line, entries))
    work.git(
        "update-index", "-z", "--replace", "--index-info", index=index, stdin=lines
    )


def _line(entry: TreeEntry) -> bytes:
    """Return what has `git update-index` take an entry."""
    mode = b"0" if entry.is_deleted else entry.mode.encode()
    return b"%s %s\t%s\0" % (mode, entry.blob.encode(), entry.path)


def keep_objects(work: Aside) -> None:
    """Move loose objects and packs to those of the user; nothing refers to them yet."""
    source, target = work.folder / "objects", work.checkout.objects
    found = [path for path in source.rglob("*") if path.is_file()]
    # Of a pack the index comes last, which shows it.
    for path in sorted(found, key=lambda path: path.suffix == ".idx"):
        place = target / path.relative_to(source)
        if not place.exists():
            if not place.parent.exists():
                place.parent.mkdir(exist_ok=True)
                # Git makes it writable for a group that shares the repository.
                shutil.copymode(path.parent, place.parent)
            _move(path, place)


def _move(source: Path, target: Path) -> None:
    """Rename a file, to another disk too; it is there whole or not at all."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Of this name git removes what is left of a write.
        partial = target.with_name(f"tmp_obj_{target.name}")
        try:
            shutil.copy2(source, partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


# The journal: what a killed run had begun.


def _write_journal(
    checkout: Checkout,
    head: Head,
    new: str | None,
    changed: Path,
    edits: Iterable[FileEdit],
    undoes: bool,
) -> None:
    kept = "index-undone" if undoes else f"index-{new}"
    if checkout.index_file.exists():
        _copy_index(checkout.index_file, checkout.home / kept)
    journal = {
        "branch": _text(None if head.branch is None else os.fsencode(head.branch)),
        "old": head.commit,
        "new": new,
        "index": kept,
        "index_after": _listing(checkout, changed),
        "edits": [[_text(path), _text(old), _text(new)] for path, old, new in edits],
        "undoes": undoes,
    }
    write_json(checkout.home / JOURNAL, journal)


def _end_journal(checkout: Checkout) -> None:
    """End what the journal tells of, if the branch was moved, else take it back.

    Where the branch is elsewhere by now, somebody has gone on with the index as it is.

    Raises:
        StorageError: if the branch was moved, and a file cannot be written.
    """
    path = checkout.home / JOURNAL
    journal = _read(path)
    if journal is None:
        return
    kept = checkout.home / journal["index"]
    place = _ask(checkout, "rev-parse", "--verify", _name(journal["branch"]) or "HEAD")
    if place == journal["new"]:
        for edit in _edits(journal):
            try:
                _edit(checkout, *edit)
            except OSError as error:
                raise StorageError(
                    f"{checkout.top}: the branch was moved, but not all is done: "
                    f"{os.fsdecode(edit.path)}: {error.strerror}; mend that, and the "
                    "next 'git diffscribe' does the rest"
                ) from error
        last = checkout.home / LAST
        if journal["undoes"]:
            last.unlink(missing_ok=True)
            path.unlink()
        else:
            path.replace(last)
        for other in checkout.home.glob("index-*"):
            if journal["undoes"] or other != kept:
                other.unlink()
        return
    is_before = place == journal["old"]
    if is_before and _listing(checkout, checkout.index_file) == journal["index_after"]:
        if kept.exists():
            kept.replace(checkout.index_file)
        else:
            checkout.index_file.unlink()
    kept.unlink(missing_ok=True)
    path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    return read_json(path) if path.exists() else None


def _edits(journal: dict[str, Any]) -> list[FileEdit]:
    return [
        FileEdit(base64.b64decode(path), _content(old), _content(new))
        for path, old, new in journal["edits"]
    ]


def _require_place(checkout: Checkout, path: bytes) -> None:
    """Check that a file can be written.

    Raises:
        StorageError: if not.
    """
    file = checkout.top / os.fsdecode(path)
    above = next(each for each in file.parents if each.exists())
    if (
        file.is_dir()
        or file.is_symlink()
        or not above.is_dir()
        or not os.access(above, os.W_OK)
    ):
        raise StorageError(
            f"{file} cannot be written; mend its folder, or leave it out with 'edit'"
        )


def _edit(
    checkout: Checkout, path: bytes, before: bytes | None, after: bytes | None
) -> None:
    """Give a file another content, unless it has changed since."""
    file = checkout.top / os.fsdecode(path)
    # A folder that is a link leads to what is no part of the repository.
    inside = file.parent.resolve().is_relative_to(checkout.top.resolve())
    if not inside or file.is_symlink() or file.is_dir():
        return
    if (file.read_bytes() if file.exists() else None) != before:
        return
    if after is None:
        file.unlink()
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = checkout.home / "edited"
    partial.write_bytes(after)
    if before is not None:
        shutil.copymode(file, partial)
    shutil.move(partial, file)


def _name(text: str | None) -> str | None:
    """Return the name of a reference, which need not be UTF-8."""
    content = _content(text)
    return None if content is None else os.fsdecode(content)


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _content(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _listing(checkout: Checkout, index: Path) -> str:
    """Return a digest of what an index holds, whatever it knows of files' times."""
    listed = _git(checkout, "ls-files", "--stage", "-z", GIT_INDEX_FILE=str(index))
    return hashlib.sha256(listed).hexdigest()


# Git as the user runs it.


def _git(
    checkout: Checkout, *arguments: str, stdin: bytes = b"", **variables: str
) -> bytes:
    """Return what git prints.

    Raises:
        SourceError: if it fails, with its own words.
    """
    answer = _run(checkout, arguments, stdin, variables)
    if answer.returncode:
        verb = arguments[2 if arguments[0] in ("-c", "-C") else 0]
        words = one_line(answer.stderr)
        if "promisor" in words:
            words = "objects are not here, and 'git diff HEAD' would fetch them"
        raise SourceError(f"{checkout.top}: git {verb} fails: {words}")
    return answer.stdout


def _ask(checkout: Checkout, *arguments: str, **variables: str) -> str | None:
    """Return what git prints, without the line feed, or None if it fails."""
    answer = _run(checkout, arguments, b"", variables)
    return None if answer.returncode else os.fsdecode(answer.stdout).removesuffix("\n")


def _run(
    checkout: Checkout,
    arguments: Sequence[str],
    stdin: bytes,
    variables: dict[str, str],
) -> "subprocess.CompletedProcess[bytes]":
    with git_required():
        return subprocess.run(
            ["git", *SETTINGS, *arguments],
            cwd=checkout.top,
            env=_environment(checkout) | variables,
            input=stdin,
            capture_output=True,
            check=False,
        )


def _environment(checkout: Checkout) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name not in REPLACED}
    places = {
        "GIT_DIR": checkout.git_dir,
        "GIT_WORK_TREE": checkout.top,
        "GIT_OBJECT_DIRECTORY": checkout.objects,
        "GIT_INDEX_FILE": checkout.index_file,
    }
    named = {name: str(place) for name, place in places.items()}
    return kept | named | OFFLINE | {"LC_ALL": "C"}


def _parts(listing: bytes) -> list[bytes]:
    return [part for part in listing.split(b"\0") if part]
