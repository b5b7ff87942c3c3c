"""Limit what one run may spend, whatever the answers turn out to be.

A question is admitted if the most that it can cost still fits, so no budget is ever
exceeded.
"""

import asyncio
from collections.abc import Mapping
from operator import add, sub
from typing import NamedTuple

from diffscribe.core.errors import BudgetError, ParamsError
from diffscribe.doors.reply import Question, TokenUsage, most_tokens

NOTHING = TokenUsage(0, 0, 0, 0)


class Price(NamedTuple):
    """US dollars for a million tokens of one model."""

    prompt: float
    cached: float
    """Of a prompt token that the endpoint had read before."""
    completion: float
    """Thoughts included."""


Prices = Mapping[str, Price]
"""By the full name of a model; a similar name has another price."""


def cost_usd(usage: TokenUsage, price: Price) -> float:
    """Return the price of tokens in dollars."""
    fresh_tokens = usage.prompt_tokens - usage.cached_tokens
    return (
        fresh_tokens * price.prompt
        + usage.cached_tokens * price.cached
        + usage.completion_tokens * price.completion
    ) / 1e6


def is_counted(usage: TokenUsage) -> bool:
    """Tell whether an endpoint counted the tokens, as every prompt has some."""
    return usage.prompt_tokens > 0


def dollars(usd: float) -> str:
    """Return an amount with two decimals, or four below a dollar."""
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


class Bill:
    """Sums of the tokens of answers, by model; their order does not matter."""

    def __init__(self, prices: Prices) -> None:
        self.answers = 0
        self.uncounted = 0
        """Answers whose tokens the endpoint did not count."""
        self._prices = prices
        self._by_model: dict[str, TokenUsage] = {}

    def add(self, model: str, usage: TokenUsage) -> None:
        """Count an answer."""
        self.answers += 1
        self.uncounted += not is_counted(usage)
        known = self._by_model.get(model, NOTHING)
        self._by_model[model] = TokenUsage(*map(add, known, usage))

    @property
    def usage(self) -> TokenUsage:
        """Tokens of all models."""
        columns = zip(NOTHING, *self._by_model.values(), strict=True)
        return TokenUsage(*map(sum, columns))

    @property
    def usd(self) -> float | None:
        """Price of all answers; None if it is not known of each of them."""
        total = 0.0
        for model, usage in sorted(self._by_model.items()):
            if model not in self._prices:
                return None
            total += cost_usd(usage, self._prices[model])
        return None if self.uncounted else total

    def words(self) -> str:
        """Return `12,345 tokens, $0.0123`, or the tokens alone."""
        tokens, usd = f"{self.usage.total:,} tokens", self.usd
        if self.uncounted:
            return f"{tokens} and those of {self.uncounted:,} answers without counts"
        return tokens if usd is None else f"{tokens}, {dollars(usd)}"


class Cost(NamedTuple):
    """Cost of a question, or the most that it can be."""

    tokens: int
    usd: float
    """0 if dollars are not limited."""


FREE = Cost(0, 0.0)


class Budget:
    """Limits of a run, its bill, and what open questions may still cost."""

    def __init__(
        self,
        prices: Mapping[str, Price] = {},
        *,
        max_usd: float | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """Spend nothing yet; None for no limit."""
        self.bill = Bill(prices)
        """All answers so far."""
        self._prices = prices
        self._max_usd = max_usd
        self._max_tokens = max_tokens
        self._charged = self._reserved = FREE
        self._open = 0
        self._settled = asyncio.Event()

    def most(self, question: Question) -> Cost:
        """Return the most that a question can cost.

        Raises:
            ParamsError: if dollars are limited and the model's price is unknown.
        """
        if self._max_usd is None and self._max_tokens is None:
            return FREE
        return self._cost(question.model, most_tokens(question))

    async def admit(self, most: Cost) -> None:
        """Reserve as soon as it fits beside what is open.

        Raises:
            BudgetError: if it never will, as nothing is open any more.
        """
        while not self.reserve(most):
            if not self._open:
                raise self.exhausted()
            await self._settled.wait()

    def reserve(self, most: Cost) -> bool:
        """Set aside the cost of a question, or return False if it does not fit."""
        tokens, usd = map(sum, zip(self._charged, self._reserved, most, strict=True))
        if self._max_tokens is not None and tokens > self._max_tokens:
            return False
        if self._max_usd is not None and usd > self._max_usd:
            return False
        self._reserved = Cost(*map(add, self._reserved, most))
        self._open += 1
        return True

    def settle(self, most: Cost, model: str, usage: TokenUsage | None) -> None:
        """Charge the real cost of a question; None if it was not answered.

        An answer without counts is charged with the most it can have cost.
        """
        self._open -= 1
        # A sum of floats may end beside 0, so it starts anew when nothing is open.
        self._reserved = Cost(*map(sub, self._reserved, most)) if self._open else FREE
        if usage is not None:
            self.bill.add(model, usage)
            real = self._cost(model, usage) if is_counted(usage) else most
            self._charged = Cost(*map(add, self._charged, real))
        # All that wait look again; a later waiter waits for the next one.
        self._settled.set()
        self._settled = asyncio.Event()

    def exhausted(self) -> BudgetError:
        """Return the error that says that the next question does not fit."""
        limits = []
        spent = f"{self._charged.tokens:,} tokens"
        if self._max_usd is not None:
            limits.append(f"budget_usd {self._max_usd:g}")
            spent += f", {dollars(self._charged.usd)}"
        if self._max_tokens is not None:
            limits.append(f"budget_tokens {self._max_tokens}")
        return BudgetError(
            f"the next question may exceed {' or '.join(limits)}: {spent} went to "
            f"{self.bill.answers:,} answers, all kept; run again to spend as much "
            "once more, or raise the budget"
        )

    def _cost(self, model: str, usage: TokenUsage) -> Cost:
        if self._max_usd is None:
            return Cost(usage.total, 0.0)
        if model not in self._prices:
            raise ParamsError(
                f"budget_usd cannot be kept: no price of '{model}' is known; add it "
                "to the prices, for batches with its batch_discount, or set "
                "budget_tokens instead"
            )
        return Cost(usage.total, cost_usd(usage, self._prices[model]))
