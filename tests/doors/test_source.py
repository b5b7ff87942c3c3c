import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.core.params import HarvestParams
from diffscribe.doors.repository import Source, Sources, find_sources, open_source
from diffscribe.samples.builder import History

ROOT = Path(__file__).parents[2]


def harvest_params(*sources: object, **changed: Any) -> HarvestParams:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"]
    return HarvestParams.model_validate(values | {"sources": sources} | changed)


def stop(error: SourceError) -> None:
    raise error


def found(*sources: object, **changed: Any) -> Sources:
    return find_sources(harvest_params(*sources, **changed), stop)


def only(source: object) -> Source:
    (source,) = found(source).kept
    return source


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def grown(history: History) -> History:
    for number in range(4):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    return history


def opened_head(path: Path) -> str:
    """Open a source and return its head, proven to be readable."""
    with open_source(only(str(path))) as opened:
        assert opened.read(opened.head).message == "feat: 3\n"
        return opened.head


def test_opens_a_work_tree_and_its_git_folder(grown: History) -> None:
    assert opened_head(grown.folder) == grown.head
    assert opened_head(grown.folder / ".git") == grown.head


def test_opens_a_bare_repository_under_its_name(grown: History, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", "repository", "bare.git")
    git(tmp_path / "bare.git", "remote", "remove", "origin")
    assert opened_head(tmp_path / "bare.git") == grown.head
    assert only(str(tmp_path / "bare.git")).name == "bare"


def test_opens_a_linked_work_tree(grown: History, tmp_path: Path) -> None:
    git(grown.folder, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert opened_head(tmp_path / "linked") == grown.head


def test_opens_a_clone_that_borrows_objects(grown: History, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--shared", "repository", "borrower")
    assert opened_head(tmp_path / "borrower") == grown.head


@pytest.mark.parametrize("references", [["HEAD"], ["--all"], ["main"]])
def test_opens_a_bundle(grown: History, tmp_path: Path, references: list[str]) -> None:
    path = tmp_path / "all of it.bundle"
    git(grown.folder, "bundle", "create", "-q", str(path), *references)
    assert opened_head(path) == grown.head
    assert only(str(path)).name == "all of it"


def test_knows_where_a_shallow_clone_ends(grown: History, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=2", grown.folder.as_uri(), "shallow")
    with open_source(only(str(tmp_path / "shallow"))) as opened:
        assert opened.shallow == {git(grown.folder, "rev-parse", "HEAD~1")}


def test_globs_are_sorted_and_each_path_is_read_once(
    grown: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b", "a"):
        grown.bundle(tmp_path / f"{name}.bundle")
    (tmp_path / "link.bundle").symlink_to("a.bundle")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    sources = found("*.bundle", "b.bundle", "~/a.bundle").kept
    assert [source.path for source in sources] == [
        tmp_path / "a.bundle",
        tmp_path / "b.bundle",
    ]


def test_a_remote_names_the_repository(grown: History) -> None:
    git(grown.folder, "remote", "add", "origin", "git@Example.org:owner/name.git")
    assert only(str(grown.folder)).name == "example.org/owner/name"


def failure_of(path: Path | str) -> str:
    with pytest.raises(SourceError) as caught:
        for source in found(str(path)).kept:
            with open_source(source) as opened:
                commit = opened.read(opened.head)
                while commit.parent_ids:
                    commit = opened.read(commit.parent_ids[0])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_says_which_pattern_matches_nothing(tmp_path: Path) -> None:
    assert f"'{tmp_path}/*.git' matches no repository" in failure_of(tmp_path / "*.git")


def test_a_folder_inside_a_repository_is_no_repository(grown: History) -> None:
    (grown.folder / "sub").mkdir()
    message = failure_of(grown.folder / "sub")
    assert f"'{grown.folder}/sub' matches no repository" in message
    assert "1 to 4 levels below" in message


def test_a_repository_without_commits_is_refused(history: History) -> None:
    assert "the repository has no commit" in failure_of(history.folder)


def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "neither a repository nor a '.bundle'" in failure_of(tmp_path / "notes.txt")


@pytest.mark.parametrize("kept_bytes", [0, 5, 200])
def test_a_broken_bundle_is_refused(
    grown: History, tmp_path: Path, kept_bytes: int
) -> None:
    path = tmp_path / "broken.bundle"
    grown.bundle(path)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    assert failure_of(path).startswith(f"{path}: the bundle cannot be read: ")


def test_a_bundle_that_needs_other_commits_is_refused(
    grown: History, tmp_path: Path
) -> None:
    path = tmp_path / "part.bundle"
    git(grown.folder, "bundle", "create", "-q", str(path), "main~2..main")
    assert "lacks these prerequisite commits" in failure_of(path)


def test_a_bundle_without_a_head_is_refused(grown: History, tmp_path: Path) -> None:
    path = tmp_path / "tag.bundle"
    git(grown.folder, "tag", "v1")
    git(grown.folder, "bundle", "create", "-q", str(path), "v1")
    assert "has no HEAD, main or master" in failure_of(path)


def test_a_missing_object_is_named(grown: History) -> None:
    sha = git(grown.folder, "rev-parse", "HEAD~1")
    (grown.folder / ".git/objects" / sha[:2] / sha[2:]).unlink()
    assert failure_of(grown.folder).startswith(
        f"{grown.folder}: object {sha} is missing"
    )


def test_says_that_git_is_missing(
    grown: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown.bundle(tmp_path / "a.bundle")
    monkeypatch.setenv("PATH", str(tmp_path))
    source = only(str(tmp_path / "a.bundle"))
    with pytest.raises(ToolError, match="git is not on PATH"), open_source(source):
        pass
