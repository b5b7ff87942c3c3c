import subprocess
import sys
from pathlib import Path

import yaml
from tests.support.fault_server import FaultServer
from tests.support.judged import fair, write_report

from diffscribe.review.votes import read_votes

ROOT = Path(__file__).parents[2]


def test_a_judge_votes_into_a_file_that_is_read_as_votes(tmp_path):
    reports, splits, samples, prompts = write_report(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    with FaultServer(answer=fair) as server:
        params["label"]["teacher"] |= {"base_url": server.base_url, "model": "wise"}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        paths = (prompts, splits, samples, reports, "judge/votes.json")
        done = subprocess.run(
            [sys.executable, ROOT / "scripts/judge.py", *paths],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert read_votes(tmp_path / "judge/votes.json").voter == "judge: wise"
    assert "student over base" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("judge: 6 votes of judge: wise, 6")
