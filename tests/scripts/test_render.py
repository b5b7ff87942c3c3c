import json
from pathlib import Path

import pytest
from tests.support.programs import run_script, write_params

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Sample, SplitChange
from diffscribe.doors.model_folder import count_chat_tokens, load_tokenizer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SIZES = {"train": 6, "validation": 2, "test": 1}
PROMPT_TOKENS, ANSWER_TOKENS = 320, 160


@pytest.fixture
def folder(tmp_path, curated):
    """Splits of small, large and hopeless changes of two repositories."""
    for split, size in SIZES.items():
        rows = []
        for n in range(size):
            row = curated(repo=f"r{n % 2}", head=f"{split}{n}")
            places = range(1, 40 * n)
            hunks = (f"@@ -{at}0 +{at}0 @@\n-x{at}\n+y{at}\n" for at in places)
            longer = row.diff + "".join(hunks)
            if (split, n) == ("train", 5):
                body = "word " * ANSWER_TOKENS
                commits = [
                    each.model_copy(update={"body": body})
                    for each in row.label.plan.commits
                ]
                plan = row.label.plan.model_copy(update={"commits": tuple(commits)})
                label = row.label.model_copy(update={"plan": plan})
                row = row.model_copy(update={"label": label})
            fields = {"diff": longer, "parent_id": None, "junk": ()}
            rows.append(SplitChange(**{**dict(row), **fields}))
        write_jsonl(tmp_path / "splits" / f"{split}.jsonl", rows)
    tokens = {"max_prompt_tokens": PROMPT_TOKENS, "max_answer_tokens": ANSWER_TOKENS}
    write_params(tmp_path, render=tokens)
    return tmp_path


@pytest.fixture
def rendered(folder, tiny_base):
    done = run_script(
        "render",
        *(ROOT / "prompts/student", folder / "splits", tiny_base),
        *(folder / "sft", folder / "render.json", folder / "metrics.json"),
        *("--params", folder / "params.yaml"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_answer_ends_inside_the_length(rendered, folder, tiny_base):
    tokenizer = load_tokenizer(tiny_base)
    for split in SIZES:
        for sample in read_jsonl(folder / "sft" / f"{split}.jsonl", Sample):
            asked = count_chat_tokens(tokenizer, sample.prompt, asks=True)
            whole = [*sample.prompt, *sample.completion]
            ended = count_chat_tokens(tokenizer, whole, asks=False)
            assert asked <= PROMPT_TOKENS
            assert asked < ended <= PROMPT_TOKENS + ANSWER_TOKENS


def test_statistics_by_source_are_printed_and_in_metrics(rendered, folder):
    metrics = json.loads((folder / "render.json").read_text())
    assert metrics["train"]["dropped_long_answer"] == 1
    assert metrics["train"]["cut_hunks"] > 0
    assert 0 < metrics["train"]["answer_fraction"] < 1
    r0 = {"processed": 5, "approved": 5, "train": 3, "validation": 1, "test": 1}
    r1 = {"processed": 4, "approved": 3, "train": 2, "validation": 1, "test": 0}
    everything = {name: r0[name] + r1[name] for name in r0}
    assert metrics["statistics"] == {**everything, "by_source": {"r0": r0, "r1": r1}}
    first, header, _, total, *sources = rendered.splitlines()
    assert first == "render: train 5, validation 2, test 1"
    assert header.split() == ["source", *everything]
    assert total.split() == ["all", *map(str, everything.values())]
    assert [line.split()[0] for line in sources] == ["r0", "r1"]
