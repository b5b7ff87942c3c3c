"""Describe the data as one HTML page without network and as a dataset card."""

import html
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import NamedTuple

from diffscribe.commits.diff import read_changes
from diffscribe.core.files import read_json, read_jsonl
from diffscribe.core.records import SPLITS, CuratedChange, Sample, SplitChange
from diffscribe.review.page import asset, bars, html_table, markdown_table, whole_page

SAMPLES_PER_SPLIT = 20
LEFT_OUT = (
    "%d private changes and %d samples of them are left out; what the stages counted "
    "(funnel, drops, tokens, secrets) has them too."
)
EXPORT = "exports/prompt-completion"

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (float("inf"), "1M<n<10M"),
)
"""The hub's classes of sizes: each with the number of samples that it ends below."""

Counts = list[tuple[str, int]]
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Headers and rows."""


class Datasheet(NamedTuple):
    """Everything that the page and the card show."""

    funnel: Counts
    """From commits read to samples; what is left at each step."""
    rejected: Counts
    """What curate dropped, by reason, in the order of its checks."""
    tokens: Table
    types: Counts
    commits: Counts
    """Changes by how many commits their plan has."""
    languages: Counts
    repositories: Table
    clusters: Counts
    redacted: Counts
    samples: list[tuple[str, Sample]]
    """Each with its title."""
    private: tuple[int, int] = (0, 0)
    """Changes and samples of private repositories, of which nothing else is shown."""


TITLES = {
    "funnel": "Funnel",
    "rejected": "Dropped by curation, by the first reason",
    "tokens": "Sizes in tokens of the base's tokenizer",
    "types": "Commits by type",
    "commits": "Changes by number of commits",
    "languages": "Changes by language",
    "repositories": "Repositories and licenses",
    "clusters": "Duplicates",
    "redacted": "Secrets and people, replaced by placeholders",
}
"""The sections of the page, in order, by the fields of Datasheet."""


def gather(folder: Path, counts: Path) -> Datasheet:
    """Return the datasheet of the data in a folder; `counts` has a file a stage.

    Raises:
        InputError: if a stage up to render has not written its file.
    """
    harvest, label, curate, render = (
        read_json(counts / f"{stage}.json")
        for stage in ("harvest", "label", "curate", "render")
    )
    curated = list(read_changes(folder / "curated.jsonl", CuratedChange))
    private = {change.repo for change in curated if change.private}
    changes = [change for change in curated if change.repo not in private]
    split_of: dict[str, set[str]] = {}
    rows = 0
    for name in SPLITS:
        for row in read_changes(folder / "splits" / f"{name}.jsonl", SplitChange):
            split_of.setdefault(row.repo, set()).add(name)
            rows += 1
    plans = [change.label.plan for change in changes]
    rendered = [
        (name, each)
        for name in SPLITS
        for each in read_jsonl(folder / "sft" / f"{name}.jsonl", Sample)
    ]
    shown = [
        each for each in rendered if not (each[1].private or each[1].repo in private)
    ]
    return Datasheet(
        funnel=[
            ("commits read", harvest["commits"]),
            ("commits kept", harvest["commits_kept"]),
            ("changes made of them", harvest["changes"]),
            ("changes with a label", label["labeled"]),
            ("changes curated", len(curated)),
            ("rows split, variants with junk included", rows),
            ("samples rendered", sum(render[name]["samples"] for name in SPLITS)),
        ],
        rejected=[
            (e["reason"], e["dropped"]) for e in curate["funnel"] if e["dropped"]
        ],
        tokens=(
            ("split", "samples", "mean prompt", "mean answer"),
            [_tokens(name, render[name]) for name in SPLITS],
        ),
        types=_ranked(commit.type for plan in plans for commit in plan.commits),
        commits=sorted(Counter(f"{len(plan.commits)}" for plan in plans).items()),
        languages=_ranked(
            each for change in changes for each in change.languages or ("other",)
        ),
        repositories=(
            ("repository", "license", "changes", "split"),
            _repositories(changes, split_of),
        ),
        clusters=_clusters(changes, curate["rejected"]),
        redacted=[(name, n) for name, n in curate["redacted"].items() if n],
        samples=[each for name in SPLITS for each in _samples(shown, name)],
        private=(len(curated) - len(changes), len(rendered) - len(shown)),
    )


def _tokens(name: str, counts: dict[str, int]) -> tuple[str, ...]:
    n = counts["samples"]
    means = (counts[each] / max(n, 1) for each in ("prompt_tokens", "answer_tokens"))
    return (name, f"{n:,}", *(f"{mean:.0f}" for mean in means))


def _ranked(names: Iterable[str]) -> Counts:
    return sorted(Counter(names).items(), key=lambda each: (-each[1], each[0]))


def _repositories(
    changes: list[CuratedChange], split_of: dict[str, set[str]]
) -> list[tuple[str, ...]]:
    licenses: dict[str, set[str]] = {}
    splits: dict[str, set[str]] = {}
    for change in changes:
        licenses.setdefault(change.repo, set()).add(change.license or "none found")
        splits.setdefault(change.repo, set()).update(split_of.get(change.repo, ()))
    return [
        (
            name,
            ", ".join(sorted(licenses[name])),
            f"{count:,}",
            ", ".join(split for split in SPLITS if split in splits[name]),
        )
        for name, count in _ranked(change.repo for change in changes)
    ]


def _clusters(changes: list[CuratedChange], rejected: dict[str, int]) -> Counts:
    sizes = Counter(change.cluster for change in changes)
    several = [n for n in sizes.values() if n > 1]
    return [
        ("dropped as equal to an earlier change", rejected["duplicate_diff"]),
        ("dropped as nearly equal to one", rejected["near_duplicate"]),
        ("kept in clusters of similar changes", sum(several)),
        ("clusters of more than one change", len(several)),
        ("changes in the largest cluster", max(sizes.values(), default=0)),
    ]


def _samples(
    rendered: list[tuple[str, Sample]], split: str
) -> list[tuple[str, Sample]]:
    """Return those with the smallest ids, which are digests: a fixed, fair draw."""
    own = (each for name, each in rendered if name == split)
    first = sorted(own, key=lambda each: each.id)[:SAMPLES_PER_SPLIT]
    return [(f"{split} · {each.repo} · {each.id[:12]}", each) for each in first]


_INTRODUCTION = """<h1>Datasheet</h1>
<p>Plans of commits for real changes of git repositories. Every figure is read from what
the stages wrote; the card beside the data says what the fields are.</p>"""


def page(sheet: Datasheet) -> str:
    """Return the page; it runs no script, and shows all content as text."""
    sections = []
    for field, title in TITLES.items():
        content: Counts | Table = getattr(sheet, field)
        shown = html_table(*content) if isinstance(content, tuple) else bars(content)
        sections.append(f"<h2>{title}</h2>\n{shown}")
    samples = "\n".join(
        f'<details class="sample"><summary>{html.escape(title)}</summary>'
        f"<h3>Prompt</h3><pre>{html.escape(each.prompt[-1].content)}</pre>"
        f"<h3>Answer</h3><pre>{html.escape(each.completion[-1].content)}</pre></details>"
        for title, each in sheet.samples
    )
    note = f"\n<p>{LEFT_OUT % sheet.private}</p>" if any(sheet.private) else ""
    body = (
        f"{_INTRODUCTION}{note}\n"
        + "\n".join(sections)
        + f"\n<h2>Samples</h2>\n{samples}"
    )
    return whole_page("Datasheet", body)


def card(sheet: Datasheet) -> str:
    """Return the dataset card: Markdown below the YAML that the hub reads."""
    headers = {
        "funnel": ("step", "left"),
        "rejected": ("reason", "changes"),
        "types": ("type", "commits"),
        "languages": ("language", "changes"),
        "redacted": ("kind", "times"),
    }
    tables = {
        field: markdown_table(names, getattr(sheet, field))
        for field, names in headers.items()
    }
    note, place = "", "sft"
    if any(sheet.private):
        place = EXPORT
        note = (
            f"\n{LEFT_OUT % sheet.private} `sft/` holds them: publish this card with "
            f"`{EXPORT}/` alone, which `diffscribe export data/sft data/{EXPORT} "
            "--format prompt-completion` writes.\n"
        )
    return Template(asset("datasheet.md")).substitute(
        tables,
        note=note,
        place=place,
        size=next(name for below, name in _SIZES if sheet.funnel[-1][1] < below),
        tokens=markdown_table(*sheet.tokens),
        repositories=markdown_table(*sheet.repositories),
    )
