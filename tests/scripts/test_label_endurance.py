"""The stage under kills and faults: nothing is lost, doubled or paid twice."""

import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from random import Random

import pytest
from tests.support.fault_server import PASSING, FaultServer
from tests.support.programs import without_mlflow

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change, LabeledChange

pytestmark = pytest.mark.slow

KILLS = 10
ROWS = 600


def number_of(text):
    return re.search(r"\+new acme/app n(\d+)", text)[1]


def teach(body):
    """Answer with a plan that only this row can have."""
    number = number_of(body["messages"][1]["content"])
    commit = {
        "files": ["a.py"],
        "type": "fix",
        "subject": f"stop the leak of n{number}",
    }
    return json.dumps({"gitignore": [], "commits": [commit]})


def prepared(place, labeled, rows, base_url, **teacher):
    changes = [
        Change(
            **labeled(head=f"n{n:04}", paths=["a.py"], message="wip").model_dump(
                exclude={"label"}
            )
        )
        for n in range(rows)
    ]
    write_jsonl(place.folder / "in/harvested.jsonl", changes)
    section = place.params["label"]
    section |= {"source": "teacher", "max_failure_fraction": 1.0}
    section["teacher"] |= {"base_url": base_url, "model": "wise", **teacher}
    return place


def sent(server):
    return Counter(
        number_of(received.body["messages"][1]["content"])
        for received in server.received
    )


def known(place):
    """The rows whose answers are in the ledger."""
    ledger = place.folder / ".cache/teacher.sqlite"
    if not ledger.exists():
        return set()
    with contextlib.closing(sqlite3.connect(ledger)) as database:
        try:
            rows = database.execute("SELECT text FROM answers").fetchall()
        except sqlite3.OperationalError:
            return set()  # killed before the table was made
    return {re.search(r"of n(\d+)", text)[1] for (text,) in rows}


def test_a_run_that_is_killed_ten_times_ends_as_one_that_is_not(workplace, labeled):
    draw = Random(7)
    with FaultServer(answer=teach, latency_s=0.05) as server:
        options = {"concurrency": 4}
        place = prepared(workplace("label"), labeled, 200, server.base_url, **options)
        finished = 0
        for _ in range(KILLS):
            answered, before = known(place), sent(server)
            running = subprocess.Popen(
                place.command(),
                cwd=place.folder,
                env=without_mlflow(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            target = len(server.received) + draw.randrange(26)
            while len(server.received) < target and running.poll() is None:
                time.sleep(0.002)
            time.sleep(draw.uniform(0.0, 0.05))
            running.send_signal(signal.SIGKILL)
            finished += running.wait() == 0
            again = sent(server) - before
            assert set(again) & answered == set()
        assert finished == 0, "all kills came before the end"
        assert len(known(place)) > 40, "kills are spread over the run"
        assert place.run().returncode == 0
        killed = place.written()
        assert sent(server).total() <= 200 + KILLS * 4, "only open requests were lost"

        (place.folder / ".cache/teacher.sqlite").unlink()
        assert place.run().returncode == 0
        assert place.written() == killed


def test_with_faults_in_three_of_ten_requests_every_row_has_one_outcome(
    workplace, labeled
):
    schemas = ["json_schema"]
    with FaultServer(answer=teach, share=0.3, refused_formats=schemas) as server:
        place = prepared(
            *(workplace("label"), labeled, ROWS, server.base_url),
            concurrency=64,
            timeout_s=3.0,
            reasks=2,
        )
        done = place.run()
        assert done.returncode == 0, done.stderr
        out = place.folder / "out"
        rows = list(read_jsonl(out / "labeled.jsonl", LabeledChange))
        failures = [json.loads(line) for line in (out / "label_failures.jsonl").open()]
        heads = [row.head for row in rows] + [each["head"] for each in failures]
        assert sorted(heads) == [f"n{n:04}" for n in range(ROWS)]
        assert [row.head for row in rows] == sorted(row.head for row in rows)
        for row in rows:
            (commit,) = row.label.plan.commits
            assert commit.subject == f"stop the leak of {row.head}"
        assert all(each["reason"] and each["words"] for each in failures)
        assert len(failures) < ROWS / 20
        assert 0.25 < 1 - server.done["answered"] / server.done.total() < 0.35
        assert {*server.done} == {"answered", "refused", *map(str, PASSING)}
        assert max(sent(server).values()) <= 6 * 3, "attempts of three questions"
        assert len(server.received) < ROWS * 2
