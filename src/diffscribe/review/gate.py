"""The gate's page: a sample of labels to vote on."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffscribe.core.ballots import Ballot, read_votes
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, whole_file, write_jsonl
from diffscribe.core.records import LabeledChange
from diffscribe.label.gate import (
    acceptance,
    ballot_of,
    record,
    recorded_votes,
    sampled,
)
from diffscribe.review.flags import FlagKind, flags
from diffscribe.review.page import (
    asset,
    html_table,
    private_note,
    shown_change,
    shown_plan,
    whole_page,
)
from diffscribe.secrets.redact import redact

logger = logging.getLogger(__name__)

PAGE, BALLOTS = "index.html", "index.jsonl"


def write_sample_page(labeled: Path, report: Path, rows: int) -> str:
    """Write the page of a sample and return how much of it is accepted so far.

    Raises:
        RecordError: if there is no row.
    """
    sample = sampled(labeled, rows, LabeledChange)
    if not sample:
        raise RecordError(
            f"{labeled} has no labeled changes; run the stage that writes it with "
            "other params"
        )
    logger.info("%s: %d labels drawn", labeled, len(sample))
    kinds = Counter(kind for row in sample for kind in {f.kind for f in flags(row)})
    about = html_table(("flag", "rows"), [(kind, kinds[kind]) for kind in FlagKind])
    about = f"<p>{len(sample)} rows{private_note(sample)}</p>\n{about}"
    name = ", ".join(sorted({row.label.teacher or row.label.source for row in sample}))
    ballots = [ballot_of(row) for row in sample]
    with whole_file(report / PAGE) as partial:
        page = gate_page("Quality gate", sample, name, about)
        partial.write_text(page, encoding="utf-8")
    write_jsonl(report / BALLOTS, ballots)
    return str(acceptance(ballots, recorded_votes(report / "votes.jsonl")))


def accept_votes(exported: Path, report: Path) -> list[str]:
    """Record the votes of an exported file; return what became of them.

    Raises:
        InputError: if there is no page yet.
        RecordError: if the file holds no votes, or none on what the page shows.
    """
    votes = read_votes(exported).votes
    if not (report / BALLOTS).exists():
        raise InputError(f"'{report}' has no page; run 'make gate' first")
    known = list(read_jsonl(report / BALLOTS, Ballot))
    path = report / "votes.jsonl"
    for vote in votes:
        logger.info("%s: %s", vote.id[:12], vote.choice)
    added = record(votes, known, path)
    if not added:
        raise RecordError(
            f"{exported}: none of its {len(votes)} votes is on a label that the page "
            f"in '{report}' shows; the labels were made anew, so run 'make gate' and "
            "vote on these"
        )
    lines = [f"{added} votes recorded in {path}"]
    if left_out := len(votes) - added:
        lines.append(f"{left_out} not recorded: the page does not show their labels")
    return [*lines, str(acceptance(known, recorded_votes(path)))]


def gate_page(
    title: str,
    rows: Sequence[LabeledChange],
    name: str,
    about: str,
) -> str:
    """Return the page; secrets and people are shown by their placeholders.

    `about` is HTML, `name` of the one who made the labels plain text.
    """
    body = asset("gate.html").replace("<!-- about -->", about)
    embedded = {"gate": {"title": title, "rows": [_row(row, name) for row in rows]}}
    return whole_page(title, body, asset("gate.js"), embedded)


def _row(row: LabeledChange, name: str) -> dict[str, Any]:
    # The ballot digests the row as it is; the page shows the redacted one.
    change = redact(row).change
    commits = len(change.commits)
    about = (
        change.id[:12],
        f"{commits} commit{'' if commits == 1 else 's'}",
        change.committed_at[:10],
        ", ".join(change.languages),
    )
    return {
        "repo": change.repo,
        "about": " · ".join(filter(None, about)),
        **shown_change(
            [file.path for file in change.files],
            change.files,
            change.diff,
            change.commits,
            change.gitignore,
        ),
        "ballot": ballot_of(row).model_dump(),
        "name": name,
        "flags": [f"{flag.kind}: {flag.text}" for flag in flags(change)],
        "plan": shown_plan(change.label.plan),
    }
