import hashlib
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from tests.support.programs import run_script
from tests.support.rows import make_sample

from diffscribe.core.errors import ParamsError, RecordError, SourceError, ToolError
from diffscribe.core.files import write_jsonl
from diffscribe.core.params import LoraParams, TrainParams
from diffscribe.core.records import Message, TrainingSample
from diffscribe.doors.model_folder import load_tokenizer
from diffscribe.train.sft import COMPLETE, checkpoint_folder, earlier_runs, fine_tune
from diffscribe.train.trainer import masked_ids, sft_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

PARAMS = TrainParams(
    method="lora",
    backend="trl",
    adapter=None,
    lora=LoraParams(r=8, lora_alpha=8, target_modules="all-linear"),
    learning_rate=5e-3,
    lr_scheduler_type="cosine",
    warmup_steps=0.1,
    num_train_epochs=2,
    per_device_train_batch_size=4,
    bf16=False,
    evaluations=4,
    max_validation_samples=4,
    seed=7,
)


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


def sample(number):
    prompt = (Message(role="user", content=f"return {number}"),)
    completion = (Message(role="assistant", content=f"def parse{number % 3}"),)
    return make_sample(id=f"{number:04}", prompt=prompt, completion=completion)


@pytest.fixture
def sft(tmp_path):
    folder = tmp_path / "sft"
    write_jsonl(folder / "train.jsonl", map(sample, range(32)))
    write_jsonl(folder / "validation.jsonl", map(sample, range(32, 40)))
    return folder


def tuned(sft, base, folder, params=PARAMS, on_log=None, max_minutes=None):
    folder.mkdir()
    checkpoints = folder.with_name(f"{folder.name}-checkpoints")
    nothing = lambda *_: None  # noqa: E731
    return fine_tune(
        sft, base, folder, checkpoints, params, on_log or nothing, max_minutes
    )


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_a_killed_run_resumes_to_the_bytes_of_an_undisturbed_one(
    sft, tiny_base, tmp_path
):
    undisturbed = tuned(sft, tiny_base, tmp_path / "whole")

    def kill_at_10(step, _):
        if step == 10:
            raise KilledError

    with pytest.raises(KilledError):
        tuned(sft, tiny_base, tmp_path / "killed", on_log=kill_at_10)
    checkpoints = tmp_path / "killed-checkpoints"
    # What a kill in the middle of saving leaves behind.
    shutil.copytree(checkpoints / "checkpoint-8", checkpoints / "checkpoint-12")
    (checkpoints / "checkpoint-12" / COMPLETE).unlink()
    shutil.rmtree(tmp_path / "killed")
    seen = []
    resumed = tuned(
        sft, tiny_base, tmp_path / "killed", on_log=lambda step, _: seen.append(step)
    )
    assert min(seen) > 8
    assert resumed._replace(cost=undisturbed.cost) == undisturbed
    assert (undisturbed.cost.parts, resumed.cost.parts) == (1, 2)
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_a_run_in_parts_ends_with_the_bytes_of_one_in_one_piece(
    sft, tiny_base, tmp_path
):
    params = PARAMS.model_copy(update={"bf16": True})
    whole = tuned(sft, tiny_base, tmp_path / "whole", params)
    parts = []
    for _ in range(2):
        folder = tmp_path / "parts"
        parts.append(tuned(sft, tiny_base, folder, params, max_minutes=1e-9))
        assert (folder / "adapter_model.safetensors").is_file()
        shutil.rmtree(folder)
    last = tuned(sft, tiny_base, tmp_path / "parts", params)
    assert last._replace(cost=whole.cost) == whole
    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")
    assert [each.steps_left for each in (*parts, last)] == [15, 14, 0]
    assert [each.cost.parts for each in (*parts, last)] == [1, 2, 3]
    seen = [each.metrics["samples_seen"] for each in (*parts, last)]
    assert seen == [4, 8, 64] and last.metrics["samples"] == 32
    tokens = [each.metrics["tokens"] for each in (*parts, last)]
    seconds = [each.cost.seconds for each in (*parts, last)]
    assert tokens == sorted({*tokens}) and seconds == sorted({*seconds})
    # The loss of the adapter that is left, and not of the last checkpoint's.
    assert [each.curve[-1]["step"] for each in (*parts, last)] == [1, 2, 16]
    assert parts[0].metrics["validation_loss"] > last.metrics["validation_loss"]


def test_an_adapter_is_trained_further_with_a_new_optimizer(sft, tiny_base, tmp_path):
    first = tuned(sft, tiny_base, tmp_path / "first")
    params = PARAMS.model_copy(update={"adapter": str(tmp_path / "first")})
    second = tuned(sft, tiny_base, tmp_path / "second", params)
    assert second.curve[0]["loss"] < first.curve[0]["loss"] - 0.5
    assert second.curve[0]["learning_rate"] == first.curve[0]["learning_rate"]
    assert second.metrics["validation_loss"] < first.metrics["validation_loss"]
    configs = [tmp_path / each / "adapter_config.json" for each in ("first", "second")]
    assert configs[0].read_text() == configs[1].read_text()


