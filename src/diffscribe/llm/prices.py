"""What answers cost: tokens always, dollars where the price is known."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from diffscribe.llm.request import TokenUsage

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
