"""Repositories that cost far more to read than to make."""

import hashlib
from pathlib import Path

from tests.hostile.attacks import Place, attack
from tests.hostile.plumbing import (
    FILE,
    FOLDER,
    Packed,
    Raw,
    copies,
    tree_bytes,
    write_pack,
    zeros_compressed,
)

BOMB = "a bomb"
GIB = 2**30
ZEROS = {
    GIB: "4fce05a4e4ed8cefef2d99f32c519b2fd7841b74",
    2 * GIB: "77e9132b46cb9535f286f18974872f40049d1a89",
}


def raw(place: Place) -> Raw:
    return Raw(place.folder / "repository.git").started()


def zeros(repository: Raw, count: int) -> bytes:
    """Store a blob of so many zeros, of which 1 in 1000 bytes is on disk."""
    sha = ZEROS[count]
    repository.write_loose(sha, zeros_compressed(b"blob %d\0" % count, count))
    return sha.encode()


@attack(BOMB, rows=2)
def file_of_two_gib(place: Place) -> Path:
    """A file of 2 GiB comes and goes"""
    repository = raw(place)
    blob = zeros(repository, 2 * GIB)
    repository.commit(repository.tree((FILE, b"a.txt", blob)))
    repository.commit(repository.text(b"four\n"))
    repository.commit(repository.text(b"five\n"))
    return repository.folder


@attack(BOMB, rows=2)
def renamed_giants(place: Place) -> Path:
    """A file of 1 GiB may be the rename of one of 2 GiB"""
    repository = raw(place)
    one, two = zeros(repository, GIB), zeros(repository, 2 * GIB)
    repository.commit(repository.tree((FILE, b"one.bin", one)))
    repository.commit(repository.tree((FILE, b"two.bin", two)))
    repository.commit(repository.text(b"four\n"))
    repository.commit(repository.text(b"five\n"))
    return repository.folder


@attack(BOMB, rows=2)
def many_renames(place: Place) -> Path:
    """2000 files of 64 KiB are deleted and 2000 others added: 4 million pairs"""
    repository = raw(place)
    common = hashlib.sha256(b"common").hexdigest().encode() * 1000
    blobs = []
    for number in range(4000):
        lines = b"".join(b"%d %d\n" % (number, line) for line in range(200))
        blobs.append((FILE, b"f%05d" % number, repository.blob(lines + common)))
    repository.commit(repository.tree(*blobs[:2000]))
    repository.commit(repository.tree(*blobs[2000:]))
    repository.commit(repository.text(b"four\n"))
    repository.commit(repository.text(b"five\n"))
    return repository.folder


@attack(BOMB, rows=3)
def million_entries(place: Place) -> Path:
    """A folder has a million files, of which commits change one each"""
    repository = Raw(place.folder / "repository.git")
    sha = bytes.fromhex(repository.blob(b"one\n").decode())
    entries = [b"100644 f%06d\0" % number + sha for number in range(1_000_000)]
    for number in range(4):
        blob = repository.blob(b"change %d\n" % number)
        entries[500_000] = b"100644 f500000\0" + bytes.fromhex(blob.decode())
        folder = repository.write("tree", b"".join(entries))
        repository.commit(repository.tree((FOLDER, b"src", folder)))
    return repository.folder


@attack(BOMB, rows=2)
def million_files_at_once(place: Place) -> Path:
    """A commit adds a million files, the next deletes them"""
    repository = raw(place)
    sha = bytes.fromhex(repository.blob(b"one\n").decode())
    entries = (b"100644 f%06d\0" % number + sha for number in range(1_000_000))
    folder = repository.write("tree", b"".join(entries))
    repository.commit(repository.tree((FOLDER, b"src", folder)))
    repository.commit(repository.text(b"four\n"))
    repository.commit(repository.text(b"five\n"))
    return repository.folder


@attack(BOMB, rows=1)
def tree_bomb(place: Place) -> Path:
    """Twelve objects make a folder of 10^10 files"""
    repository = raw(place)
    sha, mode = repository.blob(b"boom\n"), FILE
    for _ in range(10):
        sha = repository.tree(*((mode, b"d%d" % n, sha) for n in range(10)))
        mode = FOLDER
    repository.commit(sha)
    return repository.folder


