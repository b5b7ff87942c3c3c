"""The log of attempts outlives several writers, kills, torn lines and full disks."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from diffscribe.memory import MAX_LINE_BYTES, Attempt, append
from tests.support.waiting import wait_until

SCHEMA = Path(__file__).parents[1] / "docs" / "attempt.schema.json"

WRITER = """
import sys
from diffscribe.memory import Attempt, append
path, name, lines = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(1, lines + 1):
    append(path, Attempt(
        at="2030-01-02T03:04:05Z", memory_id=name, kind="repair", number=number,
        prompt="x" * (number * 7919 % 300_000), raw_output="", valid=False,
    ))
    print(number, flush=True)
"""


def attempt(**changed):
    values = {
        "at": "2030-01-02T03:04:05Z",
        "kind": "repair",
        "number": 1,
        "prompt": "",
        "raw_output": "",
        "valid": True,
    }
    return Attempt(**values | changed)


def start(path, name, lines):
    command = [sys.executable, "-c", WRITER, path, name, str(lines)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_no_line_is_lost_or_mixed_with_several_writers_of_which_some_are_killed(
    tmp_path,
):
    path = tmp_path / "attempts.jsonl"
    stay = [start(path, f"stay{n}", 40) for n in range(3)]
    killed = [start(path, f"killed{n}", 100_000) for n in range(4)]
    wait_until(lambda: path.exists() and path.stat().st_size > 10_000_000)
    for each in killed:
        each.send_signal(signal.SIGKILL)
    told = {f"stay{n}": each.communicate()[0] for n, each in enumerate(stay)}
    told |= {f"killed{n}": each.communicate()[0] for n, each in enumerate(killed)}
    assert [each.returncode for each in stay] == [0, 0, 0]
    append(path, attempt(memory_id="last"))

    found, torn = {}, 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            row = Attempt.model_validate_json(line)
        except ValueError:
            torn += 1
            continue
        found.setdefault(row.memory_id, []).append(row.number)
        assert row.memory_id == "last" or len(row.prompt) == row.number * 7919 % 300_000
    assert torn <= len(killed)
    assert found["last"] == [1]
    for name, said in told.items():
        lines = [int(number) for number in said.split("\n")[:-1]]
        assert found[name][: len(lines)] == lines, "told as written and not there"
        assert len(found[name]) <= len(lines) + 1
    assert all(found[f"stay{n}"] == list(range(1, 41)) for n in range(3))
    assert all(f"killed{n}" in found for n in range(4))


def test_a_line_after_an_unfinished_one_is_whole(tmp_path):
    path = tmp_path / "attempts.jsonl"
    path.write_bytes(b'{"at": "2030')
    append(path, attempt(number=2))
    torn, line = path.read_bytes().splitlines()
    assert torn == b'{"at": "2030'
    assert json.loads(line)["number"] == 2


def test_a_new_log_is_its_owners_alone_and_no_link_is_followed(tmp_path):
    path = tmp_path / "attempts.jsonl"
    before = os.umask(0)
    try:
        append(path, attempt())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        append(link, attempt())


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(tmp_path):
    path = tmp_path / "attempts.jsonl"
    append(path, attempt())
    whole = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, before[1]))
        with pytest.raises(OSError, match=r"space|large"):
            append(path, attempt(prompt="long" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == whole


def test_a_line_that_no_reader_takes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shorten"):
        append(tmp_path / "a.jsonl", attempt(prompt="x" * MAX_LINE_BYTES))
    assert not (tmp_path / "a.jsonl").exists()


def test_the_documented_schema_is_that_of_the_record():
    assert json.loads(SCHEMA.read_text()) == Attempt.model_json_schema()


def test_importing_it_loads_nothing_heavy():
    said = subprocess.run(
        [sys.executable, "-c", "import sys, diffscribe.memory; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    heavy = {"torch", "transformers", "openai", "mlflow", "numpy", "datasets"}
    assert heavy.isdisjoint(said)
    assert [name for name in said if name.startswith("diffscribe.")] == [
        "diffscribe.memory"
    ]
