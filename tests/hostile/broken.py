"""Repositories whose objects break git's format."""

import struct
import zlib
from pathlib import Path

from tests.hostile.attacks import Place, attack
from tests.hostile.layouts import UNREADABLE
from tests.hostile.plumbing import (
    FILE,
    FOLDER,
    IDENTITY,
    LINK,
    SUBMODULE,
    Packed,
    Raw,
    grown,
    tree_bytes,
    write_pack,
)
from tests.hostile.programs import git

OBJECT = "an object that is broken"
COMMIT = "a commit that is malformed"
TREE = "a tree that is malformed"
PATHS = "a path that leads astray"
PACK = "a pack or index that lies"
VIEW = "another view of the history"
BROKEN = "fetch the repository completely"


def raw(place: Place) -> Raw:
    return Raw(place.folder / "repository.git").started()


@attack(OBJECT, rows=1)
def truncated_object(place: Place) -> Path:
    """A blob ends in the middle of its zlib stream"""
    repository = raw(place)
    blob = repository.blob(bytes(range(256)) * 64)
    path = repository.loose(blob)
    path.write_bytes(path.read_bytes()[:30])
    repository.commit(repository.tree((FILE, b"a.txt", blob)))
    return repository.folder


@attack(OBJECT, refused=BROKEN)
def object_is_noise(place: Place) -> Path:
    """A commit is no zlib stream"""
    repository = raw(place)
    repository.write_loose("ab" * 20, b"\x1b[2Jnoise\xff" * 10)
    repository.advance(b"ab" * 20)
    return repository.folder


@attack(OBJECT, refused=BROKEN)
def object_of_unknown_kind(place: Place) -> Path:
    """An object is of the kind `evil`"""
    repository = raw(place)
    blob = repository.write("evil", b"content\n")
    repository.commit(repository.tree((FILE, b"a.txt", blob)))
    return repository.folder


@attack(OBJECT, rows=1)
def object_says_too_little(place: Place) -> Path:
    """A blob says 3 bytes and inflates to 1 GiB"""
    from tests.hostile.plumbing import zeros_compressed

    repository = raw(place)
    sha = b"cd" * 20
    repository.write_loose(sha.decode(), zeros_compressed(b"blob 3\0", 2**30))
    repository.commit(repository.tree((FILE, b"a.txt", sha)))
    return repository.folder


@attack(OBJECT, rows=1)
def object_says_too_much(place: Place) -> Path:
    """A blob says 2^62 bytes and has nine"""
    repository = raw(place)
    sha = b"cd" * 20
    content = zlib.compress(b"blob %d\0content\n" % 2**62)
    repository.write_loose(sha.decode(), content)
    repository.commit(repository.tree((FILE, b"a.txt", sha)))
    return repository.folder


@attack(OBJECT, refused="fetch the repository completely")
def commit_says_too_much(place: Place) -> Path:
    """A commit says 2^40 bytes"""
    repository = raw(place)
    sha = b"cd" * 20
    content = zlib.compress(b"commit %d\0tree x\n" % 2**40)
    repository.write_loose(sha.decode(), content)
    repository.advance(sha)
    return repository.folder


def committed(place: Place, content: bytes) -> Path:
    """Return a repository whose newest commit has these bytes."""
    repository = raw(place)
    tree = repository.text(b"three\n")
    content = content.replace(b"TREE", tree).replace(b"PARENT", repository.head)
    repository.advance(repository.write("commit", content))
    return repository.folder


WHO = b"author %s 1704704400 +0000\ncommitter %s 1704704400 +0000\n" % (
    IDENTITY,
    IDENTITY,
)


@attack(COMMIT, refused=BROKEN)
def commit_without_tree(place: Place) -> Path:
    """A commit has no tree"""
    return committed(place, b"parent PARENT\n" + WHO + b"\nfeat: x\n")


@attack(COMMIT, rows=1)
def commit_of_a_blob(place: Place) -> Path:
    """A commit's tree is a blob"""
    repository = raw(place)
    repository.commit(repository.blob(b"no tree\n"))
    return repository.folder


@attack(COMMIT, rows=1)
def commit_without_author(place: Place) -> Path:
    """A commit has neither author nor committer"""
    return committed(place, b"tree TREE\nparent PARENT\n\nfeat: x\n")


