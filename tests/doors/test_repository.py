import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.source_fixtures import find, git

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.doors.repository import (
    MAX_BYTES,
    OpenSource,
    borrow_objects,
    open_source,
    read_sizes,
    read_tree_sha,
    require_trees,
)

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
Open = Callable[[Path], OpenSource]


@pytest.fixture
def grown(history):
    for number in range(4):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    return history


def only(source):
    (found,) = find(source).kept
    return found


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("status", "repository"),
        ("status", "repository/.git"),
        ("clone -q --bare repository bare.git", "bare.git"),
        ("clone -q --shared repository borrower", "borrower"),
        ("-C repository bundle create -q ../a.bundle HEAD", "a.bundle"),
        ("-C repository bundle create -q ../a.bundle --all", "a.bundle"),
        ("-C repository bundle create -q ../a.bundle main", "a.bundle"),
    ],
)
def test_opens_a_repository_in_any_shape(opened, grown, tmp_path, command, path):
    git(grown.folder if command == "status" else tmp_path, *command.split())
    source = opened(tmp_path / path)
    assert source.head == grown.head
    assert source.read(source.head, "commit").message == "feat: 3\n"


def test_a_name_is_that_of_the_folder_or_file(grown, tmp_path):
    git(tmp_path, "clone", "-q", "--bare", "repository", "bare.git")
    git(tmp_path / "bare.git", "remote", "remove", "origin")
    assert only(str(tmp_path / "bare.git")).name == "bare"
    grown.bundle(tmp_path / "all of it.bundle")
    assert only(str(tmp_path / "all of it.bundle")).name == "all of it"


def test_globs_are_sorted_and_each_path_is_read_once(grown, tmp_path, monkeypatch):
    for name in ("b", "a"):
        grown.bundle(tmp_path / f"{name}.bundle")
    (tmp_path / "link.bundle").symlink_to("a.bundle")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    sources = find("*.bundle", "b.bundle", "~/a.bundle").kept
    assert [source.path for source in sources] == [
        tmp_path / "a.bundle",
        tmp_path / "b.bundle",
    ]


def failure_of(path):
    with pytest.raises(SourceError) as caught:
        for source in find(str(path)).kept:
            with tempfile.TemporaryDirectory() as folder:
                opened = open_source(source, Path(folder))
                commit = opened.read(opened.head, "commit")
                while commit.parent_ids:
                    commit = opened.read(commit.parent_ids[0], "commit")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_inside_a_repository_is_no_repository(grown):
    (grown.folder / "sub").mkdir()
    message = failure_of(grown.folder / "sub")
    assert f"'{grown.folder}/sub' matches no repository" in message
    assert "1 to 4 levels below" in message


@pytest.mark.parametrize("kept_bytes", [0, 5, 200])
def test_a_broken_bundle_is_refused(grown, tmp_path, kept_bytes):
    path = tmp_path / "broken.bundle"
    grown.bundle(path)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    assert failure_of(path).startswith(f"{path}: the bundle cannot be read: ")


def test_a_bundle_that_needs_other_commits_is_refused(grown, tmp_path):
    path = tmp_path / "part.bundle"
    git(grown.folder, "bundle", "create", "-q", str(path), "main~2..main")
    assert "lacks these prerequisite commits" in failure_of(path)


def test_a_bundle_without_a_head_is_refused(grown, tmp_path):
    path = tmp_path / "tag.bundle"
    git(grown.folder, "tag", "v1")
    git(grown.folder, "bundle", "create", "-q", str(path), "v1")
    assert "has no HEAD, main or master" in failure_of(path)


def test_a_missing_object_is_named(grown):
    sha = git(grown.folder, "rev-parse", "HEAD~1")
    (grown.folder / ".git/objects" / sha[:2] / sha[2:]).unlink()
    assert failure_of(grown.folder).startswith(
        f"{grown.folder}: object {sha} is missing"
    )


def test_says_that_git_is_missing(grown, tmp_path, monkeypatch):
    grown.bundle(tmp_path / "a.bundle")
    monkeypatch.setenv("PATH", str(tmp_path))
    source = only(str(tmp_path / "a.bundle"))
    with pytest.raises(ToolError, match="git is not on PATH"):
        open_source(source, tmp_path / "opened")


def refusal(path):
    with pytest.raises(SourceError) as caught, tempfile.TemporaryDirectory() as folder:
        borrow_objects(path, Path(folder))
    assert str(caught.value).startswith(f"{path}: cannot be read as a git repository: ")
    return str(caught.value)


def test_says_what_the_source_says_of_itself(grown, tmp_path):
    git(tmp_path, "clone", "-q", "--depth=1", grown.folder.as_uri(), "shallow")
    shallow = borrow_objects(tmp_path / "shallow", tmp_path / "1")
    assert shallow.url == grown.folder.as_uri()
    assert shallow.shallow == {grown.head}
    assert shallow.objects == tmp_path / "shallow/.git"
    whole = borrow_objects(grown.folder, tmp_path / "2")
    assert (whole.url, whole.shallow) == ("", frozenset())


