"""The gate of the label stage: it opens on enough accepted labels of a sample."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from diffscribe.commits.diff import read_changes
from diffscribe.commits.headers import conventional_header
from diffscribe.commits.plan import plan_json
from diffscribe.core.ballots import CHOICES, Ballot, Choice, Vote, digest
from diffscribe.core.draw import stratified
from diffscribe.core.errors import GateError
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.intervals import proportion_interval
from diffscribe.core.records import Change, LabeledChange

VOTES = Path("reports/gate/votes.jsonl")
"""Kept by git, because no stage can make it again."""


def change_digest(row: Change) -> str:
    """Return the sha256 of what a page shows of a change, without a plan."""
    commits = [[commit.message, commit.files] for commit in row.commits]
    return digest(row.id, row.diff, json.dumps([commits, row.gitignore]))


def ballot_of(row: LabeledChange) -> Ballot:
    """Return the ballot of a label.

    Who made the plan and at what cost is no part of the digest: the same plan for the
    same change deserves the same vote.
    """
    return Ballot(
        ballot=digest(change_digest(row), plan_json(row.label.plan)),
        id=row.id,
        repo=row.repo,
        systems=(row.label.teacher or row.label.source,),
    )


def recorded_votes(path: Path = VOTES) -> dict[str, Vote]:
    """Return the recorded votes by the digest of their ballot; none if no file."""
    if not path.exists():
        return {}
    return {each.ballot: each for each in read_jsonl(path, Vote)}


def record(votes: Iterable[Vote], known: Iterable[Ballot], path: Path = VOTES) -> int:
    """Add votes to the recorded ones and return how many were added.

    A vote on a ballot that is not known is left out: the label was made anew since
    then. A later vote on a ballot replaces the earlier.
    """
    ballots = {each.ballot: each for each in known}
    added = {
        vote.ballot: vote.model_copy(update=dict(ballots[vote.ballot]))
        for vote in votes
        if vote.ballot in ballots and vote.choice in CHOICES[1]
    }
    if added:
        all_votes = recorded_votes(path) | added
        write_jsonl(path, [all_votes[ballot] for ballot in sorted(all_votes)])
    return len(added)


class Acceptance(NamedTuple):
    """How many of the shown labels were accepted."""

    rows: int
    accepted: int
    rejected: int
    skipped: int
    share: float
    """Accepted of all rows; one that is skipped or has no vote is not accepted."""
    low: float
    """Lower end of the exact 95 % interval (Clopper and Pearson 1934)."""
    high: float

    def __str__(self) -> str:
        """Return the acceptance in one line."""
        open_ = self.rows - self.accepted - self.rejected - self.skipped
        return (
            f"{self.accepted} of {self.rows} rows accepted: {100 * self.share:.0f} % "
            f"(95 % interval {100 * self.low:.0f} to {100 * self.high:.0f}); "
            f"{self.rejected} rejected, {self.skipped} skipped, {open_} without a vote"
        )


def acceptance(ballots: Iterable[Ballot], votes: Mapping[str, Vote]) -> Acceptance:
    """Return how many of these ballots were accepted; votes are by digest."""
    digests = {each.ballot for each in ballots}
    said = Counter(votes[each].choice for each in digests if each in votes)
    accepted = said[Choice.ACCEPT]
    return Acceptance(
        len(digests),
        accepted,
        said[Choice.REJECT],
        said[Choice.SKIP],
        accepted / len(digests) if digests else 0.0,
        *proportion_interval(accepted, len(digests)),
    )


def passes(result: Acceptance, threshold: float) -> bool:
    """Tell whether the accepted share reaches a threshold; no row never does.

    The share decides, because the interval of a few rows is too wide to.
    """
    return result.rows > 0 and result.share >= threshold


def require(
    labels: Iterable[LabeledChange], threshold: float, path: Path = VOTES
) -> None:
    """Let pass if enough of these labels were accepted.

    Raises:
        GateError: if the accepted share is below the threshold.
    """
    result = acceptance(map(ballot_of, labels), recorded_votes(path))
    if not passes(result, threshold):
        raise GateError(
            f"the gate is closed: {result}; it opens at {100 * threshold:g} %: run "
            "'make gate', vote on the page, and record the votes with "
            "'diffscribe gate accept votes.json'"
        )


C = TypeVar("C", bound=Change)

_MOST_COMMITS_APART = 4
"""Changes of more commits than these are one stratum."""


def drawn(changes: Iterable[Change], rows: int) -> frozenset[str]:
    """Return the ids of at most `rows` changes, in proportion to their strata.

    A stratum is a repository, a number of commits and the type of the first of them.
    """
    return stratified(
        ((change.id, _stratum(change)) for change in changes), rows, "gate"
    )


def sampled(path: Path, rows: int, kind: type[C]) -> list[C]:
    """Return the drawn rows of a file, in its order.

    The file is read twice, so that only the drawn rows are in memory.
    """
    ids = drawn(read_changes(path, kind), rows)
    return [row for row in read_changes(path, kind) if row.id in ids]


def _stratum(change: Change) -> tuple[str, int, str]:
    first = change.commits[0].message if change.commits else ""
    header = conventional_header(first)
    commits = min(len(change.commits), _MOST_COMMITS_APART)
    return change.repo, commits, header.type if header else ""
