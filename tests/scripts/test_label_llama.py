"""Label by a real llama-server; its model knows nothing, the path is real."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.support.history import History
from tests.support.strict_proxy import StrictProxy
from tests.support.tiny_gguf import write_tiny

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change
from diffscribe.doors.llama_cpp import serve

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A GGUF with random weights that reads a whole prompt of a teacher."""
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    return write_tiny(path, context_tokens=8192, width=256, is_packed=False)


@pytest.fixture
def place(workplace):
    """A place to label the two smallest changes of a history."""
    place = workplace("label")
    history = History(place.folder / "in/app")
    history.commit("feat: parse lines", {"src/parse.py": "def parse(line):\n"})
    history.commit("docs: tell how lines are parsed", {"README.md": "# Lines\n"})
    history.commit("fix: skip blanks", {"src/parse.py": "def parse(line, blank):\n"})
    place.params["harvest"]["sources"] = ["in/app"]
    label = place.params["label"]
    label |= {"source": "teacher", "max_failure_fraction": 1.0}
    label["teacher"] |= {"concurrency": 2, "reasks": 1, "max_answer_tokens": 120}
    place.command()
    harvested = place.folder / "in/harvested.jsonl"
    harvest = [
        str(ROOT / "scripts/harvest.py"),
        str(harvested),
        "harvest.json",
        "metrics.json",
    ]
    subprocess.run([sys.executable, *harvest], cwd=place.folder, check=True)
    changes = sorted(read_jsonl(harvested, Change), key=lambda each: len(each.diff))
    write_jsonl(harvested, changes[:2])
    return place


@pytest.mark.parametrize(
    ("refuses", "refused", "rung"),
    [
        ([], [], "json_schema"),
        (["json_schema"], ["json_schema"] * 2, "json_object"),
        (["json_schema", "json_object"], ["json_schema"] * 2 + ["json_object"], "text"),
    ],
)
def test_a_real_server_is_asked_by_the_best_rung_that_is_not_refused(
    place, model, refuses, refused, rung
):
    with (
        serve(model, context_tokens=8192, threads=2) as base_url,
        StrictProxy(base_url, refuses) as proxy,
    ):
        place.params["label"]["teacher"]["base_url"] = proxy.base_url
        done = place.run()
        assert done.returncode == 0, done.stderr
    metrics = json.loads(place.written()["label.json"])
    failed = Counter(metrics["failed"])
    assert metrics["labeled"] + failed.total() == 2
    assert failed["no_answer"] == 0
    assert metrics["tokens"]["prompt_tokens"] > 2000
    assert metrics["tokens"]["completion_tokens"] > 0
    steps, answered = proxy.passed[: len(refused)], proxy.passed[len(refused) :]
    assert [(each.kind, each.status) for each in steps] == [(k, 400) for k in refused]
    assert {(each.kind, each.status) for each in answered} == {(rung, 200)}
    assert all("timings" in each.reply for each in answered), "llama-server's own"
    # The server is gone: all comes from the ledger, byte for byte.
    before = place.written()
    again = place.run()
    assert again.returncode == 0, again.stderr
    assert place.written() == before
