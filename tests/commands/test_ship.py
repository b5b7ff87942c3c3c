"""The verbs `ship` and `lora`: a run's adapter as the folder of diffscribe-135m."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from tests.support.adapters import write_adapter
from tests.support.planned import commit, plan, prediction
from tests.support.rows import make_curated, make_sample, patch
from tests.support.tiny_gguf import write_tiny

from diffscribe.base.smollm2 import convert_gguf
from diffscribe.baseline.model import fit, load_baseline, measure, save_baseline
from diffscribe.commands.ship import ship_command
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import SplitChange
from diffscribe.doors.adapter import adapter_sha256
from diffscribe.eval.cases import read_cases
from diffscribe.eval.metrics import Evaluated, evaluate
from diffscribe.eval.report import write_report
from diffscribe.eval.scores import score_all
from diffscribe.train.sft import earlier_runs

ROOT = Path(__file__).parents[2]
REVISION = "1f2e3d4c" * 5
SOURCES = [
    {"url": f"https://example.org/acme/{name}", "revision": REVISION}
    for name in ("parser", "server", "router", "empty")
]
SPLIT_OF = {"parser": "train", "server": "validation", "router": "test"}
MODEL = f"gguf:{'5' * 64}:1024"
RUNS = [
    {
        "samples": 40,
        "samples_seen": seen,
        "steps": seen // 4,
        "tokens": 100 * seen,
        "validation_loss": loss,
        "seconds": 90.0 * seen,
        "parts": parts,
        "machine": {"processor": "AMD EPYC", "threads": 1, "gpu": None},
        "params": {"learning_rate": 1e-3},
    }
    for seen, loss, parts in ((40, 2.5, 1), (80, 1.25, 3))
]


def rows_of(name, count, **fields):
    for number in range(count):
        path = f"src/{name}_{number}.py"
        curated = make_curated(
            plan=plan(commit(path, "fix", f"mend {name} {number}")),
            paths=(path,),
            repo=f"example.org/acme/{name}",
            head=f"h{number}",
            diff=patch(path, f"{name}_limit_{number} = read_{name}(stream)"),
            license="MIT",
            **fields,
        )
        yield SplitChange(**dict(curated), parent_id=None, junk=())


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """What all stages wrote, of three repositories and a tiny model."""
    run = tmp_path_factory.mktemp("run")
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["harvest"]["sources"] = SOURCES
    values["base"]["source"] = "smollm2-135m"
    (run / "params.yaml").write_text(yaml.safe_dump(values))
    params = load_params(run / "params.yaml")
    rows = {split: list(rows_of(name, 12)) for name, split in SPLIT_OF.items()}
    for split, each in rows.items():
        write_jsonl(run / f"data/splits/{split}.jsonl", each)
        write_jsonl(run / f"data/sft/{split}.jsonl", map(make_sample, each[:9]))
    baseline = params.baseline.model_copy(update={"trees": 5})
    fitted = fit(rows["train"], rows["validation"], baseline)
    (run / "models/baseline").mkdir(parents=True)
    save_baseline(fitted, run / "models/baseline")
    write_json(run / "reports/baseline.json", measure(fitted, rows["validation"]))
    (run / "models/base").mkdir()
    convert_gguf(write_tiny(run / "tiny.gguf"), run / "models/base")
    write_adapter(run / "models/base", run / "models/adapter")
    write_json(run / "reports/train.json", {"samples": 40, "runs": RUNS})
    exported = {"adapter_sha256": adapter_sha256(run / "models/adapter")}
    exported["student"] = {"q8_0": {"sha256": "5" * 64}}
    write_json(run / "reports/merge_quantize.json", exported)
    cases = read_cases(run / "data/sft/test.jsonl", run / "data/splits/test.jsonl")
    answers = [
        prediction(answer(case), case_id=case.id, system=system, model=MODEL)
        for system, answer in (
            ("student-q8_0", lambda case: case.target),
            ("base", lambda _: None),
        )
        for case in cases
    ]
    scores = score_all(cases, answers, params.style)
    evaluation = evaluate(cases, scores, answers, {"student-q8_0": 145_000_000})
    write_report(run / "reports/eval", Evaluated(cases, answers, scores, evaluation))
    return run


@pytest.fixture
def run(whole_run, tmp_path):
    """A copy of the run that a test may damage."""
    return shutil.copytree(whole_run, tmp_path / "run")


def ship(run, folder):
    arguments = [str(run), str(folder), "--params", str(run / "params.yaml")]
    return CliRunner().invoke(ship_command, arguments)


def test_the_folder_holds_what_is_shipped_and_says_what_it_is(run, tmp_path):
    done = ship(run, tmp_path / "shipped" / "tiny-135m")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "shipped" / "tiny-135m"
    results = json.loads((folder / "results.json").read_text())
    for name, found in results["files"].items():
        content = (folder / name).read_bytes()
        assert found["bytes"] == len(content)
        assert found["sha256"] == hashlib.sha256(content).hexdigest()
    assert {*results["files"], "README.md", "results.json"} == {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }
    adapter = run / "models" / "adapter" / "adapter_model.safetensors"
    assert (folder / "adapter_model.safetensors").read_bytes() == adapter.read_bytes()
    assert load_baseline(folder / "baseline").types.types
    assert results["held_out"] == {"example.org/acme/router": 9}
    assert results["unused"] == ["example.org/acme/empty"]
    assert results["spent"] == {"samples_seen": 120, "tokens": 12000, "seconds": 10800}
    assert results["repositories"][0] == {
        "repo": "example.org/acme/parser",
        "split": "train",
        "url": SOURCES[0]["url"],
        "revision": REVISION,
        "licenses": ["MIT"],
        "rows": 12,
        "samples": 9,
    }
    student = results["evaluation"]["systems"][0]
    assert student["n"] == 9 and student["scores"]["valid"]["value"] == 1.0
    # The next training goes on from here, and knows what was before.
    assert earlier_runs(str(folder)) == RUNS


def test_the_card_says_data_recipe_cost_figures_and_limits(run, tmp_path):
    ship(run, tmp_path / "tiny-135m")
    card = (tmp_path / "tiny-135m" / "README.md").read_text()
    assert "$" not in card
    for words in (
        "# tiny-135m",
        "9 held-out changes",
        "example.org/acme/router (9)",
        f"| example.org/acme/parser | train      | {REVISION} | MIT",
        "train: 1 repositories, 12 rows, 9 samples;",
        "No row was left of example.org/acme/empty.",
        "120 samples and 12,000 tokens seen in 3.0 hours.",
        "its optimizer began anew, with a warm-up",
        "AMD EPYC, threads: 1",
        "max_prompt_tokens: ",
        "- student-q8_0 against base: ",
        "Apache License 2.0",
    ):
        assert words in card, words
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "apache-2.0"
    figures = [line for line in card.splitlines() if line.startswith("| student-q8_0")]
    assert "100 [" in figures[0]


def test_equal_runs_give_equal_bytes_and_the_old_folder_goes(run, tmp_path):
    folder = tmp_path / "tiny-135m"
    ship(run, folder)
    first = {path: path.read_bytes() for path in folder.rglob("*.*")}
    (folder / "left.over").touch()
    ship(run, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == first


def private(run):
    rows = list(rows_of("parser", 2, private=True))
    write_jsonl(run / "data/splits/train.jsonl", rows)


def newer_adapter(run):
    write_adapter(run / "models/base", run / "models/adapter", std=0.2)


def newer_gguf(run):
    report = run / "reports/merge_quantize.json"
    report.write_text(report.read_text().replace("5" * 64, "6" * 64))


def other_base(run):
    values = yaml.safe_load((run / "params.yaml").read_text())
    values["base"]["source"] = "diffscribe-135m"
    (run / "params.yaml").write_text(yaml.safe_dump(values))


def large(run):
    with (run / "models/adapter/adapter_model.safetensors").open("r+b") as file:
        file.truncate(25_000_001)


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        (private, 65, "is private"),
        (other_base, 78, "an adapter of smollm2-135m"),
        (newer_adapter, 65, "is of another adapter"),
        (newer_gguf, 65, "is of another student-q8_0"),
        (large, 2, "25,000,001 bytes, more than 25,000,000"),
        (lambda run: shutil.rmtree(run / "models/adapter"), 2, "cannot be read"),
        (lambda run: shutil.rmtree(run / "reports/eval"), 2, "run the stage that"),
    ],
)
def test_a_run_that_cannot_be_shipped_leaves_the_folder_as_it_was(
    damage, code, words, run, tmp_path
):
    folder = tmp_path / "tiny-135m"
    folder.mkdir()
    (folder / "before").touch()
    damage(run)
    done = ship(run, folder)
    assert done.exit_code == code
    assert words in done.output
    assert [path.name for path in folder.iterdir()] == ["before"]