@attack(COMMIT, rows=2)
def author_without_mail(place: Place) -> Path:
    """An author is `<<>> <`, with NUL-like bytes and escapes"""
    repository = raw(place)
    repository.commit(repository.text(b"3\n"), author=b"\x1b[2J\xff <x>> <y@z>")
    return repository.folder


@attack(COMMIT, rows=1)
def dates_out_of_range(place: Place) -> Path:
    """Commits of the year 10^12, of before 1970 and of no number"""
    repository = raw(place)
    for date in (b"99999999999999 +0000", b"-5 +9999", b"soon", b"9" * 400 + b" +0000"):
        repository.commit(repository.text(date), date=date)
    return repository.folder


@attack(COMMIT, rows=2)
def message_with_nul(place: Place) -> Path:
    """A message holds NUL, then the border that a parser may look for"""
    repository = raw(place)
    border = b"\0\ncommit " + b"1" * 40 + b"\0tree " + b"2" * 40 + b"\n\0\0"
    repository.commit(repository.text(b"3\n"), b"feat: add a thing\n\nbody" + border)
    return repository.folder


@attack(COMMIT, rows=7)
def unknown_encodings(place: Place) -> Path:
    """Messages in codecs that do not exist, are no text, or leave surrogates"""
    repository = raw(place)
    for number, (codec, message) in enumerate(
        (
            (b"none-such", b"feat: x"),
            (b"zlib", zlib.compress(b"feat: x" * 1000)),
            (b"utf-7", b"feat: a surrogate +2AA-"),
            (b"unicode_escape", b"feat: a surrogate \\ud800"),
            (b"undefined", b"feat: x"),
            (b"utf-8\x1b[2J", b"feat: x"),
            (b"a" * 100_000, b"feat: x"),
        )
    ):
        repository.commit(
            repository.text(b"%d\n" % number),
            message + b"\n",
            headers=b"encoding %s\n" % codec,
        )
    return repository.folder


@attack(COMMIT, rows=2)
def latin_1_message(place: Place) -> Path:
    """A message says that it is Latin-1, and is"""
    repository = raw(place)
    repository.commit(
        repository.text(b"3\n"), b"feat: gr\xfc\xdfen\n", headers=b"encoding latin-1\n"
    )
    return repository.folder


@attack(COMMIT, rows=1)
def thousand_parents(place: Place) -> Path:
    """A merge of ten thousand parents"""
    repository = raw(place)
    parents = [repository.head] * 10_000
    repository.commit(repository.text(b"3\n"), parents=parents)
    return repository.folder


@attack(COMMIT, refused=BROKEN)
def parent_is_a_tree(place: Place) -> Path:
    """A parent is a tree"""
    repository = raw(place)
    tree = repository.text(b"3\n")
    repository.commit(tree, parents=[tree])
    return repository.folder


@attack(COMMIT, refused="fetch the repository completely")
def parent_is_absent(place: Place) -> Path:
    """A parent does not exist"""
    repository = raw(place)
    repository.commit(repository.text(b"3\n"), parents=[b"1" * 40])
    return repository.folder


def with_tree(place: Place, content: bytes) -> Path:
    """Return a repository whose newest tree has these bytes."""
    repository = raw(place)
    repository.commit(repository.write("tree", content))
    return repository.folder


@attack(TREE, rows=1)
def absent_tree(place: Place) -> Path:
    """A commit's tree does not exist"""
    repository = raw(place)
    repository.commit(b"1" * 40)
    return repository.folder


@attack(TREE, rows=1)
def absent_folder(place: Place) -> Path:
    """A folder of a tree does not exist"""
    return with_tree(place, tree_bytes([(FOLDER, b"src", b"1" * 40)]))


@attack(TREE, rows=1)
def folder_is_a_file(place: Place) -> Path:
    """A folder of a tree is a blob"""
    repository = raw(place)
    blob = repository.blob(b"no tree\n")
    repository.commit(repository.tree((FOLDER, b"src", blob)))
    return repository.folder


@attack(TREE, rows=1)
def truncated_tree(place: Place) -> Path:
    """A tree ends in the middle of a sha"""
    return with_tree(place, tree_bytes([(FILE, b"a.txt", b"1" * 40)])[:-9])


