"""Write the DAG, the tree and the result table between README's markers.

Usage: python tools/docs.py    (or: make docs)
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "benchmarks": "what is measured against a peer or a limit",
    ".ci": "what a submission has to pass",
    ".dvc": "DVC's settings; its cache is not in git",
    "benchmark_sets": "lists of what no split may hold",
    "data": "bundles, changes, splits and samples; written by stages only",
    "docs": "decisions, experiments and how to use a GPU box",
    "judge": "what a judge of two plans is told",
    "message": "what a model is told that writes one message",
    "metrics": "one small JSON a stage, committed",
    "models": "base, adapter, merged model and GGUF; written by stages only",
    "profiles": "overrides of params.yaml for real models",
    "prompts": "every text that a model is shown",
    "reports": "curves and the evaluation's report; written by stages only",
    "scripts": "one thin command a stage: wiring, progress, one summary line",
    "src": "",
    "student": "what the student is told, and how it is shown a change",
    "teacher": "what a teacher is told: to plan, to clean, to rate, to mend",
    "tests": "mirrors src and scripts; smoke/ runs the whole pipeline",
    "tools": "what the Makefile runs that is no stage",
}
FILES = {
    ".ci/run": "make check and make test, with their times",
    "CHANGELOG.md": "outcomes that a user sees",
    "README.md": "this file",
    "benchmark_sets/README.md": "what a list looks like",
    "constraints.txt": "every version this project was measured with",
    "dvc.lock": "what was last run, with digests",
    "dvc.yaml": "the pipeline: a stage is a command, its inputs and its outputs",
    "params.yaml": "every number or name one may change, a section a stage",
    "pyproject.toml": "dependencies and the settings of ruff, mypy and pytest",
    "src/diffscribe/evaluation/page/overview.js": "its first view: systems and figures",
    "src/diffscribe/evaluation/page/report_page.css": "what it looks like",
    "src/diffscribe/evaluation/page/report_page.html": "its views, still empty",
    "src/diffscribe/evaluation/page/report_page.js": "its keys and its address",
    "src/diffscribe/evaluation/page/samples.js": "its second view: samples and filters",
    "src/diffscribe/evaluation/page/side_by_side.js": "its third view: blind votes",
    "src/diffscribe/gate/gate.css": "what the page of the gate looks like",
    "src/diffscribe/gate/gate.js": "its keys, and how its verdicts are kept",
    "src/diffscribe/page.css": "what all pages look like",
    "src/diffscribe/page.js": "how all pages show texts, diffs and commits",
    "tools/llama-cpp.txt": "the release that carries llama.cpp, with its digest",
    "tools/llama_cpp.sh": "fetch and build llama.cpp, or find it",
    "tools/overrides-cpu.txt": "packages that are useless without a GPU",
    "tools/overrides.txt": "requirements of third parties, relaxed on purpose",
    "tools/setup.sh": "create .venv with every pinned version",
}
"""Phrases of what cannot say it in its own first line."""
SCORES = {
    "valid": "valid plans %",
    "type": "type accuracy %",
    "ari": "grouping (ARI) %",
    "junk": "junk routed %",
}
SPEED_AND_SIZE = {"tokens_per_s": "tokens/s", "size_mb": "size MB"}
FOLDED = (
    *("tests", "metrics", "data", "models", "reports"),
    *("judge", "message", "student", "teacher"),
    *(".dvc", ".ci"),
)


def main() -> None:
    """Rewrite README.md in place."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    metrics = ROOT / "metrics" / "eval.json"
    if metrics.is_file():
        values = json.loads(metrics.read_text(encoding="utf-8"))
        text = replace(text, "results", results(values))
    text = replace(text, "dag", dag())
    readme.write_text(replace(text, "tree", tree()), encoding="utf-8")


def replace(text: str, name: str, block: str) -> str:
    """Return the text with another block between the markers of a name."""
    if block_of(text, name) is None:
        raise SystemExit(f"README.md: no <!-- {name} --> and <!-- /{name} -->")
    return _pattern(name).sub(lambda found: f"{found[1]}\n{block}\n{found[3]}", text)


def block_of(text: str, name: str) -> str | None:
    """Return what is between the markers of a name."""
    found = _pattern(name).search(text)
    return found[2].strip("\n") if found else None


