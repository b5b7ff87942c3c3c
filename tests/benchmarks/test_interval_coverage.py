"""The benchmark of intervals and tests, on a few evaluations."""

import interval_coverage as benchmark
import numpy as np
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["yes/no", "graded", "difference"])
@pytest.mark.parametrize("repositories", [3, 20])
def test_what_is_drawn_has_the_mean_it_is_said_to_have(kind, repositories):
    world = benchmark.World(kind, 0.6, 0.1, repositories)
    drawn = list(benchmark.draw(world, 100))
    off = [
        np.mean([each.value for each in observations]) - truth
        for observations, truth in drawn
    ]
    assert abs(np.mean(off)) < 5 * np.std(off) / np.sqrt(100)
    assert len({each.repo for each in drawn[0].observations}) == repositories


def test_a_world_is_drawn_the_same_again():
    world = benchmark.World("graded", 0.6, 0.1, 6)
    assert list(benchmark.draw(world, 3)) == list(benchmark.draw(world, 3))
    assert list(benchmark.draw(world, 3)) != list(benchmark.draw(world, 3, salt=1))


def test_a_line_tells_what_other_ways_miss():
    line = benchmark.coverage(200, benchmark.World("yes/no", 0.6, 0.2, 6))
    held = float(line["holds the truth %"].split()[0])
    percentile = float(line["percentiles do %"].split()[0])
    changes = float(line["of changes alone %"].split()[0])
    assert changes < percentile < 90 < held
