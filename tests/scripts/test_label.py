import json
from pathlib import Path
from random import Random

import pytest
from secret_corpus import TOKENS
from tests.support.batch_server import BatchServer
from tests.support.fault_server import completion
from tests.support.programs import run_script, run_verb

from diffscribe.commits.lesson import LessonReason
from diffscribe.core.ballots import Vote
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change, LabeledChange, PlannedCommit
from diffscribe.label.from_history import DivisionReason
from diffscribe.label.gate import VOTES, ballot_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, labeled):
    messages = ["fix(a): Stop the leak (#12)", "Fix a crash in pumps", "fix: #12"]
    rows = [
        labeled(message=message, paths=["a.py"], head=message) for message in messages
    ]
    changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
    write_jsonl(tmp_path / "harvested.jsonl", changes)
    return tmp_path


def label(folder, prompts="prompts/teacher"):
    names = ("labeled.jsonl", "label_failures.jsonl", "label.json", "metrics.json")
    inputs = (ROOT / prompts, folder / "harvested.jsonl")
    return run_script("label", *inputs, *(folder / name for name in names))


def test_every_change_is_labeled_or_counted(folder):
    assert label(folder).returncode == 0
    first, second = read_jsonl(folder / "labeled.jsonl", LabeledChange)
    assert first.label.plan.commits == (
        PlannedCommit(files=("a.py",), type="fix", scope="a", subject="stop the leak"),
    )
    assert second.label.plan.commits[0].subject == "fix a crash in pumps"
    counts = {"processed": 3, "approved": 2}
    *_, third = read_jsonl(folder / "harvested.jsonl", Change)
    metrics = json.loads((folder / "label.json").read_text())
    assert set(metrics.pop("failed").values()) == {0}
    assert metrics == {
        "changes": 3,
        "labeled": 2,
        "from_history": 2,
        "from_teacher": 0,
        "rejected": {
            reason: int(reason == "empty_subject")
            for reason in (*DivisionReason, *LessonReason)
        },
        "refused": {
            third.repo: {"empty_subject": {"count": 1, "examples": [third.head]}}
        },
        "asked": {"changes": 0, "answers": 0, "reasks": 0},
        "tokens": {
            "prompt_tokens": 0,
            "cached_tokens": 0,
            "completion_tokens": 0,
            "reasoning_tokens": 0,
        },
        "cost_usd": 0.0,
        "cost_usd_per_label": 0.0,
        "tokens_per_label": 0.0,
        "statistics": {**counts, "by_source": {first.repo: counts}},
    }
    assert (folder / "label_failures.jsonl").read_text() == ""


def test_a_broken_line_is_named_and_nothing_is_written(folder):
    with (folder / "harvested.jsonl").open("a") as lines:
        lines.write('{"id": 1}\n')
    answer = label(folder)
    assert answer.returncode == 65
    assert "harvested.jsonl:4: not a Change" in answer.stderr
    assert [path.name for path in folder.iterdir()] == ["harvested.jsonl"]


def test_prompts_of_another_stage_are_refused_though_no_model_is_asked(folder):
    answer = label(folder, "prompts/student")
    assert answer.returncode == 2
    assert "prompts/student/" in answer.stderr and "cannot be read" in answer.stderr
    assert [path.name for path in folder.iterdir()] == ["harvested.jsonl"]


def test_no_changes_are_no_error(folder):
    (folder / "harvested.jsonl").write_text("")
    assert label(folder).returncode == 0
    assert (folder / "labeled.jsonl").read_text() == ""


def plan(**fields):
    commit = {"files": ["a.py"], "type": "fix", "subject": "stop the leak", **fields}
    return json.dumps({"gitignore": [], "commits": [commit]})


