import os
from datetime import date

import pytest
from tests.support.source_fixtures import make_params

from diffscribe.commits.path_rules import path_lists
from diffscribe.core.params import SourceParams
from diffscribe.doors.trees import TreeEntry
from diffscribe.harvest.filters import (
    author_reason,
    day_reason,
    exclude_files,
    is_bot,
    is_unsafe,
    message_reason,
    path_excluder,
)


def settings(**changed):
    return SourceParams(path="x", **changed)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "message_too_short"),
        ("x" * 65537, "message_too_long"),
        ("fixup! feat: x", "fixup"),
        ("squash! feat: x", "fixup"),
        ("amend! feat: x", "fixup"),
        ("WIP", "unfinished"),
        ("[wip] more", "unfinished"),
        ("Work in progress on it", "unfinished"),
        ('Revert "feat: x"', "revert"),
        ('Reapply "feat: x"', "revert"),
        ("revert(api)!: feat: x", "revert"),
        ("Undo it\n\nThis reverts commit 0123abc, as", "revert"),
        ("feat: wipe the slate", None),
        ("fix: fixup! in the docs", None),
        ("feat: revert a commit by name", None),
        ("Revert to the older parser", None),
        ("fix: x\n\nWhat this reverts commit by commit", None),
    ],
)
def test_a_message_that_teaches_nothing_has_its_reason(message, reason):
    assert message_reason(message, make_params()) == reason


def test_the_length_of_a_message_has_a_least_and_a_most():
    params = make_params(min_message_chars=20, max_message_chars=500)
    reasons = [message_reason("x" * length, params) for length in (19, 20, 500, 501)]
    assert reasons == ["message_too_short", None, None, "message_too_long"]


@pytest.mark.parametrize(
    ("author", "reason"),
    [
        ("Ann <ann@example.org>", None),
        ("ANN LEE <a@b.c>", None),
        ("Bo <bo@EXAMPLE.org>", None),
        ("Bo <bo@example.com>", "other_author"),
        ("Ann Pumps <ann@example.org>", "bot"),
        ("Bo[bot] <bo@b.c>", "other_author"),
    ],
)
def test_only_the_named_authors_are_read_and_no_bot(author, reason):
    only = settings(authors=["ann", "@Example.org"])
    assert author_reason(author, only, ("PUMPS",)) == reason


def test_anyone_is_read_if_no_author_is_named():
    assert author_reason("Ann <ann@b.c>", settings(), ()) is None


@pytest.mark.parametrize(
    "author",
    [
        "dependabot[bot] <1+dependabot[bot]@users.noreply.example.org>",
        "Renovate Bot <bot@example.org>",
        "Mend Renovate <it@example.org>",
        "GitHub Actions Bot <it@example.org>",
        "GitHub Action <action@example.org>",
        "Github Workflow (on behalf of ann) <it@example.org>",
        "actions-user <it@example.org>",
        "Jenkins <it@build-3>",
        "Acme <jenkins@example.org>",
        "Angular Robot <it@example.org>",
        "OwlBot <it@example.org>",
        "DPE bot <it@example.org>",
        "Acme <acme-automation@example.org>",
        "Yoshi Automation <it@example.org>",
        "semantic-release <it@example.org>",
        "greenkeeperio-bot <it@example.org>",
        "Greenkeeper <it@example.org>",
        "hugoreleaser <it@example.org>",
        "Spring Builds <it@example.org>",
        "Travis CI <it@example.org>",
    ],
)
def test_programs_are_told_by_what_they_are_called_everywhere(author):
    assert is_bot(author, ())


@pytest.mark.parametrize(
    "author",
    [
        "Ann Abbott <abbott@example.org>",
        "Ann Abbot <abbot@example.org>",
        "Bo Talbot <talbot@example.org>",
        "Cy Jenkins <cjenkins@example.org>",
        "Di Jenkinson <di@example.org>",
        "Ed <jessebot@example.org>",
        "Flo <flo@robotics.example.org>",
        "Gus <gus@github.example.org>",
        "Botho Strauss <botho@example.org>",
        "Ada Actionson <ada+github@example.org>",
    ],
)
def test_people_are_no_bots(author):
    assert not is_bot(author, ())


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2024-01-30", "before_since"),
        ("2024-01-31", None),
        ("2024-02-29", None),
        ("2024-03-01", "after_until"),
    ],
)
def test_both_ends_of_the_span_of_days_are_read(day, reason):
    span = settings(since="2024-01-31", until="2024-02-29")
    assert day_reason(date.fromisoformat(day), span) == reason
    assert day_reason(date.fromisoformat(day), settings()) is None


UNSAFE = (
    *("", "/etc/passwd", "a//b", "a/", ".", "..", "../a", "a/../b", "a/./b"),
    *("a\\..\\b", ".git", ".GIT/config", "sub/.git/config", "sub\\.Git\\config"),
    *("git~1/config", ".git. ./config", ".git::$INDEX_ALLOCATION/config"),
    *(".g\u200cit/config", "\ufeff.git/config"),
)
SAFE = (
    *("a", ".gitignore", ".github/workflows/ci.yml", "sub/.gitattributes", "..."),
    *("a..b/..c/d..", ".git2/x", "x.git/y", "git~2", "a\\b", "größe/日本 語.txt"),
    *("new\nline", "caf\udce9/\udcff"),
)


@pytest.mark.parametrize("path", [*UNSAFE, *SAFE])
def test_what_no_work_tree_should_have_is_unsafe(path):
    assert is_unsafe(os.fsencode(path)) is (path in UNSAFE)


@pytest.mark.parametrize(
    ("name", "path", "is_left_out"),
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
def test_lists_name_what_no_one_writes_by_hand(name, path, is_left_out):
    is_excluded = path_excluder([name])
    assert is_excluded is not None
    assert is_excluded(path) is is_left_out


def test_patterns_are_read_as_in_gitignore_and_the_last_one_wins():
    is_excluded = path_excluder(["lock_files", "my docs/", "/a.txt", "!yarn.lock"])
    assert is_excluded is not None
    paths = ("go.sum", "my docs/x", "x/my docs/y", "a.txt", "x/a.txt", "yarn.lock")
    assert [is_excluded(path) for path in paths] == [True] * 4 + [False] * 2


def test_nothing_is_left_out_without_patterns():
    assert path_excluder([]) is None


def test_no_pattern_of_a_list_takes_back():
    patterns = [each for one in path_lists().values() for each in one]
    assert [each for each in patterns if each[0] in "!#"] == []
    assert len(patterns) == len(set(patterns))


def test_of_a_rename_one_side_may_stay():
    paths = (b"src/a.py", b"vendor/a.py", b"vendor/\xff.py", b"\xff.py")
    entries = tuple(TreeEntry(path, "100644", "100644", "1", "2") for path in paths)
    kept = exclude_files(entries, path_excluder(["vendored"]))
    assert [entry.path for entry in kept] == [b"src/a.py", b"\xff.py"]
    assert exclude_files(entries, None) is entries
