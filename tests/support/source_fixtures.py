"""Repositories as sources: params that keep all of a small history, and git itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.core.records import Change
from diffscribe.doors.places import Sources, find_sources
from diffscribe.doors.repository import OpenSource, open_source
from diffscribe.harvest.harvest import HarvestCounts, harvest

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints, without white space around it."""
    return git_bytes(folder, *arguments).decode().strip()


def git_bytes(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return what git prints with `given` as its input."""
    command = ["git", "-c", "core.quotePath=off", *arguments]
    return subprocess.run(
        command, cwd=folder, input=given, check=True, capture_output=True
    ).stdout


def make_params(*sources: object, **changed: Any) -> HarvestParams:
    """Return params that keep everything of a small history."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"] | {
        "seed": 7,
        "sources": sources or ("x",),
        "max_window_commits": 3,
        "windows_per_commit": 3.0,
        "composites_per_commit": 0.0,
        "max_files": 20,
        "max_diff_chars": 40_000,
        "max_commits_per_source": 1000,
        "bot_authors": ("[bot]", "renovate"),
        "workers": 1,
    }
    return HarvestParams.model_validate(values | changed)


def find(*sources: Any) -> Sources:
    """Return the sources that paths and mappings name; raise the first error."""
    return find_sources(make_params(*sources).sources, raise_error)


def raise_error(error: SourceError) -> None:
    raise error


def harvest_rows(params: HarvestParams) -> tuple[list[bytes], HarvestCounts]:
    """Return the lines that harvest writes, and what it counted."""
    counts = HarvestCounts()
    rows = harvest(params, counts, lambda commits, name, total: commits)
    return list(rows), counts


def read_changes(*sources: Any, **changed: Any) -> tuple[list[Change], dict[str, Any]]:
    """Harvest sources, check that the counts add up, and return changes and counts."""
    params = make_params(*map(_plain, sources), **changed)
    rows, counted = harvest_rows(params)
    changes = [Change.model_validate_json(row) for row in rows]
    counts = counted.metrics(params)
    in_commits = sum(counts["commits_dropped"].values())
    in_windows = sum(counts["windows_dropped"].values())
    assert counts["commits"] == counts["commits_kept"] + in_commits
    assert counts["windows"] == counts["changes"] + in_windows
    assert (
        len(changes) == counts["changes"] == sum(counts["changes_by_commits"].values())
    )
    totals = counted.statistics.metrics()
    assert totals["processed"] == counts["windows"]
    assert totals["approved"] == counts["changes"]
    return changes, counts


def _plain(source: Any) -> Any:
    return str(source) if isinstance(source, Path) else source


def dropped(counts: dict[str, Any], kind: str = "commits") -> dict[str, int]:
    """Return the reasons that were counted at all."""
    return {reason: n for reason, n in counts[f"{kind}_dropped"].items() if n}


@pytest.fixture
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], OpenSource]:
    """A function that opens the source at a path."""

    def enter(path: Path, **settings: Any) -> OpenSource:
        source = SourceParams(path=str(path), **settings)
        (found,) = find_sources((source,), raise_error).kept
        return open_source(found, tmp_path_factory.mktemp("opened") / "source")

    return enter