def dag() -> str:
    """Return the stages of dvc.yaml as a mermaid graph."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return "\n".join(["```mermaid", "flowchart LR", *_edges(stages), "```"])


def results(metrics: dict[str, Any]) -> str:
    """Return metrics/eval.json as Markdown: all systems, then the differences."""
    try:
        return "\n\n".join(
            (
                _systems(metrics),
                f"In brackets the 95 % interval; n = {metrics['n']} changes, of which "
                f"{metrics['n_junk']} have junk. {metrics['student']} minus each "
                "other, paired by change, in points:",
                _differences(metrics["difference"]),
            )
        )
    except KeyError as error:
        raise SystemExit(
            f"metrics/eval.json: no {error}, so an older version wrote it; "
            "run 'make repro', then 'make docs' again"
        ) from error


def tree() -> str:
    """Return files and folders with a phrase each; FOLDED ones stay closed."""
    return "\n".join(["```", *_lines(Path(), sorted(_files())), "```"])


def phrase(path: Path) -> str:
    """Return what a file says of itself in its first line, without the period."""
    if str(path) in FILES:
        return FILES[str(path)]
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".py":
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        return re.sub(r"^Stage [\w-]+: ", "", first).rstrip(".:")
    comment = re.search(r"^#+ (?!!)(.+?)[.;:]?$", text, re.MULTILINE)
    return comment[1] if comment else ""


def _systems(metrics: dict[str, Any]) -> str:
    """Return a row a system: students, bases, then controls."""
    systems = {
        name: row
        for name, row in metrics.items()
        if isinstance(row, dict) and name != "difference"
    }
    rows = [
        [
            name,
            *(_score(systems[name], score) for score in SCORES),
            *(_number(systems[name][key]) for key in SPEED_AND_SIZE),
        ]
        for name in sorted(systems, key=lambda name: _rank(name, systems[name]))
    ]
    return _table(["system", *SCORES.values(), *SPEED_AND_SIZE.values()], rows)


def _differences(differences: dict[str, Any]) -> str:
    rows = [
        [name, *(_score(differences[name], score) for score in SCORES)]
        for name in sorted(differences)
    ]
    return _table(["minus", *SCORES.values()], rows)


def _table(headers: list[str], rows: list[list[str]]) -> str:
    return tabulate(
        rows,
        headers=headers,
        tablefmt="github",
        disable_numparse=True,
        colalign=["left", *["right"] * (len(headers) - 1)],
    )


def _rank(name: str, row: dict[str, float | None]) -> tuple[int, float, str]:
    group = ("student", "base").index(name.split("-")[0]) if row["size_mb"] else 2
    return group, -(row["size_mb"] or 0), name


def _score(row: dict[str, float | None], name: str) -> str:
    ends = (row[name], row[f"{name}_low"], row[f"{name}_high"])
    percents = [round(100 * share) for share in ends if share is not None]
    return "{} [{}, {}]".format(*percents) if percents else "-"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _edges(stages: dict[str, Any]) -> Iterator[str]:
    writers = {out: name for name, stage in stages.items() for out in stage["outs"]}
    for name, stage in stages.items():
        sources = {
            writer
            for dep in stage.get("deps", [])
            for out, writer in writers.items()
            if Path(dep).is_relative_to(out)
        }
        for source in (each for each in stages if each in sources):
            yield f"    {source} --> {name}"


def _files() -> set[Path]:
    """Return what git tracks or would, and the folders that stages write."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    files = {Path(line) for line in listed.stdout.decode().splitlines()}
    written = {Path(name, "_") for name in ("data", "metrics", "models", "reports")}
    return {path for path in files if (ROOT / path).exists()} | written


def _lines(folder: Path, files: list[Path]) -> Iterator[str]:
    depth = len(folder.parts)
    inside = [path for path in files if path.is_relative_to(folder)]
    folders = sorted(
        {path.parts[depth] for path in inside if len(path.parts) > depth + 1}
    )
    for name in folders:
        below = folder / name
        yield _line(below, f"{name}/", _folder_phrase(below))
        if name not in FOLDED:
            yield from _lines(below, inside)
    for path in inside:
        if len(path.parts) == depth + 1 and not path.name.startswith((".", "__init__")):
            yield _line(path, path.name, phrase(path))


def _folder_phrase(folder: Path) -> str:
    package = folder / "__init__.py"
    return phrase(package) if (ROOT / package).is_file() else FOLDERS[folder.name]


def _line(path: Path, name: str, words: str) -> str:
    indent = "  " * (len(path.parts) - 1)
    return f"{indent}{name:<{30 - len(indent)}}{words}".rstrip()


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(f"(<!-- {name} -->)\n(.*?)(<!-- /{name} -->)", re.DOTALL)


if __name__ == "__main__":
    main()