def test_an_adapter_that_does_not_fit_is_not_trained_further(sft, tiny_base, tmp_path):
    params = PARAMS.model_copy(update={"adapter": str(tmp_path / "none")})
    with pytest.raises(SourceError, match=r"none: no adapter_config\.json in it"):
        tuned(sft, tiny_base, tmp_path / "a", params)
    tuned(sft, tiny_base, tmp_path / "b")
    lora = LoraParams(r=4, lora_alpha=8, target_modules="all-linear")
    params = PARAMS.model_copy(update={"adapter": str(tmp_path / "b"), "lora": lora})
    with pytest.raises(ParamsError, match=r"lora\.r is 4, and that of .*b 8"):
        tuned(sft, tiny_base, tmp_path / "c", params)
    with pytest.raises(ValueError, match="goes on with lora or qlora by TRL"):
        TrainParams(**params.model_dump() | {"method": "full"})


def test_the_runs_before_stand_beside_the_adapter(tmp_path):
    assert earlier_runs(None) == earlier_runs(str(tmp_path)) == []
    (tmp_path / "results.json").write_text('{"training": [{"tokens": 5}]}')
    assert earlier_runs(str(tmp_path)) == [{"tokens": 5}]
    for damaged in ("{}", "[]", "{cut o"):
        (tmp_path / "results.json").write_text(damaged)
        with pytest.raises(RecordError, match="names no training"):
            earlier_runs(str(tmp_path))


@pytest.mark.parametrize("samples", [1, 99, 1003, 12_345])
def test_checkpoints_are_kept_where_the_curve_has_a_point(samples, tmp_path):
    config = sft_config(tmp_path, PARAMS, samples, evaluates=True, backend="trl")
    assert config.save_steps % config.logging_steps == 0
    assert config.eval_steps == config.save_steps


def test_the_loss_falls_and_curves_and_adapter_are_whole(sft, tiny_base, tmp_path):
    from safetensors.torch import load_file

    run = tuned(sft, tiny_base, tmp_path / "adapter")
    losses = [point["loss"] for point in run.curve if "loss" in point]
    assert len(losses) == run.metrics["steps"] == 16
    assert losses[-1] < losses[0]
    evaluations = [point for point in run.curve if "eval_loss" in point]
    assert [point["step"] for point in evaluations] == [4, 8, 12, 16]
    assert run.metrics["validation_loss"] == round(evaluations[-1]["eval_loss"], 4)
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= names
    assert not {"README.md", "training_args.bin"} & names
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "base"
    assert config["target_modules"] == sorted(config["target_modules"])
    weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {str(each.dtype) for each in weights.values()} == {"torch.float16"}


def test_full_fine_tuning_leaves_a_whole_model(sft, tiny_base, tmp_path):
    params = PARAMS.model_copy(update={"method": "full", "learning_rate": 1e-3})
    tuned(sft, tiny_base, tmp_path / "model", params)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names


def test_only_the_answer_is_learned(tiny_base):
    tokenizer = load_tokenizer(tiny_base)
    ids = masked_ids(sample(1), tokenizer, PARAMS)
    learned = [id_ for id_, is_learned in ids if is_learned]
    assert tokenizer.decode(learned) == "def parse1<|im_end|>\n"


def test_text_that_is_rendered_already_is_learned_as_its_chat(tiny_base):
    tokenizer = load_tokenizer(tiny_base)
    chat = sample(1)
    shown = [message.model_dump() for message in chat.prompt]
    text = TrainingSample(
        id="text",
        prompt=tokenizer.apply_chat_template(
            shown, tokenize=False, add_generation_prompt=True
        ),
        completion="def parse1<|im_end|>",
    )
    *of_chat, (_, newline) = masked_ids(chat, tokenizer, PARAMS)
    assert newline
    assert masked_ids(text, tokenizer, PARAMS) == of_chat


