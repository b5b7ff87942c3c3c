"""What the arrays compute is compared with five lines of plain Python."""

import random
import re

import pytest

from diffscribe.commits.diff import changed_lines
from diffscribe.commits.near_duplicates import shingle

TOKEN = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff]+|[^\t\n\v\f\r ]")


def patch(removed="", added="", path="a.py"):
    lines = [f"-{line}\n" for line in removed.split("\n") if removed]
    lines += [f"+{line}\n" for line in added.split("\n") if added]
    counts = [sum(line[0] == sign for line in lines) for sign in "-+"]
    return (
        f"diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n"
        f"+++ b/{path}\n@@ -1,{counts[0] + 1} +1,{counts[1] + 1} @@ def f():\n"
        f" context line of the file here\n{''.join(lines)}"
    )


def expected(diff):
    """The shingles of a diff as tuples."""
    found = set()
    for sign in "-+":
        lines = [line[1:] for line in changed_lines(diff) if line[0] == sign]
        tokens = TOKEN.findall("\n".join(lines))
        padded = [*tokens, *[""] * 4]
        found |= {(sign, *padded[at : at + 5]) for at in range(len(tokens))}
    return found


def sets(diffs):
    hashes, starts = shingle(diffs)
    parts = [hashes[starts[n] : starts[n + 1]] for n in range(len(diffs))]
    return [set(part.tolist()) for part in parts]


def random_text(draw):
    letters = "ab_é猫 \t\n\r.-+@\"'x9"
    return "".join(draw.choices(letters, k=draw.randint(0, 60)))


def test_equal_shingles_have_equal_hashes_and_others_do_not():
    draw = random.Random(7)
    diffs = [patch(random_text(draw), random_text(draw)) for _ in range(300)]
    diffs[17] = "diff --git a/x b/y\nsimilarity index 100%\n"
    hashes_of, tuples_of = sets(diffs), [expected(diff) for diff in diffs]
    assert len(set.union(*hashes_of)) == len(set.union(*tuples_of)) > 10_000
    for at in range(len(diffs) - 1):
        assert len(hashes_of[at]) == len(tuples_of[at])
        shared = hashes_of[at] & hashes_of[at + 1]
        assert len(shared) == len(tuples_of[at] & tuples_of[at + 1])


def test_the_hashes_do_not_depend_on_the_other_diffs():
    draw = random.Random(8)
    diffs = [patch(random_text(draw), random_text(draw)) for _ in range(40)]
    assert sets(diffs) == [sets([diff])[0] for diff in diffs]


def test_hashes_stay_the_same_over_versions_and_machines():
    assert shingle([patch(added="a b c d e")]).hashes[0] == 9270722756099414525


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"added": "f(a,  b)"}, {"added": "f(a,\n\tb)\r"}, True),
        ({"added": "ab c d e f"}, {"added": "a bc d e f"}, False),
        ({"added": "x = 1"}, {"removed": "x = 1"}, False),
        ({"added": "x = 1"}, {"added": "X = 1"}, False),
        ({"added": "x", "path": "b.py"}, {"added": "x"}, True),
    ],
)
def test_white_space_and_paths_do_not_count_but_sides_and_borders_do(one, other, equal):
    first, second = sets([patch(**one), patch(**other)])
    assert first
    assert (first == second) is equal


@pytest.mark.parametrize(
    "diff",
    [
        "",
        "no diff at all",
        "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
        "diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n",
    ],
)
def test_without_changed_lines_there_is_no_shingle(diff):
    assert sets([diff, patch(added="x"), diff])[::2] == [set(), set()]


def test_no_diffs_have_no_shingles():
    assert sets([]) == []


def test_unpaired_surrogates_count_as_letters():
    first, second = sets([patch(added="a\ud800b"), patch(added="a\ud801b")])
    assert len(first) == len(second) == 1
    assert first != second
