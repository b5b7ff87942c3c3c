"""Which commit a hunk belongs to, against versions whose every line is told apart."""

import random

import pytest
from hunks import patch_of_hunks
from tests.support.history import EXECUTABLE, SYMLINK
from tests.support.source_fixtures import git_bytes, read_changes

from diffscribe.commits.diff import parse_diff
from diffscribe.doors.trees import read_edits
from diffscribe.harvest.rows import MAX_TRACED_BYTES, carry

LINES = [f"line {number}\n" for number in range(40)]
TEXT = "".join(LINES)


def edited(*edits, lines=LINES):
    """Return the lines as a text, with some of them changed: (index, new lines)."""
    after = list(lines)
    for index, new in edits:
        after[index] = new
    return "".join(after)


def largest(history, **changed):
    """Return the change of all commits but the first."""
    changed = {"max_window_commits": 4, "max_files": 1000, **changed}
    changes, _ = read_changes(history.folder, windows_per_commit=4, **changed)
    return max(changes, key=lambda change: len(change.commits))


def traced(history, **changed):
    """Return the hunks of each commit of that change."""
    change = largest(history, **changed)
    return [dict(commit.hunks) for commit in change.commits]


def drawn_versions(draw, number):
    """Return a text of distinct lines and what a few commits make of it."""
    lines = [f"{number} base {at}\n" for at in range(draw.randrange(1, 40))]
    versions = [lines]
    for commit in range(draw.randint(2, 4)):
        lines = list(lines)
        for edit in range(draw.randint(0, 3)):
            at, gone = draw.randint(0, len(lines)), draw.randint(0, 3)
            new = [
                f"{number} {commit} {edit} {each}\n"
                for each in range(draw.randrange(4))
            ]
            lines[at : at + gone] = new
        versions.append(lines)
    return versions


def makers(hunk, versions):
    """Return who first had an added line, or first lacked a removed one.

    No line comes back, since all are distinct.
    """
    found = set()
    for line in hunk.lines:
        if line[0] in "+-":
            had = [line[1:] in version for version in versions]
            found.add(had.index(line[0] == "+") - 1)
    return found


def test_hunks_of_random_edits_belong_to_those_who_made_their_lines(history):
    draw = random.Random(7)
    files = {f"f{number:03}": drawn_versions(draw, number) for number in range(200)}
    texts = {path: versions[0] for path, versions in files.items()}
    history.commit("feat: begin", {path: "".join(each) for path, each in texts.items()})
    for commit in range(4):
        history.commit(
            f"feat: {commit}",
            {
                path: "".join(versions[min(commit + 1, len(versions) - 1)])
                for path, versions in files.items()
            },
        )

    change = largest(history, max_diff_chars=10**9)

    compared = split = 0
    for patch in parse_diff(change.diff):
        for number, hunk in enumerate(patch.hunks, start=1):
            shown = {
                at
                for at, commit in enumerate(change.commits)
                if number in commit.hunks.get(patch.path, ())
            }
            if any(patch.path in commit.hunks for commit in change.commits):
                assert shown == makers(hunk, files[patch.path]), patch.text
                compared += 1
                split += len(shown) == 1
    assert compared > 200
    assert 0.2 < split / compared < 0.8


def apply(folder, base, patch):
    """Return the tree of base with a patch."""
    git_bytes(folder, "read-tree", base)
    if patch:
        git_bytes(folder, "apply", "--cached", "-", given=patch.encode())
    return git_bytes(folder, "write-tree")


def test_repeated_lines_are_followed_and_parts_apply_one_after_the_other(history):
    draw = random.Random(11)
    texts = {f"f{n}": draw.choices("abc{}", k=60) for n in range(60)}

    def commit(message):
        files = {path: "\n".join(lines) for path, lines in texts.items()}
        history.commit(message, files)

    commit("feat: begin")
    for number in range(3):
        for lines in texts.values():
            at = draw.randrange(len(lines))
            lines[at : at + draw.randrange(3)] = draw.choices(
                "ab}x", k=draw.randrange(3)
            )
        commit(f"feat: {number}")

    change = largest(history, max_diff_chars=10**9)

    owned, unowned = {}, 0
    patches = parse_diff(change.diff)
    for patch in patches:
        touched = [
            c for c, each in enumerate(change.commits) if patch.path in each.files
        ]
        for number, _ in enumerate(patch.hunks, start=1):
            owners = [
                commit
                for commit in touched
                if len(touched) == 1
                or number in change.commits[commit].hunks[patch.path]
            ]
            unowned += not owners
            owned[patch.path, number] = min(owners, default=touched[-1])
    parts = 0
    for last, _ in enumerate(change.commits):
        text = ""
        for patch in patches:
            numbers = range(1, len(patch.hunks) + 1)
            done = [n for n in numbers if owned[patch.path, n] <= last]
            text += patch_of_hunks(patch, done) if done else ""
            parts += 0 < len(done) < len(numbers)
        tree = apply(history.folder, change.base, text)
    assert (parts > 30, unowned < 5) == (True, True)
    assert tree == git_bytes(history.folder, "rev-parse", f"{change.head}^{{tree}}")