def test_a_sample_is_text_or_chat_but_never_half(sft, tiny_base, tmp_path):
    row = {"id": "a", "prompt": "a question", "completion": [], "target": "kept apart"}
    (sft / "train.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(RecordError, match=r"train\.jsonl:1: .*both be text"):
        tuned(sft, tiny_base, tmp_path / "adapter")


def test_a_run_without_validation_samples_has_no_validation_loss(
    sft, tiny_base, tmp_path
):
    write_jsonl(sft / "validation.jsonl", [])
    run = tuned(sft, tiny_base, tmp_path / "adapter")
    assert run.metrics["validation_loss"] is None
    assert run.metrics["steps"] == 16


@pytest.mark.parametrize(
    ("update", "package"),
    [({"method": "qlora"}, "bitsandbytes"), ({"backend": "unsloth"}, "unsloth")],
)
def test_a_missing_package_is_explained(update, package, sft, tiny_base, tmp_path):
    if find_spec(package):
        pytest.skip(f"this machine has {package}, as machines with a GPU do")
    with pytest.raises(ToolError, match=package):
        tuned(sft, tiny_base, tmp_path / "a", PARAMS.model_copy(update=update))


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_unsloth_learns_what_trl_learns(method, sft, tiny_base, tmp_path):
    if not find_spec("unsloth"):
        pytest.skip("unsloth is installed on machines with a GPU only")
    trl, unsloth = (
        trained_apart(sft, tiny_base, tmp_path / backend, backend, method)
        for backend in ("trl", "unsloth")
    )
    assert unsloth["versions"]["unsloth"]
    assert trl["validation_loss"] < 3
    assert unsloth["validation_loss"] == pytest.approx(trl["validation_loss"], rel=0.1)


def trained_apart(sft, base, folder, backend, method):
    """Train in a process of its own, since Unsloth patches TRL, and give metrics."""
    update = {"backend": backend, "method": method}
    command = stage(sft, base, folder, PARAMS.model_copy(update=update))
    subprocess.run(
        [sys.executable, ROOT / "scripts/train.py", *command], cwd=folder, check=True
    )
    return json.loads((folder / "train.json").read_text())


def stage(sft, base, folder, params):
    """Write the params into a folder and return the arguments of the script there."""
    folder.mkdir(exist_ok=True)
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["train"] = params.model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    return [sft, base, "adapter", "curves", "train.json", "metrics.json"]


def test_a_stopped_script_leaves_an_adapter_and_the_cost_of_all_parts(
    sft, tiny_base, tmp_path
):
    command = stage(sft, tiny_base, tmp_path / "before", PARAMS)
    first = run_script("train", *command, folder=tmp_path / "before")
    assert first.returncode == 0, first.stderr
    report = json.loads((tmp_path / "before" / "train.json").read_text())
    results = {"training": report["runs"]}
    adapter = tmp_path / "before" / "adapter"
    (adapter / "results.json").write_text(json.dumps(results))
    params = PARAMS.model_copy(update={"adapter": str(adapter)})
    runs = []
    for code, options in ((75, ("--max-minutes", "1e-9")), (0, ())):
        command = stage(sft, tiny_base, tmp_path / "run", params)
        done = run_script("train", *command, *options, folder=tmp_path / "run")
        assert done.returncode == code, done.stderr
        report = json.loads((tmp_path / "run" / "train.json").read_text())
        assert (tmp_path / "run/adapter/adapter_model.safetensors").is_file()
        earlier, now = report["runs"]
        assert earlier == results["training"][0]
        runs.append(now)
    assert [each["parts"] for each in runs] == [1, 2]
    assert runs[0]["tokens"] < runs[1]["tokens"] == earlier["tokens"]
    assert runs[0]["seconds"] < runs[1]["seconds"]
    assert runs[1]["machine"]["threads"] >= 1 and runs[1]["machine"]["processor"]
    assert runs[1]["params"] == params.model_dump(mode="json")
    assert not list((tmp_path / "run/.cache/train").glob("*"))


def test_checkpoints_are_kept_apart_by_every_input(sft, tiny_base):
    folder = checkpoint_folder(sft, tiny_base, PARAMS)
    assert checkpoint_folder(sft, tiny_base, PARAMS) == folder
    other = PARAMS.model_copy(update={"seed": 8})
    assert checkpoint_folder(sft, tiny_base, other) != folder
    write_jsonl(sft / "validation.jsonl", [sample(1)])
    assert checkpoint_folder(sft, tiny_base, PARAMS) != folder


@pytest.mark.parametrize(
    ("options", "where", "words"),
    [
        ({"learning_rat": 1}, "train.learning_rat", "SFTConfig has no such option"),
        ({"save_steps": 1}, "train.save_steps", "the stage sets it itself"),
        ({"lora": {"alpha": 1}}, "train.lora.alpha", "LoraConfig has no such option"),
    ],
)
def test_options_that_trl_or_peft_does_not_take_are_refused(
    options, where, words, sft, tiny_base, tmp_path
):
    values = PARAMS.model_dump()
    lora = values.pop("lora") | options.pop("lora", {})
    params = TrainParams(**values, **options, lora=lora)
    with pytest.raises(ParamsError, match=rf"{where}: {words}"):
        tuned(sft, tiny_base, tmp_path / "a", params)


def test_options_of_trl_and_peft_need_no_code(sft, tiny_base, tmp_path):
    values = PARAMS.model_dump()
    lora = values.pop("lora") | {"use_rslora": True}
    params = TrainParams(**values, max_grad_norm=0.5, lora=lora)
    checkpoints = tmp_path / "a-checkpoints"
    tuned(sft, tiny_base, tmp_path / "a", params)
    import torch

    (newest, *_) = sorted(checkpoints.glob("checkpoint-*"))
    settings = torch.load(newest / "training_args.bin", weights_only=False)
    assert settings.max_grad_norm == 0.5
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["use_rslora"] is True
