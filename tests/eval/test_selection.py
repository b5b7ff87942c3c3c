import pytest

from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.eval.cases import read_selection, select


def ids(cases):
    return [each.id for each in cases]


def test_takes_everything_that_there_is_room_for(case):
    cases = [case(name) for name in "abc"]
    assert ids(select(cases, 3, seed=7)) == ["a", "b", "c"]
    assert len(select(cases, 2, seed=7)) == 2


def test_the_choice_depends_on_ids_and_seed_and_not_on_order(case):
    cases = [case(f"s{n}") for n in range(50)]
    chosen = set(ids(select(cases, 10, seed=7)))
    assert set(ids(select(cases[::-1], 10, seed=7))) == chosen
    assert set(ids(select(cases, 10, seed=8))) != chosen


def test_keeps_the_order_given(case):
    cases = [case(f"s{n:02}") for n in range(50)]
    chosen = ids(select(cases, 10, seed=7))
    assert chosen == sorted(chosen)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("room", [1, 2, 3, 4, 5])
def test_a_parent_and_its_variant_stay_together(case, seed, room):
    cases = [case("a"), case("a2", parent_id="a")]
    cases += [case("b"), case("b2", parent_id="b"), case("c")]
    chosen = set(ids(select(cases, room, seed)))
    assert room - 1 <= len(chosen) <= room
    assert ("a" in chosen) == ("a2" in chosen)
    assert ("b" in chosen) == ("b2" in chosen)


def test_no_sample_is_explained(split, tmp_path):
    samples, changes = split("a")
    assert ids(read_selection(samples, changes, 5, 7)) == ["a"]
    write_jsonl(samples, [])
    with pytest.raises(RecordError, match=r"sft\.jsonl: no sample to evaluate; raise"):
        read_selection(samples, changes, 5, 7)
