import ast
import subprocess
from pathlib import Path

import numpy as np
import pytest

from diffscribe.commits.diff import parse_diff
from diffscribe.core.errors import LeakError, ParamsError
from diffscribe.core.records import SplitChange
from diffscribe.split.leaks import (
    Benchmark,
    LeakKind,
    count_leaks,
    find_leaks,
    patch_id,
    read_benchmarks,
    refuse_leaks,
    shingle_changes,
    traces_of,
)

SOURCE = Path(__file__).parents[2] / "src"
NO_BENCHMARK = Benchmark(frozenset(), frozenset())
SPLITS = ("train", "validation", "test")
HEADERS = [
    "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
    "diff --git a/x b/z\nsimilarity index 100%\nrename from x\nrename to z\n",
    "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
    f"diff --git a/x b/x\nindex {'1' * 40}..{'2' * 40} 100644\n"
    "Binary files a/x and b/x differ\n",
    f"diff --git a/x b/x\nindex {'1' * 40}..{'3' * 40} 100644\n"
    "Binary files a/x and b/x differ\n",
    f"diff --git a/x b/x\nnew file mode 100644\nindex {'0' * 40}..{'e' * 40}\n",
]
"""Sections of diffs without lines, all different."""


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
    counts = count_leaks(find_leaks({"a": [one], "b": [one]}, NO_BENCHMARK, True))
    assert counts == {
        kind: int(kind in expected or kind == "repository") for kind in LeakKind
    }


def diff(*lines, path="a.py", at="1", context=" same\n"):
    body = "".join(f"+{line}\n" for line in lines)
    size = len(lines) + 1
    return (
        f"diff --git a/{path} b/{path}\nindex {at * 40}..{'2' * 40} 100644\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -{at} +{at},{size} @@\n{context}{body}"
    )


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


def test_the_checker_shares_the_exact_search_alone_with_what_it_checks():
    reached, left = {}, ["diffscribe.split.leaks"]
    while left:
        path = SOURCE.joinpath(*left.pop().split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            named = getattr(node, "module", None) or ""
            if named.startswith("diffscribe."):
                left += {named} - reached.keys()
                names = reached.setdefault(named, set())
                names.update(each.name for each in node.names)
    assert "diffscribe.split.split" not in reached
    assert reached["diffscribe.commits.near_duplicates"] == {"similar_pairs"}


def test_patch_ids_are_equal_where_those_of_git_are():
    texts = [
        *HEADERS[:3],
        diff("x = 1"),
        diff("x = 1", at="9"),
        diff("x  =1"),
        diff("x = 1") + diff("y", path="b.py"),
        diff("x = 1", path="b.py"),
        diff("x = 2"),
        diff("x = 1", context=" other\n"),
        diff("x = 1") + "\\ No newline at end of file\n",
    ]
    ours = [patch_id(parse_diff(text)) for text in texts]
    gits = [
        subprocess.run(
            ["git", "patch-id", "--stable"], input=text, capture_output=True, text=True
        ).stdout.split()[0]
        for text in texts
    ]
    pairs = set(zip(ours, gits, strict=True))
    assert len(pairs) == len(set(ours)) == len(set(gits)) == 8


def test_injected_junk_leaves_no_traces(curated):
    text = diff("x = 1", path="a.py")
    plain = curated(paths=("a.py",), diff=text)
    noisy = curated(paths=("a.py", "b.log"), diff=text + diff("on", path="b.log"))
    one = SplitChange(**dict(plain), parent_id=None, junk=())
    other = SplitChange(**dict(noisy), parent_id=one.id, junk=("b.log",))
    assert traces_of(one) == traces_of(other)
    assert traces_of(one).paths == {"a.py"}
    assert traces_of(one).lines == ("", "x = 1\n")


def test_lines_are_told_by_their_sign_and_keep_their_own(curated):
    text = diff("++i", path="a.c").replace("+1,2", "+1").replace(" same", "---i")
    row = SplitChange(**dict(curated(diff=text)), parent_id=None, junk=())
    assert traces_of(row).lines == ("--i\n", "++i\n")


def shingles_of(*texts):
    return shingle_changes([("", text) for text in texts])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\t", 0),
        ("one", 1),
        ("one two three four five", 5),
        ("one two three four five six", 6),
        ("a a a a a a a a", 5),
        ("a.b(c)", 6),
        ("größe ist nicht gleich höhe", 5),
    ],
)
def test_each_word_begins_a_shingle_of_five_or_what_is_left(text, count):
    (shingles,) = shingles_of(text)
    assert len(shingles) == count


def test_equal_runs_have_equal_shingles_whatever_is_between_them():
    one, other, third = shingles_of("a b  c\nd(e", "a b c d ( e", "a b c d e")
    assert one.tolist() == other.tolist() != third.tolist()


def test_what_is_removed_is_not_what_is_added():
    forth, back, both = shingle_changes(
        [("", "a b c d e f"), ("a b c d e f", ""), ("a b c", "d e f")]
    )
    assert [len(each) for each in (forth, back, both)] == [6, 6, 6]
    assert np.intersect1d(forth, back).size == 0
    assert np.intersect1d(both, forth).size == 3  # those of d, e and f
    assert np.intersect1d(both, back).size == 0


SHA = "0123456789" * 4


@pytest.mark.parametrize(
    ("listed", "kept_out"),
    [
        ("github.com/acme/app", True),
        ("acme/app", True),
        ("app", True),
        ("ACME/App", True),
        ("acme", False),
        ("me/app", False),
        ("acme/ap", False),
        ("gitlab.com/acme/app", False),
    ],
)
def test_a_repository_is_listed_by_its_name_or_the_end_of_it(
    tmp_path, listed, kept_out
):
    benchmark = read_benchmarks([listed], tmp_path)
    assert benchmark.has_repository("github.com/Acme/app") is kept_out


def test_files_list_repositories_and_commits(tmp_path, curated):
    (tmp_path / "angular.txt").write_text(
        f"# what they measure with\n\n acme/app \n{SHA} # one commit\n{SHA.upper()}\n"
    )
    (tmp_path / "other.txt").write_text(f"{'f' * 64}\n")
    benchmark = read_benchmarks(["angular.txt", "x/y", "other.txt"], tmp_path)
    assert benchmark == Benchmark(
        frozenset({"acme/app", "x/y"}), frozenset({SHA, "f" * 64})
    )
    row = curated()
    commits = (row.commits[0].model_copy(update={"sha": SHA}),)
    assert benchmark.has_commit(row.model_copy(update={"commits": commits}))
    assert not benchmark.has_commit(row)


def test_an_abbreviated_sha_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.txt").write_text(f"{SHA}\n\n{SHA[:12]}\n")
    with pytest.raises(ParamsError, match=r"a\.txt:3: write all digits .* 0123"):
        read_benchmarks(["a.txt"], tmp_path)
    with pytest.raises(ParamsError, match=r"split\.benchmarks: write all digits"):
        read_benchmarks([SHA[:39]], tmp_path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    if content:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ParamsError, match=r"a\.txt' cannot be read.*repository"):
        read_benchmarks(["a.txt"], tmp_path)
