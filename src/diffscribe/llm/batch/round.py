"""One round of batches: submitted, waited for and collected."""

import time
from collections.abc import Callable, Sequence

from diffscribe.errors import ToolError
from diffscribe.llm.batch.parts import Part, Sent
from diffscribe.llm.batch.pending import Pending
from diffscribe.llm.batch.service import BatchService, BatchStatus

TOO_MUCH_AT_ONCE = "token_limit_exceeded"


class Round:
    """Brings the answers of parts by a service."""

    def __init__(self, service: BatchService, pending: Pending) -> None:
        """Send nothing yet."""
        self._service = service
        self._pending = pending
        self._sent: dict[Part, Sent] = {}
        self._tried_alone: set[Part] = set()

    def bring(
        self, parts: Sequence[Part], report: Callable[[str], None], poll_s: float
    ) -> None:
        """Return when all answers that there will be are in the ledger.

        Raises:
            ToolError: if the service failed, refused a batch or cancelled it.
        """
        total = len(self._pending)
        for part in parts:
            self._submit(part)
        while parts:
            states = {
                each: self._service.status(self._sent[each].batch) for each in parts
            }
            parts = [part for part in parts if self._is_open(part, states)]
            if parts:
                done = sum(states[part].done for part in parts)
                done += total - len(self._pending)
                report(f"{done:,} of {total:,} requests, {len(parts)} batches open")
                time.sleep(poll_s)

    def _submit(self, part: Part) -> None:
        """Upload and submit a part, or what of that an earlier run did not do."""
        sent = part.sent() or self._service.upload(part.requests)
        if not sent.batch:
            batch = self._service.submit(
                sent, lambda at: part.keep_sent(sent._replace(asked_at=at))
            )
            sent = sent._replace(batch=batch, asked_at=0.0)
            part.keep_sent(sent)
        self._sent[part] = sent

    def _is_open(self, part: Part, states: dict[Part, BatchStatus]) -> bool:
        """Collect a part that is at its end, and return whether it is not yet."""
        status = states[part]
        if status.is_running:
            return True
        if status.state == "failed":
            self._submit_again(part, status, is_alone=len(states) == 1)
            return True
        for file_id in status.files:
            self._service.download(file_id, part.answers)
            self._pending.collect(part)
        settled = self._pending.finish(part, is_final=status.state == "completed")
        if status.state == "cancelled" or not settled:
            raise ToolError(
                f"batch {self._sent[part].batch} is {status.state}: {settled} of its "
                "requests were answered and are kept; run again to ask for the rest"
            )
        return False

    def _submit_again(self, part: Part, status: BatchStatus, *, is_alone: bool) -> None:
        """Submit a part that was too much beside others, or give up on it."""
        if TOO_MUCH_AT_ONCE not in status.codes or part in self._tried_alone:
            part.remove()
            raise ToolError(f"the service refused a batch: {status.words}")
        if is_alone:
            self._tried_alone.add(part)
        part.keep_sent(self._sent[part]._replace(batch=""))
        self._submit(part)


def collect_beside(parts: Sequence[Part], pending: Pending) -> None:
    """Collect parts that somebody answered with a file beside the requests.

    Raises:
        ToolError: saying how, if some are not answered yet.
    """
    for part in parts:
        if part.answers.exists():
            pending.collect(part)
            pending.finish(part, is_final=True)
    left = [part for part in parts if part.requests.exists()]
    if left:
        first = left[0]
        raise ToolError(
            f"{len(left)} files wait in '{first.requests.parent}' for their answers: "
            f"'vllm run-batch -i {first.requests} -o {first.answers} --model …' "
            "for each, then run this again"
        )
