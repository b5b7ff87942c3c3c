"""What several folders of tests share: a git repository to write histories in."""

from pathlib import Path

import pytest

from diffscribe.samples.builder import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An empty repository in the folder `repository` of tmp_path."""
    return History(tmp_path / "repository")
