"""A labeling in MLflow: one run, and traces of what may be shown."""

import json
import sqlite3
import subprocess
import sys
from random import Random

import pytest
from secret_corpus import TOKENS

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Change
from diffscribe.label.questions import is_traced

pytestmark = pytest.mark.slow

OWN_KEY = "sk-of-this-machine-0123456789"
PLAN = json.dumps(
    {
        "gitignore": [],
        "commits": [{"files": ["a.py"], "type": "fix", "subject": "stop the leak"}],
    }
)


@pytest.fixture
def place(workplace, labeled, endpoint):
    """A place to label three changes of three repositories, the last one private."""
    made = workplace("label")
    section = made.params["label"]
    section |= {"source": "teacher", "max_failure_fraction": 1.0, "trace_fraction": 1.0}
    section["teacher"] |= {
        "base_url": endpoint.base_url,
        "model": "wise",
        "concurrency": 1,
        "reasks": 1,
        "api_key_variable": "OWN_KEY",
    }
    changes = []
    for repo, private in (("acme/one", False), ("acme/two", False), ("acme/own", True)):
        row = labeled(paths=["a.py"], message="wip", repo=repo)
        fields = row.model_dump(exclude={"label"}) | {"private": private}
        changes.append(Change(**fields))
    write_jsonl(made.folder / "in/harvested.jsonl", changes)
    return made


def run(place, **variables):
    return place.run_apart(
        DISABLE_MLFLOW_INTEGRATION="false", OWN_KEY=OWN_KEY, **variables
    )


def rows(place, query):
    with sqlite3.connect(place.folder / "mlflow.db") as database:
        return database.execute(query).fetchall()


def traces(place):
    """Repositories of the traces, and the run that each belongs to."""
    tag = "select value from trace_tags where key = 'diffscribe.repository'"
    source = "select value from trace_request_metadata where key = 'mlflow.sourceRun'"
    return (
        sorted(value for (value,) in rows(place, tag)),
        {value for (value,) in rows(place, source)},
    )


def test_a_run_tells_what_asking_took_and_traces_all_that_is_not_private(
    place, endpoint
):
    endpoint.will_say(PLAN.replace("stop", "stopped"), 100, 10)
    endpoint.will_fail(500, f"{OWN_KEY} is busy")
    for _ in range(3):
        endpoint.will_say(PLAN, 100, 10)
    done = run(place)
    assert done.returncode == 0, done.stderr
    assert len(endpoint.requests) == 5

    found = rows(place, "select name, status, run_uuid from runs order by rowid")
    assert [(name, status) for name, status, _ in found[1:]] == [("label", "FINISHED")]
    assert found[0][1] == "RUNNING", "train and eval of this pipeline follow"
    points = dict(rows(place, "select key, value from metrics"))
    assert points["labeled"] == 3
    assert points["asking.asked"] == 4
    assert points["asking.retries"] == 1
    assert points["asking.faults.HTTP 500"] == 1
    assert points["asking.tokens"] == 440
    assert points["failed.not_json"] == 0
    assert points["rows_per_s"] > 0
    assert points["asking.tokens_per_s"] > 0

    repositories, runs = traces(place)
    assert repositories == ["acme/one"] * 2 + ["acme/two"], "one a question"
    assert runs == {found[1][2]}
    kept = [path.read_bytes() for path in place.folder.rglob("mlflow.db*")]
    kept += [path.read_bytes() for path in place.folder.rglob("*.json")]
    assert any(b"acme/one b1" in each for each in kept), "the diff is in a trace"
    assert not any(b"acme/own b1" in each for each in kept)
    assert not any(OWN_KEY.encode() in each for each in kept)
    assert OWN_KEY not in done.stdout + done.stderr
    for request in endpoint.requests:
        assert f"Bearer {OWN_KEY}" in request.headers.values()
        assert "traceparent" not in map(str.lower, request.headers)


def test_planted_keys_are_in_no_trace_and_no_run(place, endpoint):
    harvested = place.folder / "in/harvested.jsonl"
    kinds = sorted(TOKENS)[:: len(TOKENS) // 20][:20]
    keys = [TOKENS[kind](Random(kind)) for kind in kinds]
    row = json.loads(harvested.read_text().splitlines()[0])
    lines = "".join(f"+value_{number} = {key!r}\n" for number, key in enumerate(keys))
    row["diff"] = row["diff"].replace("@@ -1 +1 @@", "@@ -1 +1,21 @@") + lines
    write_jsonl(harvested, [Change(**row)])
    endpoint.will_say(PLAN)
    done = run(place)
    assert done.returncode == 0, done.stderr
    assert len(traces(place)[0]) == 1
    kept = b"".join(path.read_bytes() for path in place.folder.rglob("mlflow.db*"))
    assert kept.count(b"<secret:") >= 20
    for key in keys:
        assert key.encode() not in kept


def test_what_is_forgotten_is_in_no_trace_any_more(place, endpoint):
    for _ in range(3):
        endpoint.will_say(PLAN)
    assert run(place).returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "diffscribe.commands.main", "forget", "acme/one"],
        cwd=place.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 answers, 0 requests of batches and 1 traces removed" in done.stdout
    assert traces(place)[0] == ["acme/two"]
    kept = b"".join(path.read_bytes() for path in place.folder.rglob("mlflow.db*"))
    assert b"acme/two b1" in kept
    assert b"acme/one b1" not in kept


def test_a_labeling_that_fails_leaves_a_failed_run_with_its_reasons(place, endpoint):
    place.params["label"] |= {"trace_fraction": 0.0, "max_failure_fraction": 0.0}
    for _ in range(6):
        endpoint.will_say("no")
    assert run(place).returncode == 69
    assert rows(place, "select name, status from runs")[1] == ("label", "FAILED")
    points = dict(rows(place, "select key, value from metrics"))
    assert points["failed.not_json"] == 3
    assert points["asking.asked"] == 6
    assert traces(place) == ([], set())


def test_history_alone_has_no_run(place):
    place.params["label"]["source"] = "history"
    assert run(place).returncode == 0
    assert not (place.folder / "mlflow.db").exists()


@pytest.mark.parametrize(("fraction", "most"), [(0.0, 0), (0.1, 130), (1.0, 1000)])
def test_ids_decide_what_is_traced_and_a_private_change_never_is(
    fraction, most, change
):
    changes = [change(("wip", ["a.py"]), head=f"h{n}") for n in range(1000)]
    count = sum(is_traced(each, fraction) for each in changes)
    assert 0.7 * most <= count <= most
    own = [each.model_copy(update={"private": True}) for each in changes]
    assert not any(is_traced(each, fraction) for each in own)
    named = changes[0].model_copy(update={"id": "no digest"})
    assert is_traced(named, fraction) is (fraction == 1.0)