@pytest.fixture
def taught(workplace, labeled, endpoint):
    """A place to label three changes by a teacher, one after the other."""
    place = workplace("label")
    rows = [labeled(head=head, paths=["a.py"], message="wip") for head in "123"]
    changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
    write_jsonl(place.folder / "in/harvested.jsonl", changes)
    section = place.params["label"]
    section |= {"source": "teacher", "max_failure_fraction": 0.5}
    section["teacher"] |= {
        "base_url": endpoint.base_url,
        "model": "wise",
        "concurrency": 1,
        "reasks": 1,
    }
    return place


def metrics_of(place):
    return json.loads((place.folder / "out/label.json").read_text())


def test_a_teacher_labels_and_a_second_run_asks_nothing(taught, endpoint):
    endpoint.will_say(plan(subject="stop the first leak"), 100, 10)
    endpoint.will_say(plan(subject="stopped it"), 100, 10)
    endpoint.will_say(plan(subject="see #12"), 150, 10)
    endpoint.will_say(plan(files=["b.py"]), 100, 10)
    endpoint.will_say(plan(subject="stop the last leak"), 150, 10)
    taught.params["label"]["prices"] = [
        {
            "model": "wise",
            "date": "2026-11-01",
            "prompt": 1.0,
            "cached": 0.1,
            "completion": 5.0,
        }
    ]
    done = taught.run()
    assert done.returncode == 0, done.stderr
    assert "2 of 3 changes labeled from teacher, 1 failed, 650 tokens, $" in done.stdout
    rows = list(read_jsonl(taught.folder / "out/labeled.jsonl", LabeledChange))
    assert [row.head for row in rows] == ["1", "3"]
    assert rows[1].label.plan.commits[0].subject == "stop the last leak"
    (failure,) = (
        json.loads(line) for line in (taught.folder / "out/label_failures.jsonl").open()
    )
    assert (failure["head"], failure["reason"]) == ("2", "unknown_path")
    metrics = metrics_of(taught)
    assert metrics["asked"] == {"changes": 3, "answers": 5, "reasks": 2}
    assert metrics["failed"]["unknown_path"] == 1
    assert metrics["cost_usd"] == pytest.approx(850e-6)
    assert metrics["cost_usd_per_label"] == pytest.approx(425e-6)

    before, sent = taught.written(), len(endpoint.requests)
    assert taught.run().returncode == 0
    assert taught.written() == before
    assert len(endpoint.requests) == sent


def test_too_many_failures_fail_the_stage_and_say_why(taught, endpoint):
    for _ in range(3):
        endpoint.will_say("no")
        endpoint.will_say("no")
    done = taught.run()
    assert done.returncode == 69
    assert "3 of 3 changes got no label (3 not_json)" in done.stderr
    assert done.stderr.count("\n") == 1
    failures = (taught.folder / "out/label_failures.jsonl").read_text()
    assert failures.count("holds no whole JSON object") == 3
    assert taught.written()["labeled.jsonl"] == b"old"


def test_a_missing_key_is_named_before_anything_is_sent(taught, endpoint):
    taught.params["label"]["teacher"]["api_key_variable"] = "NO_SUCH_KEY"
    done = taught.run()
    taught.assert_failed(done, 78, "the environment has no NO_SUCH_KEY", "export")
    assert endpoint.requests == []


def test_the_key_is_sent_and_stands_in_no_file(taught, endpoint):
    for number in range(3):
        endpoint.will_say(plan(subject=f"stop leak number {number}"))
    taught.params["label"]["teacher"]["api_key_variable"] = "MY_KEY"
    done = taught.run(MY_KEY="sk-wise-and-secret")
    assert done.returncode == 0, done.stderr
    headers = endpoint.requests[0].headers
    assert "Bearer sk-wise-and-secret" in headers.values()
    files = [path for path in taught.folder.rglob("*") if path.is_file()]
    assert (taught.folder / ".cache/teacher.sqlite") in files
    holders = [path for path in files if b"sk-wise" in path.read_bytes()]
    assert holders == []
    assert "sk-wise" not in done.stdout + done.stderr


