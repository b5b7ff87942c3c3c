import json

import pytest
from tests.support.programs import run_verb

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Change

GOOD = {"files": ["a.py"], "type": "fix", "subject": "stop the leak"}
PLAN = json.dumps({"gitignore": [], "commits": [GOOD]})


@pytest.fixture
def place(workplace, labeled, endpoint):
    """A place to label changes by a teacher that is there."""
    made = workplace("label")
    section = made.params["label"]
    section |= {"source": "teacher", "max_failure_fraction": 1.0}
    section["teacher"] |= {"base_url": endpoint.base_url, "model": "wise", "reasks": 0}
    section["prices"] = [
        {"model": model, "date": "2026-11-01", "prompt": usd, "cached": 0.0}
        | {"completion": usd}
        for model, usd in (("wise", 1.0), ("wiser", 10.0))
    ]
    return made


def harvested(place, labeled, heads):
    rows = [labeled(head=head, paths=["a.py"], message="wip") for head in heads]
    changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
    write_jsonl(place.folder / "in/harvested.jsonl", changes)


def estimate(place):
    place.command()  # writes the params
    words = ("estimate", "in/harvested.jsonl", "in/teacher")
    done = run_verb(*words, folder=place.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_after_a_few_answers_it_foretells_what_the_rest_will_take(
    place, labeled, endpoint
):
    harvested(place, labeled, "12")
    lines = estimate(place)
    assert lines[2].split()[:4] == ["wise", "2", "0", "2"]
    assert "supposed" in lines[4]
    assert endpoint.requests == []

    for _ in range(2):
        endpoint.will_say(PLAN, 600, 50)
    assert place.run().returncode == 0
    # Heads of one length, so that all prompts are equally long.
    harvested(place, labeled, "123456")
    lines = estimate(place)
    foretold = ["wise", "4", "2", "4", "2,400", "200", "$0.0026"]
    assert lines[2].split()[:7] == foretold
    assert lines[3].split()[:4] == ["wiser", "6", "0", "6"]
    assert len(endpoint.requests) == 2

    for _ in range(4):
        endpoint.will_say(PLAN, 600, 50)
    assert place.run().returncode == 0
    assert len(endpoint.requests) == 6
    assert place.written()["label.json"]
    cost = json.loads(place.written()["label.json"])["cost_usd"]
    assert cost == pytest.approx(0.0026 * 6 / 4)
    assert estimate(place)[2].split()[:4] == ["wise", "0", "6", "0"]


def test_it_tells_of_a_teacher_where_params_ask_nobody(place, labeled, endpoint):
    harvested(place, labeled, "1")
    place.params["label"]["source"] = "history"
    lines = estimate(place)
    assert lines[2].split()[:4] == ["wise", "1", "0", "1"]
    assert lines[-1].startswith("label.source is history")
    assert endpoint.requests == []
