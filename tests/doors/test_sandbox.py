"""A script changes a copy in the sandbox, and reaches nothing else."""

import http.server
import threading

import pytest
from tests.success_memory.support import SCRIPT

from diffscribe.doors.sandbox import run_script_on, sandbox_problem

pytestmark = pytest.mark.slow
needs_sandbox = pytest.mark.skipif(bool(sandbox_problem()), reason=sandbox_problem())
PAY = "def pay(amount):\n    return amount\n"


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "pay.py").write_text(PAY)
    (tmp_path / "secret.py").write_text("SECRET = 1\n")
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    return folder


@needs_sandbox
def test_a_script_changes_the_copy_and_not_the_tree(tree):
    assert run_script_on(SCRIPT, tree, ["pay.py"]) == ({"pay.py": f"@log\n{PAY}"}, "")
    assert (tree / "pay.py").read_text() == PAY


END = "import os\nos._exit(0)\n"
ALONE = """import os
pids = [name for name in os.listdir('/proc') if name.isdigit()]
raise OSError(f"{len(pids) < 5} {sorted(os.environ)}")
"""


@needs_sandbox
@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("raise ValueError('no')\n", "ValueError: no"),
        ("x = (\n", "SyntaxError"),
        ("while True: pass\n", "more than 3 s"),
        (END, "no result"),
        ("x = 'a' * 2**33\n", "MemoryError"),
        ("open('/etc/passwd').read()\n", "FileNotFoundError"),
        ("import os\nos.listdir('/home')\n", "FileNotFoundError"),
        ("open('/usr/x', 'w')\n", "Read-only file system"),
        (ALONE, "True ['HOME'"),
        (f"import os\nos.symlink('/etc/passwd', '.result.json')\n{END}", "no result"),
        (f"import os\nos.mkfifo('.result.json')\n{END}", "no result"),
        (f"open('.result.json', 'w').write('[' * 99999)\n{END}", "no result"),
    ],
)
def test_a_script_does_no_harm(tree, script, error):
    files, said = run_script_on(script, tree, ["pay.py"], timeout_s=3)
    assert files == {}
    assert error in said


@needs_sandbox
def test_there_is_no_network(tree):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    script = f"import urllib.request\nurllib.request.urlopen({address!r}, timeout=1)\n"
    assert "URLError" in run_script_on(script, tree, ["pay.py"]).error
    server.shutdown()
    assert asked == []


@needs_sandbox
@pytest.mark.parametrize("name", ["../secret.py", "link.py", "none.py", "/etc/passwd"])
def test_only_plain_files_of_the_tree_are_there(tree, name):
    assert run_script_on(SCRIPT, tree, [name]) == ({}, "")
