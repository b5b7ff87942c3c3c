"""What is known of each task comes together without secrets, the rest has a reason."""

import pytest
from tests.success_memory.support import SCRIPT, attempt, memory, transformer

from diffscribe.success_memory.curate import (
    curate_episodes,
    rating_reason,
    relative_paths,
    table_of,
)

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def curated(memories=(), attempts=(), max_chars=20_000):
    result = curate_episodes(list(memories), list(attempts), max_chars)
    return result.episodes, table_of(result.counts)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def broken(:\n", "no_python"),
        ("import numpy\n", "foreign_import"),
        ("from . import agent\n", "foreign_import"),
        ("import os.path\nfrom libcst import matchers\n", ""),
        ("x = 1\n" * 4000, "script_too_long"),
        (f'TOKEN = "{TOKEN}"\n', "secret_in_script"),
    ],
)
def test_a_success_is_kept_if_its_script_is_worth_learning(script, reason):
    episodes, counts = curated([memory(script=script)])
    assert counts.get("successes", {}) == ({reason: 1} if reason else {})
    assert len(episodes) == (not reason)


def test_attempts_are_of_the_success_they_name_and_of_none_if_two_have_the_name():
    one = memory(id="m1", issue_id="ISSUE-1")
    two = memory(id="m2", issue="Another wish", script=transformer("B", "b"))
    other = memory(
        id="m3", at="2030-02-01T00:00:00+00:00", issue="A third", script=None
    )
    named = ("m1", "ISSUE-1", one.at, "2030-02-01T00:00:00Z", "unknown", None)
    attempts = [attempt(memory_id=name, number=n + 1) for n, name in enumerate(named)]
    episodes, _ = curated([one, two, other], attempts)
    found = {each.id: [one.number for one in each.attempts] for each in episodes}
    assert found == {
        "m1": [1, 2],
        "m2": [],
        "m3": [4],
        f"task:{one.at}": [3],
        "task:unknown": [5],
        "file:Log calls to pay():pay.py": [6],
    }


def test_a_review_replaces_what_was_accepted_and_one_of_nothing_is_counted():
    review = attempt(kind="review", accepted="x = 1\n")
    stray = attempt(kind="review", number=9, accepted="x = 2\n")
    empty = attempt(kind="review")
    [episode], counts = curated([], [review, stray, empty, attempt()])
    assert [each.accepted for each in episode.attempts] == ["x = 1\n"]
    assert counts == {"reviews": {"accepts_nothing": 1, "of_no_attempt": 1}}


def test_secrets_and_homes_are_gone_and_answers_with_a_secret_too():
    attempts = [
        attempt(valid=False, traceback=f'File "/home/ann/a/pay.py", line 1\n{TOKEN}'),
        attempt(number=2, prompt=f"export TOKEN={TOKEN} in C:\\Users\\ann\\a"),
        attempt(number=3, script=f'a = "{TOKEN}"\n'),
        attempt(number=4, accepted=f'a = "{TOKEN}"\n'),
        attempt(number=5, kind="spec", raw_output=f"a: {TOKEN}\n"),
        attempt(number=6, valid=False, script=f'a = "{TOKEN}"\n'),
    ]
    [episode], counts = curated([], attempts)
    assert [each.number for each in episode.attempts] == [1, 2, 6]
    assert counts == {"attempts": {"secret_in_answer": 3}}
    text = episode.model_dump_json()
    assert TOKEN not in text
    assert "ann" not in text


def test_scripts_that_differ_in_words_alone_are_one_and_share_a_cluster():
    same = transformer("Other", "pay").replace("decorator = ", "found = ")
    same = same.replace("[decorator,", "[found,")
    later = "2030-03-01T00:00:00+00:00"
    first, second = memory(), memory(id="m2", script=same, at=later)
    episodes, counts = curated([first, second])
    assert [each.id for each in episodes] == ["m1"]
    assert counts == {"successes": {"duplicate_script": 1}}
    failed = attempt(memory_id="m2", valid=False, traceback="x")
    mended = attempt(memory_id="m2", number=2, script=SCRIPT)
    episodes, _ = curated([first, second], [failed, mended])
    assert [each.cluster for each in episodes] == ["m1", "m1"]
    assert episodes[1].memory is None


@pytest.mark.parametrize(
    ("rating", "least", "keeps", "reason"),
    [
        (None, None, True, ""),
        (None, 3, True, ""),
        (None, None, False, "unrated"),
        (2, 3, True, "low_rating"),
        (3, 3, False, ""),
        (1, None, True, ""),
    ],
)
def test_ratings_drop_what_params_say(rating, least, keeps, reason):
    assert rating_reason(memory(rating=rating), least, keeps) == reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('File "/srv/x/src/pay.py", line 3, in f', 'File "src/pay.py", line 3, in f'),
        ('File "C:\\a\\b.py", line 3', 'File "b.py", line 3'),
        (
            'File "/v/lib/site-packages/libcst/a.py", line 1',
            'File "libcst/a.py", line 1',
        ),
        ('File "<string>", line 1', 'File "<string>", line 1'),
        ("in /Users/ann/code/x", "in ~/code/x"),
        ("/root/x", "~/x"),
    ],
)
def test_a_traceback_names_no_folder_of_a_machine(text, expected):
    assert relative_paths(text, "src/pay.py") == expected
