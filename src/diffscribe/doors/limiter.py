"""How many requests may be open at one endpoint, and how fast they may follow."""

import asyncio
from collections import deque

RECOVERY_SHARE = 0.05
"""Share of the slots that comes back each time all of them answered."""


class Limiter:
    """Slots that a 429 halves and answers restore, and two rates.

    It serves one event loop at a time.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        """Allow `concurrency` requests at once; None for no limit of a rate."""
        self._ceiling = concurrency
        self._slots = float(concurrency)
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._resumes_at = 0.0
        self._halved_at = 0.0
        self._requests = _Rate(requests_per_minute)
        self._tokens = _Rate(tokens_per_minute)

    @property
    def slots(self) -> int:
        """Return how many requests may be open now."""
        return int(self._slots)

    async def enter(self, tokens: int) -> float:
        """Return the loop's time when a request may be sent; pair it with `leave`.

        Args:
            tokens: the most it may cost; `leave` gives the rest back.
        """
        loop = asyncio.get_running_loop()
        await self._slot(loop)
        try:
            due = max(
                self._requests.take(1, loop.time()),
                self._tokens.take(tokens, loop.time()),
            )
            while (delay_s := max(due, self._resumes_at) - loop.time()) > 0:
                await asyncio.sleep(delay_s)
        except BaseException:
            self.leave(tokens)
            raise
        return loop.time()

    def leave(self, unused_tokens: int) -> None:
        """Let the next request in."""
        self._tokens.give_back(unused_tokens)
        self._active -= 1
        self._admit()

    def succeeded(self) -> None:
        """Restore a little of what 429s took."""
        if self._slots < self._ceiling:
            gain = max(1.0, RECOVERY_SHARE * self._ceiling) / self._slots
            self._slots = min(self._ceiling, self._slots + gain)

    def cool_down(self, wait_s: float, sent_at: float) -> None:
        """Send nothing for a while, then half as much at once.

        A request that was sent before the last halving halves nothing again.

        Args:
            wait_s: from now on.
            sent_at: what `enter` returned for the refused request.
        """
        loop = asyncio.get_running_loop()
        if loop.time() + wait_s > self._resumes_at:
            self._resumes_at = loop.time() + wait_s
            loop.call_at(self._resumes_at, self._admit)
        if sent_at > self._halved_at:
            self._slots = max(1.0, self._slots / 2)
            self._halved_at = loop.time()

    async def _slot(self, loop: asyncio.AbstractEventLoop) -> None:
        is_free = self._active < self.slots and loop.time() >= self._resumes_at
        if is_free and not self._waiting:
            self._active += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come at the moment of cancelling; hand it on.
            if turn.done() and not turn.cancelled():
                self.leave(0)
            raise

    def _admit(self) -> None:
        while self._waiting and self._active < self.slots:
            turn = self._waiting[0]
            if turn.get_loop().time() < self._resumes_at and not turn.done():
                return
            self._waiting.popleft()
            if not turn.done():
                self._active += 1
                turn.set_result(None)


class _Rate:
    """A number of units a minute, spread evenly."""

    def __init__(self, per_minute: float | None) -> None:
        self._each_s = 60.0 / per_minute if per_minute else 0.0
        self._next_at = 0.0

    def take(self, count: int, now: float) -> float:
        """Return the time from which `count` units may be used."""
        due = max(self._next_at, now)
        self._next_at = due + count * self._each_s
        return due

    def give_back(self, count: int) -> None:
        """Make room for what was taken and not used."""
        self._next_at -= count * self._each_s
