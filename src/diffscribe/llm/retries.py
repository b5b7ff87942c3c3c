"""When to ask an endpoint again, and how long to wait before."""

from typing import TYPE_CHECKING

from diffscribe.llm.failures import AttemptError, Fault

if TYPE_CHECKING:
    from tenacity import RetryCallState

TRANSIENT = (408, 409, 429)
"""Worth another attempt, as every 5xx is."""
SPENT = "insufficient_quota"
"""A 429 that no wait heals."""
MAX_ASKED_WAIT_S = 120.0
"""Who asks to wait longer is not asked again."""
MAX_BACKOFF_S = 30.0


def is_transient(error: BaseException) -> bool:
    """Tell failures that time may heal from those that repeat."""
    if not isinstance(error, AttemptError):
        return False
    if error.fault != Fault.STATUS:
        return True
    if (error.asked_wait_s or 0.0) > MAX_ASKED_WAIT_S or SPENT in error.names:
        return False
    return error.code in TRANSIENT or error.code >= 500


def wait_s(state: "RetryCallState") -> float:
    """Return what the endpoint asks to wait, or a random, growing time."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AttemptError) and error.asked_wait_s is not None:
        return error.asked_wait_s
    return wait_random_exponential(multiplier=0.5, max=MAX_BACKOFF_S)(state)
