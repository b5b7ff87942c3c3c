"""What a page shows of a diff: each file's patch, without what its title says."""

from collections.abc import Iterable

from diffscribe.diffs.parse import parse_diff
from diffscribe.errors import RecordError

_DULL = ("index ", "--- ", "+++ ")
"""Lines of a patch's header that say what its title says."""


def shown_patches(diff: str, paths: Iterable[str]) -> dict[str, str]:
    """Return the text to show below each path, empty for one without a patch.

    A diff that git did not write is shown whole, under the path ''.
    """
    texts = dict.fromkeys(paths, "")
    try:
        for patch in parse_diff(diff):
            header = [each for each in patch.header[1:] if not each.startswith(_DULL)]
            text = "".join((*header, *(each.text for each in patch.hunks)))
            texts[patch.path] = texts.get(patch.path, "") + text
    except RecordError:
        return {"": diff, **dict.fromkeys(texts, "")}
    return texts
