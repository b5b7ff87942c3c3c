"""What a user sees of each stage if its params, inputs or programs are wrong."""

import shutil
import subprocess

import pytest
from tests.support.history import History

STAGES = (
    *("harvest", "label", "curate", "split", "baseline"),
    *("base", "render", "train", "merge_quantize", "eval"),
)
INPUTS = {
    "label": ("teacher", "harvested.jsonl"),
    "curate": ("labeled.jsonl",),
    "split": ("curated.jsonl",),
    "baseline": ("splits",),
    "base": ("shipped",),
    "render": ("prompts", "splits", "base"),
    "train": ("sft", "base"),
    "merge_quantize": ("prompts", "base", "adapter"),
    "eval": ("texts", "base", "gguf", "plans.jsonl", "splits", "test.jsonl"),
}
SAMPLE = (
    '{"completion":[],"files":["a"],"id":"1","junk":[],"parent_id":null,'
    '"prompt":[],"repo":"r","target":{"commits":[]},"task":"plan"}\n'
)


@pytest.mark.parametrize("name", STAGES)
def test_a_mistyped_key_is_named(workplace, name):
    place = workplace(name)
    section = place.params[name]
    key = next(iter(section))
    section[f"{key}x"] = section.pop(key)
    words = f"params.yaml: key '{name}.{key}' is missing"
    # What train does not know may be an option of TRL.
    unknown = "" if name == "train" else f"; unknown key '{name}.{key}x'"
    place.assert_failed(place.run(), 78, words + unknown)


@pytest.mark.parametrize("name", STAGES)
def test_missing_params_point_to_the_option(workplace, name):
    place = workplace(name)
    place.params = None
    place.assert_failed(place.run(), 78, "params.yaml: No such file", "--params")


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, missing) for name, inputs in INPUTS.items() for missing in inputs],
)
def test_a_missing_input_is_named_with_what_writes_it(workplace, name, missing):
    place = workplace(name)
    path = place.folder / "in" / missing
    path.rename(place.folder / "elsewhere")
    words = (f"input '{path}' does not exist", "'make repro'")
    place.assert_failed(place.run(), 2, *words)


@pytest.mark.parametrize("missing", ["train.jsonl", "validation.jsonl", "test.jsonl"])
def test_baseline_names_a_split_that_was_not_made(workplace, missing):
    place = workplace("baseline")
    for name in {"train.jsonl", "validation.jsonl", "test.jsonl"} - {missing}:
        place.put(f"in/splits/{name}")
    place.assert_failed(place.run(), 2, f"in/splits/{missing}' cannot be read: No such")


@pytest.mark.parametrize("missing", ["train.jsonl", "validation.jsonl"])
def test_train_names_a_split_that_was_not_rendered(workplace, missing):
    place = workplace("train")
    place.put("in/sft/train.jsonl", SAMPLE)
    (place.folder / "in/sft" / missing).unlink()
    place.assert_failed(place.run(), 2, f"in/sft/{missing}' cannot be read: No such")


def test_render_names_a_prompt_that_is_gone(workplace):
    place = workplace("render")
    (place.folder / "in/prompts/user.md").unlink()
    place.assert_failed(place.run(), 2, "in/prompts/user.md' cannot be read")


def test_a_folder_in_place_of_a_file_is_named(workplace):
    place = workplace("label")
    path = place.folder / "in/harvested.jsonl"
    path.unlink()
    path.mkdir()
    place.assert_failed(place.run(), 2, f"'{path}' cannot be read: Is a directory")


@pytest.mark.parametrize(
    ("name", "path", "good"),
    [
        ("label", "harvested.jsonl", ""),
        ("curate", "labeled.jsonl", ""),
        ("split", "curated.jsonl", ""),
        ("baseline", "splits/train.jsonl", ""),
        ("baseline", "splits/validation.jsonl", ""),
        ("train", "sft/train.jsonl", SAMPLE),
        ("train", "sft/validation.jsonl", SAMPLE),
        ("eval", "test.jsonl", SAMPLE),
    ],
)
@pytest.mark.parametrize("corrupt", ['{"id": "cut o', '{"id": "whole", "x": 1}'])
def test_a_corrupt_line_is_named_with_its_file_and_number(
    workplace, name, path, good, corrupt
):
    place = workplace(name)
    place.put("in/sft/train.jsonl", SAMPLE)
    place.put("in/splits/train.jsonl")
    place.put(f"in/{path}", f"{good}{corrupt}\n")
    line = 2 if good else 1
    place.assert_failed(place.run(), 65, f"in/{path}:{line}: not a ", "again")


