"""What a change can be recognised by, whatever it is called."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from diffscribe.diffs.parse import FilePatch, parse_diff
from diffscribe.records import SplitChange


class Traces(NamedTuple):
    """Of a change without the files of injected junk."""

    paths: frozenset[str]
    patch_id: str
    lines: tuple[str, str]
    """Those removed and those added, without their signs."""


def traces_of(change: SplitChange) -> Traces:
    """Return the traces of a change, or of what a variant is a variant of."""
    patches = [
        patch for patch in parse_diff(change.diff) if patch.path not in change.junk
    ]
    return Traces(
        frozenset(file.path for file in change.files) - set(change.junk),
        patch_id(patches),
        (_lines(patches, "-"), _lines(patches, "+")),
    )


def patch_id(patches: Iterable[FilePatch]) -> str:
    """Return a digest of all but whitespace and positions, as git patch-id does."""
    digest = hashlib.sha256()
    for patch in patches:
        lines = [line for hunk in patch.hunks for line in hunk.lines]
        for line in (*patch.header, *lines):
            if patch.is_binary or not line.startswith(("index ", "\\")):
                digest.update("".join(line.split()).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _lines(patches: Iterable[FilePatch], sign: str) -> str:
    return "".join(
        line[1:]
        for patch in patches
        for hunk in patch.hunks
        for line in hunk.lines
        if line[0] == sign
    )
