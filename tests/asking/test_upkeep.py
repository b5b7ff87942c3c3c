import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.ledger_rows import NOW, key, numbers, put, row

from diffscribe.asking.ledger import Ledger
from diffscribe.asking.upkeep import (
    Merged,
    add,
    export,
    forget_answers,
    keys_in,
    merge,
    prune,
    rows,
    totals,
)
from diffscribe.core.errors import InputError, RecordError, StorageError
from diffscribe.doors.reply import Answer, TokenUsage

SAID = Answer("hi", TokenUsage(10, 4, 3, 1), 0.25, "stop")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.sqlite"


def test_an_export_merged_elsewhere_is_the_same_ledger(path, tmp_path):
    add(path, map(row, range(2500)))
    assert export(path, tmp_path / "a.jsonl") == (2500, 0)
    other = tmp_path / "other.sqlite"
    assert merge(other, tmp_path / "a.jsonl") == Merged(2500, 0, is_whole=True)
    assert list(rows(other)) == list(rows(path))
    export(other, tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_no_export_has_an_answer_about_a_private_row(path, tmp_path):
    with Ledger(path) as ledger:
        for number in range(4):
            put(ledger, key(number), "m", SAID, private=number % 2 == 1)
    assert export(path, tmp_path / "a.jsonl") == (2, 2)
    text = (tmp_path / "a.jsonl").read_text()
    assert [key(n) in text for n in range(4)] == [True, False, True, False]
    copy = tmp_path / "copy.sqlite"
    assert merge(copy, path).added == 4
    assert export(copy, tmp_path / "b.jsonl") == (2, 2)


def test_a_ledger_of_the_version_before_is_upgraded(path):
    with Ledger(path) as ledger:
        put(ledger, key(1), "m", SAID)
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE answers DROP COLUMN private")
        database.execute("PRAGMA user_version=2")
    path.chmod(0o644)
    with Ledger(path) as ledger:
        put(ledger, key(2), "m", SAID, private=True)
    assert path.stat().st_mode & 0o777 == 0o600
    found = {each.key: each.private for each in rows(path)}
    assert found == {key(1): False, key(2): True}


def test_an_export_has_a_line_for_each_answer_ordered_by_key(path, tmp_path):
    with Ledger(path) as ledger:
        said = Answer("hi", TokenUsage(10, 4, 3, 1), 0.25, "stop")
        for number in range(9):
            put(ledger, key(number), "small", said)
    export(path, tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").open()]
    assert [line["key"] for line in lines] == sorted(key(n) for n in range(9))
    when = datetime.fromisoformat(lines[0].pop("answered_at"))
    assert timedelta(0) <= datetime.now(UTC) - when < timedelta(minutes=1)
    assert lines[0] == {
        "key": min(key(n) for n in range(9)),
        "model": "small",
        "about": "acme/app",
        "text": "hi",
        "finish_reason": "stop",
        "prompt_tokens": 10,
        "cached_tokens": 4,
        "completion_tokens": 3,
        "reasoning_tokens": 1,
        "latency_s": 0.25,
    }


def test_the_ledger_of_another_machine_is_merged_and_what_was_there_stays(
    path, tmp_path
):
    add(path, [row(1), row(2)])
    other = tmp_path / "other.sqlite"
    add(other, [row(2).model_copy(update={"text": "later"}), row(3)])
    assert merge(path, other) == Merged(added=1, known=1, is_whole=True)
    assert numbers(path) == [1, 2, 3]
    assert "later" not in [each.text for each in rows(path)]


def test_a_merged_answer_is_not_asked_for_again(path):
    add(path, [row(1)])
    with Ledger(path) as ledger:
        assert ledger.get(key(1)) == Answer(
            "answer 1 ✓", TokenUsage(100, 40, 10, 3), 0.25, "stop"
        )


def test_merging_goes_on_while_a_ledger_is_in_use(path, tmp_path):
    add(tmp_path / "other.sqlite", map(row, range(1500)))
    with Ledger(path) as ledger:
        said = Answer("hi", TokenUsage(1, 0, 1, 0), 0.1, "stop")
        puts = [
            ledger.put(key(n), "small", said, about="acme/app", private=False)
            for n in range(1400, 3000)
        ]
        merge(path, tmp_path / "other.sqlite")
        assert all(put.result() for put in puts)
        assert ledger.get(key(0)).text == "answer 0 ✓"
    assert numbers(path) == list(range(3000))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "EOF"),
        ('{"key": "x"}', "key: String should match"),
        (row(1).model_dump_json().replace("100", "-1"), "prompt_tokens"),
        (row(1).model_dump_json().replace("2026-", "yesterday "), "answered_at"),
    ],
)
def test_a_line_that_is_no_answer_is_named(path, tmp_path, line, words):
    source = tmp_path / "a.jsonl"
    source.write_text(f"{row(5).model_dump_json()}\n{line}\n")
    with pytest.raises(RecordError, match=rf"a\.jsonl:2: not a LedgerRow: .*{words}"):
        merge(path, source)


