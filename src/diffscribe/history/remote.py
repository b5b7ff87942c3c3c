"""Read the URLs of remotes: their protocol, and the name of the repository."""

import re
from pathlib import Path

from diffscribe.errors import SourceError

REMOTE_URL = re.compile(
    r"(?P<protocol>\w+)://(?:[^/@]*@)?(?P<host>[^/:@]+)(?::\d+)?/(?P<path>.+)"
)
SCP_URL = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:@]+):(?!//|:)(?P<path>.+)")
PASSWORD = re.compile(r"\w+://[^/@]*:[^/@]*@")
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
MAX_NAME_CHARS = 200
PLAIN_PART = re.compile(r"[\w~][\w.~+-]*")


def remote_name(url: str) -> str | None:
    """Return `host/owner/name` of a remote's URL, or None for a local path."""
    match = _parsed(url)
    if match is None:
        return None
    path = match["path"].strip("/").removesuffix(".git")
    name = f"{match['host'].lower()}/{path}"
    is_plain = plain_name(name) == name and ".." not in name.split("/")
    return name if is_plain else None


def plain_name(name: str) -> str:
    """Return a name as it can be shown and written: printable and not long."""
    shown = (
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name
    )
    return "".join(shown)[:MAX_NAME_CHARS]


def protocol_of(url: str) -> str:
    """Return the protocol of a remote's URL; git's short form is `ssh`.

    Raises:
        SourceError: if it is no URL of a remote, or holds a password.
    """
    match = _parsed(url)
    if match is None or match["host"].startswith("-"):
        raise SourceError(
            f"harvest.sources: '{url}' is no URL of a repository; write "
            "https://host/owner/name, or path instead of url for a folder"
        )
    if PASSWORD.match(url):
        raise SourceError(
            f"harvest.sources: the URL of {remote_name(url)} holds a password; "
            "take it out, git asks your credential helper for it"
        )
    return str(match.groupdict().get("protocol", "ssh")).lower()


def clone_folder(clones: Path, url: str) -> Path:
    """Return where the repository of a URL lies below the folder of clones.

    Raises:
        SourceError: if its name could leave that folder.
    """
    name = remote_name(url) or ""
    if not all(PLAIN_PART.fullmatch(part) for part in name.split("/")):
        raise SourceError(
            f"harvest.sources: '{url}' is no plain URL of a repository; "
            "write https://host/owner/name"
        )
    return clones / f"{name}.git"


def _parsed(url: str) -> re.Match[str] | None:
    return REMOTE_URL.fullmatch(url.strip()) or SCP_URL.fullmatch(url.strip())