def test_a_private_change_stays_on_this_machine(taught, labeled):
    row = labeled(head="p", paths=["a.py"]).model_dump(exclude={"label"})
    write_jsonl(
        taught.folder / "in/harvested.jsonl", [Change(**{**row, "private": True})]
    )
    taught.params["label"]["teacher"]["base_url"] = "https://api.example.com/v1"
    done = taught.run()
    words = ("acme/app is marked private", "may not be sent to api.example.com")
    taught.assert_failed(done, 78, *words)


def judged(place, choice):
    """Put down what a person says of the labels that were written last."""
    rows = read_jsonl(place.folder / "out/labeled.jsonl", LabeledChange)
    votes = [Vote(**dict(ballot_of(row)), choice=choice) for row in rows]
    write_jsonl(place.folder / VOTES, votes)


@pytest.mark.slow
def test_a_long_run_waits_for_the_gate_and_pays_for_its_sample_once(taught, endpoint):
    section = taught.params["label"]
    section |= {"gate_threshold": 0.9, "gate_rows": 2}
    for number in range(2):
        endpoint.will_say(plan(subject=f"stop leak number {number}"))
    done = taught.run()
    taught.assert_failed(done, 77, "the gate is closed", "make gate")
    assert len(endpoint.requests) == 2

    endpoint.will_say(plan(subject="stop the last leak"))
    section["gate_threshold"] = None
    assert taught.run().returncode == 0
    assert len(endpoint.requests) == 3
    labels = taught.written()["labeled.jsonl"]
    section["gate_threshold"] = 0.9
    judged(taught, "reject")
    assert taught.run().returncode == 77
    judged(taught, "accept")
    done = taught.run()
    assert done.returncode == 0, done.stderr
    assert taught.written()["labeled.jsonl"] == labels
    assert len(endpoint.requests) == 3


def test_a_run_of_no_more_than_the_gates_rows_needs_no_gate(taught, endpoint):
    for number in range(3):
        endpoint.will_say(plan(subject=f"stop leak number {number}"))
    taught.params["label"] |= {"gate_threshold": 0.9, "gate_rows": 3}
    assert taught.run().returncode == 0


