"""Bundles that are not what they say."""

import hashlib
import os
import shutil
from pathlib import Path

from tests.hostile.attacks import Place, attack
from tests.hostile.bombs import GIB, copies, whole_copies
from tests.hostile.plumbing import Packed, grown, pack_bytes, zeros_compressed
from tests.hostile.programs import git

BUNDLE = "a bundle that lies"
BROKEN = "the bundle cannot be read"


def bundle(place: Place) -> tuple[Path, bytes, bytes]:
    """Return a bundle's path, and a good one's header and pack."""
    history = grown(place.folder / "repository")
    path = place.folder / "evil.bundle"
    git(history.folder, "bundle", "create", "-q", str(path), "HEAD", "main")
    header, pack = path.read_bytes().split(b"\n\n", 1)
    shutil.rmtree(history.folder)
    return path, header, pack


@attack(BUNDLE, refused="fetch the repository completely")
def head_not_in_the_bundle(place: Place) -> Path:
    """The header names a commit that the pack lacks"""
    path, header, pack = bundle(place)
    sha = header.split(b"\n")[1][:40]
    path.write_bytes(header.replace(sha, b"1" * 40) + b"\n\n" + pack)
    return path


@attack(BUNDLE, refused="fetch the repository completely")
def head_of_a_bundle_is_a_file(place: Place) -> Path:
    """The header names a blob as HEAD"""
    path, header, pack = bundle(place)
    sha = header.split(b"\n")[1][:40]
    blob = hashlib.sha1(b"blob 10\0count = 3\n").hexdigest().encode()
    path.write_bytes(header.replace(sha, blob) + b"\n\n" + pack)
    return path


@attack(BUNDLE)
def references_of_a_bundle(place: Place) -> Path:
    """Its references are called `refs/../../x`, `--all`, and escapes"""
    path, header, pack = bundle(place)
    sha = header.split(b"\n")[1][:40]
    names = (b"refs/../../../x", b"--all", b"\x1b]0;owned\x07", b"a b c", b"\xff")
    lines = b"".join(b"\n%s %s" % (sha, name) for name in names)
    path.write_bytes(header + lines + b"\n\n" + pack)
    return path


@attack(BUNDLE, refused=BROKEN)
def endless_header(place: Place) -> Path:
    """The header is one line of 8 GiB (sparse)"""
    path, header, _ = bundle(place)
    path.write_bytes(header + b"\n" + b"1" * 40 + b" refs/heads/")
    with path.open("r+b") as file:
        file.truncate(8 * GIB)
    return path


@attack(BUNDLE, refused=BROKEN)
def pack_counts_wrong(place: Place) -> Path:
    """The pack says that it has 2^32 - 1 objects"""
    path, header, pack = bundle(place)
    pack = pack[:8] + b"\xff\xff\xff\xff" + pack[12:-20]
    pack += hashlib.sha1(pack).digest()
    path.write_bytes(header + b"\n\n" + pack)
    return path


@attack(BUNDLE, refused=BROKEN)
def truncated_bundle(place: Place) -> Path:
    """The pack ends half-way"""
    path, header, pack = bundle(place)
    path.write_bytes(header + b"\n\n" + pack[: len(pack) // 2])
    return path


@attack(BUNDLE, refused=BROKEN)
def needs_other_commits(place: Place) -> Path:
    """It needs a commit whose name is escapes"""
    path, header, pack = bundle(place)
    first, rest = header.split(b"\n", 1)
    needed = first + b"\n-" + b"1" * 40 + b" \x1b[2J\x1b]0;owned\x07\n"
    path.write_bytes(needed + rest + b"\n\n" + pack)
    return path


@attack(BUNDLE, refused=BROKEN)
def bundle_of_sha_256(place: Place) -> Path:
    """The header says that objects are named by SHA-256"""
    path, header, pack = bundle(place)
    refs = header.split(b"\n", 1)[1]
    lines = b"# v3 git bundle\n@object-format=sha256\n" + refs
    path.write_bytes(lines + b"\n\n" + pack)
    return path


@attack(BUNDLE, refused="fetch the repository completely")
def filtered_bundle(place: Place) -> Path:
    """The header says that blobs were left out, and they were"""
    history = grown(place.folder / "repository")
    path = place.folder / "evil.bundle"
    git(
        history.folder,
        *("bundle", "create", "-q", "--version=3", str(path)),
        *("--filter=blob:none", "main"),
    )
    shutil.rmtree(history.folder)
    return path


def with_objects(place: Place, *objects: Packed) -> Path:
    """Return a good bundle whose pack has these objects too."""
    history = grown(place.folder / "repository")
    good = [
        Packed(str(sha), each.type_str, each.read_raw())
        for sha in history.repository
        for each in [history.repository[sha]]
    ]
    path = place.folder / "evil.bundle"
    header = f"# v2 git bundle\n{history.head} HEAD\n\n".encode()
    shutil.rmtree(history.folder)
    path.write_bytes(header + pack_bytes([*good, *objects]))
    return path


@attack(BUNDLE)
def bundle_with_a_giant(place: Place) -> Path:
    """A bundle of half a megabyte holds a blob of 512 MiB"""
    compressed = zeros_compressed(b"", GIB // 2)
    return with_objects(place, Packed("", "blob", b"", None, compressed, GIB // 2))


@attack(BUNDLE, refused=BROKEN)
def bundle_with_a_delta_bomb(place: Place) -> Path:
    """A bundle of 5 kB holds a blob of 64 GiB, as deltas of deltas"""
    content = b"b" * 2**16
    sha = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    first = Packed(sha, "blob", content)
    grown_by_16 = content * 16
    sha = hashlib.sha1(b"blob %d\0" % len(grown_by_16) + grown_by_16).hexdigest()
    second = Packed(sha, "blob", copies(2**16, 16), first.sha)
    grown_again = grown_by_16 * 16
    sha = hashlib.sha1(b"blob %d\0" % len(grown_again) + grown_again).hexdigest()
    third = Packed(sha, "blob", whole_copies(2**20, 16), second.sha)
    fourth = Packed("11" * 20, "blob", whole_copies(2**24, 4096), third.sha)
    return with_objects(place, first, second, third, fourth)


@attack(BUNDLE, refused="cannot be read as a git repository")
def bundle_is_a_pipe(place: Place) -> Path:
    """A FIFO is called `.bundle`"""
    path = place.folder / "evil.bundle"
    os.mkfifo(path)
    return path


@attack(BUNDLE, refused="cannot be read as a git repository")
def endless_bundle(place: Place) -> Path:
    """A link to `/dev/zero` is called `.bundle`"""
    path = place.folder / "evil.bundle"
    path.symlink_to("/dev/zero")
    return path


@attack(BUNDLE)
def folder_called_bundle(place: Place) -> Path:
    """A repository's folder is called `.bundle`"""
    return grown(place.folder / "evil.bundle").folder
