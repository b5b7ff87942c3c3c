import json

import pytest

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Message, Plan, Sample

SIZES = {"train": 3, "validation": 0, "test": 1}


def sample(name, roles=("system", "user")):
    return Sample(
        id=name,
        parent_id=None,
        repo="r",
        task="plan",
        prompt=tuple(Message(role=role, content=f"{role} {name}") for role in roles),
        completion=(Message(role="assistant", content="{}"),),
        files=(),
        junk=(),
        target=Plan(commits=()),
    )


@pytest.fixture
def sft(tmp_path):
    for split, size in SIZES.items():
        samples = [sample(f"{split} {n}") for n in range(size)]
        write_jsonl(tmp_path / "sft" / f"{split}.jsonl", samples)
    return tmp_path / "sft"


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_split_is_written_line_by_line(stage, sft, tmp_path):
    out = tmp_path / "deep" / "out"
    done = stage("export_sft", sft, out, "--format", "chatml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "export_sft: chatml: train 3, validation 0, test 1\n"
    assert set(content(out)) == {f"{split}.jsonl" for split in SIZES}
    rows = [json.loads(line) for line in (out / "train.jsonl").open()]
    asked = [row["messages"][1]["content"] for row in rows]
    assert asked == ["user train 0", "user train 1", "user train 2"]


def test_an_unknown_format_is_refused_and_nothing_written(stage, sft, tmp_path):
    done = stage("export_sft", sft, tmp_path / "out", "--format", "csv")
    assert done.returncode == 2
    assert "'csv' is not one of 'alpaca', 'chatml'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_format_has_to_be_named(stage, sft, tmp_path):
    assert stage("export_sft", sft, tmp_path / "out").returncode == 2


def test_a_broken_line_is_named_and_leaves_the_file_of_before(stage, sft, tmp_path):
    out = tmp_path / "out"
    stage("export_sft", sft, out, "--format", "alpaca")
    before = content(out)
    with (sft / "train.jsonl").open("a") as lines:
        lines.write("{}\n")
    done = stage("export_sft", sft, out, "--format", "alpaca")
    assert done.returncode == 65
    assert "train.jsonl:4: not a Sample" in done.stderr
    assert content(out) == before


def test_other_files_of_the_folder_stay(stage, sft, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = stage("export_sft", sft, tmp_path, "--format", "sharegpt")
    assert done.returncode == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_samples_are_not_written_over(stage, sft):
    before = content(sft)
    done = stage("export_sft", sft, f"{sft}/../sft", "--format", "chatml")
    assert done.returncode == 2
    assert "name another folder" in done.stderr
    assert content(sft) == before


def test_what_the_shape_cannot_hold_is_an_error(stage, sft, tmp_path):
    write_jsonl(sft / "test.jsonl", [sample("odd", ("user",))])
    done = stage("export_sft", sft, tmp_path / "out", "--format", "alpaca")
    assert done.returncode == 65
    assert "sample odd: alpaca holds one instruction" in done.stderr


def test_help_names_the_formats(stage):
    shown = stage("export_sft", "--help").stdout
    assert "alpaca|chatml|prompt-completion|sharegpt" in shown
