import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.doors.repository import MAX_BYTES, lent
from diffscribe.samples.builder import History


@pytest.fixture
def grown(history: History) -> History:
    for number in range(2):
        history.commit(f"feat: {number}", {"a": f"{number}\n"})
    return history


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught, lent(path):
        pass
    assert str(caught.value).startswith(f"{path}: cannot be read as a git repository: ")
    return str(caught.value)


def test_git_sees_the_same_commits_through_it(grown: History) -> None:
    with lent(grown.folder) as view:
        assert (
            git(view.folder, "rev-list", "HEAD").split()
            == git(grown.folder, "rev-list", "main").split()
        )


def test_it_is_gone_after_the_block_and_the_source_is_not(grown: History) -> None:
    with lent(grown.folder) as view:
        assert (view.folder / "refs/heads/main").is_file()
    assert not view.folder.exists()
    assert (grown.folder / ".git/refs/heads/main").is_file()


def test_says_what_the_source_says_of_itself(grown: History, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", grown.folder.as_uri(), "shallow")
    with lent(tmp_path / "shallow") as view:
        assert view.url == grown.folder.as_uri()
        assert view.shallow == {grown.head}
        assert view.common == tmp_path / "shallow/.git"
    with lent(grown.folder) as view:
        assert (view.url, view.shallow) == ("", frozenset())


def test_a_linked_work_tree_has_its_own_head(grown: History, tmp_path: Path) -> None:
    git(grown.folder, "worktree", "add", "-q", "--detach", "../linked", "main~1")
    with lent(tmp_path / "linked") as view:
        assert git(view.folder, "rev-parse", "HEAD") == git(
            grown.folder, "rev-parse", "main~1"
        )
        assert view.common == grown.folder / ".git"


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
            "extensions.future is 1, which is not supported",
        ),
        (
            lambda git: (git / "objects/info/alternates").write_text('"/x"\n'),
            "objects/info/alternates has a name in quotes",
        ),
    ],
)
def test_refuses_what_it_cannot_lend(
    grown: History, change: Callable[[Path], object], reason: str
) -> None:
    (grown.folder / ".git/objects/info").mkdir(exist_ok=True)
    change(grown.folder / ".git")
    assert reason in refusal(grown.folder)


def test_a_large_but_plain_file_is_no_reason(grown: History) -> None:
    config = grown.folder / ".git/config"
    config.write_bytes(b"#" * (MAX_BYTES - 1) + b"\n")
    with lent(grown.folder):
        pass


def test_links_that_lead_nowhere_are_no_reason(grown: History) -> None:
    (grown.folder / ".git/objects/gone").symlink_to("nowhere")
    (grown.folder / ".git/objects/up").symlink_to("..")
    with lent(grown.folder):
        pass
