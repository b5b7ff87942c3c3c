from tests.support.rows import make_curated, patch

from diffscribe.commits.single import single_changes
from diffscribe.commits.units import FileUnits, units_of
from diffscribe.core.records import Plan, PlannedCommit, SplitChange


def split_change(*commits, originals=(), **fields):
    row = make_curated(plan=Plan(commits=commits), **fields)
    if originals:
        row = row.model_copy(update={"commits": originals})
    return SplitChange(**dict(row), parent_id=None, junk=())


def commit(*files, subject="do it", **fields):
    return PlannedCommit(files=files, type="feat", subject=subject, **fields)


def test_a_change_of_one_commit_stays_as_it_is():
    change = split_change(commit("a.py", "b.py"))
    assert single_changes(change) == [change]


def test_each_commit_of_a_plan_is_a_change_of_its_files():
    change = split_change(
        commit("b.py"), commit("a.md", "c.py"), paths=("a.md", "b.py", "c.py")
    )
    b, rest = single_changes(change)
    assert [each.id for each in (b, rest)] == [f"{change.id}-1", f"{change.id}-2"]
    assert {each.parent_id for each in (b, rest)} == {change.id}
    assert [each.languages for each in (b, rest)] == [
        *(("Python",), ("Markdown", "Python"))
    ]
    assert [[file.path for file in each.files] for each in (b, rest)] == [
        *(["b.py"], ["a.md", "c.py"])
    ]
    assert b.diff == patch("b.py", f"{change.repo} {change.head}")
    assert b.diff + rest.diff != change.diff
    assert sorted((b.diff + rest.diff).split("\n")) == sorted(change.diff.split("\n"))
    assert [each.label.plan.commits for each in (b, rest)] == [
        (each,) for each in change.label.plan.commits
    ]


def test_a_commit_has_its_hunks_of_a_split_file_and_the_originals_that_made_them():
    diff = (
        f"diff --git a/a.py b/a.py\nindex {'1' * 40}..{'2' * 40} 100644\n"
        "--- a/a.py\n+++ b/a.py\n"
        "@@ -1 +1,2 @@\n+one\n x\n@@ -9 +10 @@\n-old\n+two\n"
        "@@ -20 +20,2 @@\n+three\n y\n"
    )
    change = split_change(
        commit("a.py", hunks={"a.py": (1, 3)}),
        commit("a.py", "b.py", hunks={"a.py": (2,)}),
    )
    first, second = (
        change.commits[0].model_copy(
            update={"sha": sha, "files": files, "hunks": {"a.py": hunks}}
        )
        for sha, files, hunks in (
            ("1", ("a.py",), (1, 3)),
            ("2", ("a.py", "b.py"), (2,)),
        )
    )
    whole = change.model_copy(
        update={"diff": diff + patch("b.py", "line"), "commits": (first, second)}
    )
    one, other = single_changes(whole)
    assert (one.commits, other.commits) == ((first,), (second,))
    assert [(f.additions, f.deletions) for f in (*one.files, *other.files)] == [
        *((2, 0), (1, 1), (1, 1))
    ]
    assert "+two" not in one.diff and "+one" not in other.diff
    assert units_of(one.files, one.diff) == (FileUnits("a.py", 2, False),)
    assert [each.label.plan.commits[0].hunks for each in (one, other)] == [{}, {}]


def test_junk_is_in_no_commit():
    change = split_change(commit("a.py"))
    variant = change.model_copy(update={"junk": ("b.py",)})
    [single] = single_changes(variant)
    assert ([file.path for file in single.files], single.junk) == (["a.py"], ())
    assert "b.py" not in single.diff
