import re
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
import yaml
from tests.support.rows import make_curated, split_params

from diffscribe.commits.grammar import TYPES
from diffscribe.core.draw import balanced_draw
from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.split.leaks import Benchmark
from diffscribe.split.split import (
    SPLITS,
    SplitReason,
    assign_changes,
    histories,
    keep_apart,
    split_changes,
)

DOCS = Path(__file__).parents[2] / "docs/split.md"
NO_BENCHMARK = Benchmark(frozenset(), frozenset())
SIZES = {f"acme/r{n}": 10 + n for n in range(12)}


def rows_of(sizes=SIZES, **fields):
    """Return so many rows of each repository, a day apart."""
    return [
        make_curated(
            repo=repo,
            head=f"{n:03}",
            committed_at=f"2024-{n // 28 + 1:02}-{n % 28 + 1:02}",
            **fields,
        )
        for repo, size in sizes.items()
        for n in range(size)
    ]


def reasons(dropped):
    return Counter(each.reason for each in dropped)


def split(rows, section=None, benchmark=NO_BENCHMARK):
    return split_changes(rows, benchmark, section or split_params())


def test_every_row_is_in_the_split_of_its_repository():
    rows = rows_of()
    result = split(rows)
    repos = [{row.repo for row in result.rows[name]} for name in SPLITS]
    assert not repos[0] & repos[1]
    assert not repos[0] & repos[2]
    assert not repos[1] & repos[2]
    parents = [
        row.id for name in SPLITS for row in result.rows[name] if row.parent_id is None
    ]
    assert sorted(parents) == sorted(row.id for row in rows)
    assert result.dropped == []


@pytest.mark.parametrize("by", ["repository", "time", "random"])
def test_the_order_of_the_rows_does_not_count(by):
    rows, section = rows_of({"a": 30, "b": 24, "c": 27, "d": 9}), split_params(by=by)
    assert split(rows[::-1], section) == split(rows, section)


def test_rows_are_sorted_and_a_variant_follows_its_parent():
    result = split(rows_of())
    for name in SPLITS:
        parents = [row for row in result.rows[name] if row.parent_id is None]
        assert parents == sorted(parents, key=lambda r: (r.repo, r.committed_at, r.id))
        for before, row in zip(result.rows[name], result.rows[name][1:], strict=False):
            assert row.parent_id in (None, before.id)


def test_about_the_junk_fraction_of_the_changes_has_a_variant():
    rows = rows_of({f"r{n}": 30 for n in range(6)})
    for fraction, low, high in [(0.0, 0, 0), (0.3, 40, 68), (1.0, 180, 180)]:
        metrics = split(rows, split_params(junk_fraction=fraction)).metrics()
        assert low <= sum(metrics["variants"].values()) <= high
        assert sum(metrics["rows"].values()) == 180 + sum(metrics["variants"].values())


NAMED = split_params(validation_repos=("v",), test_repos=("t",), junk_fraction=0.0)
DROPPED = dict.fromkeys(SplitReason, 0)


def test_metrics_count_each_split_and_every_reason(curated):
    def row(repo, number, languages=(), type_="fix", **fields):
        commit = PlannedCommit(files=("x",), type=type_, subject="stop it")
        return curated(
            plan=Plan(commits=(commit,)),
            repo=repo,
            head=str(number),
            paths=(f"{repo}{number}.c",),
            languages=languages,
            **fields,
        )

    test = row("t", 1, ("go", "python"))
    rows = [
        test,
        row("v", 1, type_="docs"),
        row("r", 1, ("python",)),
        row("r", 2, ("python",), cluster=test.id),
        row("s", 1, ("go",), type_="feat"),
    ]
    result = split(rows, NAMED)
    metrics = result.metrics()
    assert metrics["rows"] == {"train": 2, "validation": 1, "test": 1}
    assert metrics["repositories"] == {"train": 2, "validation": 1, "test": 1}
    assert metrics["languages"] == {
        "train": {"go": 1, "python": 1},
        "validation": {"go": 0, "python": 0},
        "test": {"go": 1, "python": 1},
    }
    types = dict.fromkeys(TYPES, 0)
    assert metrics["types"] == {
        "train": types | {"fix": 1, "feat": 1},
        "validation": types | {"docs": 1},
        "test": types | {"fix": 1},
    }
    assert metrics["dropped"] == DROPPED | {"near_duplicate": 1}
    none = {"train": 0, "validation": 0, "test": 0}
    assert result.statistics.metrics() == {
        "processed": 5,
        "approved": 4,
        "train": 2,
        "validation": 1,
        "test": 1,
        "by_source": {
            "r": {"processed": 2, "approved": 1, **none, "train": 1},
            "s": {"processed": 1, "approved": 1, **none, "train": 1},
            "t": {"processed": 1, "approved": 1, **none, "test": 1},
            "v": {"processed": 1, "approved": 1, **none, "validation": 1},
        },
    }


