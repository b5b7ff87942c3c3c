from collections import Counter

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
