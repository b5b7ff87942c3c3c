"""docs/harvest.md explains all that harvest counts and all that params may name."""

import re
from pathlib import Path

import pytest

from diffscribe.commits.lesson import NO_LESSON
from diffscribe.commits.path_rules import path_lists
from diffscribe.core.params import SourceParams
from diffscribe.harvest.filters import CommitReason
from diffscribe.harvest.harvest import CapReason
from diffscribe.harvest.windows import WindowReason

DATA = (Path(__file__).parents[2] / "docs/harvest.md").read_text(encoding="utf-8")


def named_in_first_column():
    """Return what tables of the page have in backticks before the second bar."""
    cells = re.findall(r"^\| (`[^|]*) \|", DATA, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


NAMES = {
    "commits": CommitReason,
    "messages": NO_LESSON,
    "windows": WindowReason,
    "caps": CapReason,
    "paths": path_lists(),
    "settings": SourceParams.model_fields.keys() - {"path", "url", "revision"},
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_each_has_its_line(names):
    assert {str(name) for name in names} - named_in_first_column() == set()
