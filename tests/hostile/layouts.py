"""Repositories whose `.git` is not laid out as git would."""

import os
import shutil
from pathlib import Path

from tests.hostile.attacks import Place, attack
from tests.hostile.plumbing import Raw, grown
from tests.hostile.programs import configured, git
from tests.support.history import History

POINTER = "a .git that points elsewhere"
TRAP = "a file that never ends or cannot be opened"
HEADS = "a HEAD that names no commit"
FORMAT = "a format that cannot be read"
NAMES = "a name that means something else"
UNREADABLE = "cannot be read as a git repository"


@attack(POINTER)
def git_is_a_link(place: Place) -> Path:
    """`.git` is a symbolic link to another repository's"""
    victim = grown(place.folder / "victim")
    (place.folder / "repository").mkdir()
    (place.folder / "repository/.git").symlink_to(victim.folder / ".git")
    return place.folder / "repository"


def pointing(place: Place, target: str) -> Path:
    folder = place.folder / "repository"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {target}\n")
    return folder


@attack(POINTER)
def git_is_a_file(place: Place) -> Path:
    """`gitdir:` names another repository's folder"""
    grown(place.folder / "victim")
    return pointing(place, "../victim/.git")


@attack(POINTER, refused=UNREADABLE)
def git_file_of_itself(place: Place) -> Path:
    """`gitdir:` names itself"""
    return pointing(place, ".git")


@attack(POINTER, refused=UNREADABLE)
def git_file_to_the_root(place: Place) -> Path:
    """`gitdir:` names a folder that is no repository"""
    return pointing(place, "/")


@attack(POINTER, refused=UNREADABLE)
def git_file_of_noise(place: Place) -> Path:
    """`.git` is a megabyte of bytes that are no text"""
    folder = pointing(place, "")
    (folder / ".git").write_bytes(b"gitdir: " + b"\xff\0\x1b[2J" * 200_000)
    return folder


def linked(place: Place, common: bytes) -> Path:
    """Return a linked work tree whose `commondir` says this."""
    history = grown(place.folder / "main")
    git(history.folder, "worktree", "add", "-q", "--detach", "../linked")
    pointer = history.folder / ".git/worktrees/linked/commondir"
    pointer.write_bytes(common)
    return place.folder / "linked"


@attack(POINTER, refused=UNREADABLE)
def common_folder_is_the_root(place: Place) -> Path:
    """`commondir` names `/`"""
    return linked(place, b"/\n")


@attack(POINTER, refused=UNREADABLE)
def common_folder_is_noise(place: Place) -> Path:
    """`commondir` has NUL, bytes that are no text, and escapes"""
    return linked(place, b"\xff\0\x1b[2J../..\n")


@attack(POINTER)
def common_folder_is_another(place: Place) -> Path:
    """`commondir` names a stranger with a hostile configuration"""
    stranger = configured(place, "[core]", "fsmonitor = CANARY", name="stranger")
    return linked(place, f"{stranger.folder}/.git\n".encode())


@attack(POINTER)
def work_tree_is_elsewhere(place: Place) -> Path:
    """`core.worktree` names somebody's home"""
    (place.folder / "home").mkdir()
    (place.folder / "home/.profile").write_text("precious\n")
    return configured(place, "[core]", f'worktree = "{place.folder}/home"').folder


@attack(POINTER)
def objects_are_a_link(place: Place) -> Path:
    """`objects` is a symbolic link to another repository's"""
    history = grown(place.folder / "repository")
    (history.folder / ".git/objects").rename(place.folder / "objects")
    (history.folder / ".git/objects").symlink_to(place.folder / "objects")
    return history.folder


@attack(POINTER, refused=UNREADABLE)
def objects_link_to_themselves(place: Place) -> Path:
    """`objects` is a symbolic link to itself"""
    history = grown(place.folder / "repository")
    shutil.rmtree(history.folder / ".git/objects")
    (history.folder / ".git/objects").symlink_to("objects")
    return history.folder


@attack(POINTER)
def alternates_loop(place: Place) -> Path:
    """Two repositories borrow objects from each other, and from themselves"""
    one, two = (Raw(place.folder / name) for name in ("one.git", "two.git"))
    for raw in (one, two):
        (raw.folder / "objects/info/alternates").write_text(
            f"{one.folder}/objects\n{two.folder}/objects\n../../two.git/objects\n"
        )
    for number in range(4):
        one.commit(one.text(b"%d\n" % number))
    two.advance(one.head)
    return two.folder


