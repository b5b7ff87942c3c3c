import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def run(folder: Path, commits: int) -> subprocess.CompletedProcess[str]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["samples"]["commits_per_repository"] = commits
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    script = ROOT / "scripts" / "samples.py"
    return subprocess.run(
        [sys.executable, str(script), "samples", "metrics.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_writes_a_bundle_for_each_repository_and_counts_them(tmp_path: Path) -> None:
    assert run(tmp_path, 40).returncode == 0
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert len(names) == 48
    assert {"stockroom.bundle", "waymark.bundle", "logferry.bundle"} <= set(names)
    counts = json.loads((tmp_path / "metrics.json").read_text())
    assert counts["repositories"] == 48
    assert counts["languages"] == 6
    assert counts["bundle_bytes"] == sum(
        path.stat().st_size for path in (tmp_path / "samples").iterdir()
    )


def test_refuses_too_few_commits_and_writes_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, 39)
    assert result.returncode == 78
    assert "samples.commits_per_repository" in result.stderr
    assert not (tmp_path / "samples").exists()
