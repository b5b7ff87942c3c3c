from pathlib import Path

from click.testing import CliRunner
from tests.support.fault_server import FaultServer
from tests.support.judged import fair, write_report
from tests.support.programs import write_params

from diffscribe.commands.main import main
from diffscribe.core.ballots import read_votes


def test_a_judge_votes_into_a_file_that_is_read_as_votes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reports, splits, samples, prompts = write_report(tmp_path)
    with FaultServer(answer=fair) as server:
        teacher = {"base_url": server.base_url, "model": "wise"}
        write_params(tmp_path, label={"teacher": teacher})
        paths = (prompts, splits, samples, reports, "judge/votes.json")
        done = CliRunner().invoke(main, ["judge", *map(str, paths)])
    assert done.exit_code == 0, done.output
    assert read_votes(Path("judge/votes.json")).voter == "judge: wise"
    assert "student over base" in done.output
    assert done.output.splitlines()[-1].startswith("judge: 6 votes of judge: wise, 6")