@attack(TREE, rows=1)
def tree_without_nul(place: Place) -> Path:
    """A tree is one mode without an end"""
    return with_tree(place, b"1" * 5000)


@attack(TREE, rows=1)
def duplicate_names(place: Place) -> Path:
    """A tree lists one name as file, folder and link"""
    repository = raw(place)
    blob = repository.blob(b"content\n")
    folder = repository.text(b"inner\n")
    entries = ((FILE, blob), (FOLDER, folder), (LINK, blob), (FILE, blob))
    repository.commit(repository.tree(*((m, b"a.txt", s) for m, s in entries)))
    return repository.folder


@attack(TREE, rows=1)
def unsorted_names(place: Place) -> Path:
    """A tree's names are out of order"""
    repository = raw(place)
    blob = repository.blob(b"content\n")
    names = (b"z", b"a.txt", b"m", b"b")
    repository.commit(repository.tree(*((FILE, name, blob) for name in names)))
    return repository.folder


@attack(TREE, rows=2)
def strange_modes(place: Place) -> Path:
    """Files have modes such as 100777, 0100644 and 100000"""
    repository = raw(place)
    blob = repository.blob(b"content\n")
    modes = (b"100777", b"0100644", b"100000", b"106644")
    entries = [(mode, b"file%d" % n, blob) for n, mode in enumerate(modes)]
    repository.commit(repository.tree(*entries))
    return repository.folder


@attack(TREE, rows=2)
def absent_submodule(place: Place) -> Path:
    """A submodule's commit does not exist, and `.gitmodules` is a link"""
    repository = raw(place)
    link = repository.blob(b"../../outside")
    repository.commit(
        repository.tree((LINK, b".gitmodules", link), (SUBMODULE, b"sub", b"1" * 40))
    )
    return repository.folder


def placed(place: Place, *paths: bytes) -> Path:
    """Return a repository with a commit for each of the paths, as they are."""
    repository = raw(place)
    for path in paths:
        *folders, name = path.split(b"\0")
        sha, mode = repository.blob(b"content of " + path[:99] + b"\n"), FILE
        for folder in reversed(folders):
            sha, mode, name = repository.tree((mode, name, sha)), FOLDER, folder
        repository.commit(repository.tree((mode, name, sha)))
    return repository.folder


@attack(PATHS, rows=1)
def paths_upwards(place: Place) -> Path:
    """Folders are called `..` and `.`"""
    return placed(place, b"..\0..\0etc\0passwd", b".\0a.txt", b"src\0..")


@attack(PATHS, rows=1)
def absolute_paths(place: Place) -> Path:
    """Names hold slashes: `/etc/passwd`, `../x`, `a//b`"""
    return placed(place, b"/etc/passwd", b"../x", b"a/", b"a//b")


@attack(PATHS, rows=1)
def paths_into_git(place: Place) -> Path:
    """Folders are called `.git`, `.GIT` and `sub/.git`"""
    return placed(place, b".git\0hooks\0pre-commit", b".GIT\0config", b"sub\0.git\0x")


@attack(PATHS, rows=1)
def paths_for_windows(place: Place) -> Path:
    """What NTFS takes for `.git`: `git~1`, `.git.`, `.git::$INDEX_ALLOCATION`"""
    return placed(
        place,
        b"git~1\0config",
        b"GIT~1\0config",
        b".git. .\0config",
        b".git::$INDEX_ALLOCATION\0config",
        b"sub\\.git\\config",
    )


@attack(PATHS, rows=1)
def paths_for_macs(place: Place) -> Path:
    """What HFS+ takes for `.git`: letters that it ignores, between"""
    return placed(place, ".g\u200cit\0config".encode(), "\ufeff.git\0config".encode())


@attack(PATHS, rows=5)
def paths_with_controls(place: Place) -> Path:
    """Names hold newlines, tabs, escapes, bidi marks and git's own headers"""
    return placed(
        place,
        b"new\nline\r\n:100644 100644 x",
        b"tab\tb/x b/x => {a",
        b"\x1b]0;owned\x07\x1b[2J",
        "\u202egnp.exe".encode(),
    )


@attack(PATHS, rows=4)
def paths_that_are_no_text(place: Place) -> Path:
    """Names are not UTF-8"""
    return placed(place, b"\xff\xfe", b"caf\xe9\0a", b"\xed\xa0\x80")


