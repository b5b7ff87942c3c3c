from collections import Counter
from itertools import permutations

import pytest

from diffscribe.data.split import SPLITS, assign_repositories, split_changes
from diffscribe.errors import ParamsError, SourceError
from diffscribe.params import SplitParams


def params(**fields):
    values = {
        "validation_repos": (),
        "test_repos": (),
        "validation_fraction": 0.1,
        "test_fraction": 0.2,
        "junk_fraction": 0.3,
        "max_junk_files": 3,
        "seed": 7,
    }
    return SplitParams(**{**values, **fields})


def rows_of(curated, sizes):
    return [
        curated(repo=repo, head=f"{n:03}", committed_at=f"2024-01-{n % 28 + 1:02}")
        for repo, size in sizes.items()
        for n in range(size)
    ]


SIZES = {f"acme/r{n}": 10 + n for n in range(12)}


def test_every_row_is_in_the_split_of_its_repository(curated):
    rows = rows_of(curated, SIZES)
    result = split_changes(rows, params())
    repos = [{row.repo for row in result.rows[name]} for name in SPLITS]
    assert not repos[0] & repos[1]
    assert not repos[0] & repos[2]
    assert not repos[1] & repos[2]
    parents = [
        row.id for name in SPLITS for row in result.rows[name] if row.parent_id is None
    ]
    assert sorted(parents) == sorted(row.id for row in rows)
    assert result.dropped.total() == 0


@pytest.mark.parametrize("seed", range(10))
def test_the_shares_come_close_to_the_fractions(seed):
    drawn = assign_repositories(Counter(SIZES), params(seed=seed))
    shares = Counter()
    for repo, name in drawn.items():
        shares[name] += SIZES[repo] / sum(SIZES.values())
    assert shares["test"] == pytest.approx(0.2, abs=0.03)
    assert shares["validation"] == pytest.approx(0.1, abs=0.03)


def test_the_seed_draws_other_repositories():
    drawn = {
        tuple(sorted(assign_repositories(Counter(SIZES), params(seed=seed)).items()))
        for seed in range(10)
    }
    assert len(drawn) > 1


@pytest.mark.parametrize("sizes", list(permutations([1, 5, 500])))
def test_three_repositories_fill_three_splits_whatever_their_sizes(sizes):
    rows = Counter(dict(zip("abc", sizes, strict=True)))
    assert sorted(assign_repositories(rows, params()).values()) == sorted(SPLITS)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_no_split_is_empty_at_the_ends_of_the_fractions(fraction):
    section = params(validation_fraction=fraction, test_fraction=fraction)
    assert set(assign_repositories(Counter(SIZES), section).values()) == set(SPLITS)


def test_the_order_of_the_rows_does_not_count(curated):
    rows = rows_of(curated, SIZES)
    assert split_changes(rows[::-1], params()) == split_changes(rows, params())


def test_rows_are_sorted_and_a_variant_follows_its_parent(curated):
    result = split_changes(rows_of(curated, SIZES), params())
    for name in SPLITS:
        parents = [row for row in result.rows[name] if row.parent_id is None]
        assert parents == sorted(parents, key=lambda r: (r.repo, r.committed_at, r.id))
        for before, row in zip(result.rows[name], result.rows[name][1:], strict=False):
            assert row.parent_id in (None, before.id)


def test_about_the_junk_fraction_of_the_changes_has_a_variant(curated):
    rows = rows_of(curated, {f"r{n}": 100 for n in range(6)})
    for fraction, low, high in [(0.0, 0, 0), (0.3, 140, 220), (1.0, 600, 600)]:
        metrics = split_changes(rows, params(junk_fraction=fraction)).metrics()
        assert low <= sum(metrics["variants"].values()) <= high
        assert sum(metrics["rows"].values()) == 600 + sum(metrics["variants"].values())


def test_named_repositories_keep_their_split(curated):
    section = params(validation_repos=("acme/r1",), test_repos=("acme/r2", "acme/r3"))
    result = split_changes(rows_of(curated, SIZES), section)
    assert {row.repo for row in result.rows["validation"]} == {"acme/r1"}
    assert {row.repo for row in result.rows["test"]} == {"acme/r2", "acme/r3"}
    assert result.metrics()["repositories"] == {"train": 9, "validation": 1, "test": 2}


def test_only_the_split_that_is_not_named_is_drawn():
    drawn = assign_repositories(Counter(a=5, b=5, c=5), params(test_repos=("a",)))
    assert drawn["a"] == "test"
    assert sorted(drawn.values()) == ["test", "train", "validation"]


def test_an_unknown_name_is_explained_with_the_known_ones():
    with pytest.raises(ParamsError, match=r"no rows of acme/x; known .* are a, b, c"):
        assign_repositories(Counter(a=1, b=1, c=1), params(test_repos=("acme/x",)))


@pytest.mark.parametrize(
    ("rows", "section"),
    [
        (Counter(), params()),
        (Counter(a=9), params()),
        (Counter(a=9, b=9), params()),
        (Counter(a=9, b=9), params(validation_repos=("a",), test_repos=("b",))),
    ],
)
def test_too_few_repositories_are_explained(rows, section):
    with pytest.raises(SourceError, match=r"not enough.*harvest\.sources"):
        assign_repositories(rows, section)


NAMED = params(validation_repos=("v",), test_repos=("t",), junk_fraction=0.0)


@pytest.mark.parametrize("shared", ["commits", "diff"])
def test_what_a_split_shares_with_a_later_one_is_dropped_from_it(curated, shared):
    key = {"commits": "shared_commit", "diff": "duplicate_diff"}[shared]
    test = curated(repo="t", head="1")
    validation = curated(repo="v", head="1")
    leaks = {shared: getattr(test, shared)}
    rows = [
        test,
        validation,
        curated(repo="v", head="2", **leaks),
        curated(repo="r", head="1"),
        curated(repo="r", head="2", **leaks),
        curated(repo="r", head="3", **{shared: getattr(validation, shared)}),
    ]
    result = split_changes(rows, NAMED)
    heads = {name: [row.head for row in result.rows[name]] for name in SPLITS}
    assert heads == {"train": ["1"], "validation": ["1"], "test": ["1"]}
    expected = {"shared_commit": 0, "duplicate_diff": 0, key: 3}
    assert result.metrics()["dropped"] == expected


def test_a_split_of_nothing_but_copies_is_explained(curated):
    test = curated(repo="t")
    rows = [test, curated(repo="v"), curated(repo="r", diff=test.diff)]
    with pytest.raises(SourceError, match="every row of train"):
        split_changes(rows, NAMED)