@attack(POINTER, refused="fetch the repository completely")
def alternates_too_deep(place: Place) -> Path:
    """Objects are borrowed over ten repositories, more than git follows"""
    history = grown(place.folder / "r0")
    (history.folder / ".git/objects/info").mkdir(exist_ok=True)
    for number in range(1, 11):
        raw = Raw(place.folder / f"r{number}")
        before = place.folder / f"r{number - 1}"
        objects = before / (".git/objects" if number == 1 else "objects")
        (raw.folder / "objects/info/alternates").write_text(f"{objects}\n")
        raw.advance(history.head.encode())
    return raw.folder


@attack(POINTER, refused=UNREADABLE)
def nothing_but_a_head(place: Place) -> Path:
    """`objects` is a file"""
    history = grown(place.folder / "repository")
    shutil.rmtree(history.folder / ".git/objects")
    (history.folder / ".git/objects").write_text("no folder\n")
    return history.folder


def replaced(place: Place, name: str, endless: bool = False) -> Path:
    """Return a good repository with a FIFO or an endless file in a file's place."""
    history = grown(place.folder / "repository")
    path = history.folder / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if endless:
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    return history.folder


@attack(TRAP, refused=UNREADABLE)
def head_is_a_pipe(place: Place) -> Path:
    """`HEAD` is a FIFO: who opens it waits for ever"""
    return replaced(place, "HEAD")


@attack(TRAP, refused=UNREADABLE)
def configuration_is_a_pipe(place: Place) -> Path:
    """`config` is a FIFO"""
    return replaced(place, "config")


@attack(TRAP, refused=UNREADABLE)
def reference_is_a_pipe(place: Place) -> Path:
    """`refs/heads/main` is a FIFO"""
    return replaced(place, "refs/heads/main")


@attack(TRAP, refused=UNREADABLE)
def packed_references_are_a_pipe(place: Place) -> Path:
    """`packed-refs` is a FIFO"""
    return replaced(place, "packed-refs")


@attack(TRAP, refused=UNREADABLE)
def shallow_file_is_a_pipe(place: Place) -> Path:
    """`shallow` is a FIFO"""
    return replaced(place, "shallow")


@attack(TRAP, refused=UNREADABLE)
def alternates_are_a_pipe(place: Place) -> Path:
    """`objects/info/alternates` is a FIFO"""
    return replaced(place, "objects/info/alternates")


@attack(TRAP, refused=UNREADABLE)
def borrowed_alternates_are_a_pipe(place: Place) -> Path:
    """`objects/info/alternates` of a repository that lends objects is a FIFO"""
    lender = grown(place.folder / "lender")
    (lender.folder / ".git/objects/info").mkdir(exist_ok=True)
    os.mkfifo(lender.folder / ".git/objects/info/alternates")
    history = grown(place.folder / "repository")
    (history.folder / ".git/objects/info").mkdir(exist_ok=True)
    (history.folder / ".git/objects/info/alternates").write_text(
        f"{lender.folder}/.git/objects\n"
    )
    return history.folder


@attack(TRAP, refused=UNREADABLE)
def pack_index_is_a_pipe(place: Place) -> Path:
    """A `.idx` among the packs is a FIFO"""
    name = f"pack-{'a' * 40}"
    folder = replaced(place, f"objects/pack/{name}.idx")
    (folder / f".git/objects/pack/{name}.pack").write_bytes(b"PACK")
    return folder


@attack(TRAP, refused=UNREADABLE)
def object_is_a_pipe(place: Place) -> Path:
    """A loose object is a FIFO"""
    folder = grown(place.folder / "repository").folder
    sha = git(folder, "rev-parse", "HEAD:a.py")
    path = folder / ".git/objects" / sha[:2] / sha[2:]
    path.unlink()
    os.mkfifo(path)
    return folder


@attack(TRAP)
def include_is_a_pipe(place: Place) -> Path:
    """`include.path` names a FIFO"""
    os.mkfifo(place.folder / "pipe")
    return configured(place, "[include]", f"path = {place.folder}/pipe").folder


