import hashlib

import pytest
from tests.support.ledger_rows import put
from tests.support.programs import run_verb

from diffscribe.asking.ledger import Ledger
from diffscribe.doors.reply import Answer, TokenUsage

SAID = Answer("hi", TokenUsage(1000, 400, 30, 10), 0.25, "stop")


def key(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def place(tmp_path):
    """A folder with a ledger of three answers where the stage keeps it."""
    (tmp_path / ".dvc").mkdir()
    with Ledger(tmp_path / ".cache" / "teacher.sqlite") as ledger:
        for number, model in enumerate(("small", "small", "large")):
            put(ledger, key(number), model, SAID)
    return tmp_path


def run(place, *arguments):
    done = run_verb("ledger", *arguments, folder=place)
    return done.returncode, done.stdout, done.stderr


def test_answers_are_carried_to_another_ledger(place):
    assert run(place, "export", "a.jsonl")[:2] == (0, "export: 3 answers in a.jsonl\n")
    code, said, _ = run(place, "--ledger", "b.sqlite", "merge", "a.jsonl")
    assert (code, said) == (0, "merge: a.jsonl: 3 new, 0 known\n")
    code, said, _ = run(place, "merge", "b.sqlite", "a.jsonl")
    assert said.splitlines() == [
        "merge: b.sqlite: 0 new, 3 known",
        "merge: a.jsonl: 0 new, 3 known",
    ]


def test_pruning_and_showing(place):
    assert run(place, "prune", "--older-than", "1")[1] == "prune: 0 answers dropped\n"
    code, _, words = run(place, "prune", "--older-than", "9999999999999")
    assert code == 2
    assert "9999999999999 is not in the range" in words
    assert "Traceback" not in words
    assert run(place, "prune", "--model", "large")[1] == "prune: 1 answers dropped\n"
    code, said, _ = run(place, "show")
    cells = said.splitlines()[2].split()
    assert code == 0
    assert cells[:7] == ["small", "2", "2", "2,000", "800", "60", "20"]
    assert said.splitlines()[-1].startswith("show: 2 answers, ")
    (place / "keys").write_text(key(0))
    assert run(place, "prune", "--keep", "keys")[1] == "prune: 1 answers dropped\n"
    assert run(place, "prune", "--repo", "acme")[1] == "prune: 0 answers dropped\n"
    assert run(place, "prune", "--repo", "acme/app")[1] == "prune: 1 answers dropped\n"


def test_pruning_without_a_condition_is_refused(place):
    code, _, words = run(place, "prune")
    assert code == 2
    assert "at least one of --model, --repo, --older-than, --keep" in words


def test_failures_are_a_line_and_a_code(place, tmp_path):
    code, _, words = run(place, "--ledger", "none.sqlite", "show")
    assert (code, words.count("\n")) == (2, 1)
    (place / "broken").write_text("{\n")
    code, _, words = run(place, "merge", "broken")
    assert (code, words.count("\n")) == (65, 1)
    assert "broken:1" in words
    (place / "foreign.sqlite").write_bytes(b"SQLite format 3\0" + b"?" * 999)
    code, _, words = run(place, "--ledger", "foreign.sqlite", "merge", "broken")
    assert (code, words.count("\n")) == (74, 1)