def test_each_commit_has_the_hunks_that_hold_its_lines(history):
    history.commit("feat: begin", {"a": TEXT, "b": TEXT})
    history.commit("feat: top", {"a": edited((2, "top\n")), "b": edited((2, "b\n"))})
    history.commit("fix: both", {"a": edited((2, "top\n"), (18, ""), (35, "end\n"))})
    history.commit("fix: end", {"a": edited((2, "top\n"), (18, ""), (35, "END\n"))})
    assert traced(history) == [{"a": (1,)}, {"a": (2, 3)}, {"a": (3,)}]


def test_an_undone_commit_has_no_hunk_and_a_file_of_one_commit_no_entry(history):
    history.commit("feat: begin", {"a": TEXT, "b": "1\n"})
    history.commit("feat: log", {"a": edited((2, "log\n")), "b": "2\n"})
    history.commit("chore: quiet", {"a": TEXT})
    history.commit("fix: end", {"a": edited((35, "end\n"))})
    assert traced(history) == [{"a": ()}, {"a": ()}, {"a": (1,)}]


def test_a_name_or_mode_goes_with_the_first_hunk_that_is_committed(history):
    history.commit("feat: begin", dict.fromkeys("abcd", TEXT))
    top, both = edited((2, "top\n")), edited((2, "top\n"), (35, "end\n"))
    history.commit(
        "feat: top",
        {"A": top, "b": top, "c": top, "d": top},
        renames={"a": "A"},
        modes={"c": EXECUTABLE},
    )
    history.commit(
        "feat: end",
        {"A": both, "B": both, "c": both, "d": both},
        renames={"b": "B"},
        modes={"d": EXECUTABLE},
    )
    first, second = traced(history)
    assert first == {"A": (1,), "B": (1,), "c": (1,), "d": (1,)}
    assert second == {"A": (2,), "B": (1, 2), "c": (2,), "d": (1, 2)}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(
            ({"n": TEXT}, {}, {}),
            ({"n": edited((3, "x\n"))}, {}, {}),
            [{"n": (1,)}, {"n": (1,)}],
            id="added, then changed",
        ),
        pytest.param(
            ({"n": TEXT}, {}, {}),
            ({"n": edited((3, ""))}, {}, {}),
            [{"n": (1,)}, {"n": ()}],
            id="added, then shortened",
        ),
        pytest.param(
            ({"a": edited((3, "x\n"))}, {}, {}),
            ({"a": None}, {}, {}),
            [{"a": ()}, {"a": (1,)}],
            id="changed, then deleted",
        ),
        pytest.param(
            ({"a": None}, {}, {}),
            ({"a": edited((3, "x\n"), (30, "y\n"))}, {}, {}),
            [{"a": (1, 2)}, {"a": (1, 2)}],
            id="deleted, then added with other lines",
        ),
        pytest.param(
            ({"a": None}, {}, {}),
            ({"a": "new\n" + TEXT}, {}, {}),
            [{"a": ()}, {"a": (1,)}],
            id="deleted, then added with more lines",
        ),
        pytest.param(
            ({"bin": b"\0\2"}, {}, {}),
            ({"bin": b"\0\3"}, {}, {}),
            [{"bin": (1,)}, {"bin": (1,)}],
            id="binary",
        ),
        pytest.param(
            ({}, {"a": "A"}, {}),
            ({}, {}, {"A": EXECUTABLE}),
            [{"A": (1,)}, {"A": (1,)}],
            id="renamed, then executable",
        ),
        pytest.param(
            ({}, {}, {"a": EXECUTABLE}),
            ({"a": edited((3, "x\n"))}, {}, {}),
            [{"a": (1,)}, {"a": (1,)}],
            id="executable, then changed",
        ),
        pytest.param(
            ({"a": edited((3, "x\n"))}, {}, {}),
            ({"a": "b"}, {}, {"a": SYMLINK}),
            [{"a": (1,)}, {"a": (1,)}],
            id="changed, then a link",
        ),
        pytest.param(
            ({"big": "x\n" * 600 + "y\n" * MAX_TRACED_BYTES}, {}, {}),
            ({"big": TEXT + "z\n"}, {}, {}),
            [{"big": (1,)}, {"big": (1,)}],
            id="too large between",
        ),
    ],
)
def test_what_is_never_split_belongs_to_whom_it_must(history, first, second, expected):
    history.commit("feat: begin", {"a": TEXT, "bin": b"\0\1", "big": TEXT, "o": ""})
    for number, (files, renames, modes) in enumerate((first, second)):
        files = {**files, "o": f"{number}\n"}
        history.commit(f"feat: {number}", files, renames=renames, modes=modes)
    found = traced(history)
    assert [each.pop("o") for each in found] == [(), (1,)]
    assert found == expected


def test_edits_cover_every_line_and_agree_with_the_texts(history, opened):
    draw = random.Random(5)
    texts = ["".join(draw.choices("ab\n", k=draw.randrange(60))) for _ in range(40)]
    history.commit("feat: begin", {"a": "x"})
    blobs = [str(history.repository.create_blob(text.encode())) for text in texts]
    source = opened(history.folder)
    for old, new, before, after in zip(
        ["0" * 40, *blobs], [*blobs, "0" * 40], ["", *texts], [*texts, ""], strict=True
    ):
        lines, wanted = before.split("\n"), after.split("\n")
        edits = read_edits(source, old, new)
        numbers = list(range(len(lines) - (lines[-1] == "")))
        kept = carry(numbers, edits, 0, {})
        assert len(kept) == len(wanted) - (wanted[-1] == "")
        for at, origin in enumerate(kept):
            assert origin < 0 or lines[origin] == wanted[at]
