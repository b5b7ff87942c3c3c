import subprocess

import pytest
from tests.support.history import EXECUTABLE, SYMLINK
from tests.support.rows import file_change, make_change

from diffscribe.commits.diff import parse_diff
from diffscribe.commits.units import FileUnits, units_of, units_of_diff
from diffscribe.core.records import FileKind, FileStatus

HEAD = "diff --git a/{0} b/{0}\n"
HUNK = "@@ -{0} +{0} @@\n-old\n+new\n"


def patch(path, *lines, hunks=0):
    body = "".join(f"{line}\n" for line in lines)
    return (
        HEAD.format(path)
        + body
        + "".join(HUNK.format(9 * at + 1) for at in range(hunks))
    )


INDEX = "index 1..2 100644"
NEW = patch("n.py", "new file mode 100644", INDEX) + "@@ -0,0 +1 @@\n+a\n"
MOVED = (
    "diff --git a/o.py b/m.py\nsimilarity index 90%\nrename from o.py\nrename to m.py\n"
)
EXAMPLES = [
    (patch("a.py", INDEX, hunks=3), ("a.py", 3, False)),
    (patch("a.py", INDEX, hunks=1), ("a.py", 1, False)),
    (patch("a.py", "old mode 100644", "new mode 100755"), ("a.py", 1, False)),
    (
        patch("a.py", "old mode 100644", "new mode 100755", "index 1..2", hunks=2),
        ("a.py", 2, False),
    ),
    (NEW, ("n.py", 1, True)),
    (patch("e", "new file mode 100644", "index 0..1"), ("e", 1, True)),
    (patch("a.py", "deleted file mode 100644", INDEX, hunks=2), ("a.py", 1, False)),
    (patch("a", INDEX, "Binary files a/a and b/a differ"), ("a", 1, False)),
    (patch("link", "index 1..2 120000", hunks=2), ("link", 1, False)),
    (patch("sub", "index 1..2 160000", hunks=2), ("sub", 1, False)),
    (MOVED, ("m.py", 1, False)),
    (MOVED + INDEX + "\n" + HUNK.format(1) + HUNK.format(9), ("m.py", 2, False)),
    (
        patch("t", "deleted file mode 100644", INDEX, hunks=2)
        + patch("t", "new file mode 120000", "index 0..1", hunks=1),
        ("t", 1, False),
    ),
    # No line of .gitignore can name such a file.
    ('diff --git "a/a\\nb" "b/a\\nb"\nnew file mode 100644\n', ("a\nb", 1, False)),
]


@pytest.mark.parametrize(("diff", "units"), EXAMPLES)
def test_a_diff_tells_what_can_be_told_apart(diff, units):
    assert parse_diff(diff)
    assert units_of_diff(diff) == (FileUnits(*units),)


def test_the_files_of_a_change_give_the_order_and_what_a_diff_does_not_show():
    names = ("lfs.bin", "a.py", "c.py", "none.py", "new.py")
    files = [file_change(name) for name in names]
    files[0] = files[0].model_copy(update={"kind": FileKind.LFS})
    files[4] = files[4].model_copy(update={"status": FileStatus.ADDED})
    diff = "".join(patch(name, INDEX, hunks=2) for name in (*names[:3], "other"))
    assert units_of(files, diff) == (
        FileUnits("lfs.bin", 1, False),
        FileUnits("a.py", 2, False),
        FileUnits("c.py", 2, False),
        FileUnits("none.py", 1, False),
        FileUnits("new.py", 1, True),
    )


def test_the_units_of_a_working_tree_are_those_that_git_prints(history):
    lines = [f"line {number}\n" for number in range(60)]
    whole = "".join(lines)
    first = dict.fromkeys(("a.py", "old.py", "run.sh", "to-link"), whole)
    history.commit("feat: begin", {**first, "b.bin": b"\0a", "gone.py": "a\nb\n"})
    changed = "".join("new\n" if at in (5, 12, 30) else x for at, x in enumerate(lines))
    history.commit(
        "feat: go on",
        {"a.py": changed, "b.bin": b"\0b", "gone.py": None, "new.py": "a\n" * 3}
        | {"moved.py": changed, "old.py": None, "to-link": "a.py", "run.sh": changed},
        modes={"run.sh": EXECUTABLE, "to-link": SYMLINK},
    )
    flags = "-U3 --inter-hunk-context=0 --no-textconv --no-ext-diff -M HEAD~ HEAD"
    diff = subprocess.run(
        ["git", "-c", "diff.algorithm=myers", "diff", *flags.split()],
        cwd=history.folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # Six unchanged lines between two changes are context of both: one hunk.
    assert set(units_of_diff(diff)) == {
        FileUnits("a.py", 2, False),
        FileUnits("b.bin", 1, False),
        FileUnits("gone.py", 1, False),
        FileUnits("moved.py", 2, False),
        FileUnits("new.py", 1, True),
        FileUnits("run.sh", 2, False),
        FileUnits("to-link", 1, False),
    }


def test_a_row_of_harvest_has_units():
    change = make_change(("fix: a", ["a.py", "b.py"]))
    assert [each.hunks for each in units_of(change.files, change.diff)] == [1, 1]
