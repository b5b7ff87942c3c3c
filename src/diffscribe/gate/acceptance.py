"""Whether enough labels of a sample were accepted to go on with the rest."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from diffscribe.errors import GateError
from diffscribe.exact import proportion_interval
from diffscribe.gate.verdicts import (
    VERDICTS,
    Choice,
    Verdict,
    read_verdicts,
    row_digest,
)
from diffscribe.records import LabeledChange


class Acceptance(NamedTuple):
    """How many of the rows were accepted."""

    rows: int
    accepted: int
    rejected: int
    skipped: int
    share: float
    """Accepted of all rows: one that is skipped or not judged is not accepted."""
    low: float
    """Of the exact 95 % interval (Clopper and Pearson 1934)."""
    high: float


def require(
    labels: Iterable[LabeledChange], threshold: float, verdicts: Path = VERDICTS
) -> None:
    """Let pass if enough of these labels were accepted.

    Raises:
        GateError: if the accepted share is below the threshold.
    """
    result = acceptance(map(row_digest, labels), read_verdicts(verdicts))
    if not passes(result, threshold):
        raise GateError(
            f"the gate is closed: {acceptance_line(result)}; it opens at "
            f"{100 * threshold:g} %: run 'make gate', judge the page, and record that "
            "with 'make gate-accept FILE=verdicts.json'"
        )


def acceptance(digests: Iterable[str], verdicts: Mapping[str, Verdict]) -> Acceptance:
    """Return how many of these rows were accepted; other verdicts do not count."""
    rows = list(dict.fromkeys(digests))
    said = Counter(verdicts[row].verdict for row in rows if row in verdicts)
    accepted = said[Choice.ACCEPT]
    ends = proportion_interval(accepted, len(rows))
    return Acceptance(
        len(rows),
        accepted,
        said[Choice.REJECT],
        said[Choice.SKIP],
        accepted / len(rows) if rows else 0.0,
        ends.low,
        ends.high,
    )


def passes(acceptance: Acceptance, threshold: float) -> bool:
    """Tell whether the accepted share is at or above a threshold; no row, no pass.

    The share decides and not its interval, which with few rows is too wide to.
    """
    return acceptance.rows > 0 and acceptance.share >= threshold


def acceptance_line(result: Acceptance) -> str:
    """Return acceptance in one line."""
    open_ = result.rows - result.accepted - result.rejected - result.skipped
    return (
        f"{result.accepted} of {result.rows} rows accepted: {100 * result.share:.0f} % "
        f"(95 % interval {100 * result.low:.0f} to {100 * result.high:.0f}); "
        f"{result.rejected} rejected, {result.skipped} skipped, {open_} not judged"
    )