@attack(BOMB, rows=3)
def unchanged_tree_bomb(place: Place) -> Path:
    """A folder of 10^10 files stays as it is while others change"""
    repository = Raw(place.folder / "repository.git")
    sha, mode = repository.blob(b"boom\n"), FILE
    for _ in range(10):
        sha = repository.tree(*((mode, b"d%d" % n, sha) for n in range(10)))
        mode = FOLDER
    for number in range(4):
        blob = repository.blob(b"%d\n" % number)
        repository.commit(repository.tree((FILE, b"a", blob), (FOLDER, b"b", sha)))
    return repository.folder


@attack(BOMB, refused="cannot read the history")
def deep_folders(place: Place) -> Path:
    """A file lies 50,000 folders deep, and changes"""
    repository = raw(place)
    for number in range(2):
        sha, mode = repository.blob(b"%d\n" % number), FILE
        objects = []
        for _ in range(50_000):
            content = tree_bytes([(mode, b"d", sha)])
            digest = hashlib.sha1(b"tree %d\0" % len(content) + content).hexdigest()
            objects.append(Packed(digest, "tree", content))
            sha, mode = digest.encode(), FOLDER
        write_pack(repository.folder, objects)
        repository.commit(sha)
    return repository.folder


@attack(BOMB, refused="nested deeper than")
def deep_and_unchanged(place: Place) -> Path:
    """A file lies 5,000 folders deep while others change"""
    repository = Raw(place.folder / "repository.git")
    sha, mode = repository.blob(b"x\n"), FILE
    for _ in range(5000):
        sha, mode = repository.tree((mode, b"d", sha)), FOLDER
    for number in range(4):
        blob = repository.blob(b"%d\n" % number)
        repository.commit(repository.tree((FILE, b"a", blob), (FOLDER, b"b", sha)))
    return repository.folder


@attack(BOMB, rows=2)
def delta_bomb(place: Place) -> Path:
    """A pack of 5 kB holds a blob of 64 GiB, as deltas of deltas"""
    repository = raw(place)
    objects = [Packed("10" * 20, "blob", b"b" * 2**16)]
    size = 2**16
    for level in range(5):
        delta = copies(2**16, 16) if level == 0 else whole_copies(size, 16)
        objects.append(Packed(f"1{level + 1}" * 20, "blob", delta, objects[-1].sha))
        size *= 16
    write_pack(repository.folder, objects)
    repository.commit(repository.tree((FILE, b"a.txt", objects[-1].sha.encode())))
    repository.commit(repository.text(b"four\n"))
    repository.commit(repository.text(b"five\n"))
    return repository.folder


def whole_copies(base_bytes: int, times: int) -> bytes:
    """Return a delta that repeats a base of more than 64 KiB."""
    from tests.hostile.plumbing import _varint

    step = 0xFF0000
    once = b"".join(
        b"\xff" + start.to_bytes(4, "little") + size.to_bytes(3, "little")
        for start in range(0, base_bytes, step)
        if (size := min(step, base_bytes - start))
    )
    return _varint(base_bytes) + _varint(base_bytes * times) + once * times


@attack(BOMB, rows=1)
def flood_of_diffs(place: Place) -> Path:
    """Ten commits rewrite 20 files of 4 MiB each: 1.6 GB of diff"""
    repository = raw(place)
    for number in range(11):
        content = b"%d" % number + b"\xf0\x9f\x92\xa3" * (2**20 - 1)
        blob = repository.blob(content)
        names = (b"f%02d" % name for name in range(20))
        repository.commit(repository.tree(*((FILE, name, blob) for name in names)))
    return repository.folder


@attack(BOMB, rows=1)
def one_line_files(place: Place) -> Path:
    """Minified files: one line of 4 MiB, changed in the middle"""
    repository = raw(place)
    for number in range(4):
        line = b"a" * (2 * 2**20 - 9) + b"%d" % number + b"b" * (2 * 2**20 - 9)
        repository.commit(repository.text(line))
    return repository.folder


