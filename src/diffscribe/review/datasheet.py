"""The datasheet as one HTML page without network, and as a dataset card."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from diffscribe.core.errors import InputError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import CuratedChange, Sample, SplitChange
from diffscribe.review.page import bars, section, table, whole_page

SPLITS = ("train", "validation", "test")
SAMPLES_PER_SPLIT = 20

Table = list[tuple[str, int]]


class Repository(NamedTuple):
    """A repository and what of it is kept."""

    name: str
    licenses: str
    """SPDX ids over its history, `none found` among them."""
    changes: int
    splits: str


class Datasheet(NamedTuple):
    """Everything that the page and the card show."""

    funnel: Table
    """From commits read to samples; what is left at each step."""
    rejected: Table
    """What curate dropped, by reason, in the order of its checks."""
    tokens: list[tuple[str, int, float, float]]
    """Split, samples, mean tokens of a prompt, mean tokens of an answer."""
    types: Table
    languages: Table
    commits: Table
    """Changes by how many commits their plan has."""
    repositories: list[Repository]
    clusters: Table
    redacted: Table
    samples: list[dict[str, str]]


def gather(folder: Path, metrics: Path) -> Datasheet:
    """Return the datasheet of the data in a folder.

    Raises:
        InputError: if a stage up to render has not written its file.
    """
    counts = {
        stage: _counts(metrics / f"{stage}.json")
        for stage in ("harvest", "label", "curate", "render")
    }
    changes = list(read_jsonl(folder / "curated.jsonl", CuratedChange))
    split_of: dict[str, set[str]] = {}
    rows = 0
    for name in SPLITS:
        for row in read_jsonl(folder / "splits" / f"{name}.jsonl", SplitChange):
            split_of.setdefault(row.repo, set()).add(name)
            rows += 1
    plans = [change.label.plan for change in changes]
    return Datasheet(
        _funnel(counts, len(changes), rows),
        [
            (e["reason"], e["dropped"])
            for e in counts["curate"]["funnel"]
            if e["dropped"]
        ],
        [_tokens(name, counts["render"][name]) for name in SPLITS],
        _ranked(commit.type for plan in plans for commit in plan.commits),
        _ranked(each for change in changes for each in change.languages or ("other",)),
        sorted(Counter(f"{len(plan.commits)}" for plan in plans).items()),
        _repositories(changes, split_of),
        _clusters(changes, counts["curate"]["rejected"]),
        [(name, n) for name, n in counts["curate"]["redacted"].items() if n],
        [each for name in SPLITS for each in _samples(folder, name)],
    )


def _counts(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"input '{path}' cannot be read: {error.strerror}; run 'make repro' first"
        ) from error


def _funnel(counts: dict[str, Any], kept: int, rows: int) -> Table:
    return [
        ("commits read", counts["harvest"]["commits"]),
        ("commits kept", counts["harvest"]["commits_kept"]),
        ("changes made of them", counts["harvest"]["changes"]),
        ("changes with a label", counts["label"]["labeled"]),
        ("changes curated", kept),
        ("rows split, variants with junk included", rows),
        ("samples rendered", sum(counts["render"][name]["samples"] for name in SPLITS)),
    ]


def _tokens(name: str, counts: dict[str, int]) -> tuple[str, int, float, float]:
    samples = counts["samples"]
    prompt, answer = counts["prompt_tokens"], counts["answer_tokens"]
    return name, samples, prompt / max(samples, 1), answer / max(samples, 1)


def _ranked(names: Iterable[str]) -> Table:
    return sorted(Counter(names).items(), key=lambda each: (-each[1], each[0]))


def _repositories(
    changes: list[CuratedChange], split_of: dict[str, set[str]]
) -> list[Repository]:
    licenses: dict[str, set[str]] = {}
    for change in changes:
        licenses.setdefault(change.repo, set()).add(change.license or "none found")
    return [
        Repository(
            name,
            ", ".join(sorted(licenses[name])),
            count,
            ", ".join(split for split in SPLITS if split in split_of.get(name, ())),
        )
        for name, count in _ranked(change.repo for change in changes)
    ]


def _clusters(changes: list[CuratedChange], rejected: dict[str, int]) -> Table:
    sizes = Counter(change.cluster for change in changes)
    return [
        ("dropped as equal to an earlier change", rejected["duplicate_diff"]),
        ("dropped as nearly equal to one", rejected["near_duplicate"]),
        (
            "kept in clusters of similar changes",
            sum(n for n in sizes.values() if n > 1),
        ),
        ("clusters of more than one change", sum(n > 1 for n in sizes.values())),
        ("changes in the largest cluster", max(sizes.values(), default=0)),
    ]


def _samples(folder: Path, split: str) -> list[dict[str, str]]:
    """Return those with the smallest ids, which are digests: a fixed, fair draw."""
    samples = read_jsonl(folder / "sft" / f"{split}.jsonl", Sample)
    first = sorted(samples, key=lambda each: each.id)[:SAMPLES_PER_SPLIT]
    return [
        {
            "title": f"{split} · {each.repo} · {each.id[:12]}",
            "prompt": each.prompt[-1].content,
            "answer": each.completion[-1].content,
        }
        for each in first
    ]


_STYLE = """
pre { background: #8881; padding: .8rem; overflow: auto; max-height: 32rem;
 white-space: pre-wrap; overflow-wrap: anywhere }