def test_baseline_without_a_single_row_says_where_they_went(workplace):
    place = workplace("baseline")
    for name in ("train", "validation", "test"):
        place.put(f"in/splits/{name}.jsonl")
    place.assert_failed(place.run(), 65, "no commits to learn from; see reports/")


def test_train_without_a_single_sample_says_where_they_went(workplace):
    place = workplace("train")
    place.assert_failed(place.run(), 65, "no samples to train on; see reports/")


def test_a_folder_that_is_no_repository_is_no_source(workplace):
    place = workplace("harvest")
    place.params["harvest"]["sources"] = ["in"]
    words = "harvest.sources: 'in' matches no repository or bundle"
    place.assert_failed(place.run(), 66, words, "correct it in the params")


def test_a_file_that_is_no_bundle_is_no_source(workplace):
    place = workplace("harvest")
    place.params["harvest"]["sources"] = ["params.yaml"]
    place.assert_failed(place.run(), 66, "neither a repository nor a '.bundle'")


def test_a_shallow_clone_gives_the_changes_it_has(workplace):
    place = workplace("harvest")
    history = History(place.folder / "whole")
    for number in range(5):
        history.commit(f"feat: {number}", {"a.py": f"{number}\n"})
    subprocess.run(
        ["git", "clone", "-q", "--depth=3", history.folder.as_uri(), "shallow"],
        cwd=place.folder,
        check=True,
    )
    place.params["harvest"]["sources"] = ["shallow"]
    place.params["label"]["source"] = "teacher"  # Keeps commits whatever they say.
    done = place.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "of 2 commits kept of 3 in 1 sources" in done.stdout


def test_harvest_without_git_says_what_to_install(workplace):
    place = workplace("harvest")
    sha = "0" * 40
    place.put("in/a.bundle", f"# v2 git bundle\n{sha} HEAD\n\nPACK")
    place.params["harvest"]["sources"] = ["in/a.bundle"]
    done = place.run_apart(PATH=str(place.folder))
    place.assert_failed(done, 69, "git is not on PATH; install git 2.39 or newer")


@pytest.mark.parametrize("name", ["merge_quantize", "eval"])
def test_a_missing_llama_cpp_says_how_to_get_it(workplace, name):
    place = workplace(name)
    place.put_case()
    done = place.run_apart(PATH=str(place.folder), LLAMA_CPP_DIR=str(place.folder))
    place.assert_failed(done, 69, "llama-server not found", "run 'make llama.cpp'")


def test_eval_names_the_model_that_is_missing(workplace):
    place = workplace("eval")
    (place.folder / "in/gguf/student-f16.gguf").unlink()
    place.assert_failed(
        place.run(), 66, "needs the student-f16.gguf", "run the stage merge-quantize"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("no/such/folder", 66, "base.source 'no/such/folder' is no folder"),
        ("owner/model", 78, "base.revision must pin 'owner/model' to a commit"),
        ("in/prompts", 66, "in/prompts has no config.json; give the folder"),
    ],
)
def test_a_base_that_cannot_be_had_is_named(workplace, source, code, words):
    place = workplace("base")
    place.params["base"]["source"] = source
    place.assert_failed(place.run(), code, words)


@pytest.mark.slow
def test_render_names_a_split_that_was_not_made(workplace, tiny_base):
    place = workplace("render")
    place.inputs[2] = tiny_base
    done = place.run()
    place.assert_failed(done, 2, "in/splits/train.jsonl' cannot be read: No such file")


@pytest.mark.slow
def test_render_names_a_corrupt_line(workplace, tiny_base):
    place = workplace("render")
    place.inputs[2] = tiny_base
    place.put("in/splits/train.jsonl", "{}\n")
    place.assert_failed(place.run(), 65, "in/splits/train.jsonl:1: not a SplitChange")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("base", "model.safetensors", "version https://git-lfs"),
        ("train", "model.safetensors", "version https://git-lfs"),
        ("base", "config.json", "[]"),
        ("base", "tokenizer_config.json", '{"a":'),
    ],
)
def test_a_damaged_base_is_explained(workplace, tiny_base, name, file, content):
    place = workplace(name)
    base = shutil.copytree(tiny_base, place.folder / "damaged")
    (base / file).write_text(content)
    place.put("in/sft/train.jsonl", SAMPLE)
    place.params["base"]["source"] = str(base)
    if name == "train":
        place.inputs[1] = base
    place.assert_failed(place.run(), 66, str(base), "cannot be loaded: ", "fetch it")
