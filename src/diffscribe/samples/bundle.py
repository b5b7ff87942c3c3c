"""A git bundle whose bytes do not depend on git or zlib versions."""

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygit2 import Repository


BLOCK_BYTES = 65_535
"""Longest stored block of deflate."""


def bundle_bytes(repository: "Repository", reference: str) -> bytes:
    """Return a version 2 bundle of a branch, with HEAD on it.

    The pack holds every reachable object, sorted by sha, without deltas.

    Source: gitformat-bundle(5) and gitformat-pack(5) of git 2.39.
    """
    head = str(repository.references[reference].target)
    header = f"# v2 git bundle\n{head} HEAD\n{head} {reference}\n\n"
    return header.encode() + _pack(repository, _reachable(repository, head))


def _reachable(repository: "Repository", head: str) -> list[str]:
    """Return the shas of the commits from head, their trees and blobs, sorted."""
    shas: set[str] = set()
    for commit in repository.walk(head):
        shas.add(str(commit.id))
        _add_tree(commit.tree, shas)
    return sorted(shas)


def _add_tree(tree: Any, shas: set[str]) -> None:
    if str(tree.id) in shas:
        return
    shas.add(str(tree.id))
    for entry in tree:
        if entry.type_str == "tree":
            _add_tree(entry, shas)
        elif entry.type_str == "blob":
            shas.add(str(entry.id))


def _pack(repository: "Repository", shas: list[str]) -> bytes:
    parts = [b"PACK", struct.pack(">II", 2, len(shas))]
    for sha in shas:
        kind, content = repository.odb.read(sha)
        parts += [_entry_header(int(kind), len(content)), _stored(content)]
    pack = b"".join(parts)
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()


def _entry_header(kind: int, size_bytes: int) -> bytes:
    """Return type and size: 4 bits of the size, then 7 a byte, low bits first."""
    byte, size_bytes = kind << 4 | size_bytes & 15, size_bytes >> 4
    header = bytearray()
    while size_bytes:
        header.append(byte | 128)
        byte, size_bytes = size_bytes & 127, size_bytes >> 7
    return bytes([*header, byte])


def _stored(content: bytes) -> bytes:
    """Return a zlib stream of stored blocks, as no zlib would choose itself.

    Compressed bytes differ between zlib versions and zlib-ng; these cannot.
    """
    blocks = [b"\x78\x01"]
    for start in range(0, max(len(content), 1), BLOCK_BYTES):
        block = content[start : start + BLOCK_BYTES]
        is_last = start + BLOCK_BYTES >= len(content)
        blocks.append(struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF))
        blocks.append(block)
    return b"".join([*blocks, struct.pack(">I", zlib.adler32(content))])
