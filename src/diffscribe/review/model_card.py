"""Describe a trained adapter by what its run wrote: results.json and a model card."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

import yaml

from diffscribe.commits.diff import read_changes
from diffscribe.core.errors import RecordError
from diffscribe.core.files import file_sha256, read_json, read_jsonl
from diffscribe.core.params import Params, shown_params
from diffscribe.core.records import (
    SPLITS,
    Prediction,
    Record,
    Sample,
    Score,
    SplitChange,
)
from diffscribe.core.tables import cell, grid
from diffscribe.doors.adapter import adapter_sha256
from diffscribe.doors.places import remote_name
from diffscribe.eval.metrics import Evaluation
from diffscribe.eval.report import headline_rows, verdicts_text
from diffscribe.eval.scores import HEADLINE
from diffscribe.review.page import asset, markdown_table

PARTS = "A part of a run goes on with weights, optimizer and position in the data."
RESTARTS = (
    " Each run after the first goes on with the weights of the run before, but its "
    "optimizer began anew, with a warm-up of the learning rate."
)
SUMMED = ("samples_seen", "tokens", "seconds")
"""What of the runs of a training adds up."""


class UsedRepository(Record):
    """What one repository gave to one split."""

    repo: str
    split: str
    url: str | None
    """None if the repository was read from a folder or bundle."""
    revision: str | None
    licenses: tuple[str, ...]
    rows: int
    samples: int


class Results(Record):
    """Everything that the card says, for programs."""

    name: str
    files: dict[str, dict[str, int | str]]
    """Bytes and SHA-256 by path."""
    repositories: tuple[UsedRepository, ...]
    unused: tuple[str, ...]
    """Repositories of which no row was left."""
    training: tuple[dict[str, Any], ...]
    """The runs that made the adapter, oldest first; each later one goes on with the
    weights of the one before and a new optimizer."""
    spent: dict[str, int | float]
    """The sums of all runs."""
    held_out: dict[str, int]
    """Changes that were asked, by repository."""
    evaluation: dict[str, Any]
    """The headline of each system, and the paired differences."""
    baseline: dict[str, Any]
    params: dict[str, Any]


def read_results(
    run: Path, name: str, files: Path, params: Params, evaluation: Evaluation
) -> Results:
    """Return what a run wrote about a model, whose files to ship lie in `files`.

    `run` is the folder with `data`, `models` and `reports` of the run.

    Raises:
        InputError: if a stage has not written its files.
        RecordError: if a row is private, a file is not what its stage writes, or the
            figures are those of another adapter.
    """
    main = evaluation.systems[0].system
    _refuse_figures_of_another(run, main)
    repositories = _repositories(run / "data", params)
    used = {each.repo for each in repositories}
    named = {repo for repo, _, _ in _sources(params)}
    training = read_json(run / "reports" / "train.json")["runs"]
    scores = read_jsonl(run / "reports" / "eval" / "scores.jsonl", Score)
    asked = Counter(score.repo for score in scores if score.system == main)
    return Results(
        name=name,
        files=_digests(files),
        repositories=repositories,
        unused=tuple(sorted(named - used)),
        training=tuple(training),
        spent={each: sum(run_[each] for run_ in training) for each in SUMMED},
        held_out=dict(sorted(asked.items())),
        evaluation=_headline(evaluation),
        baseline=read_json(run / "reports" / "baseline.json"),
        params=shown_params(params),
    )


def _refuse_figures_of_another(run: Path, main: str) -> None:
    """Follow digests from the adapter to the GGUF to the model that was asked."""
    path, adapter = run / "reports/merge_quantize.json", run / "models/adapter"
    exported = read_json(path)
    if exported.get("adapter_sha256") != adapter_sha256(adapter):
        raise RecordError(
            f"{path} is of another adapter than {adapter}; run the stages "
            "merge-quantize and eval"
        )
    student = exported["student"][main.removeprefix("student-")]
    answers = read_jsonl(run / "reports" / "eval" / "predictions.jsonl", Prediction)
    first = next(each for each in answers if each.system == main)
    if f":{student['sha256']}:" not in first.model:
        raise RecordError(
            f"{run / 'reports' / 'eval'} is of another {main} than the stage "
            "merge-quantize wrote; run the stage eval"
        )


def read_evaluation(run: Path) -> Evaluation:
    """Return what the stage eval of a run measured."""
    path = run / "reports" / "eval" / "metrics.json"
    return Evaluation.model_validate(read_json(path))


def _digests(folder: Path) -> dict[str, dict[str, int | str]]:
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _sources(params: Params) -> list[tuple[str, str, str | None]]:
    """Return name, URL and revision of each source that is named by a URL."""
    urls = [(each.url, each.revision) for each in params.harvest.sources if each.url]
    return [(remote_name(url) or url, url, revision) for url, revision in urls]


def _repositories(data: Path, params: Params) -> tuple[UsedRepository, ...]:
    pinned = {repo: (url, revision) for repo, url, revision in _sources(params)}
    licenses: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows: Counter[tuple[str, str]] = Counter()
    samples: Counter[tuple[str, str]] = Counter()
    for split in SPLITS:
        for row in read_changes(data / "splits" / f"{split}.jsonl", SplitChange):
            if row.private:
                raise RecordError(
                    f"{data / 'splits' / split}.jsonl: row {row.id} is private; a "
                    "model that learned from it is not for others"
                )
            rows[split, row.repo] += 1
            licenses[split, row.repo].add(row.license or "none found")
        for sample in read_jsonl(data / "sft" / f"{split}.jsonl", Sample):
            samples[split, sample.repo] += 1
    return tuple(
        UsedRepository(
            repo=repo,
            split=split,
            url=url,
            revision=revision,
            licenses=tuple(sorted(licenses[split, repo])),
            rows=rows[split, repo],
            samples=samples[split, repo],
        )
        for split, repo in sorted(rows, key=lambda each: (SPLITS.index(each[0]), each))
        for url, revision in [pinned.get(repo, (None, None))]
    )


def _headline(evaluation: Evaluation) -> dict[str, Any]:
    kept: Any = {"system": True, "n": True, "size_mb": True, "scores": {*HEADLINE}}
    return {
        "systems": [
            each.model_dump(mode="json", include=kept) for each in evaluation.systems
        ],
        "differences": [
            each.model_dump(mode="json") for each in evaluation.differences
        ],
    }


def model_card(results: Results, evaluation: Evaluation) -> str:
    """Return the card of a model: Markdown below the YAML that the hub reads."""
    student = evaluation.systems[0]
    params = results.params
    shown = {**params, "harvest": {**params["harvest"]}}
    del shown["harvest"]["sources"]
    return Template(asset("model_card.md")).substitute(
        name=results.name,
        rank=params["train"]["lora"]["r"],
        files=markdown_table(
            ("file", "bytes", "sha256"),
            ((name, *each.values()) for name, each in results.files.items()),
        ),
        n=student.n,
        held_out=", ".join(f"{repo} ({n})" for repo, n in results.held_out.items()),
        student=student.system,
        figures=grid(headline_rows(evaluation.systems)),
        verdicts=verdicts_text(evaluation),
        totals=_totals(results.repositories),
        data=markdown_table(
            ("repository", "split", "sha", "licence", "rows", "samples"),
            (
                (
                    *(each.repo, each.split, each.revision or "-"),
                    *(", ".join(each.licenses), each.rows, each.samples),
                )
                for each in results.repositories
            ),
        ),
        unused=f"No row was left of {', '.join(results.unused)}."
        if results.unused
        else "Every repository that was brought gave rows.",
        params=yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip(),
        cost=_cost(results),
        restarts=PARTS + RESTARTS * (len(results.training) > 1),
        valid=cell(student.scores["valid"]),
        grounded=cell(student.scores["grounded"]),
        type=cell(student.scores["type"]),
        prompt_tokens=params["render"]["max_prompt_tokens"],
        answer_tokens=params["render"]["max_answer_tokens"],
        max_files=params["curate"]["max_files"],
    )


def _totals(repositories: Iterable[UsedRepository]) -> str:
    counted: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for each in repositories:
        counted[each.split].update(repos=1, rows=each.rows, samples=each.samples)
    parts = (
        f"{split}: {found['repos']:,} repositories, {found['rows']:,} rows, "
        f"{found['samples']:,} samples"
        for split, found in counted.items()
    )
    return f"{'; '.join(parts)}."


def _cost(results: Results) -> str:
    rows = [
        (
            number,
            f"{each['samples_seen']:,}",
            f"{each['tokens']:,}",
            f"{each['seconds'] / 3600:.1f}",
            each["parts"],
            each["params"]["learning_rate"],
            each["validation_loss"],
            machine["gpu"] or f"{machine['processor']}, threads: {machine['threads']}",
        )
        for number, each in enumerate(results.training, start=1)
        for machine in [each["machine"]]
    ]
    spent = results.spent
    headers = ("run", "samples seen", "tokens seen", "hours", "parts", "learning rate")
    return (
        f"{spent['samples_seen']:,} samples and {spent['tokens']:,} tokens seen in "
        f"{spent['seconds'] / 3600:.1f} hours.\n\n"
        + markdown_table((*headers, "validation loss", "machine"), rows)
    )
