"""Files of keys and passwords, which are neither sent nor committed unasked."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from diffscribe.commits.diff import patches_by_path
from diffscribe.core.records import Change, FileStatus

PATTERNS = (
    *(".env*", "*.env", ".netrc", "_netrc", ".pgpass", ".pypirc", ".htpasswd"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.p8", "*.jks", "*.keystore", "*.kdbx"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.ppk", ".git-credentials"),
    *(
        "credentials",
        "credentials.json",
        "service-account*.json",
        "secrets.y*ml",
        "*.tfstate",
    ),
)
HARMLESS = ("*.example", "*.sample", "*.template", "*.dist", "*.pub", "*example*")
"""Names of files that show how such a file looks."""


def is_private(path: str) -> bool:
    """Tell whether a file is one of keys or passwords by its name."""
    name = PurePosixPath(path).name.lower()
    return any(fnmatchcase(name, each) for each in PATTERNS) and not any(
        fnmatchcase(name, each) for each in HARMLESS
    )


def private_files(change: Change) -> tuple[str, ...]:
    """Return the files of a change that are so; to delete one gives nothing away."""
    return tuple(
        file.path
        for file in change.files
        if file.status != FileStatus.DELETED and is_private(file.path)
    )


def without_files(change: Change, paths: Collection[str]) -> Change:
    """Return a change without some of its files and their patches."""
    patches = patches_by_path(change.diff)
    kept = [each for path in patches if path not in paths for each in patches[path]]
    return change.model_copy(
        update={
            "files": tuple(file for file in change.files if file.path not in paths),
            "diff": "".join(patch.text for patch in kept),
        }
    )
