from collections.abc import Callable
from pathlib import Path

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.doors.repository import OpenSource, require_trees, sizes_of, tree_of
from diffscribe.samples.builder import History


@pytest.fixture
def source(history: History, opened: Callable[[Path], OpenSource]) -> OpenSource:
    history.commit("feat: begin", {"a": "12345", "src/b": "x"})
    return opened(history.folder)


def test_sizes_are_those_of_what_the_source_has(
    source: OpenSource, history: History
) -> None:
    blob = str(history.repository.revparse_single("HEAD:a").id)
    assert sizes_of(source, [blob, blob, "1" * 40]) == {blob: 5}
    assert sizes_of(source, []) == {}


def test_the_tree_of_a_commit_is_found(source: OpenSource, history: History) -> None:
    tree = history.repository[history.head].tree_id
    assert tree_of(source, history.head) == str(tree)
    with pytest.raises(SourceError, match=r"object 1{40} is missing"):
        tree_of(source, "1" * 40)


def test_a_folder_that_is_broken_is_an_error(
    source: OpenSource, history: History
) -> None:
    root = history.repository[history.head].tree
    require_trees(source, str(root.id))
    sha = str(root["src"].id)
    path = history.folder / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o600)
    path.write_bytes(b"noise")
    with pytest.raises(SourceError, match="cannot read the history"):
        require_trees(source, str(root.id))