@attack(PATHS, rows=1)
def empty_names(place: Place) -> Path:
    """A name is empty"""
    return placed(place, b"", b"src\0")


def packed(place: Place) -> tuple[Path, Path]:
    """Return a good repository and its one pack."""
    folder = grown(place.folder / "repository").folder
    git(folder, "repack", "-q", "-a", "-d")
    (pack,) = (folder / ".git/objects/pack").glob("*.pack")
    for path in (pack, pack.with_suffix(".idx")):
        path.chmod(0o644)
    return folder, pack


@attack(PACK, refused=BROKEN)
def truncated_pack(place: Place) -> Path:
    """A pack ends half-way"""
    folder, pack = packed(place)
    pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 2])
    return folder


@attack(PACK, refused=BROKEN)
def scrambled_pack(place: Place) -> Path:
    """Every object of a pack is noise"""
    folder, pack = packed(place)
    content = pack.read_bytes()
    pack.write_bytes(content[:12] + b"\xa5" * (len(content) - 32) + content[-20:])
    return folder


@attack(PACK, refused=BROKEN)
def index_is_noise(place: Place) -> Path:
    """A pack's index is noise"""
    folder, pack = packed(place)
    pack.with_suffix(".idx").write_bytes(b"\x1b[2J" * 500)
    return folder


@attack(PACK, refused=BROKEN)
def index_leaves_the_pack(place: Place) -> Path:
    """All offsets of an index are beyond the pack's end"""
    folder, pack = packed(place)
    index = bytearray(pack.with_suffix(".idx").read_bytes())
    count = struct.unpack_from(">I", index, 8 + 255 * 4)[0]
    start = 8 + 1024 + 24 * count
    index[start : start + 4 * count] = b"\x7f\xff\xff\xf0" * count
    pack.with_suffix(".idx").write_bytes(index)
    return folder


@attack(PACK, refused=BROKEN)
def index_counts_wrong(place: Place) -> Path:
    """An index says that it has 2^32 - 1 objects"""
    folder, pack = packed(place)
    index = bytearray(pack.with_suffix(".idx").read_bytes())
    index[8 : 8 + 1024] = b"\xff" * 1024
    pack.with_suffix(".idx").write_bytes(index)
    return folder


