"""When to ask an endpoint again, and how long to wait before."""

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import RetryCallState

TRANSIENT = (408, 409, 429)
"""Worth another attempt, as every 5xx is."""
MAX_RETRY_AFTER_S = 120.0
"""Who asks to wait longer is not asked again."""
MAX_BACKOFF_S = 30.0


def is_transient(error: BaseException) -> bool:
    """Tell failures that time may heal from those that repeat."""
    import openai

    if isinstance(error, openai.APIStatusError):
        code = error.status_code
        asked_s = _retry_after_s(error)
        is_patient = asked_s is None or asked_s <= MAX_RETRY_AFTER_S
        return is_patient and (code in TRANSIENT or code >= 500)
    return isinstance(error, openai.APIConnectionError)


def wait_s(state: "RetryCallState") -> float:
    """Return what the endpoint asks to wait, or a random, growing time."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome else None
    asked_s = _retry_after_s(error)
    if asked_s is not None:
        return asked_s
    return wait_random_exponential(multiplier=0.5, max=MAX_BACKOFF_S)(state)


def _retry_after_s(error: BaseException | None) -> float | None:
    """Return how long the endpoint asks to wait: seconds, or until a date."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return None
    text = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
