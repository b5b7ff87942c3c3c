"""Kill `bench.py run` at random moments and compare it with a run left alone.

Usage: python benchmarks/bench_kills.py [--kills 200] [--samples 300] [--seed 7]

The server is a real one on loopback that counts what it is asked. Some kills come
while the run starts, most after a few more answers, and, once all is answered, while
the files of the finished run are written. Prints how many samples were asked again
though their answer was on the disk (there should be none), how many because they were
open when the kill came, and which files of the runs differ (none but those that tell
of time). Ctrl-C makes the next start the last, and compares.
"""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

ROOT = Path(__file__).parents[1]
EQUAL = ("run.json", "cases.jsonl", "answers.jsonl", "scores.jsonl", "metrics.json")
LATENCY_S = 0.02
START_S = 3.0
"""Longer than a run takes to start and to finish."""
CONCURRENCY = 8


class Found(NamedTuple):
    """What the kills did."""

    kills: int
    asked_again: int
    """Requests for samples whose answer was on the disk when the run went on."""
    lost: int
    """Other requests beyond one a sample: answers that were open at a kill."""
    torn: int
    """Kills that left half a line."""
    unequal: tuple[str, ...]
    """Files that differ from those of the run that was left alone."""


class Server:
    """Counts requests by sample, whose id is the last message."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.new_request = threading.Condition()

    def answer(self, body: bytes) -> bytes:
        """Return a completion that depends on the sample alone."""
        sample = json.loads(body)["messages"][-1]["content"]
        with self.new_request:
            self.asked[sample] += 1
            self.new_request.notify_all()
        time.sleep(LATENCY_S)
        message = {"role": "assistant", "content": f"fix: mend {sample}\n\nä\u2028"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": len(sample)}
        return json.dumps(
            {"choices": [choice], "model": "m-1", "usage": usage}
        ).encode()

    def wait_for(self, requests: int, limit_s: float) -> None:
        """Return when so many more requests came, or after a while."""
        with self.new_request:
            goal = self.asked.total() + requests
            self.new_request.wait_for(lambda: self.asked.total() >= goal, limit_s)


@contextmanager
def serving(server: Server) -> Iterator[str]:
    """Give the base URL of a server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = server.answer(
                self.rfile.read(int(self.headers["Content-Length"]))
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}/v1"
    finally:
        listener.shutdown()


def write_cases(path: Path, samples: int) -> None:
    """Write chats whose question is the number of the sample."""
    lines = (
        {
            "messages": [
                {"role": "user", "content": f"sample-{number}"},
                {"role": "assistant", "content": f"fix: mend sample-{number}"},
            ]
        }
        for number in range(samples)
    )
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def started(runs: Path, cases: Path, base_url: str) -> "subprocess.Popen[bytes]":
    """Start a run, or let it go on."""
    command = [
        *(sys.executable, str(ROOT / "scripts" / "bench.py"), "--runs", str(runs)),
        *("run", str(cases), "--base-url", base_url, "--model", "m"),
        *("--concurrency", str(CONCURRENCY)),
    ]
    # Ctrl-C is for us alone.
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )


def durable(runs: Path) -> tuple[set[str], bool]:
    """Return the questions whose answers are on the disk, and if half a line is."""
    names: set[str] = set()
    is_torn = False
    for path in [*runs.glob("*/journal.jsonl"), *runs.glob("*/answers.jsonl")]:
        *lines, rest = path.read_bytes().split(b"\n")
        is_torn |= bool(rest)
        for line in map(json.loads, lines):
            text = line.get("output", line)["text"]
            names.add(text.partition("\n")[0].removeprefix("fix: mend "))
    return names, is_torn


def measured(
    folder: Path, kills: int, samples: int, seed: int, stop: threading.Event
) -> Found:
    """Kill a run so often, or until `stop`, then let it end, and compare."""
    draw = random.Random(seed)
    server = Server()
    cases = folder / "cases.jsonl"
    write_cases(cases, samples)
    asked_again = torn = killed_times = 0
    with serving(server) as base_url:
        assert started(folder / "calm", cases, base_url).wait() == 0
        server.asked.clear()
        runs = folder / "killed"
        is_last = False
        while not is_last:
            is_last = killed_times == kills or stop.is_set()
            known, is_torn = durable(runs)
            torn += is_torn
            before = server.asked.copy()
            run = started(runs, cases, base_url)
            if not is_last:
                _wait(server, draw, samples - len(known), kills - killed_times)
                killed_times += 1
                run.send_signal(signal.SIGKILL)
            code = run.wait()
            assert code in (0, -signal.SIGKILL), code
            # What was open is over before the next one is counted.
            time.sleep(2 * LATENCY_S)
            asked_again += sum((server.asked - before)[name] for name in known)
    calm, killed = (next((folder / name).iterdir()) for name in ("calm", "killed"))
    names = {path.name for path in (*calm.iterdir(), *killed.iterdir())}
    unequal = [
        name
        for name in sorted(names - {"timings.jsonl", "manifest.json"})
        if _content(calm / name) != _content(killed / name)
    ]
    if calm.name != killed.name or not names.issuperset(EQUAL):
        unequal.append("the folder itself")
    lost = server.asked.total() - samples - asked_again
    return Found(killed_times, asked_again, lost, torn, tuple(unequal))


def _wait(server: Server, draw: random.Random, left: int, kills_left: int) -> None:
    """Wait for a moment to kill at."""
    if left == 0 or draw.random() < 0.2:
        time.sleep(draw.uniform(0, START_S))
        return
    # So that about a fifth of the kills is left for the end.
    server.wait_for(1 + int(draw.uniform(0, 2.5 * left / kills_left)), 10 * START_S)
    time.sleep(draw.uniform(0, 2 * LATENCY_S))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--samples", default=300, show_default=True)
@click.option("--seed", default=7, show_default=True)
def main(kills: int, samples: int, seed: int) -> None:
    """Kill, go on, compare, and print what was found."""
    started_at, stop = time.monotonic(), threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with TemporaryDirectory() as folder:
        found = measured(Path(folder), kills, samples, seed, stop)
    for name, value in found._asdict().items():
        click.echo(f"{name.replace('_', ' ')}: {value or 0}")
    click.echo(f"seconds: {time.monotonic() - started_at:.0f}")
    sys.exit(bool(found.asked_again or found.unequal))


if __name__ == "__main__":
    main()