def test_random_keeps_what_the_others_drop():
    rows = rows_of({"a": 60, "b": 60}, cluster="one")
    assert split(rows, split_params(by="random")).dropped == []
    with pytest.raises(SourceError, match="no rows are left for train"):
        split(rows, split_params(by="time"))


def windows(curated, repo, count):
    """A change for each run of up to three commits of a history."""
    single = [curated(repo=repo, head=f"{n:03}").commits[0] for n in range(count)]
    return [
        curated(
            repo=repo,
            head=f"{end:03}-{size}",
            committed_at=f"2024-{end // 28 + 1:02}-{end % 28 + 1:02}",
            commits=tuple(single[end - size + 1 : end + 1]),
            paths=(f"f{end}-{size}.py",),
        )
        for end in range(count)
        for size in (1, 2, 3)
        if size <= end + 1
    ]


def test_no_window_of_commits_straddles_a_border_in_time(curated):
    rows = windows(curated, "a", 100)
    result = split(rows, split_params(by="time", junk_fraction=0.0))
    shas = {
        name: {commit.sha for row in result.rows[name] for commit in row.commits}
        for name in SPLITS
    }
    assert not shas["train"] & (shas["validation"] | shas["test"])
    assert not shas["validation"] & shas["test"]
    dates = {name: [row.committed_at for row in result.rows[name]] for name in SPLITS}
    assert max(dates["train"]) <= min(dates["validation"])
    assert max(dates["validation"]) <= min(dates["test"])
    # A border parts at most two commits' windows of three from what they share.
    assert 0 < reasons(result.dropped)["shared_commit"] <= 2 * 6


def test_benchmark_repositories_their_forks_and_commits_are_kept_out(curated):
    rows = rows_of()
    fork = curated(repo="acme/r3", head="x", commits=rows[0].commits)
    single = next(row for row in rows if row.repo == "acme/r5")
    copy = curated(repo="acme/r7", head="y", cluster=single.cluster)
    benchmark = Benchmark(frozenset({"acme/r0"}), frozenset({single.commits[0].sha}))
    result = split([*rows, fork, copy], benchmark=benchmark)
    kept = {row.repo for name in SPLITS for row in result.rows[name]}
    assert kept == set(SIZES) - {"acme/r0", "acme/r3"}
    ids = {row.id for name in SPLITS for row in result.rows[name]}
    assert ids.isdisjoint({single.id, copy.id})
    assert result.metrics()["dropped"] == DROPPED | {
        "benchmark": SIZES["acme/r0"] + SIZES["acme/r3"] + 1 + 1,
        "near_duplicate": 1,
    }


