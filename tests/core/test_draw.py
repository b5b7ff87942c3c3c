from collections import Counter

import pytest

from diffscribe.core.draw import stratified


def members(**sizes):
    return [
        (f"{stratum}{number}", (stratum,))
        for stratum, size in sizes.items()
        for number in range(size)
    ]


def shares(chosen):
    return Counter(each[0] for each in chosen)


def test_each_stratum_has_its_share_to_within_one():
    chosen = stratified(members(a=50, b=30, c=20), 10, "x")
    assert shares(chosen) == {"a": 5, "b": 3, "c": 2}


def test_no_more_than_there_are():
    everything = members(a=2, b=1)
    assert stratified(everything, 3, "x") == {"a0", "a1", "b0"}
    assert stratified(everything, 9, "x") == {"a0", "a1", "b0"}
    assert stratified([], 9, "x") == frozenset()


def test_order_plays_no_part_and_the_salt_does():
    everything = members(a=40)
    chosen = stratified(everything, 8, "x")
    assert stratified(everything[::-1], 8, "x") == chosen
    assert stratified(everything, 8, "y") != chosen


@pytest.mark.parametrize("places", [0, 1, 7, 50, 99, 100, 101])
def test_exactly_as_many_are_drawn_as_asked_for(places):
    assert len(stratified(members(a=70, b=29, c=1), places, "x")) == min(places, 100)


def test_the_smallest_ids_are_no_more_likely_than_others():
    chosen = stratified([(f"{n:03}", ()) for n in range(100)], 50, "x")
    assert 40 < sum(map(int, chosen)) / 50 < 60
