import pytest

from diffscribe.asking.budget import Bill, Price, cost_usd, dollars
from diffscribe.doors.reply import TokenUsage

SMALL = Price(prompt=1.0, cached=0.25, completion=4.0)
LARGE = Price(prompt=10.0, cached=1.0, completion=30.0)


def test_cached_tokens_are_part_of_the_prompt_and_thoughts_of_the_completion():
    usage = TokenUsage(1_000_000, 400_000, 500_000, 300_000)
    assert cost_usd(usage, SMALL) == pytest.approx(0.6 + 0.1 + 2.0)


def bill(*answers):
    made = Bill({"small": SMALL, "large": LARGE})
    for model, usage in answers:
        made.add(model, usage)
    return made


MANY = TokenUsage(1000, 400, 100, 50)


def test_a_bill_sums_up_models_in_any_order():
    answers = [("small", TokenUsage(n, n // 3, n, 0)) for n in range(1, 50)]
    answers += [("large", MANY)] * 3
    one, other = bill(*answers), bill(*reversed(answers))
    assert one.usd == other.usd
    assert one.usd == pytest.approx(
        sum(cost_usd(u, SMALL if m == "small" else LARGE) for m, u in answers)
    )
    assert one.usage == other.usage
    assert one.usage.prompt_tokens == 3000 + sum(range(1, 50))
    assert one.answers == 52


def test_a_bill_of_nothing_is_nothing():
    assert bill().usd == 0
    assert bill().usage == TokenUsage(0, 0, 0, 0)
    assert bill().words() == "0 tokens, $0.0000"


@pytest.mark.parametrize("model", ["strange", "Small", "small-2", "sma", ""])
def test_one_unknown_price_leaves_tokens_alone(model):
    made = bill(("small", MANY), (model, MANY))
    assert made.usd is None
    assert made.words() == "2,200 tokens"


def test_answers_that_nobody_counted_cost_no_known_amount():
    made = bill(("small", MANY), ("small", TokenUsage(0, 0, 0, 0)))
    assert made.uncounted == 1
    assert made.usd is None
    assert made.words() == "1,100 tokens and those of 1 answers without counts"


def test_a_bill_is_told_in_tokens_and_dollars():
    assert bill(("small", MANY)).words() == "1,100 tokens, $0.0011"
    assert dollars(0.99994) == "$0.9999"
    assert dollars(1) == "$1.00"
    assert dollars(1234.5) == "$1,234.50"
