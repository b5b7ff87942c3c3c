"""Read what git's diff-tree prints about two trees."""

from typing import NamedTuple

from diffscribe.records import FileChange, FileStatus

BLOB_MODES = (b"100644", b"100664", b"100755", b"120000")


class TreeEntry(NamedTuple):
    """One changed file of `--raw -z`."""

    path: str
    old_path: str | None
    status: FileStatus
    old_blob: str | None
    """None if there was none, or it was no file."""
    new_blob: str | None

    @property
    def blobs(self) -> tuple[str, ...]:
        """Return the contents that differ: before and after."""
        if self.old_blob == self.new_blob:
            return ()
        return tuple(blob for blob in (self.old_blob, self.new_blob) if blob)


def parse_raw(answer: bytes) -> list[TreeEntry]:
    """Return the files of `--raw -z`, in git's order: sorted by path.

    Raises:
        UnicodeDecodeError: if a path is not UTF-8.
    """
    fields = iter(answer.split(b"\0"))
    entries = []
    for field in fields:
        if not field:
            break
        old_mode, mode, old_blob, blob, letter = field.removeprefix(b":").split()
        status = FileStatus(letter[:1].decode())
        path = next(fields).decode()
        old_path = None
        if status is FileStatus.RENAMED:
            path, old_path = next(fields).decode(), path
        entries.append(
            TreeEntry(
                path, old_path, status, _file(old_mode, old_blob), _file(mode, blob)
            )
        )
    return entries


def _file(mode: bytes, blob: bytes) -> str | None:
    return blob.decode() if mode in BLOB_MODES else None


def parse_patch(
    answer: bytes, entries: list[TreeEntry]
) -> tuple[tuple[FileChange, ...], str]:
    """Return the files, in git's order, and the diff of `--numstat -p -z`.

    Raises:
        UnicodeDecodeError: if the diff is not UTF-8.
    """
    files = []
    rest = answer
    for entry in entries:
        # A rename has an empty field here, then both of its paths.
        fields = 3 if entry.status is FileStatus.RENAMED else 1
        *counts, rest = rest.split(b"\0", fields)
        added, deleted, _ = counts[0].split(b"\t", 2)
        is_binary = added == b"-"
        files.append(
            FileChange(
                path=entry.path,
                old_path=entry.old_path,
                status=entry.status,
                additions=0 if is_binary else int(added),
                deletions=0 if is_binary else int(deleted),
                is_binary=is_binary,
            )
        )
    return tuple(files), rest.removeprefix(b"\0").decode()
