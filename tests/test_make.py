"""What someone types after `make` is text, whatever it holds."""

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
SETTINGS = re.findall(r"^(?:override )?([A-Z_]+) [:?]?=", MAKEFILE, re.MULTILINE)
CODE = "touch ran"
HOSTILE = (
    f"""a  b'";{CODE};"'$({CODE})$(shell {CODE})${{shell {CODE}}}`{CODE}`"""
    f"&{CODE}|{CODE}\n{CODE}\t#*\\"
)
WORDS = f"-k 'a  b' \"$({CODE})\" $(shell {CODE}) ;{CODE}; `{CODE}` \\"
RECORDER = f"""#!{sys.executable}
import json, os, sys
if sys.argv[1:2] == ["tools/with_args.py"]:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
with open("calls", "a") as calls:
    print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]), file=calls)
print("llama-server")
"""
WHERE = {
    "setup": ["setup.sh {PYTHON}"],
    "clone": ["--profile={PROFILE}"],
    "repro": ["{REPO}"],
    "own-history": ["{REPO}"],
    "train": ["--profile={PROFILE}", "{ARGS}"],
    "test": ["{ARGS}"],
    "test-fast": ["{ARGS}"],
    "mlflow": ["{HOST}", "{PORT}"],
    "serve": ["models/gguf/student-{TYPE}.gguf", "{HOST}", "{PORT}"],
    "docs": ["{TABLE}"],
}


@pytest.fixture
def checkout(tmp_path):
    """Return a folder with the Makefile, whose programs write down their arguments."""
    folder = tmp_path / HOSTILE
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("diffscribe", "dvc", "git", "llama-server", "mlflow", "mypy"):
        write(folder / ".venv/bin" / name)
    for name in ("pytest", "python", "ruff"):
        write(folder / ".venv/bin" / name)
    for path in (ROOT / "tools").glob("*.sh"):
        write(folder / "tools" / path.name)
    shutil.copy(ROOT / "tools/with_args.py", folder / "tools")
    for name in ("pyproject.toml", "constraints.txt", "requirements.txt"):
        (folder / name).touch()
    for path in (ROOT / "tools").glob("*.txt"):
        (folder / "tools" / path.name).touch()
    (folder / "models/gguf").mkdir(parents=True)
    (folder / f"models/gguf/student-{HOSTILE}.gguf").touch()
    return folder


def write(path):
    path.write_text(RECORDER)
    path.chmod(0o755)


def make(folder, target, *variables, **environment):
    done = subprocess.run(
        ["make", "--always-make", target, *variables],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    calls = folder / "calls"
    lines = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    assert not (folder / "ran").exists(), target
    return done, [json.loads(line) for line in lines]


@pytest.mark.parametrize("place", ["arguments", "environment"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_value_runs_no_code_and_arrives_as_it_is(checkout, target, place):
    values = dict.fromkeys(SETTINGS, HOSTILE) | {
        "ARGS": WORDS + "\\",
        "PATH": f"{HOSTILE}:{os.environ['PATH']}",
    }
    if place == "environment":
        done, calls = make(checkout, target, **values)
    else:
        typed = map("=".join, (values | {"UNKNOWN": HOSTILE}).items())
        done, calls = make(checkout, target, *typed)
    assert done.returncode == 0, done.stderr
    said = "\n".join("\0".join(["", *call, ""]) for call in calls)
    shown = values | {"ARGS": "\0".join(shlex.split(values["ARGS"]))}
    if place == "environment":
        shown["HOST"] = "127.0.0.1"
    for each in WHERE.get(target, ()):
        words = each.replace(" ", "\0").format_map(shown)
        assert f"\0{words}\0" in said, each


def test_another_make_is_handed_no_variable(checkout):
    makefile = checkout / "Makefile"
    makefile.write_text(MAKEFILE + "\ninner:\n\t@$(MAKE) -f inner.mk\n")
    (checkout / "inner.mk").write_text("all:\n\t@env >>calls.txt\n")
    done, _ = make(checkout, "inner", f"REPO={HOSTILE}")
    assert done.returncode == 0, done.stderr
    assert f"REPO={HOSTILE}" in (checkout / "calls.txt").read_text()


def test_open_quotes_in_args_are_named(checkout):
    done, calls = make(checkout, "train", "ARGS=-k 'a")
    assert done.returncode == 2
    assert "ARGS: No closing quotation; close it" in done.stderr
    assert calls == [["setup.sh", "python3"], ["llama_cpp.sh"]]


@pytest.mark.parametrize(
    ("script", "who", "held"),
    [
        (["setup.sh", sys.executable], "setup", "tools"),
        (["llama_cpp.sh"], "llama.cpp", ".tools/llama.cpp"),
    ],
)
def test_of_two_makes_one_waits_for_the_other(tmp_path, script, who, held):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / held).mkdir(parents=True, exist_ok=True)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    folder = os.open(tmp_path / held, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with subprocess.Popen(
        ["bash", f"tools/{script[0]}", *script[1:]],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as waits:
        said = waits.stderr.readline()
        os.killpg(waits.pid, signal.SIGKILL)
    os.close(folder)
    assert said == f"{who}: another make works on it and is waited for\n"
