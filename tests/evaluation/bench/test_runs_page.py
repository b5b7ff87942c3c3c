import json
import re
from pathlib import Path

import pytest
from planned import commit, make_case, plan

from diffscribe.commits.plan import plan_json
from diffscribe.errors import RecordError
from diffscribe.evaluation.bench.files import finish, prepare, read_run
from diffscribe.evaluation.bench.run_records import (
    Entry,
    Identity,
    Output,
    RunFile,
    Timing,
)
from diffscribe.evaluation.bench.runs_page import write_runs_page
from diffscribe.evaluation.bench.solver import cases_digest
from diffscribe.params import load_params

HOUSE = load_params(Path(__file__).parents[3] / "params.yaml").eval.house


def entry(case_id, subject):
    output = Output(
        sample_id=case_id,
        text=plan_json(plan(commit("a.py", "fix", subject))),
        error=None,
        finish_reason="stop",
        prompt_tokens=9,
        completion_tokens=5,
        reasoning_tokens=0,
        model="m",
    )
    timing = Timing(
        sample_id=case_id, latency_s=0.5, cached_tokens=0, session=1, done_s=1.0
    )
    return Entry(output=output, timing=timing)


@pytest.fixture
def run(tmp_path):
    """A function from a model, its prompt and how many cases to a run."""

    def make(system, prompt="own", count=4):
        cases = [
            make_case(plan(commit("a.py", "fix", "stop early")), id=f"s{number}")
            for number in range(count)
        ]
        identity = Identity(
            solver=1,
            cases_sha256=cases_digest(cases),
            requests_sha256=prompt,
            model={"model": system},
        )
        described = RunFile(
            identity=identity,
            system=system,
            case_file="cases.jsonl",
            case_format="diffscribe cases",
            cases=count,
            settings={"prompt": prompt},
        )
        folder = prepare(tmp_path, described, cases)
        entries = {case.id: entry(case.id, f"{system} {prompt}") for case in cases}
        finish(folder, described, cases, entries, HOUSE)
        return read_run(folder)

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
