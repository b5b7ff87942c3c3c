import subprocess

import pytest

from diffscribe.history.excluded import (
    PATH_PRESETS,
    diff_of_kept,
    path_excluder,
    without_excluded,
)
from diffscribe.history.patches import ChangedFile, parse_patch
from diffscribe.records import FileStatus
from diffscribe.samples.builder import SYMLINK, History


@pytest.mark.parametrize(
    ("preset", "path", "is_left_out"),
    [
        ("lock_files", "package-lock.json", True),
        ("lock_files", "web/yarn.lock", True),
        ("lock_files", "go.sum", True),
        ("lock_files", "go.mod", False),
        ("lock_files", "src/lock.py", False),
        ("lock_files", "Cargo.toml", False),
        ("vendored", "node_modules/a/index.js", True),
        ("vendored", "app/vendor/github.com/x/y.go", True),
        ("vendored", "third_party/zlib/zlib.c", True),
        ("vendored", "deps/lua/lua.c", True),
        ("vendored", "src/deps/lua.c", False),
        ("vendored", "src/vendor.py", False),
        ("generated", "dist/app.js", True),
        ("generated", "api/user_pb2.py", True),
        ("generated", "api/user.pb.go", True),
        ("generated", "src/App.test.js.snap", True),
        ("generated", "build/tools.py", False),
        ("generated", "src/generator.py", False),
        ("minified", "static/app.min.js", True),
        ("minified", "static/app.js", False),
        ("minified", "src/admin.js", False),
        ("assets", "docs/logo.PNG", False),
        ("assets", "docs/logo.png", True),
        ("assets", "font.woff2", True),
        ("assets", "src/png.py", False),
    ],
)
def test_presets_name_what_no_one_writes_by_hand(
    preset: str, path: str, is_left_out: bool
) -> None:
    assert path_excluder((preset,))(path) is is_left_out


def test_patterns_are_read_as_in_gitignore_and_the_last_one_wins() -> None:
    is_excluded = path_excluder(("lock_files", "my docs/", "/a.txt", "!yarn.lock"))
    paths = ("go.sum", "my docs/x", "x/my docs/y", "a.txt", "x/a.txt", "yarn.lock")
    assert [is_excluded(path) for path in paths] == [True] * 4 + [False] * 2


def test_nothing_is_left_out_without_patterns() -> None:
    is_excluded = path_excluder(())
    assert not any(map(is_excluded, ("node_modules/a", "x.min.js", "go.sum")))


def test_no_pattern_of_a_preset_takes_back() -> None:
    patterns = [each for preset in PATH_PRESETS.values() for each in preset.split()]
    assert [each for each in patterns if each[0] in "!#"] == []
    assert len(patterns) == len(set(patterns))


def entry(path: str, old_path: str | None = None) -> ChangedFile:
    status = FileStatus.RENAMED if old_path else FileStatus.MODIFIED
    return ChangedFile(path, old_path, status)


def test_a_rename_stays_if_one_of_its_paths_does() -> None:
    entries = [
        entry("src/a.py", "vendor/a.py"),
        entry("vendor/b.py", "src/b.py"),
        entry("vendor/c.py", "vendor/d.py"),
        entry("vendor/e.py"),
    ]
    assert without_excluded(entries, path_excluder(("vendored",))) == entries[:2]


def test_what_stays_is_what_git_prints_of_it(history: History) -> None:
    lines = "".join(f"line {number}\n" for number in range(30))
    before = history.commit(
        "feat: begin",
        {"a": "1\n", "kind": "x\n", "old": lines, "yarn.lock": "1\n", "z.png": b"\0"},
    )
    after = history.commit(
        "feat: go on",
        {
            "a": "diff --git a/x b/x\n",
            "go.sum": "diff --git a/go.sum b/go.sum\n",
            "kind": "a",
            "yarn.lock": None,
            "z.png": b"\0\1",
            "ä b": "no newline",
        },
        renames={"old": "new"},
        modes={"kind": SYMLINK},
    )

    def git(*arguments: str) -> bytes:
        command = ["git", "-c", "core.quotePath=off", *arguments]
        return subprocess.run(
            command, cwd=history.folder, check=True, capture_output=True
        ).stdout

    whole = git("diff", "-M", before, after).decode()
    listed = git("diff-tree", "-r", "-M", "--raw", "-z", "-p", before, after)
    entries = parse_patch(listed).files
    kept = without_excluded(entries, path_excluder(("lock_files", "assets")))

    assert [each.path for each in entries if each not in kept] == [
        "go.sum",
        "yarn.lock",
        "z.png",
    ]
    left_out = [":!go.sum", ":!yarn.lock", ":!z.png"]
    assert (
        diff_of_kept(whole, entries, kept)
        == git("diff", "-M", before, after, "--", ".", *left_out).decode()
    )
    assert diff_of_kept(whole, entries, entries) == whole
    assert diff_of_kept(whole, entries, []) == ""
