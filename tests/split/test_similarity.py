import random

import numpy as np
import pytest

from diffscribe.split.leaks import shingle_changes, similar_pairs


def jaccard(one, other):
    """The definition, on sets."""
    return len(one & other) / len(one | other)


def shingles_of(*texts):
    return shingle_changes([("", text) for text in texts])


def runs(text):
    words = text.split()
    return {tuple(words[at : at + 5]) for at in range(len(words))}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\t", 0),
        ("one", 1),
        ("one two three four five", 5),
        ("one two three four five six", 6),
        ("a a a a a a a a", 5),
        ("a.b(c)", 6),
        ("größe ist nicht gleich höhe", 5),
    ],
)
def test_each_word_begins_a_shingle_of_five_or_what_is_left(text, count):
    (shingles,) = shingles_of(text)
    assert len(shingles) == count


def test_equal_runs_have_equal_shingles_whatever_is_between_them():
    one, other, third = shingles_of("a b  c\nd(e", "a b c d ( e", "a b c d e")
    assert one.tolist() == other.tolist() != third.tolist()


@pytest.mark.parametrize("least", [0.3, 0.5, 0.7, 0.8, 1.0])
def test_every_pair_that_comparing_all_finds_is_found_and_no_other(least):
    draw = random.Random(least)
    texts = []
    for _ in range(40):
        words = [f"w{draw.randrange(300)}" for _ in range(draw.randrange(5, 60))]
        texts.append(" ".join(words))
        for _ in range(3):
            copy = list(words)
            for _ in range(draw.randrange(6)):
                copy[draw.randrange(len(copy))] = f"w{draw.randrange(300)}"
            texts.append(" ".join(copy))
    draw.shuffle(texts)
    left, right = texts[:70], texts[70:]
    expected = {
        (one, other)
        for one in range(len(left))
        for other in range(len(right))
        if jaccard(runs(left[one]), runs(right[other])) >= least - 1e-9
    }
    shingles = shingles_of(*texts)
    found = list(similar_pairs(shingles[:70], shingles[70:], least))
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert expected


@pytest.mark.parametrize(("least", "found"), [(1 / 6, [(0, 0)]), (0.167, [])])
def test_the_border_itself_is_similar(least, found):
    left, right = shingles_of("a b c d e f", "a b c d e f g h")
    assert len(np.intersect1d(left, right)) / len(np.union1d(left, right)) == 1 / 6
    assert list(similar_pairs([left], [right], least)) == found


def test_empty_sets_are_similar_to_none():
    shingles = shingles_of("", "a b c d e")
    assert list(similar_pairs(shingles, shingles, 0.8)) == [(1, 1)]
    assert list(similar_pairs([], shingles, 0.8)) == []
    assert list(similar_pairs(shingles, [], 0.8)) == []
    assert list(similar_pairs([], [], 0.8)) == []


def test_more_texts_than_are_compared_at_once_keep_their_positions():
    texts = [f"{n} b c d e" for n in range(1500)]
    shingles = shingles_of(*texts)
    pairs = similar_pairs(shingles, shingles[1200:], 0.8)
    assert list(pairs) == [(n, n - 1200) for n in range(1200, 1500)]


def test_what_is_removed_is_not_what_is_added():
    forth, back, both = shingle_changes(
        [("", "a b c d e f"), ("a b c d e f", ""), ("a b c", "d e f")]
    )
    assert [len(each) for each in (forth, back, both)] == [6, 6, 6]
    assert np.intersect1d(forth, back).size == 0
    assert np.intersect1d(both, forth).size == 3  # those of d, e and f
    assert np.intersect1d(both, back).size == 0