@attack(BOMB, refused="it took")
def quadratic_diff(place: Place) -> Path:
    """Files of two million short lines, shuffled: the worst for a diff"""
    repository = raw(place)
    for number in range(3):
        noise = b"".join(
            hashlib.sha512(b"%d %d" % (number, block)).digest()
            for block in range(2**15 - 1)
        )
        lines = bytes(97 + byte % 4 for byte in noise)
        repository.commit(
            repository.text(b"\n".join(lines[i : i + 1] for i in range(len(lines))))
        )
    return repository.folder


@attack(BOMB, rows=1)
def ignored_by_millions(place: Place) -> Path:
    """A `.gitignore` of two million patterns changes with every commit"""
    repository = raw(place)
    blob = repository.blob(b"*.o\n")
    for number in range(4):
        patterns = b"%d\n" % number + b"".join(
            b"*.%x\n" % pattern for pattern in range(2_000_000)
        )
        ignore = repository.blob(patterns)
        repository.commit(
            repository.tree((FILE, b".gitignore", ignore), (FILE, b"a", blob))
        )
    return repository.folder


@attack(BOMB, refused=".gitignore files")
def ignored_in_every_folder(place: Place) -> Path:
    """100,000 folders have a `.gitignore` each"""
    repository = Raw(place.folder / "repository.git")
    ignore = repository.blob(b"*.o\n/build\n!keep\n")
    inner = repository.tree((FILE, b".gitignore", ignore))
    folders = repository.tree(*((FOLDER, b"d%05d" % n, inner) for n in range(100_000)))
    for number in range(4):
        blob = repository.blob(b"%d\n" % number)
        repository.commit(
            repository.tree((FILE, b"a", blob), (FOLDER, b"src", folders))
        )
    return repository.folder


@attack(BOMB, rows=3)
def giant_license(place: Place) -> Path:
    """`LICENSE` has 1 GiB"""
    repository = Raw(place.folder / "repository.git")
    blob = zeros(repository, GIB)
    for number in range(4):
        text = repository.blob(b"%d\n" % number)
        repository.commit(repository.tree((FILE, b"LICENSE", blob), (FILE, b"a", text)))
    return repository.folder


@attack(BOMB, rows=1)
def giant_tree(place: Place) -> Path:
    """A folder's tree has 1 GiB"""
    repository = raw(place)
    repository.write_loose("ab" * 20, zeros_compressed(b"tree %d\0" % GIB, GIB))
    repository.commit(repository.tree((FOLDER, b"src", b"ab" * 20)))
    return repository.folder


@attack(BOMB, rows=1)
def giant_messages(place: Place) -> Path:
    """Four commits have messages of 50 MiB"""
    repository = raw(place)
    for number in range(4):
        message = b"feat: %d\n\n" % number + b"words " * (50 * 2**20 // 6)
        repository.commit(repository.text(b"%d\n" % number), message)
    return repository.folder


@attack(BOMB, rows=41)
def megabyte_authors(place: Place) -> Path:
    """Forty authors have names of a megabyte"""
    repository = raw(place)
    for number in range(40):
        author = b"A" * 2**20 + b" <%d@example.org>" % number
        repository.commit(repository.text(b"%d\n" % number), author=author)
    return repository.folder


@attack(BOMB, rows=3)
def million_references(place: Place) -> Path:
    """`packed-refs` names a million branches"""
    repository = raw(place)
    for number in range(2):
        repository.commit(repository.text(b"%d\n" % number))
    line = repository.head.decode() + " refs/heads/b%07d\n"
    with (repository.folder / "packed-refs").open("w") as file:
        file.write("# pack-refs with: peeled fully-peeled sorted \n")
        file.writelines(line % number for number in range(1_000_000))
    return repository.folder


@attack(BOMB, rows=1)
def long_names(place: Place) -> Path:
    """A file's name has four megabytes"""
    repository = raw(place)
    blob = repository.blob(b"content\n")
    repository.commit(repository.tree((FILE, b"n" * 2**22, blob)))
    repository.commit(repository.text(b"four\n"))
    return repository.folder
