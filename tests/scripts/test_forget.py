import shutil
import subprocess
import sys
from pathlib import Path

from diffscribe.jsonl import write_jsonl

ROOT = Path(__file__).parents[2]


def forget(folder, repo):
    shutil.copy(ROOT / "params.yaml", folder)
    command = [sys.executable, str(ROOT / "scripts/forget.py"), repo]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_it_says_what_went_and_that_nothing_is_left(tmp_path, labeled):
    rows = [labeled(), labeled(repo="acme/other")]
    write_jsonl(tmp_path / "data/labeled.jsonl", rows)
    answer = forget(tmp_path, "acme/app")
    assert answer.returncode == 0
    first, *_, last = answer.stdout.splitlines()
    assert first == "forget: 1 rows of acme/app removed"
    assert last.startswith("forget: 1 files scanned, 0 hold it")


def test_what_is_left_fails_and_is_named(tmp_path, labeled):
    write_jsonl(tmp_path / "data/labeled.jsonl", [labeled()])
    shutil.copy(tmp_path / "data/labeled.jsonl", tmp_path / "data/mine.txt")
    answer = forget(tmp_path, "acme/app")
    assert answer.returncode == 1
    assert answer.stderr == "forget: data/mine.txt still holds it\n"
