import json

import pytest
from click.testing import CliRunner

from diffscribe.commands.main import main
from diffscribe.core.ballots import FORMAT, Ballot
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change


def as_change(row):
    return Change(**{name: getattr(row, name) for name in Change.model_fields})


def run(*words):
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def folder(tmp_path, labeled):
    """52 labels, and the changes that they are of."""
    rows = [labeled(head=str(number)) for number in range(52)]
    write_jsonl(tmp_path / "labeled.jsonl", rows)
    write_jsonl(tmp_path / "harvested.jsonl", map(as_change, rows))
    return tmp_path


def test_labels_are_shown_and_voted_on(folder):
    file, report = folder / "labeled.jsonl", folder / "gate"
    shown = run("gate", "show", file, report, "--rows", 3)
    assert shown.splitlines()[1] == f"gate: open {report / 'index.html'}"
    ballots = list(read_jsonl(report / "index.jsonl", Ballot))
    votes = [{**each.model_dump(), "choice": "accept"} for each in ballots]
    content = {"format": FORMAT, "voter": "person", "votes": votes}
    (folder / "votes.json").write_text(json.dumps(content))
    recorded = run("gate", "accept", folder / "votes.json", report)
    assert "gate: 3 of 3 rows accepted: 100 %" in recorded
    assert "On one plan: accept 3" in run("votes", folder / "votes.json")


def test_the_changes_drawn_are_those_whose_labels_are_shown(folder):
    sample, report = folder / "gate" / "harvested.jsonl", folder / "gate"
    drawn = run("gate", "draw", folder / "harvested.jsonl", sample, "--rows", 3)
    assert drawn == f"gate: 3 changes drawn to {sample}\n"
    run("gate", "show", folder / "labeled.jsonl", report, "--rows", 3)
    shown = read_jsonl(report / "index.jsonl", Ballot)
    assert {each.id for each in shown} == {
        change.id for change in read_jsonl(sample, Change)
    }
    run("gate", "draw", folder / "harvested.jsonl", sample)
    assert len(list(read_jsonl(sample, Change))) == 50


def test_votes_without_a_file_are_told_where_to_export_them():
    for words in ([], [""]):
        done = CliRunner().invoke(main, ["gate", "accept", *words])
        assert done.exit_code == 2
        assert "reports/gate/index.html exports with the key e" in done.stderr


@pytest.mark.parametrize(("content", "code"), [(None, 2), ("{", 65)])
def test_what_is_no_export_is_an_explained_failure(tmp_path, content, code):
    path = tmp_path / "votes.json"
    if content:
        path.write_text(content)
    done = CliRunner().invoke(main, ["gate", "accept", str(path), str(tmp_path)])
    assert done.exit_code == code
    assert "gate accept: " in done.stderr
    assert "export them" in done.stderr
