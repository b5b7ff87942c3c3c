import hashlib
import json
import resource
import subprocess

import pytest
from tests.support.history import EXECUTABLE, SYMLINK
from tests.support.source_fixtures import (
    dropped,
    git_bytes,
    harvest_rows,
    make_params,
    read_changes,
)

from diffscribe.commits.diff import parse_diff
from diffscribe.core.errors import SourceError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Change, FileChange, FileStatus
from diffscribe.doors.git import MAX_BLOB_BYTES, MAX_UNREADABLE, RESOURCE_LIMITS, encode
from diffscribe.doors.trees import join_gitignores, read_gitignores
from diffscribe.harvest.harvest import CapReason, HarvestCounts
from diffscribe.harvest.windows import WindowReason


def write_everything(history):
    """Write each kind of change that git prints in its own way."""
    lines = [f"line {number}\n" for number in range(60)]
    history.commit(
        "feat: begin",
        {
            "src/app.py": "".join(lines),
            "src/old name.py": "".join(lines[:30]),
            "logo.png": b"\x89PNG\0\1",
            "gone.txt": "gone\n",
            "run.sh": "echo\n",
            "link": "text that is long enough to stay what it is\n",
            "größe/日本 語.txt": "eins",
        },
    )
    history.commit(
        "feat: rename and edit",
        {"src/new name.py": "".join(lines[:29])},
        renames={"src/old name.py": "src/new name.py"},
    )
    history.commit("feat: draw", {"logo.png": b"\x89PNG\0\2", "src/app.py": "x\n"})
    history.commit("chore: remove", {"gone.txt": None, "empty": ""})
    history.commit("build: run", {}, modes={"run.sh": EXECUTABLE})
    history.commit("refactor: link", {"link": "src"}, modes={"link": SYMLINK})
    history.commit("docs: count", {"größe/日本 語.txt": "eins\nzwei", 'a"\tb': "c\r\n"})
    history.commit("test: look like a header", {"f": "-- a/x\n++ b/x\n@@ -1 +1 @@\n"})
    history.commit("test: remove it", {"f": "diff --git a/f b/f\n"})


@pytest.fixture
def everything(history):
    write_everything(history)
    return history


def test_the_diff_is_what_git_prints_byte_for_byte(everything):
    changes, counts = read_changes(everything.folder)

    assert counts["changes"] == len(changes) == 8 + 7 + 6
    for change in changes:
        printed = git_bytes(
            everything.folder,
            "-c",
            "core.quotePath=off",
            "diff",
            "-M",
            "--full-index",
            change.base,
            change.head,
        )
        assert change.diff.encode() == printed
        assert "".join(patch.text for patch in parse_diff(change.diff)) == change.diff


def test_the_diff_applied_to_base_gives_head(everything):
    changes, _ = read_changes(everything.folder)
    for change in changes:
        if any(file.is_binary for file in change.files):
            continue
        git_bytes(everything.folder, "read-tree", change.base)
        subprocess.run(
            ["git", "apply", "--cached", "--whitespace=nowarn", "-"],
            cwd=everything.folder,
            input=change.diff.encode(),
            check=True,
        )
        tree = git_bytes(everything.folder, "write-tree")
        head = git_bytes(everything.folder, "rev-parse", f"{change.head}^{{tree}}")
        assert tree == head