"""

_BEFORE = """<h1>Datasheet</h1>
<p>Plans of commits for real changes of git repositories. Every figure is read from what
the stages wrote; the card beside the data says what the fields are.</p>
"""

_SAMPLES = """
<h2>Samples</h2>
<p><button id="back">&larr; back</button> <button id="next">next &rarr;</button>
<span id="title"></span></p>
<h3>Prompt</h3><pre id="prompt"></pre><h3>Answer</h3><pre id="answer"></pre>"""

_SCRIPT = """
const samples = JSON.parse(document.getElementById("samples").textContent);
let at = 0;
function show(step) {
  if (!samples.length) return;
  at = (at + step + samples.length) % samples.length;
  const sample = samples[at];
  document.getElementById("title").textContent =
    `${at + 1} of ${samples.length} · ${sample.title}`;
  document.getElementById("prompt").textContent = sample.prompt;
  document.getElementById("answer").textContent = sample.answer;
}
document.getElementById("back").onclick = () => show(-1);
document.getElementById("next").onclick = () => show(1);
show(0);
"""

_CARD = """---
pretty_name: diffscribe commits
language: [en]
license: other
license_name: per-repository
task_categories: [text-generation]
annotations_creators: [machine-generated]
source_datasets: [original]
size_categories: [{size}]
tags: [git, commit-messages, conventional-commits, code]
configs:
  - config_name: default
    data_files:
      - {{split: train, path: sft/train.jsonl}}
      - {{split: validation, path: sft/validation.jsonl}}
      - {{split: test, path: sft/test.jsonl}}
---

# diffscribe commits

Changes of git repositories, as a working tree would show them, and the plan of commits
that they become: which files go together, under which conventional message, and what is
junk for `.gitignore`. Written by the pipeline's stages; `reports/data/index.html` shows
the same with samples.

## Fields

`id`, `parent_id` (of a variant with junk files), `repo`, `task`, `prompt` and
`completion` (chat messages), `files`, `junk`, `target` (the plan). Whole repositories,
and changes that are nearly equal, are in one split only.

## Funnel

{funnel}

Dropped by curation, by the first reason:

{rejected}

## Sizes in tokens of the base's tokenizer

{tokens}

## Types

{types}

## Languages

{languages}

## Repositories and licenses

Each row is under the license of its repository. To take a repository out, name it to
`make forget REPO=name`.

{repositories}

## Privacy

Secrets, e-mail addresses and trailers are replaced by typed placeholders before
anything else is done; rows with a private key are dropped. Replaced, by kind:

{redacted}

## Limits

Labels from a history are what its authors wrote, not what is best. Messages are
English. Detectors miss some secrets: keep what is private private.
"""


def page(sheet: Datasheet) -> str:
    """Return the page; whatever a repository wrote is shown as text, never run."""
    tokens = [
        (name, f"{samples:,}", f"{prompt:.0f}", f"{answer:.0f}")
        for name, samples, prompt, answer in sheet.tokens
    ]
    sections = [
        section("Funnel", bars(sheet.funnel)),
        section("Dropped by curation, by the first reason", bars(sheet.rejected)),
        section(
            "Sizes in tokens",
            table(("split", "samples", "mean prompt", "mean answer"), tokens),
        ),
        section("Commits by type", bars(sheet.types)),
        section("Changes by number of commits", bars(sheet.commits)),
        section("Changes by language", bars(sheet.languages)),
        section(
            "Repositories and licenses",
            table(("repository", "license", "changes", "split"), sheet.repositories),
        ),
        section("Duplicates", bars(sheet.clusters)),
        section("Secrets and people, replaced by placeholders", bars(sheet.redacted)),
    ]
    body = _BEFORE + "\n".join(sections) + _SAMPLES
    return whole_page("Datasheet", _STYLE, body, _SCRIPT, {"samples": sheet.samples})


def card(sheet: Datasheet) -> str:
    """Return the dataset card, Markdown under the YAML that the hub reads."""
    tokens = [(a, b, f"{c:.0f}", f"{d:.0f}") for a, b, c, d in sheet.tokens]
    return _CARD.format(
        size=_size_category(sum(each[1] for each in sheet.tokens)),
        funnel=_markdown(("step", "left"), sheet.funnel),
        rejected=_markdown(("reason", "changes"), sheet.rejected),
        tokens=_markdown(("split", "samples", "mean prompt", "mean answer"), tokens),
        types=_markdown(("type", "commits"), sheet.types),
        languages=_markdown(("language", "changes"), sheet.languages),
        repositories=_markdown(
            ("repository", "license", "changes", "split"), sheet.repositories
        ),
        redacted=_markdown(("kind", "times"), sheet.redacted),
    )


def _markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return (
        tabulate(cells, headers, "github", disable_numparse=True) if cells else "None."
    )


def _size_category(samples: int) -> str:
    """Return the range of the hub that a number of samples is in."""
    for below, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if samples < below:
            return name
    return "1M<n<10M"