def test_a_linked_work_tree_has_its_own_head(grown, tmp_path):
    git(grown.folder, "worktree", "add", "-q", "--detach", "../linked", "main~1")
    linked = borrow_objects(tmp_path / "linked", tmp_path / "1")
    head = git(tmp_path / "1", "rev-parse", "HEAD")
    assert head == git(grown.folder, "rev-parse", "main~1")
    assert linked.objects == grown.folder / ".git"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda git: (git / "HEAD").unlink(), "there is no HEAD"),
        (lambda git: (git / "HEAD").write_text("ref: ../x\n"), "HEAD names neither"),
        (lambda git: (git / "HEAD").write_text("ref: refs/../x\n"), "HEAD names"),
        (lambda git: (git / "shallow").write_text("x\n"), "'shallow' has other lines"),
        (lambda git: os.mkfifo(git / "refs/heads/x"), "refs/heads/x is no plain file"),
        (lambda git: os.mkfifo(git / "packed-refs"), "packed-refs is no plain file"),
        (
            lambda git: (git / "config").write_bytes(b"#" * (MAX_BYTES + 1)),
            f"config has more than {MAX_BYTES} bytes",
        ),
        (
            lambda git: (git / "config").write_text("[extensions]\nfuture = 1\n"),
            "it has the setting extensions.future is 1, which this program does not",
        ),
        (
            lambda git: (git / "objects/info/alternates").write_text('"/x"\n'),
            "objects/info/alternates has a name in quotes",
        ),
    ],
)
def test_refuses_what_git_could_not_read_safely(grown, change, reason):
    (grown.folder / ".git/objects/info").mkdir(exist_ok=True)
    change(grown.folder / ".git")
    assert reason in refusal(grown.folder)


def test_a_format_that_cannot_be_read_is_named_with_what_helps(tmp_path):
    """The advice works: what it makes of the repository is read."""
    for number, name in enumerate(("named", "detached")):
        git(tmp_path, "init", "-q", "--object-format=sha256", name)
        (tmp_path / name / "a").write_text(f"{number}\n")
        git(tmp_path / name, "add", "a")
        git(tmp_path / name, *IDENTITY, "commit", "-q", "-m", "feat: begin")
    git(tmp_path / "detached", "checkout", "-q", "--detach")
    git(tmp_path / "named", "bundle", "create", "-q", "../s.bundle", "HEAD")
    for place in ("named", "detached"):
        assert "names its objects by SHA-256" in refusal(tmp_path / place)
    copy = "git fast-export --all | git -C COPY fast-import"
    with pytest.raises(SourceError, match=re.escape(f"'{copy}'")):
        open_source(find(str(tmp_path / "s.bundle")).kept[0], tmp_path / "opened")
    git(
        tmp_path,
        "init",
        "-q",
        "-b",
        git(tmp_path / "named", "branch", "--show-current"),
        "COPY",
    )
    subprocess.run(
        copy.replace("COPY", "../COPY"),
        shell=True,
        cwd=tmp_path / "named",
        check=True,
        capture_output=True,
    )
    assert [each.name for each in find(str(tmp_path / "COPY")).kept] == ["COPY"]


def test_a_large_but_plain_file_is_no_reason(grown, opened):
    config = grown.folder / ".git/config"
    config.write_bytes(b"#" * (MAX_BYTES - 1) + b"\n")
    opened(grown.folder)


def test_links_that_lead_nowhere_are_no_reason(grown, opened):
    (grown.folder / ".git/objects/gone").symlink_to("nowhere")
    (grown.folder / ".git/objects/up").symlink_to("..")
    opened(grown.folder)


@pytest.fixture
def source(history, opened):
    history.commit("feat: begin", {"a": "12345", "src/b": "x"})
    return opened(history.folder)


def test_sizes_are_those_of_what_the_source_has(source, history):
    blob = str(history.repository.revparse_single("HEAD:a").id)
    assert read_sizes(source, [blob, blob, "1" * 40]) == {blob: 5}
    assert read_sizes(source, []) == {}


def test_the_tree_of_a_commit_is_found(source, history):
    tree = history.repository[history.head].tree_id
    assert read_tree_sha(source, history.head) == str(tree)
    with pytest.raises(SourceError, match=r"object 1{40} is missing"):
        read_tree_sha(source, "1" * 40)


def test_a_folder_that_is_broken_is_an_error(source, history):
    root = history.repository[history.head].tree
    require_trees(source, str(root.id))
    sha = str(root["src"].id)
    path = history.folder / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o600)
    path.write_bytes(b"noise")
    with pytest.raises(SourceError, match="cannot read the history"):
        require_trees(source, str(root.id))
