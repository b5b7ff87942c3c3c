import pytest

from diffscribe.split.split import keep_apart

KEYS = ("benchmark", "shared_commit", "duplicate_diff", "near_duplicate")
NONE = dict.fromkeys((*KEYS, "shared_files"), 0)


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
    assert {**NONE, **dropped} == {**NONE, reason: 3}


@pytest.mark.parametrize(("shared", "reason"), SHARED)
def test_what_a_benchmark_has_is_dropped_from_every_split(curated, shared, reason):
    outside = curated(repo="b")
    leak = {shared: getattr(outside, shared)}
    splits = [[curated(repo="t", **leak)], [curated(repo="v"), curated(**leak)]]
    kept, dropped = keep_apart(splits, [outside])
    assert [[row.repo for row in rows] for rows in kept] == [[], ["v"]]
    assert {**NONE, **dropped} == {**NONE, "benchmark": 1, reason: 2}


@pytest.mark.parametrize(("shared", "reason"), SHARED)
def test_rows_of_one_split_may_share_anything(curated, shared, reason):
    row = curated()
    twin = curated(head="2", **{shared: getattr(row, shared)})
    kept, dropped = keep_apart([[], [row, twin]])
    assert heads(kept) == [[], ["b1", "2"]]
    assert dropped.total() == 0


def test_a_dropped_row_takes_no_other_with_it(curated):
    test, train = curated(repo="t"), curated(repo="r", paths=("c.py",))
    both = curated(repo="v", commits=(*test.commits, *train.commits))
    kept, dropped = keep_apart([[test], [both], [train]])
    assert heads(kept) == [["b1"], [], ["b1"]]
    assert dropped["shared_commit"] == 1


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
    assert keep_apart([[test], [train, more]])[1]["shared_files"] == dropped
