"""How much one run may spend, kept whatever the answers turn out to be."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import orjson

from diffscribe.core.errors import BudgetError, ParamsError
from diffscribe.doors.reply import Question, TokenUsage

NOTHING = TokenUsage(0, 0, 0, 0)


class Price(NamedTuple):
    """US dollars for a million tokens of one model."""

    model: str
    """Its name at the endpoint, whole: what is only alike has another price."""
    date: date
    """When this was the price."""
    prompt: float
    cached: float
    """Of a prompt token that was read before."""
    completion: float
    """Thoughts included."""


def price_of(model: str, prices: Sequence[Price]) -> Price | None:
    """Return the latest price of a model, or None: it is never guessed."""
    named = [price for price in prices if price.model == model]
    return max(named, key=lambda price: price.date, default=None)


def cost_usd(usage: TokenUsage, price: Price) -> float:
    """Return what tokens cost."""
    fresh_tokens = usage.prompt_tokens - usage.cached_tokens
    return (
        fresh_tokens * price.prompt
        + usage.cached_tokens * price.cached
        + usage.completion_tokens * price.completion
    ) / 1e6


class Bill:
    """Tokens of answers, summed up by model; equal answers in any order are equal."""

    def __init__(self, prices: Sequence[Price]) -> None:
        self.answers = 0
        self.uncounted = 0
        """Answers whose tokens the endpoint did not count."""
        self._prices = prices
        self._by_model: dict[str, TokenUsage] = {}

    def add(self, model: str, usage: TokenUsage) -> None:
        """Count an answer."""
        self.answers += 1
        self.uncounted += not is_counted(usage)
        self._by_model[model] = _sum(self._by_model.get(model, NOTHING), usage)

    @property
    def usage(self) -> TokenUsage:
        """Tokens of all models."""
        return _sum(NOTHING, *self._by_model.values())

    @property
    def usd(self) -> float | None:
        """What all answers cost, or None if that is not known of each of them."""
        if self.uncounted:
            return None
        total = 0.0
        for model, usage in sorted(self._by_model.items()):
            price = price_of(model, self._prices)
            if price is None:
                return None
            total += cost_usd(usage, price)
        return total

    def words(self) -> str:
        """Return `12,345 tokens, $0.0123`, or the tokens alone."""
        usage, usd = self.usage, self.usd
        tokens = f"{usage.prompt_tokens + usage.completion_tokens:,} tokens"
        if self.uncounted:
            return f"{tokens} and those of {self.uncounted:,} answers without counts"
        return tokens if usd is None else f"{tokens}, {dollars(usd)}"


def is_counted(usage: TokenUsage) -> bool:
    """Tell whether an endpoint counted: no prompt has no tokens."""
    return usage.prompt_tokens > 0


def dollars(usd: float) -> str:
    """Return an amount with cents, or with what matters of less than a dollar."""
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


def _sum(*usages: TokenUsage) -> TokenUsage:
    return TokenUsage(*map(sum, zip(*usages, strict=True)))


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

    def most(self, question: Question) -> Cost:
        """Return the most that a request can cost.

        Raises:
            ParamsError: if dollars are limited and the model's price is unknown.
        """
        if self._max_usd is None and self._max_tokens is None:
            return Cost(0, 0.0)
        content = [message.content for message in question.messages]
        prompt_tokens = TEMPLATE_TOKENS + len(orjson.dumps([content, question.schema]))
        usage = TokenUsage(prompt_tokens, 0, question.max_tokens, 0)
        return self._cost(question.model, usage)

    async def admit(self, most: Cost) -> None:
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
        self._reserved = _add(self._reserved, most)
        self._open += 1
        return True

    def settle(self, most: Cost, model: str, usage: TokenUsage | None) -> None:
        """Charge what a request did cost; None if it was not answered.

        An answer without counts is charged with the most it can have cost.
        """
        self._open -= 1
        left = Cost(-most.tokens, -most.usd)
        # Sums of floats do not end at 0 by themselves.
        self._reserved = _add(self._reserved, left) if self._open else Cost(0, 0.0)
        if usage is not None:
            self.bill.add(model, usage)
            real = self._cost(model, usage) if is_counted(usage) else most
            self._charged = _add(self._charged, real)
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


def _add(one: Cost, other: Cost) -> Cost:
    return Cost(one.tokens + other.tokens, one.usd + other.usd)
