import asyncio
import time

import pytest

from diffscribe.doors.limiter import Limiter

WIDE_S = 20
"""Of a pause of less than a second, whatever else the machine does."""


async def entered(limiter, count, within_s=0.05):
    """Return the tasks of those who got a slot, and of those who still wait."""
    tasks = [asyncio.create_task(limiter.enter(0)) for _ in range(count)]
    return await asyncio.wait(tasks, timeout=within_s)


async def end(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_lets_in_as_many_as_there_are_slots_and_the_next_when_one_leaves():
    async def run():
        limiter = Limiter(3)
        inside, waiting = await entered(limiter, 5)
        assert (len(inside), len(waiting)) == (3, 2)
        limiter.leave(0)
        inside, waiting = await asyncio.wait(waiting, timeout=0.05)
        assert (len(inside), len(waiting)) == (1, 1)
        await end(waiting)

    asyncio.run(run())


def test_a_429_stops_all_for_as_long_as_it_says_and_halves_the_slots():
    async def run():
        limiter = Limiter(8)
        sent_at = await limiter.enter(0)
        limiter.leave(0)
        started = time.monotonic()
        limiter.cool_down(0.2, sent_at)
        assert limiter.slots == 4
        inside, waiting = await entered(limiter, 8, within_s=0.4)
        assert (len(inside), len(waiting)) == (4, 4)
        assert min(task.result() for task in inside) >= started + 0.19
        await end(waiting)

    asyncio.run(run())


def test_429s_of_requests_that_were_open_together_halve_once():
    async def run():
        limiter = Limiter(16)
        sent = [await limiter.enter(0) for _ in range(16)]
        for sent_at in sent:
            limiter.cool_down(0.0, sent_at)
        assert limiter.slots == 8
        for _ in sent:
            limiter.leave(0)
        await asyncio.sleep(0.01)
        limiter.cool_down(0.0, await limiter.enter(0))
        assert limiter.slots == 4

    asyncio.run(run())


def test_recovers_slowly_and_never_beyond_what_was_asked_for():
    async def run():
        limiter = Limiter(100)
        limiter.cool_down(0.0, await limiter.enter(0))
        assert limiter.slots == 50
        for _ in range(50):
            limiter.succeeded()
        assert 54 <= limiter.slots <= 55
        for _ in range(2000):
            limiter.succeeded()
        assert limiter.slots == 100

    asyncio.run(run())


def test_one_slot_always_stays():
    async def run():
        limiter = Limiter(2)
        for _ in range(5):
            limiter.cool_down(0.0, await limiter.enter(0))
            limiter.leave(0)
            await asyncio.sleep(0.002)
        assert limiter.slots == 1

    asyncio.run(run())


def test_who_is_cancelled_gives_the_turn_on():
    async def run():
        limiter = Limiter(1)
        await limiter.enter(0)
        [first], [second, third] = (
            [asyncio.create_task(limiter.enter(0))],
            [asyncio.create_task(limiter.enter(0)) for _ in range(2)],
        )
        await asyncio.sleep(0)
        first.cancel()
        limiter.leave(0)
        second.cancel()
        await asyncio.wait_for(third, WIDE_S)

    asyncio.run(run())


@pytest.mark.parametrize(
    "rates", [{"requests_per_minute": 1200}, {"tokens_per_minute": 12000}]
)
def test_keeps_the_rate_that_was_asked_for(rates):
    async def run():
        limiter = Limiter(100, **rates)
        started = time.monotonic()
        for _ in range(6):
            await limiter.enter(10)
            limiter.leave(0)
        assert 0.25 <= time.monotonic() - started < WIDE_S

    asyncio.run(run())


def test_tokens_that_were_not_used_are_given_back():
    async def run():
        limiter = Limiter(100, tokens_per_minute=600)
        started = time.monotonic()
        for _ in range(5):
            await limiter.enter(10_000)
            limiter.leave(9_999.5)
        assert 0.15 <= time.monotonic() - started < WIDE_S

    asyncio.run(run())
