import random
from statistics import mean, variance

import numpy as np
import pytest
from scipy.stats import sem

from diffscribe.core.intervals import Observation, clustered, spread


def singles(values, repos=1):
    return [
        Observation(str(number), value, str(number % repos))
        for number, value in enumerate(values)
    ]


def by_repository(sizes, seed=7):
    """Values of repositories that are somewhat alike inside."""
    rng = random.Random(seed)
    found = []
    for repo, size in enumerate(sizes):
        level = rng.random()
        found += [
            Observation(f"{repo}-{each}", level + rng.random(), str(repo))
            for each in range(size)
        ]
    return found


def textbook(groups):
    """Error and freedom of the mean of all groups, with whole matrices.

    CR2 with the covariance of a random-effects model, whose intra-class correlation
    is by analysis of variance.
    """
    n = np.array([len(group) for group in groups], float)
    total = n.sum()
    grand = sum(map(sum, groups)) / total
    between = sum(len(g) * (mean(g) - grand) ** 2 for g in groups) / (len(groups) - 1)
    inside = sum((len(g) - 1) * variance(g) for g in groups if len(g) > 1)
    inside /= total - len(groups)
    size = (total - (n**2).sum() / total) / (len(groups) - 1)
    alike = max(0.0, (between - inside) / (between + (size - 1) * inside))
    residuals = np.array([sum(g) - len(g) * grand for g in groups])
    raised = np.diag(1 / (1 - n / total))
    pull = np.eye(len(groups)) - np.outer(n / total, np.ones(len(groups)))
    covariance = pull @ np.diag(n * (1 + (n - 1) * alike)) @ pull.T
    product = raised @ covariance
    freedom = np.trace(product) ** 2 / np.trace(product @ product)
    return float(np.sqrt(residuals @ raised @ residuals)) / total, freedom


def test_nothing_observed_has_no_clusters():
    assert clustered([]) is None


def test_six_repositories_are_the_clusters_and_five_are_not():
    assert clustered(by_repository([3] * 6)).scope == "repositories"
    assert len(clustered(by_repository([3] * 6)).sums) == 6
    assert clustered(by_repository([3] * 5)).scope == "changes"
    assert len(clustered(by_repository([3] * 5)).sums) == 15


def test_a_change_and_its_variants_are_one_cluster():
    found = clustered([Observation("a", 1.0), Observation("b", 0.0)] * 3)
    assert found.counts.tolist() == [3, 3]
    assert found.sums.tolist() == [3, 0]


def test_of_changes_alone_it_is_the_textbook_error_of_a_mean():
    rng = random.Random(7)
    values = [rng.gauss(0, 1) for _ in range(40)]
    measured = spread(clustered(singles(values)))
    assert measured.mean == pytest.approx(mean(values))
    assert measured.error == pytest.approx(sem(values))
    assert measured.freedom == pytest.approx(39)


def test_repositories_of_equal_size_are_as_good_as_their_means():
    observations = by_repository([7] * 9)
    means = [
        mean(each.value for each in observations if each.repo == str(repo))
        for repo in range(9)
    ]
    measured = spread(clustered(observations))
    assert measured.error == pytest.approx(sem(means))
    assert measured.freedom == pytest.approx(8)


@pytest.mark.parametrize("seed", range(20))
def test_unequal_repositories_agree_with_whole_matrices(seed):
    sizes = [random.Random(seed).randrange(1, 60) for _ in range(6 + seed)]
    observations = by_repository(sizes, seed)
    groups = [
        [each.value for each in observations if each.repo == str(repo)]
        for repo in range(len(sizes))
    ]
    measured = spread(clustered(observations))
    error, freedom = textbook(groups)
    assert measured.error == pytest.approx(error, rel=1e-12)
    assert measured.freedom == pytest.approx(freedom, rel=1e-9)


def test_one_giant_among_repositories_leaves_little_freedom():
    even = spread(clustered(by_repository([20] * 8)))
    uneven = spread(clustered(by_repository([600, *[20] * 7])))
    assert even.freedom == pytest.approx(7)
    assert 1 <= uneven.freedom < 2.5


def test_of_few_repositories_each_is_a_stratum():
    """How far repositories are apart says nothing of a mean within these ones."""
    rng = random.Random(7)
    values = [rng.random() for _ in range(60)]
    near = singles(values, repos=2)
    apart = [each._replace(value=each.value + 9 * int(each.repo)) for each in near]
    near, apart = spread(clustered(near)), spread(clustered(apart))
    assert apart.error == pytest.approx(near.error)
    halves = [values[::2], values[1::2]]
    expected = sum(variance(half) / 30 for half in halves) / 4
    assert near.error**2 == pytest.approx(expected)
    assert 50 < near.freedom < 58.1


def test_a_repository_of_one_change_makes_all_one_stratum():
    observations = [*singles([0.0, 1.0, 0.0, 1.0]), Observation("x", 1.0, "other")]
    measured = spread(clustered(observations))
    assert measured.error == pytest.approx(sem([0, 1, 0, 1, 1]))


@pytest.mark.parametrize(
    "values", [[0.5], [0.3] * 9, [0.1 + 0.2, 0.3, 0.3]], ids=["one", "equal", "nearly"]
)
def test_no_spread_is_no_freedom(values):
    measured = spread(clustered(singles(values)))
    assert (measured.error, measured.freedom) == (0.0, 0.0)


def test_variants_alone_tell_nothing_of_other_changes():
    measured = spread(clustered([Observation("a", 0.0), Observation("a", 1.0)]))
    assert (measured.mean, measured.freedom) == (0.5, 0.0)


def test_without_spread_many_changes_of_a_repository_count_for_less():
    alone = clustered(Observation(str(n), 1.0, str(n)) for n in range(60))
    assert alone.independent == pytest.approx(60)
    together = clustered(Observation(str(n), 1.0, str(n % 6)) for n in range(60))
    assert together.independent == pytest.approx(60 / (1 + 0.1 * 9))
    assert clustered(singles([1.0] * 60)).independent == 60
