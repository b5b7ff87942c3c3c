import ast
from pathlib import Path

import pytest
from tests.support.examples import HEADERS

from diffscribe.core.errors import LeakError
from diffscribe.core.records import SplitChange
from diffscribe.split.leaks import (
    Benchmark,
    LeakKind,
    count_leaks,
    find_leaks,
    refuse_leaks,
)

SOURCE = Path(__file__).parents[2] / "src"
NO_BENCHMARK = Benchmark(frozenset(), frozenset())
SPLITS = ("train", "validation", "test")


@pytest.fixture
def row(curated):
    def make(parent_id=None, junk=(), paths=("a.py",), **fields):
        change = curated(paths=paths, **fields)
        return SplitChange(**dict(change), parent_id=parent_id, junk=junk)

    return make


def found(*splits, benchmark=NO_BENCHMARK, whole_repositories=False):
    named = dict(zip(SPLITS, splits, strict=False))
    return [tuple(leak) for leak in find_leaks(named, benchmark, whole_repositories)]


def test_what_shares_nothing_has_no_leaks(row):
    assert found([row(repo="a")], [row(repo="b", paths=("x.py",))], [row()]) == []
    assert found([], [], []) == []
    assert found([row(), row()], [], []) == []


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 2), (1, 2)])
def test_a_leak_is_of_the_row_whose_split_comes_first(row, first, second):
    one, other = row(repo="a"), row(repo="b", paths=("x.py",))
    other = other.model_copy(update={"commits": one.commits})
    splits = [[], [], []]
    splits[first], splits[second] = [one], [other]
    assert found(*splits) == [
        ("commit", SPLITS[first], one.id, SPLITS[second], other.id)
    ]


def test_a_repository_in_two_splits_is_a_leak_if_it_is_to_stay_whole(row):
    splits = [row(head="1", paths=("x",))], [row(head="2", paths=("y",))]
    assert found(*splits) == []
    ((kind, *_),) = found(*splits, whole_repositories=True)
    assert kind == "repository"


def test_one_row_has_one_leak_of_each_kind(row):
    one = row(paths=("x.py", "src/y.py"))
    kinds = [leak[:2] for leak in found([one], [one], [one])]
    expected = ("commit", "patch_id", "file_set", "near_duplicate")
    assert sorted(kinds) == sorted(
        (kind, split) for kind in expected for split in ("train", "validation")
    )


def diff(*lines, path="a.py", at="1", context=" same\n"):
    body = "".join(f"+{line}\n" for line in lines)
    size = len(lines) + 1
    return (
        f"diff --git a/{path} b/{path}\nindex {at * 40}..{'2' * 40} 100644\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -{at} +{at},{size} @@\n{context}{body}"
    )


def test_patch_ids_ignore_whitespace_and_positions_but_no_more(row):
    one = row(repo="a", diff=diff("x = 1"))
    for text, expected in [
        (diff("x = 1", at="7"), ["patch_id", "near_duplicate"]),
        (diff("x=1 "), ["patch_id", "near_duplicate"]),
        (diff("x = 1", path="b.py"), ["near_duplicate"]),
        (diff("x = 1", context=" other\n"), ["near_duplicate"]),
        (diff("y = 1"), []),
    ]:
        kinds = [leak[0] for leak in found([one], [row(repo="b", diff=text)])]
        assert kinds == expected, text


def test_changes_without_lines_are_told_apart_by_their_headers(row):
    for number, one in enumerate(HEADERS):
        for other_number, other in enumerate(HEADERS):
            leaks = found([row(repo="a", diff=one)], [row(repo="b", diff=other)])
            same = ["patch_id"] if number == other_number else []
            assert [leak[0] for leak in leaks] == same


@pytest.mark.parametrize("repo", ["t", "other"])
@pytest.mark.parametrize(
    ("paths", "leaks"),
    [
        (("src/x.py", "src/y.py"), 1),
        (("README.md", "src/y.py"), 1),
        (("src/x.py",), 0),
        (("Cargo.lock", "Cargo.toml"), 0),
        ((".github/workflows/ci.yml", "Cargo.toml"), 0),
    ],
)
def test_a_set_of_files_tells_if_no_other_project_has_it(row, repo, paths, leaks):
    test = row(repo="t", head="1", paths=paths)
    train = row(repo=repo, head="2", paths=paths)
    more = row(repo=repo, head="3", paths=(*paths, "src/z.py"))
    kinds = [leak[0] for leak in found([train, more], [test])]
    assert kinds == ["file_set"] * leaks


WORDS = [f"word{n}" for n in range(45)]


