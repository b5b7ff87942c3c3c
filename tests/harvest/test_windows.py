from collections import Counter
from pathlib import Path

import pytest
import yaml

from diffscribe.core.params import HarvestParams
from diffscribe.harvest.windows import draw_sizes

ROOT = Path(__file__).parents[2]


def limits(windows_per_commit: float, seed: int = 7) -> HarvestParams:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"]
    drawn = {"windows_per_commit": windows_per_commit, "seed": seed}
    return HarvestParams.model_validate(values | drawn)


def test_draws_distinct_sizes_in_order() -> None:
    for head in map(str, range(50)):
        sizes = draw_sizes(head, 3, limits(2.0))
        assert len(sizes) == 2
        assert sizes == sorted(set(sizes))
        assert set(sizes) <= {1, 2, 3}


def test_draws_every_size_where_there_are_no_more() -> None:
    assert draw_sizes("head", 1, limits(2.0)) == [1]
    assert draw_sizes("head", 3, limits(9.0)) == [1, 2, 3]


@pytest.mark.parametrize("windows_per_commit", [0.25, 1.0, 1.5])
def test_draws_as_many_windows_as_asked_for_of_all_sizes(
    windows_per_commit: float,
) -> None:
    heads, params = range(3000), limits(windows_per_commit)
    drawn = [draw_sizes(str(head), 3, params) for head in heads]
    sizes = Counter(size for each in drawn for size in each)
    assert sizes.total() / len(heads) == pytest.approx(windows_per_commit, abs=0.03)
    for size in (1, 2, 3):
        assert sizes[size] / sizes.total() == pytest.approx(1 / 3, abs=0.04)


def test_the_seed_and_the_head_decide() -> None:
    heads = [str(head) for head in range(30)]
    one = [draw_sizes(head, 3, limits(1.0)) for head in heads]
    assert one == [draw_sizes(head, 3, limits(1.0)) for head in heads]
    assert one != [draw_sizes(head, 3, limits(1.0, seed=8)) for head in heads]
    assert len(set(map(tuple, one))) == 3
