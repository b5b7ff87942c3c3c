import asyncio
import os
import signal
import threading
import tracemalloc

import pytest

from diffscribe.asking.ask import in_order


def test_results_come_in_the_order_of_the_rows_whoever_is_quicker():
    async def work(row):
        await asyncio.sleep(0.02 if row % 3 == 0 else 0)
        return row * 10

    rows = range(50)
    assert list(in_order(work, rows, 7)) == [row * 10 for row in rows]


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_fewer_rows_than_the_window_are_fine(count):
    async def work(row):
        return row

    assert list(in_order(work, range(count), 3)) == list(range(count))


def test_no_more_than_the_window_is_open_or_drawn():
    drawn, open_now, most_open = 0, 0, 0

    def rows():
        nonlocal drawn
        for row in range(40):
            drawn += 1
            yield row

    async def work(row):
        nonlocal open_now, most_open
        open_now += 1
        most_open = max(most_open, open_now)
        await asyncio.sleep(0.001)
        open_now -= 1
        return row

    for seen, row in enumerate(in_order(work, rows(), 8)):
        assert row == seen
        assert drawn <= seen + 8
    assert most_open == 8


def test_the_first_error_ends_all_though_an_earlier_row_is_still_open():
    cancelled = []

    async def work(row):
        if row == 2:
            raise ValueError("no")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(row)
            raise

    with pytest.raises(ValueError, match="no"):
        list(in_order(work, range(100), 4))
    assert cancelled == [0, 1, 3]


def test_an_error_of_the_rows_ends_all_after_what_was_closed():
    closed = []

    def rows():
        yield 1
        raise ValueError("a broken line")

    async def work(row):
        await asyncio.sleep(60)

    async def close():
        closed.append(asyncio.get_running_loop())

    with pytest.raises(ValueError, match="a broken line"):
        list(in_order(work, rows(), 4, close))
    assert len(closed) == 1


def test_who_stops_listening_leaves_nothing_open():
    ended = []

    async def work(row):
        try:
            await asyncio.sleep(0 if row == 0 else 60)
        finally:
            ended.append(row)

    results = in_order(work, range(9), 3)
    next(results)
    results.close()
    assert ended == [0, 1, 2]


def test_ctrl_c_ends_what_is_open():
    ended = []

    async def work(row):
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(row)

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(in_order(work, range(9), 3))
    timer.join()
    assert ended == [0, 1, 2]


def test_memory_does_not_grow_with_the_rows():
    async def work(row):
        return bytes(1000)

    def peak(count):
        tracemalloc.start()
        for _ in in_order(work, range(count), 64):
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(100)
    assert peak(5000) < peak(500) * 1.2
