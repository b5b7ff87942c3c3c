import json

import pytest
from click.testing import CliRunner
from tests.support.rows import make_sample

from diffscribe.commands.export import SHAPES
from diffscribe.commands.main import main
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Message
from diffscribe.doors.model_folder import chat_template_kwargs, load_tokenizer

CHATS = [shape for shape in SHAPES if shape != "seq2seq"]
"""Shapes that keep the turns."""
TRICKY = 'naïve 漢字 👩‍👩‍👧\r\n\ttab \x00 \u2028 <|im_start|> $x \\n "q"  \n'


def sample(name="1", roles=("system", "user"), answer="{}"):
    prompt = tuple(Message(role=role, content=f"{role} {TRICKY}") for role in roles)
    completion = (Message(role="assistant", content=answer),)
    return make_sample(id=name, prompt=prompt, completion=completion)


def chat(row):
    """The messages of a row in any shape, as its reader would take them."""
    if "conversations" in row:
        roles = {"system": "system", "human": "user", "gpt": "assistant"}
        turns = row["conversations"]
        return [{"role": roles[t["from"]], "content": t["value"]} for t in turns]
    if "instruction" in row:
        keys = {"system": "instruction", "user": "input", "assistant": "output"}
        return [{"role": role, "content": row[key]} for role, key in keys.items()]
    return row["messages"] if "messages" in row else row["prompt"] + row["completion"]


SIZES = {"train": 3, "validation": 0, "test": 1}


def write_splits(folder, **samples):
    for split in SIZES:
        write_jsonl(folder / "sft" / f"{split}.jsonl", samples.get(split, []))


@pytest.fixture
def sft(tmp_path):
    counts = SIZES.items()
    rows = {split: [sample(f"{split} {n}") for n in range(k)] for split, k in counts}
    write_splits(tmp_path, **rows)
    return tmp_path / "sft"


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def export(sft, out, *options):
    return CliRunner().invoke(main, ["export", str(sft), str(out), *options])


@pytest.mark.parametrize(
    ("shape", "keys"),
    [
        ("alpaca", ["instruction", "input", "output"]),
        ("chatml", ["messages"]),
        ("prompt-completion", ["prompt", "completion"]),
        ("sharegpt", ["conversations"]),
    ],
)
def test_a_shape_has_its_keys_and_no_others(shape, keys):
    assert list(SHAPES[shape](sample())) == keys


def test_sharegpt_names_the_speakers_as_its_readers_expect():
    turns = SHAPES["sharegpt"](sample())["conversations"]
    assert [turn["from"] for turn in turns] == ["system", "human", "gpt"]


def test_one_task_can_be_taken_alone(tmp_path):
    plan, message = sample("plan"), sample("message", answer="fix: stop")
    message = message.model_copy(update={"task": "message"})
    write_splits(tmp_path, train=[plan, message], test=[plan])
    for task, train, test in (("message", [message], []), ("plan", [plan], [plan])):
        out = tmp_path / task
        done = export(tmp_path / "sft", out, "--format", "alpaca", "--task", task)
        sizes = f"train {len(train)}, validation 0, test {len(test)}"
        assert done.output == f"export: alpaca: {sizes}\n"
        rows = [json.loads(line) for line in (out / "train.jsonl").open()]
        assert rows == [SHAPES["alpaca"](each) for each in train]
    assert rows[0]["output"] == "{}"


@pytest.mark.parametrize("roles", [("user",), ("system", "user", "assistant", "user")])
def test_a_chat_that_alpaca_has_no_place_for_is_refused_by_name(roles):
    with pytest.raises(RecordError, match="sample long: alpaca holds one"):
        SHAPES["alpaca"](sample("long", roles))
    for shape in set(CHATS) - {"alpaca"}:
        assert len(chat(SHAPES[shape](sample("long", roles)))) == len(roles) + 1


@pytest.mark.slow
@pytest.mark.parametrize("shape", CHATS)
def test_datasets_loads_it_and_the_base_renders_it_as_the_sample(
    shape, tiny_base, tmp_path
):
    from datasets import load_dataset

    samples = [sample(str(n), answer=f"{n} {TRICKY}") for n in range(3)]
    write_splits(tmp_path, train=samples)
    assert export(tmp_path / "sft", tmp_path, "--format", shape).exit_code == 0
    rows = load_dataset(
        "json",
        data_files=str(tmp_path / "train.jsonl"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    tokenizer = load_tokenizer(tiny_base)

    def rendered(messages):
        return tokenizer.apply_chat_template(
            messages, tokenize=False, **chat_template_kwargs(tokenizer)
        )

    for each, row in zip(samples, rows, strict=True):
        messages = [m.model_dump() for m in (*each.prompt, *each.completion)]
        text = rendered(chat(row))
        assert text == rendered(messages)
        assert all(message["content"].strip() in text for message in messages)


def test_every_split_is_written_line_by_line(sft, tmp_path):
    out = tmp_path / "deep" / "out"
    done = export(sft, out, "--format", "chatml")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "export: chatml: train 3, validation 0, test 1\n"
    assert set(content(out)) == {f"{split}.jsonl" for split in SIZES}


@pytest.mark.parametrize("shape", CHATS)
def test_a_private_sample_is_left_out_and_counted(sft, tmp_path, shape):
    own = sample("own", answer="walrus").model_copy(update={"private": True})
    for split in ("train", "test"):
        write_jsonl(sft / f"{split}.jsonl", [sample("1"), own, sample("2")])
    done = export(sft, tmp_path / "out", "--format", shape)
    assert done.stdout == (
        f"export: {shape}: train 2, validation 0, test 2; 2 private samples left out\n"
    )
    files = content(tmp_path / "out")
    assert [len(files[f"{split}.jsonl"].splitlines()) for split in SIZES] == [2, 0, 2]
    assert not any(b"walrus" in file for file in files.values())


@pytest.mark.parametrize("shape", CHATS)
def test_no_character_is_lost_on_the_way_to_the_file(shape, tmp_path):
    samples = [sample(str(n), answer=TRICKY * n) for n in range(3)]
    write_splits(tmp_path, train=samples)
    export(tmp_path / "sft", tmp_path, "--format", shape)
    lines = (tmp_path / "train.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    for each, line in zip(samples, lines, strict=True):
        expected = [m.model_dump() for m in (*each.prompt, *each.completion)]
        assert chat(json.loads(line)) == expected


@pytest.mark.parametrize("options", [(), ("--format", "csv")])
def test_a_format_has_to_be_named_and_known(sft, tmp_path, options):
    done = export(sft, tmp_path / "out", *options)
    assert done.exit_code == 2
    assert all(shape in done.stderr for shape in SHAPES)
    assert not (tmp_path / "out").exists()


def test_a_broken_line_is_named_and_leaves_the_files_of_before(sft, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert export(sft, tmp_path, "--format", "alpaca").exit_code == 0
    before = content(tmp_path)
    assert set(before) == {"notes.txt", *(f"{split}.jsonl" for split in SIZES)}
    with (sft / "train.jsonl").open("a") as lines:
        lines.write("{}\n")
    done = export(sft, tmp_path, "--format", "alpaca")
    assert done.exit_code == 65
    assert "train.jsonl:4: not a ChatSample" in done.stderr
    assert content(tmp_path) == before


def test_the_samples_are_not_written_over(sft):
    before = content(sft)
    done = export(sft, f"{sft}/../sft", "--format", "chatml")
    assert done.exit_code == 2
    assert "name another folder" in done.stderr
    assert content(sft) == before
