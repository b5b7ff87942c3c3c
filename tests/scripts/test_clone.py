import socket
import subprocess
import time

import pytest
from tests.support.history import History
from tests.support.programs import run_script, write_params


@pytest.fixture
def daemon(tmp_path):
    """The URL of git's own server for the folder `remote` of tmp_path."""
    (tmp_path / "remote").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--reuseaddr", "--export-all", "--listen=127.0.0.1", f"--port={port}"]
    folder = f"--base-path={tmp_path}/remote"
    with subprocess.Popen(["git", "daemon", *options, folder]) as server:
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"git://127.0.0.1:{port}"
        server.terminate()


def run(folder, name, sources, **changed):
    settings = {"sources": sources, "composites_per_commit": 0.0, "workers": 1}
    # A teacher keeps commits whatever they say.
    write_params(folder, harvest=settings | changed, label={"source": "teacher"})
    outputs = ["harvested.jsonl", "harvest.json", "metrics.json"]
    return run_script(name, *(outputs if name == "harvest" else ()), folder=folder)


def test_clones_what_params_name_and_harvest_reads_it(daemon, tmp_path):
    history = History(tmp_path / "remote/name")
    for number in range(3):
        history.commit(f"feat: {number}", {"a.py": f"{number}\n"})
    url = f"{daemon}/name"
    sources = [{"url": url, "revision": history.head}]

    early = run(tmp_path, "harvest", sources)
    assert early.returncode == 66
    assert "not cloned to data/clones/127.0.0.1/name.git yet" in early.stderr

    done = run(tmp_path, "clone", sources)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "clone: 1 of 1 repositories brought to data/clones\n"
    assert done.stderr == f"clone.py: 1 of 1: {url}\n"
    again = run(tmp_path, "clone", sources)
    assert again.stdout == "clone: 0 of 1 repositories brought to data/clones\n"

    read = run(tmp_path, "harvest", sources)
    assert (read.returncode, read.stderr) == (0, "")
    summary = "harvest: 2 changes of 2 commits kept of 3 in 1 sources\n"
    assert read.stdout.startswith(summary)
    assert '"repo":"127.0.0.1/name"' in (tmp_path / "harvested.jsonl").read_text()


def test_stops_at_a_bad_url_or_reports_it_and_goes_on(daemon, tmp_path):
    history = History(tmp_path / "remote/name")
    history.commit("feat: begin", {"a.py": "0\n"})
    sources: list[object] = [
        {"url": f"{daemon}/{name}", "revision": history.head}
        for name in ("none", "name")
    ]
    stopped = run(tmp_path, "clone", sources)
    assert stopped.returncode == 66
    assert "clone.py: git://" in stopped.stderr
    assert not (tmp_path / "data/clones/127.0.0.1/name.git").exists()

    done = run(tmp_path, "clone", sources, on_bad_source="skip")
    assert done.returncode == 0
    assert "left out: git://" in done.stderr
    assert done.stdout == "clone: 1 of 2 repositories brought to data/clones\n"


def test_refuses_other_protocols(tmp_path):
    sources = [{"url": "http://example.org/name", "revision": "0" * 40}]
    done = run(tmp_path, "clone", sources)
    assert done.returncode == 66
    assert "protocol 'http' is not one of https, ssh, git" in done.stderr


def test_has_nothing_to_do_without_urls(tmp_path):
    done = run(tmp_path, "clone", ["~/code/*"])
    assert done.stdout == "clone: 0 of 0 repositories brought to data/clones\n"
