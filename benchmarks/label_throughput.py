"""Ask a server of fixed latency as fast as it allows, with two clients.

Usage: python benchmarks/label_throughput.py [--slots 64 --slots 256] [--rows 1000
    --rows 10000] [--latency-ms 500 --latency-ms 2000] [--seconds 30]

The server is on loopback in a process and on a core of its own: each answer takes
the latency, and no more than its slots are open at once, so its capacity is slots
divided by latency; others wait in its queue. The clients have one core and ask a
quarter more at once than there are slots, so that none is free while the next
request is on its way: `asker`, asking/ask.py on a ledger, and `gather`, the
plain way: openai's AsyncOpenAI in coroutines of all rows that asyncio.gather awaits
under a semaphore.

Prints answers a second between the first and the last, as a share of the capacity,
CPU time an answer, the core's load and the server's; then the peak memory of both
clients for each number of rows. Each figure is of a fresh process.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import click
from tabulate import tabulate

from diffscribe.asking.connect import Remote, connected
from diffscribe.core.records import Message
from diffscribe.doors.dialect import Dialect
from diffscribe.doors.reply import Question

SPAWN = multiprocessing.get_context("spawn")
PROMPT = "diff --git a/src/a.py b/src/a.py\n" + "+    return 1  # a line\n" * 80
SCHEMA = {"type": "object", "properties": {"subject": {"type": "string"}}}
CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": '{"subject": "return one"}'},
    "finish_reason": "stop",
}
USAGE = {"prompt_tokens": 700, "completion_tokens": 12, "total_tokens": 712}
BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [CHOICE],
        "usage": USAGE,
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
MEMORY_SLOTS = 256
MEMORY_LATENCY_S = 0.05
AHEAD = 1.25
"""So many requests at once for each slot."""


class Run(NamedTuple):
    """What one client did in a process of its own."""

    answers_per_s: float
    cpu_us: float
    """Of one answer."""
    load: float
    """Share of its core."""
    peak_mib: float


@click.command()
@click.option("--slots", multiple=True, type=int, default=(64, 256))
@click.option("--rows", multiple=True, type=int, default=(1_000, 10_000))
@click.option("--latency-ms", multiple=True, type=float, default=(500.0, 2000.0))
@click.option("--seconds", default=30.0, show_default=True, help="Of each run.")
def main(
    slots: tuple[int, ...],
    rows: tuple[int, ...],
    latency_ms: tuple[float, ...],
    seconds: float,
) -> None:
    """Measure throughput for each number of SLOTS, and memory for each of ROWS."""
    table = []
    for count, latency_s in product(slots, (ms / 1000 for ms in latency_ms)):
        capacity = count / latency_s
        shares = {}
        for name in CLIENTS:
            asked = int(min(capacity, EXPECTED_PER_S[name]) * seconds) + count
            run, server_load = measured(name, count, asked, latency_s)
            shares[name] = run.answers_per_s / capacity
            table.append(
                [
                    count,
                    f"{latency_s:g} s",
                    name,
                    *rounded(run),
                    f"{shares[name]:.1%}",
                    f"{server_load:.0%}",
                ]
            )
        table[-2].append(f"{shares['asker'] / shares['gather']:.1f}")
    headers = [
        *(
            "slots",
            "latency",
            "client",
            "answers/s",
            "CPU us",
            "load",
            "MiB",
            "of capacity",
        ),
        *("server load", "ratio"),
    ]
    click.echo(tabulate(table, headers=headers))
    for name in CLIENTS:
        peaks = [
            measured(name, MEMORY_SLOTS, n, MEMORY_LATENCY_S)[0].peak_mib for n in rows
        ]
        shown = [f"{p:.0f} MiB at {n} rows" for n, p in zip(rows, peaks, strict=True)]
        click.echo(f"peak memory of {name}: " + ", ".join(shown))


def rounded(run: Run) -> tuple[str, str, str, str]:
    """Return a run's figures to print."""
    return (
        f"{run.answers_per_s:.0f}",
        f"{run.cpu_us:.0f}",
        f"{run.load:.0%}",
        f"{run.peak_mib:.0f}",
    )


def measured(name: str, slots: int, rows: int, latency_s: float) -> tuple[Run, float]:
    """Return what a client did, and how busy it kept the server's core."""
    with (
        serving(slots, latency_s) as (base_url, load),
        ProcessPoolExecutor(1, mp_context=SPAWN) as process,
    ):
        before_s, cpu_before_s = time.perf_counter(), load()
        at_once = int(AHEAD * slots)
        run = process.submit(ask, name, base_url, at_once, rows).result()
        wall_s = time.perf_counter() - before_s
        return run, (load() - cpu_before_s) / wall_s


