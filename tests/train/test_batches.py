from collections import Counter

import pytest

from diffscribe.train.sft import training_order

LENGTHS = [(number * 37) % 101 for number in range(500)]


def test_every_sample_is_trained_on_once_an_epoch():
    order = training_order(LENGTHS, 8, 3, seed=1)
    assert set(Counter(order).values()) == {3}
    assert set(order) == set(range(500))


def test_epochs_differ_and_repeat_with_their_seed():
    order = training_order(LENGTHS, 8, 2, seed=1)
    assert order[:500] != order[500:]
    assert order == training_order(LENGTHS, 8, 2, seed=1)
    assert order != training_order(LENGTHS, 8, 2, seed=2)


@pytest.mark.parametrize(("epochs", "count"), [(0.5, 250), (1.0, 500), (1.5, 750)])
def test_a_fraction_of_an_epoch_is_its_beginning(epochs, count):
    order = training_order(LENGTHS, 8, epochs, seed=1)
    assert len(order) == count
    assert max(Counter(order).values()) == (2 if epochs > 1 else 1)


def test_batches_are_mostly_free_of_padding():
    order = training_order(LENGTHS, 8, 1.5, seed=1)
    batches = [order[start : start + 8] for start in range(0, 750, 8)]
    padded = sum(max(LENGTHS[at] for at in batch) * len(batch) for batch in batches)
    assert padded / sum(LENGTHS[at] for at in order) < 1.1


def test_no_samples_have_no_order():
    assert training_order([], 8, 3, seed=1) == []
