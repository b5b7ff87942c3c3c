import pytest

from diffscribe.errors import RecordError
from diffscribe.evaluation.selection import read_selection, select
from diffscribe.jsonl import write_jsonl


def ids(samples):
    return [each.id for each in samples]


def test_takes_everything_that_there_is_room_for(sample):
    samples = [sample(name) for name in "abc"]
    assert ids(select(samples, 3, seed=7)) == ["a", "b", "c"]
    assert len(select(samples, 2, seed=7)) == 2


def test_the_choice_depends_on_ids_and_seed_and_not_on_order(sample):
    samples = [sample(f"s{n}") for n in range(50)]
    chosen = set(ids(select(samples, 10, seed=7)))
    assert set(ids(select(samples[::-1], 10, seed=7))) == chosen
    assert set(ids(select(samples, 10, seed=8))) != chosen


def test_keeps_the_order_given(sample):
    samples = [sample(f"s{n:02}") for n in range(50)]
    chosen = ids(select(samples, 10, seed=7))
    assert chosen == sorted(chosen)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("room", [1, 2, 3, 4, 5])
def test_a_parent_and_its_variant_stay_together(sample, seed, room):
    samples = [sample("a"), sample("a2", parent_id="a")]
    samples += [sample("b"), sample("b2", parent_id="b"), sample("c")]
    chosen = set(ids(select(samples, room, seed)))
    assert room - 1 <= len(chosen) <= room
    assert ("a" in chosen) == ("a2" in chosen)
    assert ("b" in chosen) == ("b2" in chosen)


def test_no_sample_is_explained(sample, tmp_path):
    path = tmp_path / "test.jsonl"
    write_jsonl(path, [])
    with pytest.raises(RecordError, match=r"test\.jsonl: no sample to evaluate; raise"):
        read_selection(path, 5, 7)
    write_jsonl(path, [sample("a")])
    assert ids(read_selection(path, 5, 7)) == ["a"]