def test_files_say_what_happened_to_each(everything):
    changes, _ = read_changes(
        everything.folder, windows_per_commit=1, max_window_commits=1
    )

    files = {file.path: file for change in changes for file in change.files}

    assert files["src/new name.py"] == FileChange(
        path="src/new name.py",
        old_path="src/old name.py",
        status=FileStatus.RENAMED,
        additions=0,
        deletions=1,
        is_binary=False,
    )
    assert {
        path: (f.status, f.additions, f.deletions) for path, f in files.items()
    } == {
        "src/new name.py": ("R", 0, 1),
        "logo.png": ("M", 0, 0),
        "src/app.py": ("M", 1, 60),
        "gone.txt": ("D", 0, 1),
        "empty": ("A", 0, 0),
        "run.sh": ("M", 0, 0),
        "link": ("T", 1, 1),
        "größe/日本 語.txt": ("M", 2, 1),
        'a"\tb': ("A", 1, 0),
        "f": ("M", 1, 3),
    }
    assert [path for path, file in files.items() if file.is_binary] == ["logo.png"]
    assert {path: (f.old_mode, f.mode) for path, f in files.items() if f.mode} == {
        "run.sh": ("100644", "100755"),
        "link": ("100644", "120000"),
    }
    for change in changes:
        assert list(change.files) == sorted(change.files, key=lambda file: file.path)


def test_a_window_keeps_its_commits_oldest_first(history):
    root = history.commit("feat: begin", {"a": "1\n"})
    first = history.commit("feat: add b\n\nWhy.\n\n", {"b": "1\n" * 9})
    second = history.commit("fix: move b", {}, renames={"b": "c"})

    changes, _ = read_changes(history.folder)

    both = next(change for change in changes if len(change.commits) == 2)
    assert (both.base, both.head) == (root, second)
    assert [(commit.sha, commit.message, commit.files) for commit in both.commits] == [
        (first, "feat: add b\n\nWhy.", ("b",)),
        (second, "fix: move b", ("b", "c")),
    ]
    assert [(file.path, file.old_path, file.status) for file in both.files] == [
        ("c", None, "A")
    ]
    text = "\0".join(("repository", root, second))
    assert both.id == hashlib.sha256(text.encode()).hexdigest()
    assert both.committed_at == "2024-01-08T17:46:00+00:00"


