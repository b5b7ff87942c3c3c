import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from tests.support.ledger_rows import NOW, key, numbers, row

from diffscribe.asking.ledger import Ledger
from diffscribe.asking.upkeep import add, forget_answers, keys_in, prune, rows
from diffscribe.core.errors import StorageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.sqlite"


def test_pruning_by_model_leaves_the_others(path):
    add(path, [row(1), row(2, "large"), row(3, "huge")])
    assert prune(path, models=["small", "huge"]) == 2
    assert numbers(path) == [2]


def test_pruning_by_age_leaves_what_is_as_young_as_that(path):
    add(path, [row(1, days_ago=8), row(2, days_ago=7), row(3)])
    assert prune(path, before=NOW - timedelta(days=7)) == 1
    assert numbers(path) == [2, 3]


def test_pruning_keeps_the_keys_it_is_given_and_drops_unknown_ones_silently(path):
    add(path, map(row, range(5)))
    assert prune(path, kept=[key(1), key(1), key(4), key(99)]) == 3
    assert numbers(path) == [1, 4]


def test_conditions_of_pruning_hold_together(path):
    add(path, [row(1, days_ago=9), row(2, "large", 9), row(3), row(4, days_ago=9)])
    before = NOW - timedelta(days=1)
    assert prune(path, models=["small"], before=before, kept=[key(4)]) == 1
    assert numbers(path) == [2, 3, 4]


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


def test_pruning_by_repository_leaves_answers_about_others(path):
    add(path, [row(1), row(2, about="acme/app2"), row(3, "huge"), row(4, about="x")])
    assert prune(path, repos=["acme/app", "x"], models=["small"]) == 2
    assert numbers(path) == [2, 3]


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
