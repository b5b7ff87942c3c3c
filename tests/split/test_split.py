import re
from pathlib import Path

import pytest
import yaml
from tests.support.examples import SIZES, rows_of, split_params

from diffscribe.commits.grammar import TYPES
from diffscribe.core.errors import SourceError
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.split.leaks import Benchmark
from diffscribe.split.split import SPLITS, split_changes

DOCS = Path(__file__).parents[2] / "docs/data.md"
NO_BENCHMARK = Benchmark(frozenset(), frozenset())


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
    assert result.dropped.total() == 0


@pytest.mark.parametrize("by", ["repository", "random"])
def test_the_order_of_the_rows_does_not_count(by):
    rows = rows_of()
    assert split(rows[::-1], split_params(by=by)) == split(rows, split_params(by=by))


def test_rows_are_sorted_and_a_variant_follows_its_parent():
    result = split(rows_of())
    for name in SPLITS:
        parents = [row for row in result.rows[name] if row.parent_id is None]
        assert parents == sorted(parents, key=lambda r: (r.repo, r.committed_at, r.id))
        for before, row in zip(result.rows[name], result.rows[name][1:], strict=False):
            assert row.parent_id in (None, before.id)


def test_about_the_junk_fraction_of_the_changes_has_a_variant():
    rows = rows_of({f"r{n}": 100 for n in range(6)})
    for fraction, low, high in [(0.0, 0, 0), (0.3, 140, 220), (1.0, 600, 600)]:
        metrics = split(rows, split_params(junk_fraction=fraction)).metrics()
        assert low <= sum(metrics["variants"].values()) <= high
        assert sum(metrics["rows"].values()) == 600 + sum(metrics["variants"].values())


def test_variants_are_as_frequent_in_each_part_of_a_random_split():
    result = split(rows_of({"a": 330, "b": 330}), split_params(by="random"))
    for name in SPLITS:
        variants = sum(row.parent_id is not None for row in result.rows[name])
        assert variants / (len(result.rows[name]) - variants) == pytest.approx(
            0.3, abs=0.12
        )


NAMED = split_params(validation_repos=("v",), test_repos=("t",), junk_fraction=0.0)
DROPPED = dict.fromkeys(
    [
        "benchmark",
        "shared_commit",
        "duplicate_diff",
        "near_duplicate",
        "shared_files",
    ],
    0,
)


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
    assert split(rows, split_params(by="random")).dropped.total() == 0
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
    assert 0 < result.dropped["shared_commit"] <= 2 * 6


def test_no_window_of_commits_straddles_a_border_of_intervals(curated):
    rows = windows(curated, "a", 300)
    result = split(rows, split_params(by="interval", junk_fraction=0.0))
    seen = {}
    for name in SPLITS:
        for row in result.rows[name]:
            for commit in row.commits:
                assert seen.setdefault(commit.sha, name) == name
    assert 0 < result.dropped["shared_commit"] < 0.15 * len(rows)


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
    """The settings that docs/data.md gives for two splits instead of three."""
    section = DOCS.read_text().partition("## Splits and leaks")[2].partition("\n## ")[0]
    blocks = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return [yaml.safe_load(block)["split"] for block in blocks]


@pytest.mark.parametrize(("number", "trained"), [(0, 200), (1, 360)])
def test_the_settings_of_the_docs_split_half_and_nine_tenths(number, trained):
    rows = rows_of({f"r{n:02}": 20 for n in range(20)})
    metrics = split(rows, split_params(**snippets()[number])).statistics.metrics()
    assert metrics["train"] == trained
    assert metrics["validation"] == 400 - trained
    assert metrics["test"] == 0


def test_the_docs_name_every_reason():
    section = DOCS.read_text().partition("## Splits and leaks")[2].partition("\n## ")[0]
    assert [reason for reason in DROPPED if f"\n| `{reason}` |" not in section] == []


def test_a_split_of_nothing_but_copies_is_explained(curated):
    test = curated(repo="t")
    rows = [test, curated(repo="v"), curated(repo="r", diff=test.diff)]
    with pytest.raises(SourceError, match="no rows are left for train"):
        split(rows, NAMED)
