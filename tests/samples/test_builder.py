import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from diffscribe.samples.builder import EXECUTABLE, SYMLINK, History


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"},
    ).stdout


def grow(history: History) -> None:
    """Write every kind of commit once."""
    history.commit("feat: start", {"a.txt": "one\n", "docs/ä.md": "# Ä\n", "e": ""})
    history.switch("topic")
    history.commit("feat: add noise", {"noise.bin": bytes(range(256)) * 300})
    history.switch("main")
    history.commit("refactor: move a", {}, renames={"a.txt": "src/a.txt"})
    history.merge("topic", "Merge branch 'topic'")
    history.commit("chore: drop e", {"e": None}, author="Bo <bo@example.org>")


def test_equal_calls_give_the_same_sha_on_every_machine(history: History) -> None:
    grow(history)
    assert history.head == "df572d6157438f3b9b2610a9bad9eb82caa5201d"


def test_a_bundle_has_the_same_bytes_on_every_machine(
    history: History, tmp_path: Path
) -> None:
    grow(history)
    history.bundle(tmp_path / "one.bundle")
    digest = hashlib.sha256((tmp_path / "one.bundle").read_bytes()).hexdigest()
    assert digest == (
        "d3db5a463a4f0388bbb21d2cb8602e949c854795d5ad658a40c27e2fa35b3755"
    )


def test_git_verifies_clones_and_checks_out_a_bundle(
    history: History, tmp_path: Path
) -> None:
    grow(history)
    bundle = tmp_path / "one.bundle"
    history.bundle(bundle)
    clone = tmp_path / "clone"
    git(history.folder, "bundle", "verify", str(bundle))
    git(tmp_path, "clone", str(bundle), str(clone))
    git(clone, "fsck", "--strict")
    assert git(clone, "symbolic-ref", "--short", "HEAD") == "main\n"
    assert git(clone, "status", "--porcelain") == ""
    assert (clone / "noise.bin").read_bytes() == bytes(range(256)) * 300
    assert git(clone, "log", "--format=%s|%an|%aI", "-1") == (
        "chore: drop e|Bo|2024-01-09T02:32:00+00:00\n"
    )


def test_files_are_a_delta_and_renames_keep_content_and_mode(history: History) -> None:
    history.commit(
        "one", {"run.sh": "exit\n", "b": "b\n"}, modes={"run.sh": EXECUTABLE}
    )
    history.commit("two", {"b": None}, renames={"run.sh": "bin/run.sh"})
    assert history.paths() == ["bin/run.sh"]
    assert history.read("bin/run.sh") == b"exit\n"
    assert git(history.folder, "show", "--raw", "-M", "--format=", "HEAD") == (
        ":100644 000000 6178079 0000000 D\tb\n"
        ":100755 100755 a3abe50 a3abe50 R100\trun.sh\tbin/run.sh\n"
    )


def test_a_mode_makes_a_symlink(history: History) -> None:
    history.commit("one", {"a": "a\n", "link": "a"}, modes={"link": SYMLINK})
    assert git(history.folder, "ls-tree", "HEAD", "link").startswith("120000 blob")


def test_a_merge_has_two_parents_and_both_sides(history: History) -> None:
    grow(history)
    merge = git(history.folder, "rev-list", "--parents", "--merges", "main").split()
    assert len(merge) == 3
    assert git(history.folder, "ls-tree", "-r", "--name-only", merge[0]).split() == [
        '"docs/\\303\\244.md"',
        "e",
        "noise.bin",
        "src/a.txt",
    ]


def test_a_conflict_is_refused(history: History) -> None:
    history.commit("one", {"a": "1\n"})
    history.switch("topic")
    history.commit("two", {"a": "2\n"})
    history.switch("main")
    history.commit("three", {"a": "3\n"})
    with pytest.raises(ValueError, match="topic conflicts with main"):
        history.merge("topic", "Merge branch 'topic'")


def test_deleting_what_does_not_exist_is_refused(history: History) -> None:
    with pytest.raises(KeyError):
        history.commit("one", {"a": None})


def test_checkout_fills_the_work_tree(history: History) -> None:
    history.commit("one", {"a": "1\n"})
    history.checkout()
    assert git(history.folder, "status", "--porcelain") == ""
    assert (history.folder / "a").read_text() == "1\n"
