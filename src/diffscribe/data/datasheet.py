"""What the data is, gathered from what the stages wrote."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.errors import InputError
from diffscribe.jsonl import read_jsonl
from diffscribe.records import CuratedChange, Sample, SplitChange

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