def answered(place, text):
    """Answer all files of requests as `vllm run-batch` does; return how many."""
    count = 0
    for requests in sorted(
        (place.folder / ".cache/batches/offline").glob("requests.jsonl")
    ):
        body = {
            "object": "chat.completion",
            "choices": [
                {"message": {"role": "assistant", "content": text}, "index": 0}
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        }
        lines = []
        for line in requests.read_text().splitlines():
            asked = json.loads(line)["custom_id"]
            response = {"status_code": 200, "request_id": "1", "body": body}
            lines.append(
                {"id": "1", "custom_id": asked, "response": response, "error": None}
            )
        answers = requests.with_name("answers.jsonl")
        answers.write_text("".join(json.dumps(each) + "\n" for each in lines))
        count += len(lines)
    return count


def test_files_of_requests_are_answered_elsewhere_reasks_too(taught, endpoint):
    taught.params["label"]["mode"] = "batch_files"
    taught.assert_failed(taught.run(), 69, "3 requests wait", "vllm run-batch")
    assert answered(taught, plan(subject="stopped the leak")) == 3
    taught.assert_failed(taught.run(), 69, "3 requests wait")
    assert answered(taught, plan(subject="stop the leak")) == 3
    done = taught.run()
    assert done.returncode == 0, done.stderr
    metrics = metrics_of(taught)
    assert metrics["from_teacher"] == 3
    assert metrics["asked"] == {"changes": 3, "answers": 6, "reasks": 3}
    assert endpoint.requests == []
    online = taught.written()
    taught.params["label"]["mode"] = "online"
    assert taught.run().returncode == 0
    assert taught.written() == online


@pytest.mark.slow
def test_a_batch_of_the_service_labels_as_asking_one_by_one_does(taught):
    answer = json.loads(completion(plan()))
    with BatchServer(looks=0, answer=lambda _: (200, answer)) as server:
        taught.params["label"]["mode"] = "batch"
        usd = {"prompt": 1.0, "cached": 0.1, "completion": 4.0}
        price = {"model": "wise", "date": "2026-11-01", "batch_discount": 0.5, **usd}
        taught.params["label"]["prices"] = [price]
        taught.params["label"]["teacher"]["base_url"] = server.base_url
        done = taught.run()
        assert done.returncode == 0, done.stderr
        assert metrics_of(taught)["from_teacher"] == 3
        assert metrics_of(taught)["cost_usd"] == pytest.approx(3 * 26e-6)
        assert server.paid.total() == 3
        before = taught.written()
        assert taught.run().returncode == 0
        assert taught.written() == before
        assert server.paid.total() == 3


def gate_page_of(place):
    """Write the report on which a person judges what was labeled."""
    words = ("gate", "show", "out/labeled.jsonl", "reports/gate")
    return run_verb(*words, folder=place.folder)


@pytest.mark.slow
def test_keys_of_twenty_formats_are_in_nothing_that_is_sent_or_kept(taught, endpoint):
    kinds = sorted(TOKENS)[:: len(TOKENS) // 20][:20]
    keys = [TOKENS[kind](Random(kind)) for kind in kinds]
    assert len(set(keys)) == 20
    harvested = taught.folder / "in/harvested.jsonl"
    row = next(read_jsonl(harvested, Change)).model_dump()
    lines = "".join(f"+value_{number} = {key!r}\n" for number, key in enumerate(keys))
    (commit,) = row["commits"]
    message = "\n".join(["chore: add keys", "", *keys])
    diff = row["diff"].replace("@@ -1 +1 @@", "@@ -1 +1,21 @@") + lines
    row |= {"diff": diff, "commits": [{**commit, "message": message}]}
    write_jsonl(harvested, [Change(**row)])
    section = taught.params["label"]
    section |= {"source": "blend", "cleanup": "teacher", "raters": ["wise"]}
    # The proxy that the environment names stands in for another machine.
    there = {"base_url": "http://teacher.example/v1", "api_key_variable": "OWN_KEY"}
    section["teacher"] |= there
    endpoint.will_say('{"messages": [{"subject": "add keys"}]}')
    for _ in range(2):
        endpoint.will_say(
            '{"format": 5, "clarity": 5, "imperative": 5, "agreement": 5}'
        )
    endpoint.will_say("?")
    endpoint.will_say(plan())
    environment = {f"KEY_{number}": key for number, key in enumerate(keys)}
    environment["OWN_KEY"] = "sk-of-this-machine"
    environment["http_proxy"] = endpoint.base_url.removesuffix("/v1")
    runs = [taught.run(**environment), gate_page_of(taught)]
    section["teacher"]["model"] = "other"
    section["mode"] = "batch_files"
    runs.append(taught.run(**environment))
    assert [done.returncode for done in runs] == [0, 0, 69], runs
    assert len(endpoint.requests) == 5
    sent = json.dumps([request.body for request in endpoint.requests])
    words = "".join(done.stdout + done.stderr for done in runs)
    kept = {
        path.relative_to(taught.folder).as_posix(): path.read_text(errors="replace")
        for path in taught.folder.rglob("*")
        if path.is_file() and path.name not in ("harvested.jsonl", "labeled.jsonl")
    }
    # Each of these shows the change, with something in the place of its keys.
    batch = ".cache/batches/offline/requests.jsonl"
    for text in (sent, kept["reports/gate/index.html"], kept[batch]):
        assert text.count("secret:") >= 20
    assert ".cache/teacher.sqlite" in kept
    assert "out/label.json" in kept
    for key in [*keys, "sk-of-this-machine"]:
        assert key not in sent + words
        assert [name for name, text in kept.items() if key in text] == []