def test_a_damaged_ledger_is_not_merged(path, tmp_path):
    source = tmp_path / "broken.sqlite"
    source.write_bytes(b"SQLite format 3\0" + b"?" * 5000)
    with pytest.raises(StorageError, match=r"broken\.sqlite.*damaged"):
        merge(path, source)


def test_what_a_damaged_ledger_still_holds_is_merged(path, tmp_path):
    source = tmp_path / "broken.sqlite"
    add(source, map(row, range(500)))
    text = bytearray(source.read_bytes())
    for page in range(5, len(text) // 4096, 4):
        text[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    for at in range(4096 * 3, len(text), 9000):
        text[at] = 0xFF
    source.write_bytes(text)
    merged = merge(path, source)
    assert 100 < merged.added < 500
    assert not merged.is_whole
    whole = {row(number) for number in range(500)}
    assert len(whole & set(rows(path))) > 100
    with pytest.raises(StorageError, match="damaged"):
        list(rows(source))


def test_totals_are_told_for_each_model(path):
    add(path, [row(1, "b", 3), row(2, "b", 1), row(3, "a")])
    young, middle, old = (f"2026-11-{day}T12:00:00Z" for day in (21, 20, 18))
    assert [tuple(total) for total in totals(path)] == [
        ("a", 1, 1, 100, 40, 10, 3, 0.25, young, young),
        ("b", 2, 2, 200, 80, 20, 6, 0.25, old, middle),
    ]


def test_a_ledger_that_is_not_there_is_not_made(path, tmp_path):
    uses = (totals, prune, lambda path: export(path, tmp_path / "a"))
    for use in (*uses, lambda path: forget_answers(path, "acme/app", ())):
        with pytest.raises(InputError, match=r"teacher\.sqlite' does not exist"):
            use(path)
    with pytest.raises(InputError, match=r"none.* cannot be read"):
        merge(path, tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"models": ["small", "huge"]}, [3]),
        ({"repos": ["acme/app", "x"], "models": ["small"]}, [2, 3, 5]),
        ({"before": NOW - timedelta(days=7)}, [1, 2, 3, 4]),
        ({"kept": [key(1), key(1), key(4), key(99)]}, [1, 4]),
        ({"repos": ["acme/app"], "before": NOW, "kept": [key(5)]}, [2, 4, 5]),
    ],
)
def test_pruning_drops_what_meets_all_conditions(path, conditions, left):
    add(path, [row(1, days_ago=7), row(2, about="acme/app2"), row(3, "large", 1)])
    add(path, [row(4, about="x"), row(5, "huge", 8)])
    assert prune(path, **conditions) == 5 - len(left)
    assert numbers(path) == left


def test_a_pruned_ledger_is_smaller(path):
    add(path, map(row, range(3000)))
    before = path.stat().st_size
    prune(path, kept=[key(1)])
    assert path.stat().st_size < before / 10


def test_keys_are_found_in_exports_lists_and_rows(tmp_path):
    file = tmp_path / "keys"
    longer, upper = "0" * 65, key(9).upper()
    file.write_text(
        f'{key(1)}\n{{"key": "{key(2)}", "x": "{key(3)}"}}\n{longer} {upper}\n'
    )
    assert list(keys_in(file)) == [key(1), key(2), key(3)]


def beside(path):
    """All bytes of a ledger and of sqlite's files beside it."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def words(number, about):
    """An answer of more than a page, so that it lies in pages of its own."""
    long = f"{about} said {number} " * 400
    return row(number, about=about).model_copy(update={"text": long})


@pytest.mark.parametrize("in_use", [True, False])
def test_of_a_forgotten_repository_no_byte_is_left(path, in_use):
    asked_by_both = [key(3), key(999)]
    with Ledger(path if in_use else path.with_name("other.sqlite")):
        add(path, [words(n, "acme/gone" if n % 3 else "acme/kept") for n in range(300)])
        gone = forget_answers(path, "acme/gone", asked_by_both)
        left = beside(path)
    assert gone == {key(n) for n in range(300) if n % 3 or n == 3}
    assert b"acme/gone" not in left
    assert not any(each.encode() in left for each in gone)
    kept = [words(n, "acme/kept") for n in range(0, 300, 3) if n != 3]
    assert list(rows(path)) == sorted(kept, key=lambda row: row.key)


def test_what_a_reader_still_sees_is_not_said_to_be_forgotten(path, monkeypatch):
    monkeypatch.setattr("diffscribe.asking.ledger.BUSY_S", 0.05)
    add(path, [row(1), row(2, about="acme/kept")])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM answers").fetchone()
        with pytest.raises(StorageError, match=r"another process reads it.*run again"):
            forget_answers(path, "acme/app", ())
        reader.execute("ROLLBACK")
    assert forget_answers(path, "acme/app", ()) == set()
    assert b"answer 1" not in beside(path)
