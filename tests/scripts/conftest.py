"""How to run a stage as a user does."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.programs import Done, run_script, without_mlflow
from tests.support.rows import make_curated, make_labeled, make_sample

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import PlannedChange, SplitChange
from diffscribe.merge_quantize.gguf import modelfile

ROOT = Path(__file__).parents[2]

STAGES = {
    "harvest": ("", "harvested.jsonl harvest.json metrics.json"),
    "label": (
        "teacher/ harvested.jsonl",
        "labeled.jsonl label_failures.jsonl label.json metrics.json",
    ),
    "curate": (
        "labeled.jsonl",
        "curated.jsonl rejected.jsonl curate.json metrics.json",
    ),
    "split": ("benchmark_sets/ curated.jsonl", "splits/ split.json metrics.json"),
    "baseline": ("splits/", "baseline/ baseline.json"),
    "base": ("shipped/", "base/ base.json"),
    "render": ("prompts/ splits/ base/", "sft/ render.json metrics.json"),
    "train": ("sft/ base/", "adapter/ curves/ train.json metrics.json"),
    "merge_quantize": ("prompts/ base/ adapter/", "merged/ gguf/ merge_quantize.json"),
    "eval": ("texts/ base/ gguf/ plans.jsonl splits/ test.jsonl", "reports/ eval.json"),
}
"""What each stage reads and writes, in the order of its arguments."""


class Workplace:
    """A folder to run one stage in, with inputs and what an older run wrote."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        inputs, outputs = STAGES[name]
        self.inputs = [folder / "in" / each for each in inputs.split()]
        self.outputs = [folder / "out" / each for each in outputs.split()]
        self.params: dict[str, Any] = yaml.safe_load(
            (ROOT / "params.yaml").read_text(encoding="utf-8")
        )
        self.params["baseline"]["trees"] = 5
        self.params["style"]["body"] = "optional"
        self.params["eval"]["also"] = []  # the ways in lines; the case here is in JSON
        for each in (*inputs.split(), "gguf/", "sft/"):
            self.put(f"in/{each}" + (".keep" if each.endswith("/") else ""))
        for each in outputs.split():
            self.put(f"out/{each}" + ("old" if each.endswith("/") else ""), "old")
        for split in ("train", "validation", "test"):
            self.put(f"in/sft/{split}.jsonl")
        for model in ("student-f16", "base-f16"):
            self.put(f"in/gguf/{model}.gguf")
        self.put("in/gguf/Modelfile", modelfile("student-f16.gguf", "Plan.", 8))
        for here, there in (
            ("student", "prompts"),
            ("teacher", "teacher"),
            (".", "texts"),
        ):
            texts = ROOT / "prompts" / here
            shutil.copytree(texts, folder / "in" / there, dirs_exist_ok=True)
        self.before = self.written()

    def put(self, name: str, content: str = "") -> Path:
        """Write a file of the workplace."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def put_case(self) -> None:
        """Write a sample of the test split, the change it shows, and a plan of it."""
        curated = make_curated(paths=("a",), id="1")
        change = SplitChange(**dict(curated), parent_id=None, junk=())
        sample = make_sample(change)
        write_jsonl(self.folder / "in/test.jsonl", [sample])
        for split in ("train", "test"):
            write_jsonl(self.folder / f"in/splits/{split}.jsonl", [change])
        planned = PlannedChange(
            id=change.id, plan=change.label.plan, given=change.label.plan
        )
        write_jsonl(self.folder / "in/plans.jsonl", [planned])

    def command(self) -> list[str]:
        """Return the command of the stage, with the params as they are now, if any."""
        if self.params:
            self.put("params.yaml", yaml.safe_dump(self.params))
        script = ROOT / "scripts" / f"{self.name}.py"
        return [sys.executable, *map(str, (script, *self.inputs, *self.outputs))]

    def run(self, **variables: str) -> Done:
        """Run the stage in the process of the tests."""
        arguments = self.command()[2:]
        return run_script(self.name, *arguments, folder=self.folder, **variables)

    def run_apart(
        self, *before: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the stage in a process, below another program if one is given."""
        return subprocess.run(
            [*before, *self.command()],
            cwd=self.folder,
            env=without_mlflow(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    def written(self) -> dict[str, bytes]:
        """Return all that lies in the folder of the outputs."""
        out = self.folder / "out"
        files = sorted(path for path in out.rglob("*") if path.is_file())
        return {str(path.relative_to(out)): path.read_bytes() for path in files}

    def assert_failed(self, done: Any, code: int, *words: str) -> None:
        """Check the code, the one line, and that old outputs are untouched."""
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith(f"{self.name}.py: ")
        assert done.stderr.count("\n") == 1
        assert [word for word in words if word not in done.stderr] == [], done.stderr
        assert self.written() == self.before


@pytest.fixture
def workplace(tmp_path):
    """A function that makes the workplace of a stage by its name."""

    def make(name):
        return Workplace(tmp_path, name)

    return make


@pytest.fixture
def labeled():
    """A function that makes a labeled change, of one file."""
    return partial(make_labeled, paths=("a.py",))


@pytest.fixture
def curated():
    """The same as curate writes it."""
    return partial(make_curated, paths=("a.py",))
