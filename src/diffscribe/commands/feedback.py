"""The verb `feedback`: what you made of proposals, as your log has it."""

from collections import Counter, defaultdict
from itertools import zip_longest

import click
import orjson

from diffscribe.commits.grammar import format_header
from diffscribe.core.cli import Group, say
from diffscribe.core.feedback import (
    feedback_log,
    forget_all_feedback,
    forget_feedback,
    read_feedback,
)
from diffscribe.core.records import Feedback, Plan, Verdict

SHOWN = 10
"""Entries that are listed; --json has all."""
ID_CHARS = 12


@click.group(cls=Group)
def feedback_command() -> None:
    """Show or forget what you made of the proposals of `git diffscribe`."""


@feedback_command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print all of it, as JSON.")
def show_feedback(as_json: bool) -> None:
    """Count what became of proposals, and list the last ones.

    `git config diffscribe.log true` has them kept.
    """
    log = feedback_log()
    entries = read_feedback(log) if log.exists() else []
    if as_json:
        rows = [entry.model_dump(mode="json") for entry in entries]
        value = {"version": 1, "file": str(log), "entries": rows}
        click.echo(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        return
    if not entries:
        say(
            f"feedback: nothing is kept in {log}; 'git config diffscribe.log true' "
            "begins it"
        )
        return
    counts: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for entry in entries:
        counts[entry.change.repo][entry.verdict] += 1
    for repo, became in sorted(counts.items()):
        say(f"{repo}: {_counted(became)}")
    if len(counts) > 1:
        say(f"all: {_counted(sum(counts.values(), Counter()))}")
    for entry in entries[-SHOWN:]:
        say("\n".join(_lines(entry)))
    say(f"feedback: {log}, {log.stat().st_size / 1e6:.1f} MB; nothing of it is sent")


@feedback_command.command("forget")
@click.option("--all", "everything", is_flag=True, help="Remove the log.")
@click.option("--repository", help="Remove the entries of one, named as shown.")
@click.argument("entry", required=False)
def forget_entries(everything: bool, repository: str | None, entry: str | None) -> None:
    """Remove all, a repository, or one ENTRY, by the start of its id."""
    if (everything, repository is not None, entry is not None).count(True) != 1:
        raise click.UsageError("name one ENTRY, a --repository, or give --all")
    log = feedback_log()
    if everything:
        was_there = forget_all_feedback(log)
        say(f"feedback: {log} {'removed' if was_there else 'was not there'}")
        return

    def is_gone(each: Feedback) -> bool:
        return each.change.repo == repository or bool(
            entry and each.id.startswith(entry)
        )

    if entry is not None and len(entry) < ID_CHARS:
        raise click.UsageError(f"give at least {ID_CHARS} characters of the id")
    say(f"feedback: {forget_feedback(log, is_gone)} entries removed from {log}")


def _counted(became: Counter[Verdict]) -> str:
    words = (f"{became[verdict]} {verdict}" for verdict in Verdict)
    return ", ".join(words).replace("_", " ")


def _lines(entry: Feedback) -> list[str]:
    """Return what became of one proposal: an edited one before and after."""
    verdict = entry.verdict.replace("_", " ")
    day = entry.at.partition("T")[0]
    lines = [f"{entry.id[:ID_CHARS]}  {day}  {verdict}  {entry.change.repo}"]
    before, after = _headers(entry.proposed), _headers(entry.final or Plan(commits=()))
    if entry.verdict is not Verdict.EDITED:
        return lines + [f"    {header}" for header in before]
    for old, new in zip_longest(before, after):
        lines += [f"  - {old}"] if old and old != new else []
        lines += [f"  {' ' if old == new else '+'} {new}"] if new else []
    return lines


def _headers(plan: Plan) -> list[str]:
    return [format_header(commit) for commit in plan.commits]
