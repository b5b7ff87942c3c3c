"""Shingles are compared with plain Python, and what is similar with all pairs."""

import itertools
import random
import re

import numpy as np
import pytest

from diffscribe.commits.diff import changed_lines
from diffscribe.commits.near_duplicates import clusters, shingle, similar_pairs


def patch(lines, path="a.py", sign="+"):
    body = "".join(f"{sign}{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -0,0 +1,{len(lines)} @@\n{body}"
    )


def words(count, draw):
    return [f"w{draw.randrange(10**9)}" for _ in range(count)]


def shingles(diff):
    return set(shingle(diff).tolist())


def jaccard(first, second):
    return len(first & second) / len(first | second)


def family(draw, size=40, members=4):
    """Diffs of equal size, each with some words of the first one replaced."""
    first = words(size, draw)
    for _ in range(members):
        share = draw.uniform(0, 0.12)
        yield patch([w if draw.random() > share else f"v{w}" for w in first])


def linked(diffs, similarity):
    """Return the clusters by comparing all pairs."""
    firsts = list(range(len(diffs)))
    sets = list(map(shingles, diffs))
    for one, other in itertools.combinations(range(len(diffs)), 2):
        near, far = sorted((firsts[one], firsts[other]))
        if near != far and jaccard(sets[one], sets[other]) >= similarity:
            firsts = [near if first == far else first for first in firsts]
    return firsts


@pytest.mark.parametrize("similarity", [0.4, 0.5, 0.7, 0.85, 1.0])
def test_the_clusters_are_those_of_all_pairs(similarity):
    draw = random.Random(f"{similarity}")
    diffs = [diff for _ in range(25) for diff in family(draw)]
    draw.shuffle(diffs)
    found = clusters(diffs, similarity)
    assert found == linked(diffs, similarity)
    assert 25 < len(set(found)) <= 100 or similarity == 0.4


def test_pairs_right_at_the_limit_are_found_and_below_it_are_not():
    """60 words: 56 shingles and the 4 at the end; 3 lost on one side."""
    draw = random.Random(1)
    for _ in range(20):
        first = words(60, draw)
        pair = [patch(first), patch([*first[:-15], *words(15, draw)])]
        share = jaccard(*map(shingles, pair))
        assert share == 41 / 79
        assert clusters(pair, share) == [0, 0]
        assert clusters(pair, share + 1e-9) == [0, 1]


def test_a_chain_is_one_cluster_named_by_its_first():
    draw = random.Random(2)
    first = words(100, draw)
    middle = [*first[20:], *words(20, draw)]
    last = [*middle[20:], *words(20, draw)]
    chain = [patch(last), patch(first), patch(middle)]
    sets = list(map(shingles, chain))
    assert jaccard(sets[0], sets[1]) < 0.5 < jaccard(sets[0], sets[2])
    assert clusters([patch(words(9, draw)), *chain], 0.5) == [0, 1, 1, 1]


def test_the_order_of_the_diffs_does_not_change_who_belongs_together():
    draw = random.Random(3)
    diffs = [diff for _ in range(60) for diff in family(draw)]
    order = draw.sample(range(len(diffs)), len(diffs))
    firsts = clusters(diffs, 0.6)
    shuffled = clusters([diffs[index] for index in order], 0.6)
    assert {
        frozenset(index for index in range(240) if firsts[index] == first)
        for first in firsts
    } == {
        frozenset(order[index] for index in range(240) if shuffled[index] == first)
        for first in shuffled
    }


def test_what_has_no_shingles_is_alone():
    rename = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
    assert clusters([rename, patch("ab"), rename, "", patch("ab")], 0.1) == [
        0,
        1,
        2,
        3,
        1,
    ]
    assert clusters([rename, ""], 0.1) == [0, 1]
    assert clusters([], 0.5) == []


def test_short_diffs_are_compared_too():
    assert clusters([patch(["a"]), patch(["a", ""]), patch(["b"])], 1.0) == [0, 0, 2]


def test_an_addition_and_its_removal_are_not_alike():
    lines = words(50, random.Random(4))
    assert clusters([patch(lines), patch(lines, sign="-")], 0.01) == [0, 1]


@pytest.mark.slow
def test_thousands_of_equal_diffs_are_one_cluster():
    """Half a million pairs, of which all but the first few are never compared."""
    lines = words(30, random.Random(5))
    diffs = [patch(lines, f"{number}.py") for number in range(1000)]
    assert set(clusters(diffs, 0.9)) == {0}


@pytest.mark.parametrize("least", [0.3, 0.5, 0.7, 0.8, 1.0])
def test_every_pair_that_comparing_all_finds_is_found_and_no_other(least):
    draw = random.Random(least)
    sets = []
    for _ in range(100):
        members = [draw.randrange(300) for _ in range(draw.randrange(60))]
        sets.append({*members})
        for _ in range(3):
            copy = {each for each in members if draw.random() < 0.95}
            sets.append(copy | {draw.randrange(300) for _ in range(draw.randrange(4))})
    draw.shuffle(sets)
    expected = [
        (one, other)
        for one, other in itertools.combinations(range(len(sets)), 2)
        if sets[one] | sets[other] and jaccard(sets[one], sets[other]) >= least - 1e-9
    ]
    arrays = [np.array(sorted(each), np.uint64) for each in sets]
    found = list(similar_pairs(arrays, least))
    assert sorted(found) == expected
    assert len(expected) > 10


@pytest.mark.parametrize(
    ("one", "other", "least", "found"),
    [
        (range(7), range(10), 0.7, [(0, 1)]),
        (range(6), range(5, 11), 1 / 11, [(0, 1)]),
        (range(6), range(5, 11), 0.091, []),
        ([], [], 0.1, []),
        ([], [1], 0.1, []),
    ],
)
def test_the_limit_itself_is_similar_and_the_empty_set_is_not(one, other, least, found):
    sets = [np.array(list(each), np.uint64) for each in (one, other)]
    assert list(similar_pairs(sets, least)) == found
    assert list(similar_pairs([], least)) == []


TOKEN = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff]+|[^\t\n\v\f\r ]")


def two_sided(removed="", added="", path="a.py"):
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


def random_text(draw):
    letters = "ab_é猫 \t\n\r.-+@\"'x9"
    return "".join(draw.choices(letters, k=draw.randint(0, 60)))


def test_equal_shingles_have_equal_hashes_and_others_do_not():
    draw = random.Random(7)
    diffs = [two_sided(random_text(draw), random_text(draw)) for _ in range(300)]
    diffs[17] = "diff --git a/x b/y\nsimilarity index 100%\n"
    hashes_of, tuples_of = [*map(shingles, diffs)], [*map(expected, diffs)]
    assert len(set.union(*hashes_of)) == len(set.union(*tuples_of)) > 10_000
    for at in range(len(diffs) - 1):
        assert len(hashes_of[at]) == len(tuples_of[at])
        shared = hashes_of[at] & hashes_of[at + 1]
        assert len(shared) == len(tuples_of[at] & tuples_of[at + 1])


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
    first, second = shingles(two_sided(**one)), shingles(two_sided(**other))
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
    assert shingles(diff) == set()


def test_unpaired_surrogates_count_as_letters():
    first, second = (
        shingles(two_sided(added="a\ud800b")),
        shingles(two_sided(added="a\ud801b")),
    )
    assert len(first) == len(second) == 1
    assert first != second
