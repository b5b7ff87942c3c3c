"""What a student's prompt shows of changes, against the renderer of the teacher.

Usage: python benchmarks/prompt.py data/harvested.jsonl models/base [--budgets 512,1024]
           [--context-lines 0] [--recent-subjects 0] [--max-changes 10000]

BASE is a model folder; its tokenizer counts, chat template included. `before` is
`render_prompt` with hunks that are whole or not shown, in the words that the student
was asked with until 2026-11-29; `now` is `render_student_prompt`. Over all changes:

- dropped: not even the names of the files fit; the other figures are of the rest;
- hidden rows: a file with changed lines shows none of them, with Wilson's interval;
- hidden hunks: the share of all hunks of which no line is shown;
- tokens: the mean of the whole prompt, and the most;
- words: of the subjects' words (no verb that a subject begins with, none of three
  letters or fewer), the share that stands in the prompt below the recent subjects, as
  a part of a word too. The first line is what paths and diff would show uncut;
- ms: the time of one change, median and 95th percentile.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
from tabulate import tabulate

from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.prompt import Prompts, Rendered, render_prompt
from diffscribe.commits.student_prompt import (
    Counters,
    load_student_prompts,
    render_student_prompt,
)
from diffscribe.commits.words import words
from diffscribe.core.files import read_jsonl
from diffscribe.core.intervals import proportion_interval
from diffscribe.core.records import Change
from diffscribe.doors.model_folder import (
    count_chat_tokens,
    count_text_tokens,
    load_tokenizer,
)

PROMPTS = Path(__file__).parents[1] / "prompts" / "student"
BEFORE = Prompts(
    "Group the files into conventional commits; answer in JSON.\n"
    "Junk files go to gitignore.",
    "Diff:\n$diff\n\nIgnored: $gitignore\nFiles:\n$files",
)
STOP_WORDS = (
    "about after all also and any are before between but can for from has have instead "
    "into its more not now only out over should some that the their them then there "
    "they this too until via was were when where which while will with without"
)

Render = Callable[[Change], Rendered | None]


class Shown(NamedTuple):
    """What the prompt of one change shows."""

    rendered: Rendered | None
    tokens: int
    seconds: float


@click.command()
@click.argument("harvested", type=click.Path(path_type=Path))
@click.argument("base", type=click.Path(path_type=Path))
@click.option("--budgets", default="512,1024,2048")
@click.option("--context-lines", default=0)
@click.option("--recent-subjects", default=0)
@click.option("--max-changes", default=10_000)
def main(
    harvested: Path,
    base: Path,
    budgets: str,
    context_lines: int,
    recent_subjects: int,
    max_changes: int,
) -> None:
    """Print the table over the changes of HARVESTED, counted by BASE's tokenizer."""
    changes = [
        each
        for each, _ in zip(
            read_jsonl(harvested, Change), range(max_changes), strict=False
        )
    ]
    tokenizer = load_tokenizer(base)
    count = Counters(
        partial(count_text_tokens, tokenizer),
        partial(count_chat_tokens, tokenizer, asks=True),
    )
    texts = load_student_prompts(PROMPTS, "lines").plan
    whole = ["\n".join([change.diff, *paths(change)]) for change in changes]
    rows: list[Sequence[object]] = [("", "whole", *[""] * 6, visible(changes, whole))]
    for budget in map(int, budgets.split(",")):
        for name, render in (
            ("before", partial(before, max_tokens=budget, count=count)),
            (
                "now",
                partial(
                    now,
                    texts=texts,
                    max_tokens=budget,
                    context_lines=context_lines,
                    recent=recent_subjects,
                    count=count,
                ),
            ),
        ):
            shown = [timed(render, change, count) for change in changes]
            rows.append((budget, name, *figures(changes, shown)))
    repos = {change.repo for change in changes}
    print(f"{len(changes)} changes of {len(repos)} repositories")
    print(
        tabulate(
            rows,
            (
                "budget",
                "prompt",
                "dropped",
                "hidden rows %",
                "interval",
                "hidden hunks %",
                "tokens",
                "ms",
                "words %",
            ),
        )
    )


def before(change: Change, max_tokens: int, count: Counters) -> Rendered | None:
    """Render as the student was asked before, shrunk until the chat fits."""
    budget = max_tokens
    while True:
        rendered = render_prompt(change, BEFORE, budget, 1, count.text)
        if rendered is None:
            return None
        excess = count.prompt(rendered.messages) - max_tokens
        if excess <= 0:
            return rendered
        budget -= excess


def now(
    change: Change,
    texts: Prompts,
    max_tokens: int,
    context_lines: int,
    recent: int,
    count: Counters,
) -> Rendered | None:
    """Render as the student is asked."""
    return render_student_prompt(
        change, texts, max_tokens, context_lines, count, recent
    )


def timed(render: Render, change: Change, count: Counters) -> Shown:
    """Return what is shown of a change, and how long that took."""
    started = time.perf_counter()
    rendered = render(change)
    seconds = time.perf_counter() - started
    return Shown(rendered, count.prompt(rendered.messages) if rendered else 0, seconds)


def figures(changes: Sequence[Change], shown: Sequence[Shown]) -> Sequence[object]:
    """Return one line of the table, without budget and name."""
    fitted = [
        (change, each.rendered, each.tokens)
        for change, each in zip(changes, shown, strict=True)
        if each.rendered is not None
    ]
    hidden = sum(bool(rendered.hidden) for _, rendered, _ in fitted)
    hunks = sum(rendered.hunks for _, rendered, _ in fitted)
    cut = sum(rendered.cut_hunks for _, rendered, _ in fitted)
    tokens = [number for _, _, number in fitted]
    times = sorted(1000 * each.seconds for each in shown)
    interval = proportion_interval(hidden, len(fitted))
    texts = [below_history(rendered) for _, rendered, _ in fitted]
    return (
        len(changes) - len(fitted),
        f"{100 * hidden / len(fitted):.2f}",
        f"{100 * interval.low:.2f} to {100 * interval.high:.2f}",
        f"{100 * cut / hunks:.1f}",
        f"{statistics.mean(tokens):.0f}, {max(tokens)}",
        f"{statistics.median(times):.1f}, {times[int(0.95 * len(times))]:.1f}",
        visible([change for change, _, _ in fitted], texts),
    )


def below_history(rendered: Rendered) -> str:
    """Return what a prompt says of the change itself."""
    return rendered.messages[-1].content.partition("\nFiles:\n1 ")[2] or (
        rendered.messages[-1].content
    )


def visible(changes: Iterable[Change], texts: Iterable[str]) -> str:
    """Return the share, in percent, of the subjects' words that stand in the texts."""
    there = total = 0
    for change, text in zip(changes, texts, strict=True):
        lower = text.lower()
        wanted = words_of_subjects(change)
        total += len(wanted)
        there += sum(word in lower for word in wanted)
    return f"{100 * there / total:.1f} of {total}"


def words_of_subjects(change: Change) -> set[str]:
    """Return the words that say what a change is about."""
    found = set()
    for commit in change.commits:
        text = split_message(commit.message).header
        header = parse_header(text)
        subject = (header.subject if header else text).lower()
        found |= set(re.findall(r"[a-z_][a-z0-9_]{3,}", subject))
    return found - {*STOP_WORDS.split()} - words("imperatives")


def paths(change: Change) -> list[str]:
    """Return every path of a change, old ones too."""
    return [p for file in change.files for p in (file.path, file.old_path) if p]


if __name__ == "__main__":
    main()
