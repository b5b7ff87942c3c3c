import json
import re

import pytest
from tests.support.planned import commit, make_case, plan
from tests.support.stored import HOUSE, make_entry, store_run

from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import RecordError
from diffscribe.eval.bench.runs_page import write_runs_page


@pytest.fixture
def run(tmp_path):
    """A function from a model, its prompt and how many cases to a run."""

    def make(system, prompt="own", count=4):
        cases = [
            make_case(plan(commit("a.py", "fix", "stop early")), id=f"s{number}")
            for number in range(count)
        ]
        answer = plan_json(plan(commit("a.py", "fix", f"{system} {prompt}")))
        entries = [make_entry(case.id, answer) for case in cases]
        return store_run(tmp_path, system, cases, entries, prompt)

    return make


def report_of(path):
    text = path.read_text()
    (found,) = re.findall(r'type="application/json" id="report">(.*?)</script>', text)
    return json.loads(found)


def test_runs_are_the_systems_of_the_page(run, tmp_path):
    page = tmp_path / "page" / "index.html"
    runs = [run("student"), run("base-f16", "teacher")]
    assert write_runs_page(runs, page, 3, HOUSE) == 6
    report = report_of(page)
    assert [each["system"] for each in report["systems"]] == ["student", "base-f16"]
    assert report["systems"][0]["tokens_per_s"] == 10.0
    pairs = {frozenset((each["first"], each["second"])) for each in report["ballots"]}
    assert pairs == {
        frozenset(("student", "base-f16")),
        frozenset(("student", "target")),
    }


def test_a_model_that_was_asked_in_two_ways_is_two_systems(run, tmp_path):
    page = tmp_path / "index.html"
    runs = [run("base"), run("base", "teacher")]
    write_runs_page(runs, page, 1, HOUSE)
    names = [each["system"] for each in report_of(page)["systems"]]
    assert names == [f"base-{each.folder.name[:6]}" for each in runs]
    assert len(set(names)) == 2


def test_other_cases_are_refused(run, tmp_path):
    runs = [run("student"), run("base", count=3)]
    with pytest.raises(RecordError, match="not over the same cases"):
        write_runs_page(runs, tmp_path / "index.html", 1, HOUSE)
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize("names", [("one", "one"), ("target", "one")])
def test_a_run_twice_or_called_like_the_target_is_refused(run, tmp_path, names):
    with pytest.raises(RecordError, match="each has to be another"):
        write_runs_page([run(name) for name in names], tmp_path / "x.html", 1, HOUSE)


def test_two_types_of_a_student_are_compared_if_they_are_what_was_named(run, tmp_path):
    page = tmp_path / "index.html"
    write_runs_page([run("student-q8_0"), run("student-q4_k_m")], page, 1, HOUSE)
    [difference] = report_of(page)["differences"]
    assert difference["other"] == "student-q4_k_m"


def test_equal_answers_of_two_systems_are_two_ballots(run, tmp_path):
    page = tmp_path / "index.html"
    write_runs_page([run("a"), run("b", "x"), run("c", "x")], page, 4, HOUSE)
    ballots = [each["ballot"] for each in report_of(page)["ballots"]]
    assert len(set(ballots)) == len(ballots) == 12
