"""Rows of a ledger by their number."""

import hashlib
from datetime import UTC, datetime, timedelta

from diffscribe.asking.ledger import LedgerRow
from diffscribe.asking.upkeep import rows

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def key(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number, model="small", days_ago=0, about="acme/app"):
    return LedgerRow(
        key=key(number),
        model=model,
        about=about,
        text=f"answer {number} ✓",
        finish_reason="stop",
        prompt_tokens=100,
        cached_tokens=40,
        completion_tokens=10,
        reasoning_tokens=3,
        latency_s=0.25,
        answered_at=(NOW - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def numbers(path):
    by_key = {key(number): number for number in range(5000)}
    return sorted(by_key[each.key] for each in rows(path))


def put(ledger, *values, about="acme/app", private=False):
    """Keep an answer, and return the one that counts."""
    return ledger.put(*values, about=about, private=private).result()
