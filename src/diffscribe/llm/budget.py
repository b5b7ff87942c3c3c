"""How much one run may spend, kept whatever the answers turn out to be."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from diffscribe.errors import BudgetError, ParamsError
from diffscribe.llm.prices import (
    Bill,
    Price,
    cost_usd,
    dollars,
    is_counted,
    price_of,
)
from diffscribe.llm.request import Request, TokenUsage

TEMPLATE_TOKENS = 512
"""More than chat templates and their own system messages add to a prompt."""


class Cost(NamedTuple):
    """What a request costs, or the most that it can."""

    tokens: int
    usd: float
    """0 if dollars are not limited."""


class Budget:
    """What may be spent, what is spent, and what open requests may still cost.

    A request is let through if the most it can cost fits, so that no budget is
    ever exceeded: a token is at least a byte, and max_tokens ends an answer.
    """

    def __init__(
        self,
        prices: Sequence[Price] = (),
        *,
        max_usd: float | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """Spend nothing yet; None for no limit."""
        self.bill = Bill(prices)
        """What was answered so far."""
        self.prices = prices
        self._max_usd = max_usd
        self._max_tokens = max_tokens
        self._charged = Cost(0, 0.0)
        self._reserved = Cost(0, 0.0)
        self._open = 0
        self._waiting: deque[tuple[Cost, asyncio.Future[None]]] = deque()
        self._exhausted: BudgetError | None = None

    def most(self, request: Request) -> Cost:
        """Return the most that a request can cost.

        Raises:
            ParamsError: if dollars are limited and the model's price is unknown.
        """
        if self._max_usd is None and self._max_tokens is None:
            return Cost(0, 0.0)
        content = [message.content for message in request.messages]
        prompt_tokens = TEMPLATE_TOKENS + len(orjson.dumps([content, request.schema]))
        usage = TokenUsage(prompt_tokens, 0, request.max_tokens, 0)
        return self._cost(request.model, usage)

    async def admitted(self, most: Cost) -> None:
        """Reserve as soon as it fits, in the order of asking.

        Raises:
            BudgetError: if it never will; no request is open any more.
        """
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((most, turn))
        self._admit()
        await turn

    def reserve(self, most: Cost) -> bool:
        """Set aside what a request can cost, or return False if it does not fit."""
        tokens = self._charged.tokens + self._reserved.tokens + most.tokens
        usd = self._charged.usd + self._reserved.usd + most.usd
        if self._max_tokens is not None and tokens > self._max_tokens:
            return False
        if self._max_usd is not None and usd > self._max_usd:
            return False
        self._reserved = _sum(self._reserved, most)
        self._open += 1
        return True

    def settle(self, most: Cost, model: str, usage: TokenUsage | None) -> None:
        """Charge what a request did cost; None if it was not answered.

        An answer without counts is charged with the most it can have cost.
        """
        self._open -= 1
        left = Cost(-most.tokens, -most.usd)
        # Sums of floats do not end at 0 by themselves.
        self._reserved = _sum(self._reserved, left) if self._open else Cost(0, 0.0)
        if usage is not None:
            self.bill.add(model, usage)
            real = self._cost(model, usage) if is_counted(usage) else most
            self._charged = _sum(self._charged, real)
        self._admit()

    def exhausted(self) -> BudgetError:
        """Return the error that says that the next request does not fit."""
        limits = []
        if self._max_usd is not None:
            limits.append(f"budget_usd {self._max_usd:g}")
        if self._max_tokens is not None:
            limits.append(f"budget_tokens {self._max_tokens}")
        at_most = ", ".join(
            [f"{self._charged.tokens:,} tokens"]
            + [dollars(self._charged.usd)] * (self._max_usd is not None)
        )
        return BudgetError(
            f"the next request may exceed {' or '.join(limits)}: {at_most} went to "
            f"{self.bill.answers:,} answers, all kept; run again to spend as much "
            "once more, or raise the budget"
        )

    def _cost(self, model: str, usage: TokenUsage) -> Cost:
        tokens = usage.prompt_tokens + usage.completion_tokens
        if self._max_usd is None:
            return Cost(tokens, 0.0)
        price = price_of(model, self.prices)
        if price is None:
            raise ParamsError(
                f"budget_usd cannot be kept: no price of '{model}' is known; add it "
                "to the prices, for batches with its batch_discount, or set "
                "budget_tokens instead"
            )
        return Cost(tokens, cost_usd(usage, price))

    def _admit(self) -> None:
        while self._waiting:
            most, turn = self._waiting[0]
            if self._exhausted and not turn.done():
                turn.set_exception(self._exhausted)
            elif not turn.done():
                if self.reserve(most):
                    turn.set_result(None)
                elif self._open:
                    return
                else:
                    self._exhausted = self.exhausted()
                    continue
            self._waiting.popleft()


def _sum(one: Cost, other: Cost) -> Cost:
    return Cost(one.tokens + other.tokens, one.usd + other.usd)