def test_no_window_spans_a_dropped_commit(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: one", {"a": "1\n"})
    history.switch("topic")
    history.commit("feat: topic", {"t": "1\n"})
    history.switch("main")
    history.commit("feat: two", {"a": "2\n"})
    history.merge("topic", "Merge branch 'topic'")
    history.commit("feat: three", {"a": "3\n"})
    history.commit("chore: bump", {"a": "4\n"}, author="Renovate Bot <r@x.org>")
    history.commit("feat: four", {"a": "5\n"})

    changes, counts = read_changes(history.folder)

    subjects = [tuple(c.message for c in change.commits) for change in changes]
    assert subjects == [
        ("feat: one",),
        ("feat: two",),
        ("feat: one", "feat: two"),
        ("feat: three",),
        ("feat: four",),
    ]
    assert dropped(counts) == {"root": 1, "merge": 1, "bot": 1}
    assert (counts["commits"], counts["commits_kept"]) == (7, 4)
    assert counts["changes_by_commits"] == {"1": 4, "2": 1, "3": 0}


def test_a_change_tells_the_last_subjects_before_it_and_never_a_later_one(history):
    long = f"{'word ' * 18}some AKIAIOSFODNN7EXAMPLE more"
    messages = {
        "chore: begin\n\nWhy.": "chore: begin",
        long: f"{'word ' * 18}some",
        "feat:\ttwo  three\nlines": "feat: two three",
        **{f"feat: {number}": f"feat: {number}" for number in range(9)},
    }
    for number, message in enumerate(messages):
        history.commit(message, {f"f{number}": "1\n"})
        if number == 1:
            history.commit("chore: bump", {"a": "2\n"}, author="Renovate <r@x.org>")
            history.switch("topic")
            history.commit("feat: topic", {"t": "1\n"})
            history.switch("main")
        if number == 2:
            history.merge("topic", "Merge branch 'topic'")

    changes, _ = read_changes(history.folder, composites_per_commit=1.0)

    subjects = list(messages.values())
    for change in changes:
        at = list(messages).index(change.commits[0].message)
        assert change.recent_subjects == tuple(subjects[max(0, at - 8) : at][::-1])
    assert any(change.head != change.commits[-1].sha for change in changes)
    assert max(len(change.recent_subjects) for change in changes) == 8


def test_drops_commits_that_teach_nothing(history):
    history.commit("feat: begin", {"a": "0\n"})
    messages = ("fixup! feat: x", "wip: more", "", 'Revert "feat: x"', "feat: wipe it")
    for number, message in enumerate(messages):
        history.commit(message, {"a": f"{number + 1}\n"})
    changes, counts = read_changes(history.folder)
    assert [change.commits[0].message for change in changes] == ["feat: wipe it"]
    reasons = ("root", "fixup", "unfinished", "message_too_short", "revert")
    assert dropped(counts) == dict.fromkeys(reasons, 1)


def test_drops_a_commit_that_changes_nothing(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("ci: run again", {})
    _, counts = read_changes(history.folder)
    assert dropped(counts) == {"root": 1, "empty": 1}


def test_drops_a_message_that_cannot_be_decoded(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: next", {"a": "1\n"})
    latin = git_bytes(history.folder, "cat-file", "commit", "HEAD")
    broken = latin.replace(b"feat: next", b"feat: gr\xf6sse")
    write_head(history.folder, broken)
    _, counts = read_changes(history.folder)
    assert dropped(counts) == {"root": 1, "not_utf8": 1}

    write_head(
        history.folder, broken.replace(b"\n\nfeat", b"\nencoding ISO-8859-1\n\nfeat")
    )
    (change,), _ = read_changes(history.folder)
    assert change.commits[0].message == "feat: grösse"


def test_drops_a_date_that_no_calendar_has(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: next", {"a": "1\n"})
    commit = git_bytes(history.folder, "cat-file", "commit", "HEAD")
    write_head(history.folder, commit.replace(b"> 17047", b"> 99999917047"))
    _, counts = read_changes(history.folder)
    assert dropped(counts) == {"root": 1, "bad_date": 1}


def write_head(folder, commit):
    """Make a commit object of our own the head of main."""
    written = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        cwd=folder,
        input=commit,
        capture_output=True,
        check=True,
    )
    git_bytes(folder, "update-ref", "refs/heads/main", written.stdout.decode().strip())


def test_limits_hold_on_both_sides(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: two files", {"a": "1\n", "b": "1\n"})
    (change,), _ = read_changes(history.folder)
    size = len(change.diff)

    fits, _ = read_changes(history.folder, max_files=2, max_diff_chars=size)
    assert fits == [change]
    none, counts = read_changes(history.folder, max_files=1)
    assert (none, dropped(counts, "windows")) == ([], {"too_many_files": 1})
    none, counts = read_changes(history.folder, max_diff_chars=size - 1)
    assert (none, dropped(counts, "windows")) == ([], {"diff_too_long": 1})


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\0\1", "binary_only"), (b"x" * (MAX_BLOB_BYTES + 1), "large_file")],
)
def test_drops_content_that_no_one_can_read(history, content, reason):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: add", {"b": content})
    none, counts = read_changes(history.folder)
    assert (none, dropped(counts, "windows")) == ([], {reason: 1})


def test_keeps_a_renamed_large_file(history):
    history.commit("feat: begin", {"a": b"x" * (MAX_BLOB_BYTES + 1)})
    history.commit("refactor: move", {}, renames={"a": "b"})
    (change,), _ = read_changes(history.folder)
    assert change.files[0].old_path == "a"


def test_drops_a_window_whose_commits_cancel_out(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: there", {"a": "1\n"})
    history.commit("feat: not there", {"a": "0\n"})
    changes, counts = read_changes(history.folder)
    assert [len(change.commits) for change in changes] == [1, 1]
    assert dropped(counts, "windows") == {"empty_diff": 1}


def test_reads_only_the_newest_commits(history):
    for number in range(6):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    changes, counts = read_changes(history.folder, max_commits_per_source=2)
    assert counts["commits"] == 2
    assert [[c.message for c in change.commits] for change in changes] == [
        ["feat: 4"],
        ["feat: 5"],
        ["feat: 4", "feat: 5"],
    ]


def test_changes_stay_when_the_history_grows(history):
    for number in range(12):
        history.commit(f"feat: {number}", {f"f{number % 3}": f"{number}\n" * number})
    before, _ = read_changes(history.folder, windows_per_commit=1.5)
    for number in range(5):
        history.commit(f"fix: {number}", {f"f{number % 3}": f"new {number}\n"})
    after, _ = read_changes(history.folder, windows_per_commit=1.5)
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_takes_gitignore_at_base_and_license_and_languages_at_head(history):
    history.commit(
        "feat: begin", {".gitignore": "*.log\n", "web/.gitignore": "/dist\n"}
    )
    permission = (
        "Permission is hereby granted, free of charge, to any person obtaining a copy\n"
        'of this software and associated documentation files (the "Software")'
    )
    history.commit(
        "feat: more", {".gitignore": "*.tmp\n", "LICENSE": permission, "a.ts": "1\n"}
    )
    (change,), _ = read_changes(history.folder)
    assert change.gitignore == ("*.log", "/web/dist")
    assert change.license == "MIT"
    assert change.languages == ("TypeScript",)


def test_nothing_of_the_source_is_executed_or_changes_the_diff(
    everything, tmp_path, monkeypatch
):
    clean, _ = read_changes(everything.folder)
    canary = tmp_path / "canary"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\n")
    script.chmod(0o755)
    folder = everything.folder
    for key in (
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
    ):
        git_bytes(folder, "config", key, str(script))
    git_bytes(folder, "config", "diff.noprefix", "true")
    git_bytes(folder, "config", "diff.algorithm", "patience")
    git_bytes(folder, "config", "diff.context", "0")
    git_bytes(folder, "config", "diff.interHunkContext", "20")
    git_bytes(folder, "config", "diff.indentHeuristic", "false")
    git_bytes(folder, "config", "core.hooksPath", str(script.parent))
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/attributes").write_text("* diff=evil -text\n")
    (folder / ".gitattributes").write_text("* diff=evil\n*.py binary\n")
    (tmp_path / ".gitconfig").write_text((folder / ".git/config").read_text())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(script))
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u0")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))

    again, _ = read_changes(folder)

    assert again == clean
    assert not canary.exists()


def test_the_source_is_left_as_it_was(everything):
    def content():
        files = sorted(everything.folder.rglob("*"))
        return {str(path): path.read_bytes() for path in files if path.is_file()}

    before = content()
    _, counts = read_changes(everything.folder, composites_per_commit=1.0)
    assert counts["composites"] > 0
    assert content() == before


def test_metrics_have_all_keys_before_anything_is_read():
    params = make_params(max_window_commits=2)
    counts = json.loads(json.dumps(HarvestCounts().metrics(params)))
    assert counts["changes_by_commits"] == {"1": 0, "2": 0}
    assert set(counts["windows_dropped"].values()) == {0}
    assert counts["windows_dropped"].keys() == {*WindowReason, *CapReason}


def test_drops_the_commit_where_a_shallow_clone_ends(history, tmp_path):
    for number in range(5):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    git_bytes(tmp_path, "clone", "-q", "--depth=3", history.folder.as_uri(), "shallow")
    changes, counts = read_changes(tmp_path / "shallow")
    assert dropped(counts) == {"shallow_boundary": 1}
    assert [[c.message for c in change.commits] for change in changes] == [
        ["feat: 3"],
        ["feat: 4"],
        ["feat: 3", "feat: 4"],
    ]


def test_a_partial_clone_is_refused_and_fetches_nothing(history, tmp_path):
    for number in range(3):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    git_bytes(history.folder, "config", "uploadpack.allowFilter", "true")
    url = history.folder.as_uri()
    git_bytes(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", url, "partial")
    with pytest.raises(SourceError, match="fetch the repository completely"):
        read_changes(tmp_path / "partial")


def damage(history, name, content=None):
    """Take an object away, or put other bytes in its place."""
    sha = git_bytes(history.folder, "rev-parse", name).decode().strip()
    path = history.folder / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o600)
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize("branches", ["default", "all"])
@pytest.mark.parametrize(
    ("name", "content", "commits", "needing"),
    [
        # `1/f1` changes at 1, 5 and 9, the folder `1` at each odd commit.
        pytest.param(":1/f1", None, 0, {5, 9}, id="file"),
        pytest.param(":1/f1", b"noise", 0, {5, 9}, id="broken file"),
        pytest.param(":1", None, 2, {5, 7}, id="folder"),
        pytest.param(":1", b"noise", 2, {5, 7}, id="broken folder"),
        pytest.param("^{tree}", None, 2, {5, 6}, id="root"),
        pytest.param("", None, 1, {0, 1, 2, 3, 4, 5, 6}, id="commit"),
        pytest.param(":.gitignore", None, 0, set(), id="patterns"),
        pytest.param(":LICENSE", None, 0, set(), id="license"),
    ],
)
def test_a_missing_object_costs_the_windows_alone_that_need_it(
    history, name, content, commits, needing, branches
):
    history.commit("feat: begin", {".gitignore": "*.log\n", "LICENSE": "MIT License\n"})
    for number in range(12):
        files = {f"{number % 2}/f{number % 4}": f"{number}\n" * 3}
        history.commit(f"feat: {number}", files)
    source = {"path": str(history.folder), "branches": branches}
    whole, _ = read_changes(source)
    damage(history, f"HEAD~6{name}", content)
    rows, counts = harvest_rows(make_params(source))

    def needs(change):
        made = {int(commit.message.split(" ")[1]) for commit in change.commits}
        return not needing.isdisjoint(made)

    changes = [Change.model_validate_json(row) for row in rows]
    context = dict.fromkeys(("gitignore", "license", "recent_subjects"))
    assert [each.model_copy(update=context) for each in changes] == [
        each.model_copy(update=context) for each in whole if not needs(each)
    ]
    dropped_windows = counts.windows["missing_object"]
    assert counts.commits["missing_object"] == commits
    if needing:
        [note] = counts.notes
        assert f"{commits} commits and {dropped_windows} windows need objects" in note


def test_what_git_cannot_read_at_all_is_a_bad_source(history):
    history.commit("feat: 0", {"a/b": "0\n"})
    history.commit("feat: 1", {"a/b": "1\n"})
    damage(history, "HEAD:a")
    with pytest.raises(SourceError, match=f"{history.folder}: 1 commits and 0 windows"):
        read_changes(history.folder)


def test_a_source_of_broken_commits_is_given_up(history):
    for number in range(MAX_UNREADABLE + 2):
        history.commit(f"feat: {number}", {"a/b": f"{number}\n"})
        damage(history, "HEAD:a")
    with pytest.raises(SourceError, match=f"{history.folder}: git cannot read"):
        read_changes(history.folder)


def test_rows_are_what_write_jsonl_writes(everything, tmp_path):
    rows, _ = harvest_rows(make_params(str(everything.folder)))
    changes = [Change.model_validate_json(row) for row in rows]
    write_jsonl(tmp_path / "again.jsonl", changes)
    assert (tmp_path / "again.jsonl").read_bytes() == b"".join(rows)


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bytes(history, tmp_path, monkeypatch):
    write_everything(history)
    for number in range(30):
        history.commit(f"feat: {number}", {f"f{number % 7}": f"{number}\n" * number})
    history.bundle(tmp_path / "one.bundle")
    history.commit("feat: more", {"f": "more\n"})
    history.bundle(tmp_path / "two.bundle")
    monkeypatch.setattr("diffscribe.harvest.harvest.BATCH_WINDOWS", 4)
    monkeypatch.setattr("diffscribe.harvest.history.BATCH_BYTES", 5 * 41)
    results = []
    for workers in (1, 2, 3):
        params = make_params(
            str(tmp_path / "*.bundle"), workers=workers, composites_per_commit=0.5
        )
        rows, counts = harvest_rows(params)
        results.append((rows, counts.metrics(params), counts.statistics))
    assert results[0] == results[1] == results[2]
    assert results[0][1]["changes"] > 200
    assert results[0][1]["composites"] > 20


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_is_explained(history, workers):
    for number in range(3):
        history.commit(f"feat: {number}", {"a": f"{number}\n" * 9})
    blob = git_bytes(history.folder, "rev-parse", "HEAD~1:a").decode().strip()
    (history.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(SourceError, match=f"{history.folder}: 0 commits and 3 win"):
        read_changes(history.folder, workers=workers)


@pytest.mark.slow
def test_more_patches_than_git_may_print_at_once_are_asked_for_in_parts(
    history, monkeypatch
):
    history.commit("feat: begin", {"a": "0\n"})
    # Long enough that git is still at work when it gets its bounds.
    for number in range(7):
        names = [f"{number}{letter}" for letter in ("abcd" if number == 3 else "a")]
        history.commit(f"feat: {number}", dict.fromkeys(names, "x\n" * 10**6))
    single = {"max_window_commits": 1, "workers": 1, "max_diff_chars": 2 * 10**7}
    everything, _ = read_changes(history.folder, **single)
    monkeypatch.setitem(RESOURCE_LIMITS, resource.RLIMIT_FSIZE, 10**7)
    changes, counts = read_changes(history.folder, **single)
    assert dropped(counts, "windows") == {"diff_too_long": 1}
    assert changes == everything[:3] + everything[4:]


def test_bytes_that_are_no_text_survive_and_are_marked(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit(
        "feat: latin", {"a": b"gr\xf6\xdfe \xe2\x82\n", "b": "gr\u00f6sse\n"}
    )
    history.commit("feat: plain", {"a": "1\n"}, author="x[bot] <x@example.org>")
    write_latin_path(history.folder)

    latin, path = read_changes(history.folder, max_window_commits=1)[0]

    for change in (latin, path):
        printed = git_bytes(
            *(history.folder, "-c", "core.quotePath=off", "diff", "-M"),
            *("--full-index", change.base, change.head),
        )
        assert encode(change.diff) == printed
        assert not change.is_utf8
        assert json.dumps(change.diff).encode("ascii")
    assert "+gr\U0010fff6\U0010ffdfe \U0010ffe2\U0010ff82\n" in latin.diff
    assert [encode(file.path) for file in path.files] == [b"gr\xf6\xdfe"]
    assert path.commits[0].files == (path.files[0].path,)


def write_latin_path(folder):
    """Commit a file with a Latin-1 name on main."""
    entries = git_bytes(folder, "ls-tree", "HEAD")
    mode, kind, blob, _ = entries.split(None, 3)
    entries += b'%s %s %s\t"gr\\366\\337e"\n' % (mode, kind, blob)
    tree = subprocess.run(
        ["git", "mktree"], cwd=folder, input=entries, capture_output=True, check=True
    ).stdout.strip()
    head = git_bytes(folder, "cat-file", "commit", "HEAD")
    author = head[head.index(b"author ") :].replace(b"x[bot]", b"x")
    parent = git_bytes(folder, "rev-parse", "HEAD").strip()
    write_head(folder, b"tree %s\nparent %s\n%s" % (tree, parent, author))


def test_tells_what_kind_of_file_it_is(history):
    pointer = (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{'ab' * 32}\nsize {{}}\n"
    )
    history.commit("feat: begin", {"a": "0\n", "big.bin": pointer.format(1)})
    history.commit(
        "feat: all",
        {
            "a": "1\n",
            "big.bin": pointer.format(2),
            "new.bin": pointer.format(3),
            "docs.md": f"A pointer:\n\n{pointer.format(4)}",
            "link": "a",
        },
        modes={"link": SYMLINK},
    )
    add_submodule(history)
    (change, module), _ = read_changes(history.folder, max_window_commits=1)
    assert {file.path: file.kind for file in change.files} == {
        "a": "file",
        "big.bin": "lfs",
        "docs.md": "file",
        "link": "symlink",
        "new.bin": "lfs",
    }
    assert [(file.path, file.kind) for file in module.files] == [
        (".gitmodules", "file"),
        ("module", "submodule"),
    ]
    assert f"+Subproject commit {'1' * 40}\n" in module.diff
    assert module.diff.encode() == git_bytes(
        history.folder, "diff", "--full-index", module.base, module.head
    )


def add_submodule(history):
    """Commit a submodule that was never cloned on main."""
    folder = history.folder
    git_bytes(folder, "read-tree", "HEAD")
    for entry in (f"160000,{'1' * 40},module", "100644,%s,.gitmodules"):
        blob = git_bytes(folder, "rev-parse", "HEAD:a").decode().strip()
        line = entry.replace("%s", blob)
        git_bytes(folder, "update-index", "--add", "--cacheinfo", line)
    tree = git_bytes(folder, "write-tree").strip()
    head = git_bytes(folder, "cat-file", "commit", "HEAD")
    parent = git_bytes(folder, "rev-parse", "HEAD").strip()
    author = head[head.index(b"author ") :]
    write_head(folder, b"tree %s\nparent %s\n%s" % (tree, parent, author))


def test_drops_a_change_of_pointers_alone(history):
    history.commit("feat: begin", {"a": "0\n"})
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    history.commit("feat: add", {"big.bin": text})
    none, counts = read_changes(history.folder)
    assert (none, dropped(counts, "windows")) == ([], {"binary_only": 1})


def test_a_large_file_is_refused_before_it_is_read(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: add", {"b": bytes(range(256)) * (2**15)})
    blob = git_bytes(history.folder, "rev-parse", "HEAD:b").decode().strip()
    path = history.folder / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    # Enough to tell the size, not enough to read it.
    path.write_bytes(path.read_bytes()[:200])
    none, counts = read_changes(history.folder)
    assert (none, dropped(counts, "windows")) == ([], {"large_file": 1})


def test_gitignore_and_license_are_those_of_the_trees_all_along(history, opened):
    history.commit("feat: begin", {"a/b/.gitignore": "x\n", "LICENSE": "none\n"})
    history.commit("feat: 1", {".gitignore": "*.log\n", "a/.gitignore": "!y\n"})
    history.commit("feat: 2", {"LICENSE": "Mozilla Public License Version 2.0\n"})
    history.switch("topic")
    history.commit("feat: 3", {"a.b/.gitignore": "z\n", "ungitignore": "no\n"})
    history.switch("main")
    history.commit("feat: 4", {"a/.gitignore": None, "a/b/.gitignore": "w\n"})
    history.merge("topic", "Merge branch 'topic'")
    history.commit("feat: 5", {}, renames={"a/b/.gitignore": "c/.gitignore"})
    history.commit("feat: 6", {"LICENSE": None})
    changes, _ = read_changes(history.folder, max_window_commits=1)
    source = opened(history.folder)
    for change in changes:
        tree = str(source.read(change.base, "commit").tree_id)
        assert change.gitignore == join_gitignores(read_gitignores(source, tree))
    assert changes[-2].gitignore == ("*.log", "/a.b/**/z", "/a/b/**/w")
    assert changes[-1].gitignore == ("*.log", "/a.b/**/z", "/c/**/w")
    licenses = [change.license for change in changes]
    assert licenses == [None, "MPL-2.0", "MPL-2.0", "MPL-2.0", None]