@attack(TRAP)
def index_is_a_pipe(place: Place) -> Path:
    """`index` is a FIFO, and git's locks are all taken"""
    folder = replaced(place, "index")
    for name in ("index.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock"):
        (folder / ".git" / name).write_bytes(b"")
    return folder


@attack(TRAP, refused=UNREADABLE)
def endless_head(place: Place) -> Path:
    """`HEAD` is a link to `/dev/zero`"""
    return replaced(place, "HEAD", endless=True)


@attack(TRAP, refused=UNREADABLE)
def endless_configuration(place: Place) -> Path:
    """`config` is a link to `/dev/zero`"""
    return replaced(place, "config", endless=True)


@attack(TRAP, refused=UNREADABLE)
def endless_shallow_file(place: Place) -> Path:
    """`shallow` is a link to `/dev/zero`"""
    return replaced(place, "shallow", endless=True)


@attack(TRAP, refused=UNREADABLE)
def sparse_packed_references(place: Place) -> Path:
    """`packed-refs` is a sparse file of 8 GiB"""
    history = grown(place.folder / "repository")
    with (history.folder / ".git/packed-refs").open("wb") as file:
        file.truncate(8 * 2**30)
    return history.folder


@attack(TRAP, refused=UNREADABLE)
def head_without_permission(place: Place) -> Path:
    """`HEAD` may not be read"""
    folder = grown(place.folder / "repository").folder
    (folder / ".git/HEAD").chmod(0)
    return folder


@attack(TRAP, refused=UNREADABLE)
def objects_without_permission(place: Place) -> Path:
    """`objects` may not be listed"""
    folder = grown(place.folder / "repository").folder
    (folder / ".git/objects").chmod(0)
    return folder


@attack(TRAP)
def read_only_repository(place: Place) -> Path:
    """Nothing in the repository may be written"""
    folder = grown(place.folder / "repository").folder
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o500 if path.is_dir() else 0o400)
    folder.chmod(0o500)
    return folder


@attack(TRAP)
def somebody_elses_repository(place: Place) -> Path:
    """The folders belong to another user (git's "dubious ownership")"""
    folder = grown(place.folder / "repository").folder
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
    return folder


def pointed(place: Place, head: bytes) -> Path:
    folder = grown(place.folder / "repository").folder
    (folder / ".git/HEAD").write_bytes(head)
    return folder


@attack(HEADS, refused=UNREADABLE)
def references_in_a_circle(place: Place) -> Path:
    """`HEAD` leads to two references that name each other"""
    folder = pointed(place, b"ref: refs/heads/one\n")
    (folder / ".git/refs/heads/one").write_text("ref: refs/heads/two\n")
    (folder / ".git/refs/heads/two").write_text("ref: refs/heads/one\n")
    return folder


@attack(HEADS, refused=UNREADABLE)
def head_leaves_the_repository(place: Place) -> Path:
    """`HEAD` is `ref: ../../secret`, which holds a password"""
    (place.folder / "secret").write_text("hunter2\n")
    return pointed(place, b"ref: ../../secret\n")


@attack(HEADS, refused=UNREADABLE)
def head_is_noise(place: Place) -> Path:
    """`HEAD` is escapes and bytes that are no text"""
    return pointed(place, b"\x1b]0;owned\x07\xff\xfe\n")


@attack(HEADS, refused="fetch the repository completely")
def head_is_absent(place: Place) -> Path:
    """`HEAD` names a commit that does not exist"""
    return pointed(place, b"1" * 40 + b"\n")


@attack(HEADS, refused="fetch the repository completely")
def head_is_a_file(place: Place) -> Path:
    """`HEAD` names a blob"""
    history = grown(place.folder / "repository")
    blob = git(history.folder, "rev-parse", "HEAD:a.py")
    (history.folder / ".git/HEAD").write_text(f"{blob}\n")
    return history.folder


@attack(HEADS, rows=1)
def head_is_a_chain_of_tags(place: Place) -> Path:
    """`HEAD` names a tag of a tag of a tag, a thousand times"""
    raw = Raw(place.folder / "repository.git").started()
    sha, kind = raw.head, b"commit"
    for _ in range(1000):
        sha = raw.write("tag", b"object %s\ntype %s\ntag t\n\nx\n" % (sha, kind))
        kind = b"tag"
    raw.advance(sha)
    return raw.folder