@attack(PACK)
def multi_pack_index_is_noise(place: Place) -> Path:
    """`multi-pack-index` lies about every object"""
    folder, pack = packed(place)
    git(folder, "multi-pack-index", "write")
    path = pack.with_name("multi-pack-index")
    path.chmod(0o644)
    index = bytearray(path.read_bytes())
    index[len(index) // 2 : -20] = b"\x5a" * (len(index) - 20 - len(index) // 2)
    path.write_bytes(index)
    return folder


@attack(PACK)
def commit_graph_lies(place: Place) -> Path:
    """`commit-graph` gives every commit another's tree"""
    folder, _ = packed(place)
    git(folder, "commit-graph", "write", "--reachable")
    path = folder / ".git/objects/info/commit-graph"
    path.chmod(0o644)
    graph = bytearray(path.read_bytes())
    start = graph.find(b"CDAT")
    start = struct.unpack_from(">Q", graph, start + 4)[0]
    trees = [graph[start + 36 * n : start + 36 * n + 20] for n in range(4)]
    for number in range(4):
        at = start + 36 * number
        graph[at : at + 20] = trees[number - 1]
    path.write_bytes(graph)
    return folder


@attack(PACK, refused=BROKEN)
def deltas_in_a_circle(place: Place) -> Path:
    """Two blobs of a pack are deltas to each other"""
    repository = raw(place)
    one, two = "1d" * 20, "2d" * 20
    delta = b"\x08\x08\x90\x08"
    write_pack(
        repository.folder,
        [Packed(one, "blob", delta, two), Packed(two, "blob", delta, one)],
    )
    repository.commit(repository.tree((FILE, b"a.txt", one.encode())))
    return repository.folder


@attack(PACK, rows=2)
def ignored_in_a_circle_of_deltas(place: Place) -> Path:
    """A `.gitignore` and a `LICENSE` that no commit changes are such deltas"""
    repository = Raw(place.folder / "repository.git")
    one, two = "1d" * 20, "2d" * 20
    delta = b"\x08\x08\x90\x08"
    write_pack(
        repository.folder,
        [Packed(one, "blob", delta, two), Packed(two, "blob", delta, one)],
    )
    for number in range(3):
        text = repository.blob(b"%d\n" % number)
        repository.commit(
            repository.tree(
                (FILE, b".gitignore", one.encode()),
                (FILE, b"LICENSE", two.encode()),
                (FILE, b"a", text),
            )
        )
    return repository.folder


@attack(PACK, rows=2)
def folder_in_a_circle_of_deltas(place: Place) -> Path:
    """A folder that no commit changes is such a delta"""
    repository = Raw(place.folder / "repository.git")
    one, two = "1d" * 20, "2d" * 20
    delta = b"\x08\x08\x90\x08"
    write_pack(
        repository.folder,
        [Packed(one, "tree", delta, two), Packed(two, "tree", delta, one)],
    )
    for number in range(3):
        text = repository.blob(b"%d\n" % number)
        repository.commit(
            repository.tree((FILE, b"a", text), (FOLDER, b"src", one.encode()))
        )
    return repository.folder


@attack(PACK, refused=BROKEN)
def commits_in_a_circle_of_deltas(place: Place) -> Path:
    """Two commits of a pack are deltas to each other"""
    repository = raw(place)
    one, two = "1d" * 20, "2d" * 20
    delta = b"\x08\x08\x90\x08"
    write_pack(
        repository.folder,
        [Packed(one, "commit", delta, two), Packed(two, "commit", delta, one)],
    )
    repository.advance(one.encode())
    return repository.folder


@attack(VIEW)
def replaced_objects(place: Place) -> Path:
    """`refs/replace` shows another commit for every one"""
    folder = grown(place.folder / "repository").folder
    for sha in git(folder, "rev-list", "HEAD~1").split():
        git(folder, "replace", sha, "HEAD")
    return folder


@attack(VIEW)
def grafted_parents(place: Place) -> Path:
    """`info/grafts` gives every commit other parents"""
    folder = grown(place.folder / "repository").folder
    (folder / ".git/info").mkdir(exist_ok=True)
    shas = git(folder, "rev-list", "HEAD").split()
    (folder / ".git/info/grafts").write_text("".join(f"{sha}\n" for sha in shas))
    return folder


@attack(VIEW, rows=1)
def shallow_file_lies(place: Place) -> Path:
    """`shallow` names commits whose parents are there"""
    folder = grown(place.folder / "repository").folder
    sha = git(folder, "rev-parse", "HEAD~1")
    (folder / ".git/shallow").write_text(f"{sha}\n{sha}\n")
    return folder


@attack(VIEW, refused=UNREADABLE)
def shallow_file_is_noise(place: Place) -> Path:
    """`shallow` is bytes that are no text"""
    folder = grown(place.folder / "repository").folder
    (folder / ".git/shallow").write_bytes(b"\xff\0\x1b[2J\n" * 10)
    return folder


@attack(VIEW)
def mailmap_and_notes(place: Place) -> Path:
    """`.mailmap` makes every author a bot, notes add to every message"""
    history = grown(place.folder / "repository")
    (history.folder / ".mailmap").write_text("renovate[bot] <b@x> <ada@example.org>\n")
    for sha in git(history.folder, "rev-list", "HEAD").split():
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        git(history.folder, *identity, "notes", "add", "-m", "fixup! noted", sha)
    return history.folder


@attack(VIEW)
def output_is_configured(place: Place) -> Path:
    """`diff.*`, `log.*`, `color.*` and `i18n.*` change all that git prints"""
    from tests.hostile.programs import configured

    history = configured(
        place,
        "[diff]",
        "noprefix = true",
        "mnemonicPrefix = true",
        "context = 0",
        "renames = false",
        "algorithm = minimal",
        "submodule = log",
        "wordRegex = .",
        f"orderFile = {place.folder}/repository/.git/none",
        "[color]",
        "ui = always",
        "[i18n]",
        "logOutputEncoding = UTF-16",
        "[log]",
        "follow = true",
        "date = raw",
        "mailmap = true",
        "[core]",
        "abbrev = 4",
        "quotePath = true",
        "attributesFile = /dev/zero",
    )
    return history.folder
