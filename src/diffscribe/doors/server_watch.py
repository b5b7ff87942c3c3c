"""Keep a llama-server until nobody has used it for a while.

    server_watch.py LOCK SOCKET LOG LOAD_S IDLE_S PROGRAM ARGUMENT...

LOCK is the number of an open file whose flock the caller has taken. It is released when
the server answers, has ended, or has loaded for LOAD_S, so that whoever waits for it
then knows which. Users touch the socket: one that nobody has touched for IDLE_S is
removed under the same flock, and then the server ends. Nothing is left to do after a
crash: whoever finds a socket that nobody answers starts a new server.

It is run by its path and without site-packages, so that what waits is small.
"""

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

LOADING_POLL_S = 0.02
POLL_S = 1.0
ANSWER_S = 2.0


class UnixConnection(http.client.HTTPConnection):
    """A connection to the HTTP server of a socket of this machine."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        """Open nothing yet; the timeout is for each wait, not for a whole reply."""
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def answers(path: Path) -> bool:
    """Tell whether a llama-server answers at a socket, and its model is loaded."""
    try:
        with contextlib.closing(UnixConnection(path, ANSWER_S)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def watch(
    lock: int, path: Path, log: Path, load_s: float, idle_s: float, command: list[str]
) -> None:
    """Run a server until it ends, its socket is gone, or nobody touches that."""
    tether = str(Path(__file__).with_name("tether.py"))
    tied = [sys.executable, "-I", "-S", tether, str(os.getpid()), *command]
    path.unlink(missing_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    server = subprocess.Popen(
        tied, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor
    )
    os.close(descriptor)
    deadline = time.monotonic() + load_s
    try:
        while not answers(path):
            if server.poll() is not None or time.monotonic() > deadline:
                return
            time.sleep(LOADING_POLL_S)
        own = path.stat()
        fcntl.flock(lock, fcntl.LOCK_UN)
        # The clock of the files may jump, so it only tells that the socket was touched.
        touched, at = own.st_mtime_ns, time.monotonic()
        while server.poll() is None:
            found = path.stat()
            if found.st_ino != own.st_ino:
                break
            if found.st_mtime_ns != touched:
                touched, at = found.st_mtime_ns, time.monotonic()
            is_old = time.monotonic() - at >= idle_s
            if is_old and _is_removed(lock, path, touched):
                break
            time.sleep(POLL_S)
    except FileNotFoundError:
        """The socket is gone, and nobody can ask the server any more."""
    finally:
        # SIGKILL is safe, as the server writes no file but its log.
        server.kill()
        server.wait()


def _is_removed(lock: int, path: Path, touched: int) -> bool:
    """Remove a socket, unless it was touched since, or somebody is about to."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        if is_left := path.stat().st_mtime_ns == touched:
            path.unlink()
        return is_left
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    lock, path, log, load_s, idle_s, *command = sys.argv[1:]
    watch(int(lock), Path(path), Path(log), float(load_s), float(idle_s), command)
