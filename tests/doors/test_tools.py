import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.waiting import wait_until

from diffscribe.core.errors import ToolError
from diffscribe.doors.llama_cpp import (
    KNOWN_VERSION,
    PROGRAMS,
    program,
    run_tool,
    source_tree,
    tethered,
    version,
)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No llama.cpp in LLAMA_CPP_DIR, on PATH or above the current folder."""
    monkeypatch.delenv("LLAMA_CPP_DIR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.chdir(tmp_path)


def put_programs(folder, names=PROGRAMS, number="0.5.1 (build 1)"):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho 'version: {number}' >&2\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("inside", ["bin", "build/bin", "."])
def test_a_named_folder_goes_before_path(inside, monkeypatch, tmp_path):
    on_path = put_programs(tmp_path / "path")
    named = put_programs(tmp_path / "named" / inside)
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path / "named"))
    assert program("llama-server") == named / "llama-server"


def test_path_goes_before_the_repositorys_own(monkeypatch, tmp_path):
    put_programs(tmp_path / ".tools/llama.cpp/bin")
    on_path = put_programs(tmp_path / "path")
    monkeypatch.setenv("PATH", str(on_path))
    assert program("llama-quantize") == on_path / "llama-quantize"


@pytest.mark.parametrize("number", ["4567 (b1a2c3d)", "0.4.9", "10.5.1", ""])
def test_a_version_on_path_that_nobody_tried_comes_last(number, monkeypatch, tmp_path):
    on_path = put_programs(tmp_path / "path", number=number)
    monkeypatch.setenv("PATH", str(on_path))
    assert program("llama-server") == on_path / "llama-server"
    own = put_programs(tmp_path / ".tools/llama.cpp/bin", number=number)
    assert program("llama-server") == own / "llama-server"
    tool = (Path(__file__).parents[2] / "tools/llama_cpp.sh").read_text()
    assert f"\nknown_version={KNOWN_VERSION} " in tool


def test_a_folder_that_lacks_one_program_is_passed_over(monkeypatch, tmp_path):
    own = put_programs(tmp_path / ".tools/llama.cpp/bin")
    monkeypatch.setenv("PATH", str(put_programs(tmp_path / "path", PROGRAMS[:-1])))
    assert program("llama-server") == own / "llama-server"


def test_the_repositorys_own_is_found_from_a_temporary_experiment(
    monkeypatch, tmp_path
):
    own = put_programs(tmp_path / ".tools/llama.cpp/bin")
    experiment = tmp_path / ".dvc/tmp/exps/tmp123"
    experiment.mkdir(parents=True)
    monkeypatch.chdir(experiment)
    assert program("llama-server") == own / "llama-server"


def test_missing_programs_are_explained():
    with pytest.raises(ToolError, match=r"llama-quantize not found.*make llama\.cpp"):
        program("llama-quantize")


def test_a_missing_converter_is_explained():
    with pytest.raises(ToolError, match=r"convert_hf_to_gguf\.py.*make llama\.cpp"):
        source_tree()


def test_the_converter_is_found_in_the_named_folder(monkeypatch, tmp_path):
    for tree in (tmp_path / "named", tmp_path / ".tools/llama.cpp/src"):
        tree.mkdir(parents=True)
        (tree / "convert_hf_to_gguf.py").touch()
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path / "named"))
    assert source_tree() == tmp_path / "named"


def test_the_version_is_the_servers_own(tmp_path):
    folder = put_programs(tmp_path / ".tools/llama.cpp/bin")
    server = folder / "llama-server"
    server.write_text("#!/bin/sh\necho 'built with GNU'\necho 'version: 7 (abc)' >&2\n")
    assert version() == "7 (abc)"


def test_a_failure_shows_the_last_lines_and_the_code():
    script = "import sys; print('early\\n' * 50 + 'the cause'); sys.exit(3)"
    with pytest.raises(ToolError) as caught:
        run_tool([sys.executable, "-c", script])
    assert "failed with code 3" in str(caught.value)
    assert str(caught.value).endswith("the cause")
    assert str(caught.value).count("early") == 11


def test_settings_of_the_environment_do_not_reach_a_tool(monkeypatch):
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "1")
    monkeypatch.setenv("DIFFSCRIBE_KEPT", "1")
    seen = run_tool([sys.executable, "-c", "import os; print(sorted(os.environ))"])
    assert "LLAMA_ARG_CTX_SIZE" not in seen
    assert "DIFFSCRIBE_KEPT" in seen


PARENT = """
import subprocess, sys, time
from diffscribe.doors.llama_cpp import tethered
print(subprocess.Popen(tethered(["/bin/sleep", "600"])).pid, flush=True)
time.sleep(600)
"""


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie them")
def test_a_program_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_running(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not is_running(child))


def test_a_program_keeps_its_arguments_and_exit_code():
    command = ["/bin/sh", "-c", 'printf %s "$1"; exit 7', "sh", "a b"]
    done = subprocess.run(tethered(command), capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"a b", 7)


def test_nothing_is_run_for_a_parent_that_is_gone(tmp_path):
    made = tmp_path / "made"
    command = tethered(["/usr/bin/touch", str(made)])
    stranger = [part if part != str(os.getpid()) else "1" for part in command]
    subprocess.run(stranger, check=True)
    assert not made.exists()
    subprocess.run(command, check=True)
    assert made.exists()
