import contextlib
import json
import shutil
import socket
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from tests.support.waiting import wait_until

from diffscribe.core.params import SourceParams, load_params
from diffscribe.core.tracking import report, tracked_run

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder that looks like a checkout, as the working directory."""
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "DISABLE_MLFLOW_INTEGRATION"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database without runs: its migrations cost MLflow seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with contextlib.chdir(path.parent):  # MLflow makes a folder of artifacts there
        MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def migrated(repository, database):
    """The checkout with such a database."""
    shutil.copy(database, repository)
    return repository


SAMPLES = "select count(*) from metrics where key = 'system/cpu_utilization_percentage'"
WITHOUT_RETRIES_S = 120
"""MLflow by itself tries again for over four minutes."""


def rows(repository, query):
    with sqlite3.connect(repository / "mlflow.db") as database:
        return database.execute(query).fetchall()


def test_report_writes_the_metrics_and_prints_one_line(tmp_path, capsys):
    report(tmp_path / "metrics" / "curate.json", {"n": 3, "kept": None}, "kept 3")
    text = (tmp_path / "metrics" / "curate.json").read_text()
    assert json.loads(text) == {"n": 3, "kept": None}
    assert capsys.readouterr().out == "curate: kept 3\n"


def test_turned_off_it_leaves_no_trace(repository, monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    with tracked_run("train", PARAMS) as run:
        run.log_step(1, {"loss": 2.0})
    assert [path.name for path in repository.iterdir()] == [".dvc"]


@pytest.mark.slow
def test_train_and_eval_are_children_of_one_finished_run(repository, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "1")
    with tracked_run("train", PARAMS) as run:
        run.log_step(1, {"loss": 2.0})
        run.log_step(2, {"loss": 1.5})
        wait_until(lambda: rows(repository, SAMPLES)[0][0] >= 2)
    with tracked_run("eval", PARAMS) as run:
        run.log_metrics({"student": {"n": 4, "ari": None}, "note": "text"})
        run.set_tags({"gguf.student-q8_0.sha256": "ab12"})
        (repository / "eval").mkdir()
        for name in ("table.md", "predictions.jsonl", "index.html"):
            (repository / "eval" / name).write_text("| n |\n")
        (repository / "eval" / "plots").mkdir()
        (repository / "eval" / "plots" / "error.json").write_text("[]\n")
        run.log_report(repository / "eval")

    runs = rows(repository, "select name, status, run_uuid from runs order by rowid")
    assert [(name, status) for name, status, _ in runs[1:]] == [
        ("train", "FINISHED"),
        ("eval", "FINISHED"),
    ]
    assert runs[0][1] == "FINISHED"
    parents = "select value from tags where key = 'mlflow.parentRunId'"
    assert {value for (value,) in rows(repository, parents)} == {runs[0][2]}
    curve = "select step, value from metrics where key = 'loss' order by step"
    assert rows(repository, curve) == [(1, 2.0), (2, 1.5)]
    final = "select key, value from metrics where key like 'student%'"
    assert rows(repository, final) == [("student.n", 4.0)]
    digest = "select value from tags where key = 'gguf.student-q8_0.sha256'"
    assert rows(repository, digest) == [("ab12",)]
    rate = "select value from params where key = 'learning_rate' and run_uuid = "
    assert rows(repository, f"{rate}'{runs[1][2]}'") == [("0.001",)]
    copies = [each for each in (repository / "mlruns").rglob("*") if each.is_file()]
    assert sorted("/".join(each.parts[-3:]) for each in copies) == [
        "artifacts/eval/table.md",
        "eval/plots/error.json",
    ]


@pytest.mark.slow
def test_train_joins_an_unfinished_run_and_opens_one_after_a_finished(migrated):
    def train_then(fails):
        with tracked_run("train", PARAMS):
            if fails:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_then(fails=True)
    train_then(fails=False)
    with tracked_run("eval", PARAMS):
        pass
    train_then(fails=False)

    names = rows(migrated, "select name, status from runs order by rowid")
    pipeline = names[0][0]
    assert names == [
        (pipeline, "FINISHED"),
        ("train", "FAILED"),
        ("train", "FINISHED"),
        ("eval", "FINISHED"),
        (pipeline, "RUNNING"),
        ("train", "FINISHED"),
    ]


@pytest.mark.slow
def test_experiment_in_a_temporary_copy_is_named_and_kept_at_the_root(
    migrated, monkeypatch
):
    copy = migrated / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"
    (copy / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_EXP_NAME", "brisk-otter")
    with tracked_run("train", PARAMS):
        pass
    names = rows(migrated, "select name from runs order by rowid")
    assert names == [("brisk-otter",), ("train",)]
    tags = "select count(*) from tags where key = 'DVC_EXP_NAME'"
    assert rows(migrated, tags) == [(2,)]
    artifacts = rows(migrated, "select artifact_uri from runs")[0][0]
    assert artifacts.startswith((migrated / "mlruns").as_uri())


def train_without_a_server(capsys):
    """Run a whole stage and return the one line it said about the loss."""
    begin = time.monotonic()
    with tracked_run("train", PARAMS) as run:
        run.log_step(1, {"loss": 2.0})
        run.set_tags({"a": "b"})
    assert time.monotonic() - begin < WITHOUT_RETRIES_S
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.slow
def test_unreachable_server_costs_one_line(repository, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    line = train_without_a_server(capsys)
    assert line.startswith("tracking: MLflow at http://127.0.0.1:")


@pytest.mark.slow
def test_no_key_of_a_url_and_no_private_source_is_shown_or_kept(
    repository, monkeypatch, capsys
):
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hush@127.0.0.1:{port}?k=hush")
    line = train_without_a_server(capsys)
    assert line.startswith(f"tracking: MLflow at http://127.0.0.1:{port} is lost")
    assert "hush" not in line
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tag = json.dumps({"mlflow.source.git.repoURL": "https://hush@example.org/a?hush"})
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", tag)
    secret, opened = SourceParams(path="~/acme", private=True), SourceParams(path="x")
    harvest = PARAMS.harvest.model_copy(update={"sources": (secret, opened)})
    with tracked_run("train", PARAMS.model_copy(update={"harvest": harvest})):
        pass
    [(sources,)] = rows(
        repository, "select value from params where key like '%sources'"
    )
    assert sources.startswith("[{'private': True}, {'path': 'x'")
    assert "acme" not in sources
    [(url,)] = set(rows(repository, "select value from tags where key like '%repoURL'"))
    assert url == "https://example.org/a"


@pytest.mark.slow
def test_corrupt_database_costs_one_line(repository, capsys):
    (repository / "mlflow.db").write_bytes(b"no database" * 500)
    line = train_without_a_server(capsys)
    assert "is lost: file is not a database; the stage goes on" in line


@pytest.mark.slow
def test_locked_database_costs_one_line(repository, capsys):
    database = sqlite3.connect(repository / "mlflow.db", isolation_level=None)
    database.execute("begin exclusive")
    line = train_without_a_server(capsys)
    database.close()
    assert "is lost: database is locked; the stage goes on" in line


@pytest.mark.slow
def test_server_that_dies_midway_costs_one_line(migrated, monkeypatch, capsys):
    with served(migrated, monkeypatch) as (url, die):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        # While it lives it may be slow; a dead one refuses at once.
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        with tracked_run("train", PARAMS) as run:
            run.log_step(1, {"loss": 2.0})
            die()
            begin = time.monotonic()
            run.log_step(2, {"loss": 1.5})
            run.log_step(3, {"loss": 1.0})
    assert time.monotonic() - begin < WITHOUT_RETRIES_S
    assert capsys.readouterr().err.count("is lost") == 1
    assert rows(migrated, "select step from metrics where key = 'loss'") == [(1,)]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def served(folder, monkeypatch):
    """MLflow's own server in a thread: a program would import all of it again."""
    from mlflow import server as mlflow_server
    from werkzeug.serving import make_server

    database, artifacts = f"sqlite:///{folder / 'mlflow.db'}", str(folder / "mlruns")
    monkeypatch.setenv(mlflow_server.BACKEND_STORE_URI_ENV_VAR, database)
    monkeypatch.setenv(mlflow_server.ARTIFACT_ROOT_ENV_VAR, artifacts)
    server = make_server("127.0.0.1", 0, mlflow_server.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def die():
        server.shutdown()
        server.server_close()
        thread.join()

    yield f"http://127.0.0.1:{server.server_port}", die
    if thread.is_alive():
        die()
