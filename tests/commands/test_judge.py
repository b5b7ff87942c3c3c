from pathlib import Path

import yaml
from click.testing import CliRunner
from tests.support.fault_server import FaultServer
from tests.support.judged import fair, write_report

from diffscribe.commands.main import main
from diffscribe.core.ballots import read_votes

ROOT = Path(__file__).parents[2]


def test_a_judge_votes_into_a_file_that_is_read_as_votes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reports, splits, samples, prompts = write_report(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    with FaultServer(answer=fair) as server:
        params["label"]["teacher"] |= {"base_url": server.base_url, "model": "wise"}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        paths = (prompts, splits, samples, reports, "judge/votes.json")
        done = CliRunner().invoke(main, ["judge", *map(str, paths)])
    assert done.exit_code == 0, done.output
    assert read_votes(Path("judge/votes.json")).voter == "judge: wise"
    assert "student over base" in done.output
    assert done.output.splitlines()[-1].startswith("judge: 6 votes of judge: wise, 6")