def ask(name: str, base_url: str, at_once: int, rows: int) -> Run:
    """Return what a client needs for so many rows, on the first core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    wall_s, cpu_s = CLIENTS[name](base_url, at_once, rows)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Run((rows - 1) / wall_s, cpu_s / rows * 1e6, cpu_s / wall_s, peak_kib / 1024)


def questions(rows: int) -> Iterator[Question]:
    """Yield questions that differ."""
    for number in range(rows):
        message = Message(role="user", content=f"{PROMPT}{number}")
        yield Question("m", (message,), SCHEMA, 256, 0.2, number, "", private=False)


def ask_by_asker(base_url: str, at_once: int, rows: int) -> tuple[float, float]:
    """Return wall and CPU seconds from the first answer to the last."""
    model = Remote(base_url, "m", timeout_s=60, concurrency=at_once)
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        connected(model) as asker,
    ):
        answers = asker.in_order(asker.ask, questions(rows))
        assert next(answers).text
        wall, cpu = time.perf_counter(), time.process_time()
        assert sum(1 for answer in answers if answer.text) == rows - 1
        return time.perf_counter() - wall, time.process_time() - cpu


def ask_by_gather(base_url: str, at_once: int, rows: int) -> tuple[float, float]:
    """Return the same for the plain way."""
    import openai

    async def run() -> tuple[float, float]:
        client = openai.AsyncOpenAI(base_url=base_url, api_key="k")
        turn = asyncio.Semaphore(at_once)

        async def label(question: Question) -> str:
            body = Dialect().body(question)
            async with turn:
                answer = await client.chat.completions.create(**body)
                return str(answer.choices[0].message.content)

        first, *others = questions(rows)
        assert await label(first)
        wall, cpu = time.perf_counter(), time.process_time()
        assert all(await asyncio.gather(*map(label, others)))
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        await client.close()
        return seconds

    return asyncio.run(run())


CLIENTS: dict[str, Callable[[str, int, int], tuple[float, float]]] = {
    "asker": ask_by_asker,
    "gather": ask_by_gather,
}
EXPECTED_PER_S = {"asker": 700.0, "gather": 400.0}
"""About, so that runs last as long as they should."""


@contextmanager
def serving(slots: int, latency_s: float) -> Iterator[tuple[str, Callable[[], float]]]:
    """Give a server's address, and how much CPU time it has used."""
    mine, its = SPAWN.Pipe()
    server = SPAWN.Process(target=serve, args=(its, slots, latency_s))
    server.start()
    port = mine.recv()

    def used_s() -> float:
        mine.send(None)
        return float(mine.recv())

    yield f"http://127.0.0.1:{port}/v1", used_s
    server.kill()
    server.join()


def serve(pipe: Any, slots: int, latency_s: float) -> None:
    """Serve on the last core until killed."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    async def run() -> None:
        loop = asyncio.get_running_loop()
        desk = Desk(slots, latency_s)
        server = await loop.create_server(
            lambda: Visitor(desk), "127.0.0.1", 0, backlog=4096
        )
        loop.add_reader(
            pipe.fileno(), lambda: (pipe.recv(), pipe.send(time.process_time()))
        )
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Desk:
    """Who is being served until when, and who waits for a slot."""

    def __init__(self, slots: int, latency_s: float) -> None:
        self.free, self.latency_s = slots, latency_s
        self.open: deque[tuple[float, asyncio.Transport]] = deque()
        self.waiting: deque[asyncio.Transport] = deque()
        self.loop = asyncio.get_running_loop()

    def ask(self, transport: asyncio.Transport) -> None:
        """Serve a request, now or when a slot is free."""
        if not self.free:
            self.waiting.append(transport)
            return
        self.free -= 1
        due = self.loop.time() + self.latency_s
        self.open.append((due, transport))
        if len(self.open) == 1:
            self.loop.call_at(due, self.answer)

    def answer(self) -> None:
        """Answer all that are due."""
        now = self.loop.time()
        while self.open and self.open[0][0] <= now:
            due, transport = self.open.popleft()
            transport.write(ANSWER)
            self.free += 1
            if self.waiting:
                self.free -= 1
                # The slot was free when it was due, however late this timer is.
                self.open.append((due + self.latency_s, self.waiting.popleft()))
        if self.open:
            self.loop.call_at(self.open[0][0], self.answer)


class Visitor(asyncio.Protocol):
    """One connection."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.received = desk, b""

    def connection_made(self, transport: Any) -> None:
        """Keep who to answer."""
        self.transport = transport

    def data_received(self, received: bytes) -> None:
        """Ask when a request is whole."""
        self.received += received
        end = self.received.find(b"\r\n\r\n")
        head = self.received[:end].lower()
        at = head.find(b"content-length: ") + 16
        length = int(head[at:].split(b"\r\n", 1)[0])
        if end >= 0 and len(self.received) == end + 4 + length:
            self.received = b""
            self.desk.ask(self.transport)


if __name__ == "__main__":
    main()
