import pytest

from diffscribe.doors.trees import TreeEntry
from diffscribe.harvest.filters import PATH_LISTS, path_excluder, without_excluded


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
    is_excluded = path_excluder([preset])
    assert is_excluded is not None
    assert is_excluded(path) is is_left_out


def test_patterns_are_read_as_in_gitignore_and_the_last_one_wins() -> None:
    is_excluded = path_excluder(["lock_files", "my docs/", "/a.txt", "!yarn.lock"])
    assert is_excluded is not None
    paths = ("go.sum", "my docs/x", "x/my docs/y", "a.txt", "x/a.txt", "yarn.lock")
    assert [is_excluded(path) for path in paths] == [True] * 4 + [False] * 2


def test_nothing_is_left_out_without_patterns() -> None:
    assert path_excluder([]) is None


def test_no_pattern_of_a_preset_takes_back() -> None:
    patterns = [each for preset in PATH_LISTS.values() for each in preset.split()]
    assert [each for each in patterns if each[0] in "!#"] == []
    assert len(patterns) == len(set(patterns))


def test_of_a_rename_one_side_may_stay() -> None:
    paths = (b"src/a.py", b"vendor/a.py", b"vendor/\xff.py", b"\xff.py")
    entries = tuple(TreeEntry(path, "100644", "100644", "1", "2") for path in paths)
    kept = without_excluded(entries, path_excluder(["vendored"]))
    assert [entry.path for entry in kept] == [b"src/a.py", b"\xff.py"]
    assert without_excluded(entries, None) is entries
