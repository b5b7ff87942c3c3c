"""The rows that settings of sources, limits and caps leave."""

from collections import Counter

import pytest
from pydantic import ValidationError
from tests.support.history import SYMLINK, History
from tests.support.source_fixtures import dropped, git, git_bytes, read_changes

from diffscribe.core.errors import SourceError
from diffscribe.core.params import SourceParams
from diffscribe.doors.git import MAX_BLOB_BYTES


def subjects(changes):
    return [tuple(commit.message for commit in change.commits) for change in changes]


@pytest.mark.parametrize("text", ["Appache-2.0", "MIT AND", "MIT\n+", "a" * 10**6])
def test_a_license_that_is_none_of_the_spdx_list_is_refused(text):
    with pytest.raises(ValidationError, match="license"):
        SourceParams(path=".", license=text)


def test_rows_say_the_license_and_privacy_that_params_say(history):
    history.commit("feat: begin", {"LICENSE": "GNU GENERAL PUBLIC LICENSE\nVersion 2"})
    history.commit("feat: one", {"a": "1\n"})
    (plain,), _ = read_changes(str(history.folder))
    assert (plain.license, plain.private) == ("GPL-2.0", False)
    source = {"path": str(history.folder), "license": "LicenseRef-ours"}
    (own,), _ = read_changes(source | {"private": True})
    assert (own.license, own.private) == ("LicenseRef-ours", True)
    assert own.id == plain.id


def test_authors_and_days_of_a_source_have_their_reasons(history):
    history.commit("feat: begin", {"a": "0\n"})
    people = ["Ann <ann@x.org>", "Bo <bo@y.org>", "Ann [bot] <a@x.org>"]
    for number in range(9):
        files = {"a": f"{number + 1}\n"}
        history.commit(f"feat: {number}", files, author=people[number % 3])
    source = {"path": str(history.folder), "authors": ["@X.org"]}
    first = read_changes(source)[0][0].committed_at[:10]
    changes, counts = read_changes(
        source | {"since": "2024-01-09", "until": "2024-01-09"}, max_window_commits=1
    )
    assert first == "2024-01-08"
    assert {change.committed_at[:10] for change in changes} == {"2024-01-09"}
    assert subjects(changes) == [("feat: 3",), ("feat: 6",)]
    assert dropped(counts) == {
        "root": 1,
        "before_since": 3,
        "after_until": 1,
        "other_author": 2,
        "bot": 1,
    }


def branched(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: one", {"a": "1\n"})
    history.switch("merged")
    history.commit("feat: merged 1", {"m": "1\n"})
    history.commit("feat: merged 2", {"m": "2\n"})
    history.switch("main")
    history.commit("feat: two", {"a": "2\n"})
    history.merge("merged", "Merge branch 'merged'")
    history.commit("feat: three", {"a": "3\n"})
    history.switch("open")
    history.commit("feat: open", {"o": "1\n"})
    history.switch("main")
    history.commit("feat: four", {"a": "4\n"})


def test_all_branches_give_every_commit_its_windows_once(history):
    branched(history)
    default, _ = read_changes(str(history.folder), max_window_commits=2)
    source = {"path": str(history.folder), "branches": "all"}
    changes, counts = read_changes(source, max_window_commits=2)
    assert sorted(subjects(default)) == [
        ("feat: four",),
        ("feat: one",),
        ("feat: one", "feat: two"),
        ("feat: three",),
        ("feat: three", "feat: four"),
        ("feat: two",),
    ]
    assert sorted(set(subjects(changes)) - set(subjects(default))) == [
        ("feat: merged 1",),
        ("feat: merged 1", "feat: merged 2"),
        ("feat: merged 2",),
        ("feat: one", "feat: merged 1"),
        ("feat: open",),
        ("feat: three", "feat: open"),
    ]
    assert len(changes) == len(set(subjects(changes))) == 12
    assert dropped(counts) == {"root": 1, "merge": 1}


def test_all_branches_of_a_bundle_and_of_a_pinned_clone(history, tmp_path, monkeypatch):
    branched(history)
    monkeypatch.chdir(tmp_path)
    bundle = tmp_path / "all.bundle"
    git(history.folder, "bundle", "create", "-q", str(bundle), "--all")
    whole, _ = read_changes({"path": str(bundle), "branches": "all"})
    clones = tmp_path / "data/clones/example.org/owner"
    clones.mkdir(parents=True)
    git(clones, "clone", "-q", "--bare", str(history.folder), "name.git")
    url = {"url": "https://example.org/owner/name", "branches": "all"}
    revision = git(history.folder, "rev-parse", "main~1")
    pinned, _ = read_changes(url | {"revision": revision})
    assert {s for each in subjects(whole) for s in each} >= {"feat: open", "feat: four"}
    names = {subject for each in subjects(pinned) for subject in each}
    assert names >= {"feat: merged 1", "feat: merged 2", "feat: three"}
    assert not names & {"feat: open", "feat: four"}


def write_excluded(history):
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
            "z.png": b"x" * (MAX_BLOB_BYTES + 1),
            "ä b": "no newline",
        },
        renames={"old": "new"},
        modes={"kind": SYMLINK},
    )
    return before, after


