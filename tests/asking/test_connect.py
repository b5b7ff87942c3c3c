import asyncio
import hashlib

import pytest
from tests.support.fault_server import FaultServer
from tests.support.questions import question

from diffscribe.asking.connect import Gguf, Remote, connected
from diffscribe.core.errors import InputError, ParamsError
from diffscribe.core.tracking import TrackedRun
from diffscribe.doors.endpoint import WithheldError, prepare
from diffscribe.doors.failure import AnswerError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The ledger lies in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(model, *questions, **options):
    with connected(model, **options) as asker:
        return [answer.text for answer in asker.in_order(asker.ask, questions)]


def test_a_gguf_is_named_by_all_that_changes_its_answers(here):
    path = here / "a.gguf"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert Gguf(path, 2048).name == f"gguf:{digest}:2048"
    assert Gguf(path, 2048, threads=3).name == f"gguf:{digest}:2048"
    assert Gguf(path, 4096, slots=8).name == f"gguf:{digest}:4096:8"
    with pytest.raises(InputError, match=r"none\.gguf' cannot be read"):
        _ = Gguf(here / "none.gguf", 2048).name


def test_known_answers_need_no_server_and_no_key():
    with FaultServer() as server:
        said = ask(Remote(server.base_url, "m"), question(1))
    gone = Remote(server.base_url, "m", api_key_variable="NO_SUCH_KEY")
    assert ask(gone, question(1)) == said
    with pytest.raises(ParamsError, match="NO_SUCH_KEY"):
        ask(gone, question(2))


def test_a_paid_answer_stays_when_the_address_moves():
    for requests in (1, 0):
        with FaultServer() as server:
            ask(Remote(server.base_url, "m", concurrency=1 + requests), question(1))
            assert len(server.received) == requests


def test_a_measured_endpoint_gets_no_answers_of_another():
    with FaultServer() as first, FaultServer() as second:
        for server in (first, second):
            ask(Remote(server.base_url, "m"), question(1))
            for slots in (1, 2, 1, 2):
                model = Remote(server.base_url, "m", concurrency=slots)
                ask(model._replace(is_measured=True), question(1))
        assert len(first.received) == 3
        assert len(second.received) == 2
        assert all("place" not in each.body for each in second.received)


@pytest.mark.parametrize(
    ("base_url", "place"),
    [
        ("https://a.example/v1", "a.example:443"),
        ("http://a.example/v1", "a.example:80"),
        ("http://a.example:8000/v1", "a.example:8000"),
    ],
)
def test_a_place_is_host_port_and_slots(base_url, place):
    assert Remote(base_url, "m").place == ""
    assert Remote(base_url, "m", is_measured=True).place == place
    model = Remote(base_url, "m", concurrency=4, is_measured=True)
    assert model.place == f"{place}:4"


def test_a_question_that_no_trace_may_show_is_answered_all_the_same():
    lines = "\n".join(["MIIEowIBAAKCAQEA" + "q8Zt" * 12] * 6)
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n"
    with pytest.raises(WithheldError):
        prepare(question(key), "MLflow")
    run = TrackedRun()
    run.traces = True
    with FaultServer() as server:
        model = Remote(server.base_url, "m")
        assert len(ask(model, question(key, traced=True), run=run)) == 1


def test_known_only_asks_nothing():
    with FaultServer() as server:
        model = Remote(server.base_url, "m")
        ask(model, question(1))
        with connected(model, known_only=True) as asker:
            for _ in range(2):
                with pytest.raises(AnswerError, match="ledger has no answer"):
                    asyncio.run(asker.ask(question(2)))
        assert len(server.received) == 1
        assert len(ask(model, question(1), known_only=True)) == 1
