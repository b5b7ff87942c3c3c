"""Label by a real llama-server; its model knows nothing, the path is real."""

import json
from collections import Counter
from pathlib import Path

import pytest

from diffscribe.gguf.convert import convert
from diffscribe.gguf.server import serve
from diffscribe.jsonl import write_jsonl
from diffscribe.labels.flaws import Flaw
from diffscribe.records import Change

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tiny_params, tmp_path_factory) -> Path:
    """A GGUF with random weights that reads a whole prompt of a teacher."""
    from diffscribe.training.runtime import seed_torch
    from diffscribe.training.scratch import initial_model, save, train_tokenizer

    seed_torch(7)
    params = tiny_params.model_copy(update={"context_tokens": 8192})
    texts = ["def parse(line):\n    return line.split()\n" * 3]
    tokenizer = train_tokenizer(texts, "Split the change.", params)
    folder = tmp_path_factory.mktemp("model")
    save(initial_model(tokenizer, params), tokenizer, folder / "base")
    convert(folder / "base", folder / "tiny.gguf", "tiny")
    return folder / "tiny.gguf"


def test_a_real_server_answers_by_the_schema_and_every_row_has_its_outcome(
    workplace, labeled, model
):
    place = workplace("label")
    rows = [labeled(head=head, message="wip") for head in "12"]
    changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
    write_jsonl(place.folder / "in/harvested.jsonl", changes)
    section = place.params["label"]
    section |= {"source": "teacher", "max_failure_fraction": 1.0}
    section["teacher"] |= {"concurrency": 2, "reasks": 1, "max_answer_tokens": 120}
    with serve(model, context_tokens=8192, threads=2) as base_url:
        section["teacher"]["base_url"] = base_url
        done = place.run()
        assert done.returncode == 0, done.stderr
        before = place.written()
    metrics = json.loads(before["label.json"])
    failed = Counter(metrics["failed"])
    assert metrics["labeled"] + failed.total() == 2
    assert failed["no_answer"] == 0
    assert failed.total() == sum(failed[flaw] for flaw in Flaw)
    assert metrics["tokens"]["prompt_tokens"] > 2000
    assert metrics["tokens"]["completion_tokens"] > 0
    # The server is gone: all comes from the ledger, byte for byte.
    assert place.run().returncode == 0
    assert place.written() == before
