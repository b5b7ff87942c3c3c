"""Write git objects, packs and indexes byte by byte, as no git would."""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.history import History

FILE, FOLDER, LINK, SUBMODULE = b"100644", b"40000", b"120000", b"160000"
COMMITS = 4
"""What `grown` commits: a root and three changes."""
IDENTITY = b"Ada Moreno <ada@example.org>"
KINDS = {"commit": 1, "tree": 2, "blob": 3}


def grown(folder: Path) -> History:
    """Return a good work tree with a root and three changes of `a.py`."""
    history = History(folder)
    for number in range(COMMITS):
        history.commit(f"feat: count to {number}", {"a.py": f"count = {number}\n"})
    history.checkout()
    return history


class Raw:
    """A bare repository whose objects may be anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("objects/info", "objects/pack", "refs/heads"):
            (folder / name).mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/main\n")
        (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n")
        self.head = b""
        self.commits = 0

    def write(self, kind: str, content: bytes) -> bytes:
        """Store a loose object and return its sha in hex."""
        whole = f"{kind} {len(content)}\0".encode() + content
        sha = hashlib.sha1(whole).hexdigest()
        self.write_loose(sha, zlib.compress(whole, 1))
        return sha.encode()

    def write_loose(self, sha: str, compressed: bytes) -> None:
        path = self.loose(sha)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(compressed)

    def loose(self, sha: str | bytes) -> Path:
        name = sha.decode() if isinstance(sha, bytes) else sha
        return self.folder / "objects" / name[:2] / name[2:]

    def blob(self, content: bytes) -> bytes:
        return self.write("blob", content)

    def tree(self, *entries: tuple[bytes, bytes, bytes]) -> bytes:
        """Write a tree of (mode, name, sha), in the order given."""
        return self.write("tree", tree_bytes(entries))

    def commit(
        self,
        tree: bytes,
        message: bytes = b"feat: change something\n",
        *,
        parents: Sequence[bytes] | None = None,
        author: bytes = IDENTITY,
        date: bytes = b"",
        headers: bytes = b"",
    ) -> bytes:
        """Commit on main, on top of the last one unless parents are given."""
        self.commits += 1
        date = date or b"%d +0000" % (1_704_704_400 + 3600 * self.commits)
        if parents is None:
            parents = [self.head] if self.head else []
        above = b"".join(b"parent %s\n" % parent for parent in parents)
        content = b"tree %s\n%sauthor %s %s\ncommitter %s %s\n%s\n%s" % (
            *(tree, above, author, date, IDENTITY, date, headers, message),
        )
        return self.advance(self.write("commit", content))

    def advance(self, sha: bytes) -> bytes:
        """Let main name a commit."""
        self.head = sha
        (self.folder / "refs/heads/main").write_bytes(sha + b"\n")
        return sha

    def text(self, content: bytes, name: bytes = b"a.txt") -> bytes:
        """Return a tree with one file."""
        return self.tree((FILE, name, self.blob(content)))

    def started(self) -> "Raw":
        """Commit a root and one good change, and return the repository."""
        self.commit(self.text(b"one\n"), b"feat: begin\n")
        self.commit(self.text(b"two\n"), b"feat: count to two\n")
        return self


def tree_bytes(entries: Sequence[tuple[bytes, bytes, bytes]]) -> bytes:
    return b"".join(
        b"%s %s\0%s" % (mode, name, bytes.fromhex(sha.decode()))
        for mode, name, sha in entries
    )


class Packed(NamedTuple):
    """An object of a pack; `base` is the sha that `content` is a delta to."""

    sha: str
    kind: str
    content: bytes
    base: str | None = None
    compressed: bytes | None = None
    size: int | None = None
    """What the pack says the content's length is."""


def pack_bytes(objects: Sequence[Packed], count: int | None = None) -> bytes:
    return _pack(objects, count)[0]


def write_pack(folder: Path, objects: Sequence[Packed]) -> Path:
    """Write a pack and an index that fits it to a git folder."""
    pack, offsets = _pack(objects, None)
    path = folder / "objects/pack" / f"pack-{pack[-20:].hex()}.pack"
    path.write_bytes(pack)
    placed = sorted(zip((each.sha for each in objects), offsets, strict=True))
    firsts = [int(sha[:2], 16) for sha, _ in placed]
    index = b"\xfftOc" + struct.pack(">I", 2)
    index += b"".join(
        struct.pack(">I", sum(first <= byte for first in firsts)) for byte in range(256)
    )
    index += b"".join(bytes.fromhex(sha) for sha, _ in placed)
    index += b"\0\0\0\0" * len(placed)
    index += b"".join(struct.pack(">I", offset) for _, offset in placed)
    index += pack[-20:]
    path.with_suffix(".idx").write_bytes(index + hashlib.sha1(index).digest())
    return path


def _pack(objects: Sequence[Packed], count: int | None) -> tuple[bytes, list[int]]:
    pack = b"PACK" + struct.pack(">II", 2, len(objects) if count is None else count)
    offsets = []
    for each in objects:
        offsets.append(len(pack))
        kind = 7 if each.base else KINDS[each.kind]
        pack += _entry_header(
            kind, len(each.content) if each.size is None else each.size
        )
        pack += bytes.fromhex(each.base or "")
        pack += each.compressed or zlib.compress(each.content, 1)
    return pack + hashlib.sha1(pack).digest(), offsets


def _entry_header(kind: int, size: int) -> bytes:
    byte, size = kind << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(byte | 128)
        byte, size = size & 127, size >> 7
    return bytes([*header, byte])


def copies(base_bytes: int, times: int) -> bytes:
    """Return a delta that repeats its base, which has at most 64 KiB."""
    copy = b"\xb0" + struct.pack("<H", base_bytes & 0xFFFF)
    if base_bytes == 2**16:
        copy = b"\x80"
    return _varint(base_bytes) + _varint(base_bytes * times) + copy * times


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def zeros_compressed(header: bytes, count: int) -> bytes:
    """Return what zlib makes of a header and many zeros, without making them."""
    block = 2**20
    writer = zlib.compressobj(9)
    start = writer.compress(header) + writer.flush(zlib.Z_FULL_FLUSH)
    repeated = writer.compress(bytes(block)) + writer.flush(zlib.Z_FULL_FLUSH)
    end = b"\x03\x00"
    low = zlib.adler32(header)
    a, b = low & 0xFFFF, low >> 16
    checksum = (b + count * a) % 65521 << 16 | a
    return start + repeated * (count // block) + end + struct.pack(">I", checksum)
