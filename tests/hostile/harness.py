"""Run the real scripts/harvest.py on an attack, and watch what it does."""

import contextlib
import hashlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

REPOSITORY = Path(__file__).parents[2]
MAX_SECONDS = 300
"""Of what takes seconds; an attack that works would take hours."""
WATCH_S = 0.05
HASHED_BYTES = 2**26
"""Larger files are sparse, and compared by size and time."""


class Run(NamedTuple):
    """What came of one run of harvest."""

    code: int
    stderr: str
    rows: list[bytes]
    seconds: float
    peak_bytes: int
    """Resident memory of all its processes together."""
    left: list[str]
    """Processes and temporary files that outlived it."""


def run_harvest(
    folder: Path,
    sources: list[Path],
    on_bad_source: str,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Harvest each single commit of the sources, in a child of its own."""
    folder.mkdir()
    (folder / "tmp").mkdir()
    write_params(folder / "params.yaml", sources, on_bad_source)
    command = [
        *(*unprivileged(), sys.executable, REPOSITORY / "scripts/harvest.py"),
        *(folder / "rows.jsonl", folder / "harvest.json", folder / "metrics.json"),
        *("--params", folder / "params.yaml"),
    ]
    started = time.monotonic()
    with (folder / "stderr").open("wb") as stderr:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(REPOSITORY / "src"),
                "TMPDIR": str(folder / "tmp"),
                "HOME": str(folder),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        peak_bytes = watched(child, started)
    seconds = time.monotonic() - started
    rows = folder / "rows.jsonl"
    return Run(
        child.returncode,
        (folder / "stderr").read_bytes().decode(errors="surrogateescape"),
        rows.read_bytes().splitlines(keepends=True) if rows.exists() else [],
        seconds,
        peak_bytes,
        [*survivors(child.pid), *map(str, (folder / "tmp").iterdir())],
    )


def write_params(path: Path, sources: list[Path], on_bad_source: str) -> None:
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["harvest"] |= {
        "sources": [str(source) for source in sources],
        "on_bad_source": on_bad_source,
        "max_window_commits": 1,
        "windows_per_commit": 1.0,
        "composites_per_commit": 0.0,
        "max_files": 20,
        "max_diff_chars": 40_000,
    }
    # Whatever the messages: a teacher would write better ones.
    params["label"]["source"] = "teacher"
    path.write_text(yaml.safe_dump(params))


def unprivileged() -> list[str]:
    """Return what makes root obey the permissions of files, if we are root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def watched(child: "subprocess.Popen[bytes]", started: float) -> int:
    """Wait for the end, for MAX_SECONDS at most, and return the peak memory.

    What lives between two looks counts by itself: the kernel kept its peak.
    """
    root = psutil.Process(child.pid)
    peak = 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return max(peak, usage.ru_maxrss * 1024)
        total = 0
        try:
            for each in (root, *root.children(recursive=True)):
                total += each.memory_info().rss
        except psutil.Error:
            """It ended between two looks."""
        peak = max(peak, total)
        if time.monotonic() - started > MAX_SECONDS:
            for each in (*root.children(recursive=True), root):
                each.kill()
        time.sleep(WATCH_S)


def survivors(session: int) -> list[str]:
    """Return the processes that two seconds later are left of the child's session."""
    for _ in range(100):
        left = []
        for process in psutil.process_iter(["name", "status"]):
            with contextlib.suppress(ProcessLookupError):
                is_zombie = process.info["status"] == psutil.STATUS_ZOMBIE
                if os.getsid(process.pid) == session and not is_zombie:
                    left.append(process.info["name"])
        if not left:
            break
        time.sleep(WATCH_S)
    return left


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what a folder holds: names, kinds, modes, times, contents."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = ""
        if stat.S_ISREG(status.st_mode) and status.st_size <= HASHED_BYTES:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        seen[os.fsencode(path).hex()] = (
            *(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino),
            *(status.st_ctime_ns, content),
        )
    return seen
