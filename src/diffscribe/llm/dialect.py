"""What one endpoint understands of a request, found out by its refusals."""

import re
from typing import Any, NamedTuple

from diffscribe.llm.failures import AttemptError
from diffscribe.llm.request import Request, Rung, request_body

REFUSALS = (400, 422, 500, 501)
"""A server that validates what it does not know may call that its own fault."""

_FORMAT = re.compile(r"response_format|json_schema|json_object|json mode|structured")
_SCHEMA = re.compile(r"invalid schema|unsupported schema|grammar")
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|extra input"
)
_THIS_ALONE = re.compile(
    r"context[ _](?:length|size|window)|too (?:long|large|many tokens)|"
    r"maximum (?:\w+ )?(?:tokens|length)|reduce the length|"
    r"content[ _](?:policy|filter|management)|moderation|safety"
)


class Dialect(NamedTuple):
    """How to put a request so that an endpoint takes it."""

    rung: Rung = Rung.STRICT_SCHEMA
    limit_name: str = "max_tokens"
    left_out: frozenset[str] = frozenset()
    """Parameters that it refuses, of those that an answer can do without."""

    def body(self, request: Request) -> dict[str, Any]:
        """Return the JSON to send."""
        body = request_body(request, self.rung)
        body[self.limit_name] = body.pop("max_tokens")
        for name in self.left_out:
            del body[name]
        return body

    def milder(self, failure: AttemptError, request: Request) -> "Dialect | None":
        """Return what to try after a refusal, or None if it was about other things."""
        said = f"{failure.words} {failure.names}".lower()
        if failure.code not in REFUSALS or is_about_one(failure):
            return None
        if "max_completion_tokens" in said and self.limit_name == "max_tokens":
            return self._replace(limit_name="max_completion_tokens")
        if _UNSUPPORTED.search(said):
            for name in {"temperature", "seed"} - self.left_out:
                if re.search(rf"\b{name}\b", said):
                    return self._replace(left_out=self.left_out | {name})
        if request.schema is None or self.rung == Rung.TEXT:
            return None
        if _FORMAT.search(said) or _SCHEMA.search(said):
            rungs = list(Rung)
            return self._replace(rung=rungs[rungs.index(self.rung) + 1])
        return None


def is_about_one(failure: AttemptError) -> bool:
    """Tell a refusal of this request, such as its length, from one of all like it."""
    said = f"{failure.words} {failure.names}".lower()
    return failure.code == 413 or _THIS_ALONE.search(said) is not None
