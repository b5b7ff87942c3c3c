from collections import Counter

import pytest
from tests.support.examples import SIZES, rows_of, split_params

from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.split.split import SPLITS, assign_changes, histories


def assign(rows, section):
    return assign_changes(rows, histories(rows), section)


def splits_by_repo(rows, section):
    split_of = assign(rows, section)
    found = {}
    for row in rows:
        found.setdefault(row.repo, set()).add(split_of[row.id])
    return found


def shares(rows, section):
    counts = Counter(assign(rows, section).values())
    return {name: counts[name] / len(rows) for name in SPLITS}


def test_repositories_stay_whole():
    found = splits_by_repo(rows_of(), split_params())
    assert {len(splits) for splits in found.values()} == {1}
    assert set.union(*found.values()) == set(SPLITS)


@pytest.mark.parametrize("by", ["repository", "time", "interval", "random"])
@pytest.mark.parametrize("seed", range(3))
def test_the_shares_come_close_to_the_fractions(by, seed):
    rows = rows_of(SIZES if by != "interval" else {"a": 900, "b": 600})
    found = shares(rows, split_params(by=by, seed=seed))
    assert found["test"] == pytest.approx(0.2, abs=0.03)
    assert found["validation"] == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("by", ["repository", "time", "interval", "random"])
@pytest.mark.parametrize("held_out", [0.5, 0.1])
def test_a_fraction_of_zero_makes_no_such_split(by, held_out):
    section = split_params(by=by, validation_fraction=held_out, test_fraction=0.0)
    found = shares(rows_of({f"r{n:02}": 50 for n in range(20)}), section)
    assert found == {
        "train": pytest.approx(1 - held_out, abs=0.001),
        "validation": pytest.approx(held_out, abs=0.001),
        "test": 0,
    }


def test_time_trains_on_the_past_of_each_repository():
    rows = rows_of()
    split_of = assign(rows, split_params(by="time"))
    for repo, size in SIZES.items():
        own = sorted(
            (row for row in rows if row.repo == repo), key=lambda row: row.committed_at
        )
        ranks = [SPLITS.index(split_of[row.id]) for row in own]
        assert ranks == sorted(ranks)
        assert ranks.count(2) == pytest.approx(0.2 * size, abs=0.5)


def test_intervals_are_runs_of_about_fifty_changes():
    rows = rows_of({"a": 500})
    split_of = assign(rows, split_params(by="interval"))
    names = [split_of[row.id] for row in rows]
    tens = [names[first : first + 50] for first in range(0, 500, 50)]
    assert {len(set(ten)) for ten in tens} == {1}
    assert Counter(names) == {"train": 350, "test": 100, "validation": 50}


def test_the_seed_draws_other_repositories():
    rows = rows_of()
    draws = {
        tuple(sorted(assign(rows, split_params(seed=seed)).items()))
        for seed in range(5)
    }
    assert len(draws) > 1


@pytest.mark.parametrize("by", ["repository", "time", "interval", "random"])
def test_the_order_of_the_rows_does_not_count(by):
    rows = rows_of({"a": 90, "b": 70, "c": 80, "d": 20})
    section = split_params(by=by)
    assert assign(rows[::-1], section) == assign(rows, section)


def test_languages_are_balanced():
    rows = [
        *rows_of({f"p{n}": 20 for n in range(10)}, languages=("python",)),
        *rows_of({f"g{n}": 20 for n in range(10)}, languages=("go", "shell")),
    ]
    for seed in range(5):
        found = splits_by_repo(rows, split_params(seed=seed))
        by_language = Counter((repo[0], *found[repo]) for repo in found)
        assert by_language["p", "test"] == by_language["g", "test"] == 2


def test_repositories_that_share_commits_go_together(curated):
    rows = rows_of()
    linked = [("acme/r1", "acme/r4"), ("acme/r4", "acme/r9")]
    for number, (one, other) in enumerate(linked):
        row = next(row for row in rows if row.repo == one)
        rows.append(curated(repo=other, head=f"x{number}", commits=row.commits))
    for seed in range(5):
        found = splits_by_repo(rows, split_params(seed=seed))
        assert found["acme/r1"] == found["acme/r4"] == found["acme/r9"]
        assert len(found["acme/r1"]) == 1
    found = splits_by_repo(rows, split_params(test_repos=("acme/r9",)))
    assert {repo for repo in found if found[repo] == {"test"}} == {
        "acme/r1",
        "acme/r4",
        "acme/r9",
    }
    section = split_params(test_repos=("acme/r1",), validation_repos=("acme/r9",))
    with pytest.raises(ParamsError, match="acme/r1 shares commits with a repository"):
        assign(rows, section)


def test_named_repositories_keep_their_split():
    section = split_params(
        validation_repos=("acme/r1",), test_repos=("acme/r2", "acme/r3")
    )
    found = splits_by_repo(rows_of(), section)
    assert {repo for repo in found if found[repo] == {"validation"}} == {"acme/r1"}
    assert {repo for repo in found if found[repo] == {"test"}} == {"acme/r2", "acme/r3"}


def test_only_the_split_that_is_not_named_is_drawn():
    found = splits_by_repo(
        rows_of({"a": 5, "b": 5, "c": 5}), split_params(test_repos=("a",))
    )
    assert found.pop("a") == {"test"}
    assert sorted(found.values(), key=str) == [{"train"}, {"validation"}]


def test_an_unknown_name_is_explained_with_the_known_ones():
    with pytest.raises(ParamsError, match=r"no rows of acme/x; known .* are a, b, c"):
        assign(rows_of({"a": 1, "b": 1, "c": 1}), split_params(test_repos=("acme/x",)))


@pytest.mark.parametrize(
    ("sizes", "fields"),
    [
        ({}, {}),
        ({"a": 9}, {}),
        ({"a": 9, "b": 9}, {}),
        ({"a": 9, "b": 9}, {"validation_repos": ("a",), "test_repos": ("b",)}),
        ({"a": 60, "b": 60}, {"by": "interval"}),
    ],
)
def test_too_few_repositories_are_explained(sizes, fields):
    with pytest.raises(SourceError, match=r"not enough.*harvest\.sources"):
        assign(rows_of(sizes), split_params(**fields))
