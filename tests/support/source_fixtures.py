"""Params of the stage that keep everything of a small history."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams
from diffscribe.doors.repository import OpenSource, find_sources, open_source

ROOT = Path(__file__).parents[2]


@pytest.fixture
def harvest_params():
    def make(source: object = "x", **changed: Any) -> HarvestParams:
        values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"]
        values |= {
            "sources": (str(source),),
            "max_window_commits": 3,
            "windows_per_commit": 3.0,
            "max_commits_per_source": 1000,
            "bot_authors": ("[bot]", "renovate"),
            "workers": 1,
        }
        return HarvestParams.model_validate(values | changed)

    return make


@pytest.fixture
def opened(harvest_params):
    """A function that opens a source until the test ends."""
    with ExitStack() as stack:

        def enter(path: Path) -> OpenSource:
            (source,) = find_sources(harvest_params(path), _raise).kept
            return stack.enter_context(open_source(source))

        yield enter


def _raise(error: SourceError) -> None:
    raise error