def snippets():
    """The settings that docs/split.md gives for two splits instead of three."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return [yaml.safe_load(block)["split"] for block in blocks]


@pytest.mark.parametrize(("number", "trained"), [(0, 50), (1, 90)])
def test_the_settings_of_the_docs_split_half_and_nine_tenths(number, trained):
    rows = rows_of({f"r{n:02}": 5 for n in range(20)})
    metrics = split(rows, split_params(**snippets()[number])).statistics.metrics()
    assert metrics["train"] == trained
    assert metrics["validation"] == 100 - trained
    assert metrics["test"] == 0


def test_the_docs_name_every_reason():
    text = DOCS.read_text()
    assert [reason for reason in DROPPED if f"\n| `{reason}` |" not in text] == []


# Which split a change goes to.


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


@pytest.mark.parametrize("by", ["repository", "time", "random"])
@pytest.mark.parametrize("seed", range(3))
def test_the_shares_come_close_to_the_fractions(by, seed):
    rows = rows_of()
    found = shares(rows, split_params(by=by, seed=seed))
    assert found["test"] == pytest.approx(0.2, abs=0.03)
    assert found["validation"] == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("by", ["repository", "time", "random"])
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
    ],
)
def test_too_few_repositories_are_explained(sizes, fields):
    with pytest.raises(SourceError, match=r"split.by: time.*harvest\.sources"):
        assign(rows_of(sizes), split_params(**fields))


SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def sums(groups, drawn, split):
    total = Counter()
    for name in groups:
        if drawn[name] == split:
            total.update(groups[name])
    return total


def test_each_split_gets_its_share_of_each_stratum():
    languages = ["go", "java", "python", "rust"]
    groups = {
        f"r{n:02}": {languages[n % 4]: 10 + n % 7, languages[(n * 3 + 1) % 4]: n % 5}
        for n in range(80)
    }
    drawn = balanced_draw(groups, SHARES, seed=7)
    total = sum((Counter(rows) for rows in groups.values()), Counter())
    for split, share in SHARES.items():
        rows = sums(groups, drawn, split)
        assert rows.total() == pytest.approx(share * total.total(), rel=0.02)
        for language in languages:
            assert rows[language] == pytest.approx(share * total[language], rel=0.1)


def test_a_stratum_of_few_groups_is_not_all_in_one_split():
    groups = {f"py{n}": {"python": 10} for n in range(18)}
    groups |= {"go1": {"go": 10}, "go2": {"go": 10}}
    drawn = balanced_draw(groups, {"train": 0.5, "test": 0.5}, seed=7)
    assert {drawn["go1"], drawn["go2"]} == {"train", "test"}


@pytest.mark.parametrize("sizes", list(permutations([1, 5, 500])))
def test_as_many_groups_as_splits_fill_each(sizes):
    groups = {name: {"go": size} for name, size in zip("abc", sizes, strict=True)}
    assert sorted(balanced_draw(groups, SHARES, seed=7).values()) == sorted(SHARES)


def test_seed_and_names_decide_and_the_order_does_not():
    groups = {f"r{n}": {"go": 5 + n % 3, "c": n % 2} for n in range(12)}
    reverse = dict(reversed(groups.items()))
    draws = [balanced_draw(groups, SHARES, seed) for seed in range(10)]
    assert draws == [balanced_draw(reverse, SHARES, seed) for seed in range(10)]
    assert len({tuple(sorted(draw.items())) for draw in draws}) > 1


# What splits may not share.


def heads(splits):
    return [[row.head for row in rows] for rows in splits]


SHARED = [
    ("commits", "shared_commit"),
    ("diff", "duplicate_diff"),
    ("cluster", "near_duplicate"),
]


@pytest.mark.parametrize(("shared", "reason"), SHARED)
def test_what_a_stricter_split_has_is_dropped(curated, shared, reason):
    test = curated(repo="t", head="1")
    validation = curated(repo="v", head="1")
    leak = {shared: getattr(test, shared)}
    other_leak = {shared: getattr(validation, shared)}
    splits = [
        [test],
        [validation, curated(repo="v", head="2", **leak)],
        [
            curated(repo="r", head="1"),
            curated(repo="r", head="2", **leak),
            curated(repo="r", head="3", **other_leak),
        ],
    ]
    kept, dropped = keep_apart(splits)
    assert heads(kept) == [["1"], ["1"], ["1"]]
    assert reasons(dropped) == {reason: 3}


@pytest.mark.parametrize(("shared", "reason"), SHARED)
def test_what_a_benchmark_has_is_dropped_from_every_split(curated, shared, reason):
    outside = curated(repo="b")
    leak = {shared: getattr(outside, shared)}
    splits = [[curated(repo="t", **leak)], [curated(repo="v"), curated(**leak)]]
    kept, dropped = keep_apart(splits, [outside])
    assert [[row.repo for row in rows] for rows in kept] == [[], ["v"]]
    assert reasons(dropped) == {"benchmark": 1, reason: 2}


@pytest.mark.parametrize(("shared", "reason"), SHARED)
def test_rows_of_one_split_may_share_anything(curated, shared, reason):
    row = curated()
    twin = curated(head="2", **{shared: getattr(row, shared)})
    kept, dropped = keep_apart([[], [row, twin]])
    assert heads(kept) == [[], ["b1", "2"]]
    assert dropped == []


def test_a_dropped_row_takes_no_other_with_it(curated):
    test, train = curated(repo="t"), curated(repo="r", paths=("c.py",))
    both = curated(repo="v", commits=(*test.commits, *train.commits))
    kept, dropped = keep_apart([[test], [both], [train]])
    assert heads(kept) == [["b1"], [], ["b1"]]
    assert reasons(dropped) == {"shared_commit": 1}


@pytest.mark.parametrize("repo", ["t", "other"])
@pytest.mark.parametrize(
    ("paths", "dropped"),
    [
        (("src/x.py", "src/y.py"), 1),
        (("README.md", "src/y.py"), 1),
        (("src/x.py",), 0),
        (("Cargo.lock", "Cargo.toml"), 0),
        ((".github/workflows/ci.yml", "Cargo.toml"), 0),
    ],
)
def test_a_set_of_files_tells_if_no_other_project_has_it(curated, repo, paths, dropped):
    test = curated(repo="t", head="1", paths=paths)
    train = curated(repo=repo, head="2", paths=paths)
    more = curated(repo=repo, head="3", paths=(*paths, "src/z.py"))
    found = reasons(keep_apart([[test], [train, more]])[1])
    assert found["shared_files"] == dropped


def test_train_holds_a_commit_twice_at_most_variants_included(curated):
    rows = windows(curated, "a", 200)
    section = split_params(
        by="time", validation_fraction=0.0, test_fraction=0.0, junk_fraction=0.5
    )
    result = split(rows, section)
    train = result.rows["train"]
    uses = Counter(commit.sha for row in train for commit in row.commits)
    assert set(uses.values()) == {1, 2}
    assert len(uses) > 190
    assert any(row.parent_id for row in train)
    counts = result.metrics()["train_commits"]
    assert counts == {"distinct": len(uses), "uses": uses.total()}
    sizes = {
        each: Counter(len(row.commits) for row in those)
        for each, those in (("all", rows), ("train", train))
    }
    # Larger changes are not crowded out by those that need one place only.
    for size, number in sizes["all"].items():
        assert sizes["train"][size] > 0.2 * number, size


def test_no_repository_has_more_than_a_third_of_validation():
    sizes = {"v": 40, "w": 25, "x": 9, "y": 8, "t": 20}
    section = split_params(
        validation_repos=("v", "w", "x", "y"), test_fraction=0.0, junk_fraction=0.0
    )
    result = split(rows_of(sizes), section)
    left = Counter(row.repo for row in result.rows["validation"])
    assert left == {"v": 17, "w": 17, "x": 9, "y": 8}
    assert reasons(result.dropped) == {"repository_share": 23 + 8}
    assert result.metrics()["reasons_by_repository"] == {
        "v": {"repository_share": 23},
        "w": {"repository_share": 8},
    }
    assert result.warning() is None


def test_two_repositories_of_validation_keep_their_rows_and_cause_a_warning():
    section = split_params(validation_repos=("v", "w"), test_fraction=0.0)
    result = split(rows_of({"v": 40, "w": 5, "t": 20}), section)
    assert result.dropped == []
    assert "rows of 2 of at least 3 repositories" in result.warning()


@pytest.mark.parametrize("by", ["time", "repository"])
def test_no_proposal_is_measured_or_learned_after_what_is_measured(by):
    rows = rows_of()
    words = {"message": "fix: close the log\n\nDiffscribe: edited"}
    commit = rows[0].commits[0]
    proposals = [
        make_curated(
            repo=repo,
            head=f"proposal {n}",
            committed_at=when,
            commits=(commit.model_copy(update={"sha": f"{repo}-{n}", **words}),),
        )
        for repo in SIZES
        for n, when in enumerate(("2024-01-01", "2024-12-31"))
    ]
    params = split_params(by=by, junk_fraction=0.0)
    ids = {row.id for row in proposals}
    mixed = split_changes(rows + proposals, NO_BENCHMARK, params)
    plain = split_changes(rows, NO_BENCHMARK, params)
    for name in ("validation", "test"):
        assert mixed.rows[name] == plain.rows[name]
    kept = [row for row in mixed.rows["train"] if row.id in ids]
    dropped = [row for row in mixed.dropped if row.id in ids]
    assert len(kept) + len(dropped) == len(ids)
    assert {row.reason for row in dropped} == {SplitReason.OWN_PROPOSAL}
    if by == "time":
        assert {row.committed_at for row in kept} == {"2024-01-01"}
    else:
        trains = {row.repo for row in plain.rows["train"]}
        assert {row.repo for row in kept} == trains