def test_excluded_files_are_as_if_they_had_not_been_touched(history):
    before, after = write_excluded(history)
    path = str(history.folder)
    _, counts = read_changes(path)
    assert dropped(counts, "windows") == {"large_file": 1}
    (change,), counts = read_changes(
        {"path": path, "paths_exclude": ["lock_files", "assets"]}
    )
    left_out = [":!go.sum", ":!yarn.lock", ":!z.png"]
    command = ("diff", "-M", "--full-index", before, after, "--", ".", *left_out)
    assert change.diff.encode() == git_bytes(history.folder, *command)
    assert [file.path for file in change.files] == ["a", "kind", "new", "ä b"]
    assert change.commits[0].files == ("a", "kind", "new", "old", "ä b")
    assert (change.base, change.head) == (before, after)


def test_a_commit_of_excluded_files_alone_ends_a_window(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: one", {"a": "1\n", "go.sum": "1\n"})
    history.commit("build: lock", {"go.sum": "2\n"})
    history.commit("feat: two", {"a": "2\n", "go.sum": "3\n"})
    source = {"path": str(history.folder), "paths_exclude": ["lock_files"]}
    changes, counts = read_changes(source)
    assert subjects(changes) == [("feat: one",), ("feat: two",)]
    assert dropped(counts) == {"root": 1, "excluded_paths": 1}
    assert all("go.sum" not in change.model_dump_json() for change in changes)


def test_composites_leave_excluded_files_out_too(history):
    history.commit("feat: begin", {"go.sum": "0\n"})
    for number in range(12):
        files = {f"f{number}": f"{number}\n", "go.sum": f"{number + 1}\n"}
        history.commit(f"feat: {number}", files)
    source = {"path": str(history.folder), "paths_exclude": ["lock_files"]}
    none, _ = read_changes(str(history.folder), composites_per_commit=1.0)
    some, counts = read_changes(source, composites_per_commit=1.0)
    assert counts["composites"] > 5
    assert len(some) > len(none)
    assert all("go.sum" not in change.model_dump_json() for change in some)


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_of_bad_sources_are_left_out_and_the_others_stay(
    history, tmp_path, workers
):
    for number in range(30):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    git(tmp_path, "clone", "-q", "repository", "whole")
    for name in ("broken", "cut"):
        git(tmp_path, "clone", "-q", "--no-hardlinks", "repository", name)
        git(tmp_path / name, "repack", "-q", "-a", "-d")
        pack = next((tmp_path / name / ".git/objects/pack").glob("*.pack"))
        content = pack.read_bytes()
        pack.chmod(0o644)
        half = len(content) // 2
        pack.write_bytes(
            content[:half]
            + (b"" if name == "cut" else b"\xff" * 64 + content[half + 64 :])
        )
    for name in ("whole", "broken", "cut"):
        git(tmp_path / name, "remote", "remove", "origin")
    (tmp_path / "a.bundle").write_text("# v2 git bundle\n")
    good, _ = read_changes(str(tmp_path / "whole"), workers=workers)
    everything = [
        str(tmp_path / name) for name in ("*.bundle", "broken", "cut", "whole")
    ]

    changes, counts = read_changes(*everything, on_bad_source="skip", workers=workers)

    assert changes == good
    assert (counts["sources"], counts["sources_bad"]) == (1, 3)
    assert counts["commits"] == 30
    assert counts["windows"] == len(changes) + sum(dropped(counts, "windows").values())
    with pytest.raises(SourceError, match=r"a\.bundle: the bundle cannot be read"):
        read_changes(*everything, on_bad_source="stop", workers=workers)


def test_duplicate_sources_are_counted(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: one", {"a": "1\n"})
    path = str(history.folder)
    changes, counts = read_changes(path, f"{path}/.git")
    assert len(changes) == 1
    assert (counts["sources"], counts["sources_duplicate"]) == (1, 1)


def two_repositories(history, tmp_path):
    small = History(tmp_path / "small")
    people = ["Ann <ann@x.org>", "Bo <bo@y.org>"]
    for number in range(41):
        author = people[number % 2]
        history.commit(f"feat: {number}", {"a": f"{number}\n"}, author=author)
    for number in range(11):
        small.commit(f"feat: {number}", {"a": f"small {number}\n"})
    return [str(history.folder), str(small.folder)]


def test_caps_bound_repositories_authors_and_all(history, tmp_path):
    sources = two_repositories(history, tmp_path)
    single = {"max_window_commits": 1}
    everything, _ = read_changes(*sources, **single)
    assert len(everything) == 50

    per_repo, counts = read_changes(*sources, **single, max_per_repo=8)
    assert Counter(each.repo for each in per_repo) == {"repository": 8, "small": 8}
    assert dropped(counts, "windows") == {"max_per_repo": 34}
    assert counts["changes_of_largest_repo"] == 8
    assert [each for each in everything if each in per_repo] == per_repo

    own = {"path": sources[0], "max_changes": 5}
    mixed, _ = read_changes(own, sources[1], **single, max_per_repo=8)
    assert Counter(each.repo for each in mixed) == {"repository": 5, "small": 8}

    per_author, counts = read_changes(*sources, **single, max_per_author=6)
    assert counts["changes_of_largest_author"] == 6
    assert len(per_author) == 18

    ten, counts = read_changes(*sources, **single, max_changes=10)
    assert counts["changes"] == len(ten) == 10
    assert counts["windows"] == 50