@pytest.mark.parametrize(("changed", "leaks"), [(1, 1), (3, 1), (4, 0), (20, 0)])
def test_near_duplicates_share_seven_tenths(row, changed, leaks):
    """The last c of 45 words changed, 41 - c of 49 + c shingles are shared."""
    other = [*WORDS[: 45 - changed], *(f"else{n}" for n in range(changed))]
    rows = [
        row(repo=repo, diff=diff(" ".join(words)), paths=(repo,))
        for repo, words in (("a", WORDS), ("b", other))
    ]
    kinds = [leak[0] for leak in found(rows[:1], rows[1:])]
    assert kinds == ["near_duplicate"] * leaks


def test_a_change_taken_back_is_no_near_duplicate(row):
    forth, back = HEADERS[-1].replace("e" * 40, "1" * 40), HEADERS[-1]
    text = " ".join(WORDS)
    forth += f"--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+{text}\n"
    back = back.replace("new file", "deleted file")
    back += f"--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-{text}\n"
    assert found([row(repo="a", diff=forth)], [row(repo="b", diff=back)]) == []


def junk_diff(name):
    head = f"diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n"
    lines = "".join(f"+setting {n} is on\n" for n in range(20))
    return f"{head}+++ b/{name}\n@@ -0,0 +1,20 @@\n{lines}"


def test_equal_junk_is_no_leak_and_hides_none(row):
    def noisy(repo, text, **fields):
        paths = (f"{repo}.py", "x.log", "y.log")
        text += junk_diff("x.log") + junk_diff("y.log")
        return row(repo=repo, paths=paths, diff=text, junk=("x.log", "y.log"), **fields)

    one = noisy("a", diff("x = 1", path="a.py"))
    other = noisy("b", diff("y = 2", path="b.py"))
    assert found([one], [other]) == []
    copy = row(repo="c", paths=("c.py",), diff=diff("x = 1", path="c.py"))
    assert [leak[0] for leak in found([one], [copy])] == ["near_duplicate"]


def test_variants_are_told_from_parents(row):
    def lone(name, **fields):
        return row(repo=name, paths=(name,), **fields)

    parent = lone("p")
    variant = lone("v", parent_id=parent.id)
    sibling = lone("s", parent_id=parent.id)
    assert found([variant], [], [parent]) == [
        ("parent", "train", variant.id, "test", parent.id)
    ]
    assert found([parent], [], [variant]) == [
        ("parent", "train", parent.id, "test", variant.id)
    ]
    assert found([variant], [sibling], []) == [
        ("variant", "train", variant.id, "validation", sibling.id)
    ]
    assert found([variant, sibling, parent], [], []) == []
    assert found([lone("x", parent_id="gone")], [parent]) == []


def test_a_row_of_a_benchmark_is_a_leak_in_any_split(row):
    one, other = row(repo="host/acme/a", paths=("x",)), row(repo="b", paths=("y",))
    sha = other.commits[0].sha
    benchmark = Benchmark(frozenset({"acme/a"}), frozenset({sha}))
    assert found([one], [], [other], benchmark=benchmark) == [
        ("benchmark", "train", one.id, "benchmark", "host/acme/a"),
        ("benchmark", "test", other.id, "benchmark", sha),
    ]


def test_counts_have_every_kind(row):
    same = [row(paths=("x.py", "src/y.py"))]
    leaks = find_leaks({"train": same, "test": same}, NO_BENCHMARK, True)
    assert count_leaks(leaks) == {
        "repository": 1,
        "commit": 1,
        "patch_id": 1,
        "file_set": 1,
        "near_duplicate": 1,
        "parent": 0,
        "variant": 0,
        "benchmark": 0,
    }
    assert count_leaks([]) == dict.fromkeys(LeakKind, 0)


def test_leaks_are_refused_with_the_rows_by_name(row):
    refuse_leaks([])
    rows = [row(head=str(n), paths=(str(n),)) for n in range(8)]
    leaks = find_leaks({"train": rows, "test": rows}, NO_BENCHMARK, False)
    with pytest.raises(LeakError) as refused:
        refuse_leaks(leaks)
    words = str(refused.value)
    assert "8 commit, 8 patch_id, 8 near_duplicate" in words
    for each in rows[:5]:
        assert f"commit of train row {each.id} and test row {each.id}" in words
    assert "and 19 more" in words
    assert "\n" not in words


def test_the_checker_shares_no_code_with_what_it_checks():
    reached, left = set(), ["diffscribe.split.leaks"]
    while left:
        module = left.pop()
        reached.add(module)
        path = SOURCE.joinpath(*module.split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            named = getattr(node, "module", None) or ""
            if named.startswith("diffscribe.") and named not in reached:
                left.append(named)
    assert "diffscribe.split.split" not in reached
    assert "diffscribe.commits.near_duplicates" not in reached