@attack(HEADS, refused="the repository has no commit")
def head_is_unborn(place: Place) -> Path:
    """`HEAD` names a branch that does not exist"""
    return pointed(place, b"ref: refs/heads/none\n")


@attack(FORMAT, refused="names its objects by SHA-256")
def sha_256(place: Place) -> Path:
    """The repository uses SHA-256"""
    folder = place.folder / "repository"
    git(place.folder, "init", "-q", "--object-format=sha256", str(folder))
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for number in range(2):
        (folder / "a").write_text(f"{number}\n")
        git(folder, "add", "a")
        git(folder, *identity, "commit", "-q", "-m", f"feat: {number}")
    return folder


@attack(FORMAT, refused="keeps its references in a reftable")
def reference_tables(place: Place) -> Path:
    """References are kept in a reftable"""
    history = configured(
        place,
        "[core]",
        "repositoryformatversion = 1",
        "[extensions]",
        "refStorage = reftable",
    )
    shutil.rmtree(history.folder / ".git/refs")
    (history.folder / ".git/refs").mkdir()
    (history.folder / ".git/refs/heads").write_text("this repository uses reftables\n")
    (history.folder / ".git/reftable").mkdir()
    (history.folder / ".git/HEAD").write_text("ref: refs/heads/.invalid\n")
    return history.folder


@attack(FORMAT, refused="repositoryformatversion is 99")
def unknown_version(place: Place) -> Path:
    """`core.repositoryformatversion` is 99"""
    return configured(place, "[core]", "repositoryformatversion = 99").folder


@attack(FORMAT, refused=UNREADABLE)
def broken_configuration(place: Place) -> Path:
    """`config` has a section that never ends, and escapes in it"""
    return configured(place, '[core "\x1b[2J', "= = [[").folder


@attack(NAMES, rows=3)
def remote_is_no_text(place: Place) -> Path:
    """The URL of `origin` is not UTF-8"""
    history = configured(place)
    with (history.folder / ".git/config").open("ab") as config:
        config.write(b'[remote "origin"]\nurl = https://example.org/\xff\xfe/name\n')
    return history.folder


@attack(NAMES, rows=3)
def remote_writes_to_the_terminal(place: Place) -> Path:
    """The URL of `origin` holds escapes, bidi marks and `..`"""
    line = '\turl = "https://example.org/../\x1b]0;owned\x07/\u202ename"'
    return configured(place, '[remote "origin"]', line).folder


@attack(NAMES, rows=3)
def remote_is_a_megabyte(place: Place) -> Path:
    """The URL of `origin` is a megabyte long"""
    url = "\turl = https://example.org/" + "a/" * 500_000
    return configured(place, '[remote "origin"]', url).folder


def named(place: Place, name: str) -> Path:
    return grown(place.folder / name).folder


@attack(NAMES)
def folder_with_a_newline(place: Place) -> Path:
    """The folder's name ends the line, and the next names another's objects"""
    return named(place, "repository\n#")


@attack(NAMES)
def folder_in_quotes(place: Place) -> Path:
    """The folder's name looks like a quoted path, with `:` and `\\`"""
    return named(place, '"quoted\\n":#')


@attack(NAMES)
def folder_is_an_option(place: Place) -> Path:
    """The folder is called `--upload-pack=…`"""
    return named(place, f"--upload-pack={place.canary.name}")


@attack(NAMES)
def folder_is_a_command(place: Place) -> Path:
    """The folder is called `$(…)`, with backquotes and `;`"""
    return named(place, f"$({place.canary.name});`{place.canary.name}`")


@attack(NAMES, refused="has no commit")
def folder_writes_to_the_terminal(place: Place) -> Path:
    """The folder's name holds escapes and bidi marks, and there is no commit"""
    folder = place.folder / "\x1b[2J\x1b]0;owned\x07\u202e\x9b31m"
    return History(folder).folder


@attack(NAMES)
def stolen_name(place: Place) -> Path:
    """The folder has the name of a good repository"""
    return named(place, place.neighbour.name)
