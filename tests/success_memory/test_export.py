"""Pairs in every shape load with `datasets`, and are cut as T5 reads them."""

import pytest
from click.testing import CliRunner
from tests.success_memory.support import PROMPTS, SCRIPT, attempt, memory

from diffscribe.commands.export import SHAPES
from diffscribe.commands.main import main
from diffscribe.core.files import write_jsonl
from diffscribe.success_memory.curate import curate_episodes
from diffscribe.success_memory.pairs import load_task_prompts, make_pairs
from diffscribe.success_memory.records import TASKS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs():
    failed = attempt(memory_id="m1", script="x = (\n", valid=False, traceback="Syntax")
    fixed = attempt(memory_id="m1", number=2)
    asked = attempt(
        memory_id="m1", kind="style_unify", prompt="a\tb", raw_output='{"error": "é"}'
    )
    curated = curate_episodes([memory()], [failed, fixed, asked], 9000)
    return make_pairs(curated.episodes, TASKS, load_task_prompts(PROMPTS)).samples


@pytest.fixture(params=sorted(SHAPES))
def exported(request, tmp_path, pairs):
    for split in ("train", "validation", "test"):
        write_jsonl(tmp_path / "sft" / f"{split}.jsonl", pairs)
    folders = [str(tmp_path / name) for name in ("sft", "out")]
    done = CliRunner().invoke(main, ["export", *folders, "--format", request.param])
    assert done.exit_code == 0, done.output
    return request.param, tmp_path / "out"


def answer(row):
    if "conversations" in row:
        return row["conversations"][-1]["value"]
    if "messages" in row:
        return row["messages"][-1]["content"]
    if "completion" in row:
        return row["completion"][-1]["content"]
    return row.get("output") or row["target"]


def test_every_shape_loads_with_datasets_and_keeps_the_answer(
    exported, pairs, tmp_path
):
    from datasets import load_dataset

    shape, folder = exported
    files = {name: str(folder / f"{name}.jsonl") for name in ("train", "test")}
    loaded = load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert len(loaded["train"]) == len(loaded["test"]) == len(pairs) == 3
    assert [answer(row) for row in loaded["train"]] == [
        sample.completion[0].content for sample in pairs
    ], shape


def test_a_tokenizer_of_t5_reads_inputs_and_targets_whole(tmp_path, pairs):
    from datasets import load_dataset
    from transformers import ByT5Tokenizer

    for split in ("train", "validation", "test"):
        write_jsonl(tmp_path / "sft" / f"{split}.jsonl", pairs)
    folders = [str(tmp_path / name) for name in ("sft", "out")]
    CliRunner().invoke(main, ["export", *folders, "--format", "seq2seq"])
    files = str(tmp_path / "out" / "train.jsonl")
    rows = load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    tokenizer = ByT5Tokenizer()
    for row in rows["train"]:
        ids = tokenizer(row["input"], text_target=row["target"])
        for text, cut in ((row["input"], "input_ids"), (row["target"], "labels")):
            assert tokenizer.decode(ids[cut], skip_special_tokens=True) == text
    assert SCRIPT in [row["target"] for row in rows["train"]]
