"""Kill `diffscribe bench` at random moments and compare it with a run left alone.

Usage: python benchmarks/eval_kills.py [--kills 200] [--samples 300] [--seed 7]

`bench` asks as the stage eval does: through eval/ask.py and the ledger. The server is a
real one on loopback that counts requests. Some kills come while the command starts,
most after a few more answers, and, once everything is answered, while the reports are
written. Prints how many samples were asked again although their answer was on the disk
(there should be none), how many because their request was open at a kill, and which
reports differ: from those of a run of the same ledger, where nothing may, and from a
run of another ledger, where measured times may. Ctrl-C makes the next start the last.
"""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

ROOT = Path(__file__).parents[1]
LATENCY_S = 0.02
START_S = 4.0
"""Longer than the command takes to start and to write its reports."""
SLOTS = 8
TIMELESS = ("ballots.jsonl", "cases.jsonl", "predictions.jsonl", "scores.jsonl")
"""Reports that hold no measured time, but for `latency_s`, which is masked."""
_LATENCY = re.compile(rb'"latency_s":[0-9.e-]+')


class Found(NamedTuple):
    """What the kills did."""

    kills: int
    asked_again: int
    """Requests for samples whose answer was on the disk when the command started."""
    lost: int
    """Other requests beyond one a sample: those that were open at a kill."""
    unequal: tuple[str, ...]
    """Reports that differ from those they should equal."""


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


def start(place: Path, base_url: str, reports: str) -> "subprocess.Popen[bytes]":
    """Start the command in a folder, whose ledger it uses."""
    command = [
        *(sys.executable, "-m", "diffscribe.commands.main", "bench"),
        *(str(place.parent / "cases.jsonl"), "--model", f"{base_url}#m"),
        *("--slots", str(SLOTS), "--reports", reports),
        *("--params", str(ROOT / "params.yaml")),
    ]
    environment = os.environ | {
        "DISABLE_MLFLOW_INTEGRATION": "true",
        "PYTHONPATH": str(ROOT / "src"),
    }
    # In a session of its own Ctrl-C does not reach it.
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def kept_samples(place: Path) -> set[str]:
    """Return the samples whose answers are in the ledger."""
    path = place / ".cache" / "teacher.sqlite"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as ledger, suppress(sqlite3.OperationalError):
        texts = [text for (text,) in ledger.execute("SELECT text FROM answers")]
        return {each.partition("\n")[0].removeprefix("fix: mend ") for each in texts}
    return set()


def measure(
    folder: Path, kills: int, samples: int, seed: int, stop: threading.Event
) -> Found:
    """Kill the command so often, or until `stop`, then let it end, and compare."""
    draw = random.Random(seed)
    server = Server()
    write_cases(folder / "cases.jsonl", samples)
    calm, killed = folder / "calm", folder / "killed"
    for place in (calm, killed):
        place.mkdir()
        (place / "prompts").symlink_to(ROOT / "prompts")
    asked_again = killed_times = 0
    with serving(server) as base_url:
        assert start(calm, base_url, "reports").wait() == 0
        server.asked.clear()
        is_last = False
        while not is_last:
            is_last = killed_times == kills or stop.is_set()
            known = kept_samples(killed)
            before = server.asked.copy()
            run = start(killed, base_url, "reports")
            if not is_last:
                _wait(server, draw, samples - len(known), kills - killed_times)
                killed_times += 1
                run.send_signal(signal.SIGKILL)
            code = run.wait()
            assert code in (0, -signal.SIGKILL), code
            # Requests that were open end before the next ones are counted.
            time.sleep(2 * LATENCY_S)
            asked_again += sum((server.asked - before)[name] for name in known)
        lost = server.asked.total() - samples - asked_again
        assert start(killed, base_url, "again").wait() == 0
        asked_again += server.asked.total() - samples - asked_again - lost
    unequal = [
        *differing(killed / "reports", killed / "again"),
        *differing(killed / "reports", calm / "reports", TIMELESS),
    ]
    return Found(killed_times, asked_again, lost, tuple(unequal))


def differing(one: Path, other: Path, only: tuple[str, ...] = ()) -> list[str]:
    """Return the files that two folders do not share, byte by byte.

    Args:
        one: a folder of reports.
        other: another one.
        only: names to compare, with latencies masked; none: all, as they are.
    """
    names = {
        path.relative_to(folder).as_posix()
        for folder in (one, other)
        for path in folder.rglob("*")
        if path.is_file()
    }
    if only:
        assert names.issuperset(only)
    return [
        f"{name} of {other.parent.name}/{other.name}"
        for name in sorted(only or names)
        if _content(one / name, bool(only)) != _content(other / name, bool(only))
    ]


def _content(path: Path, is_masked: bool) -> bytes | None:
    if not path.exists():
        return None
    content = path.read_bytes()
    return _LATENCY.sub(b"", content) if is_masked else content


def _wait(server: Server, draw: random.Random, left: int, kills_left: int) -> None:
    """Wait for a moment to kill at."""
    if left == 0 or draw.random() < 0.2:
        time.sleep(draw.uniform(0, START_S))
        return
    # About a fifth of the kills is left for the time when everything is answered.
    server.wait_for(1 + int(draw.uniform(0, 2.5 * left / kills_left)), 10 * START_S)
    time.sleep(draw.uniform(0, 2 * LATENCY_S))


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--samples", default=300, show_default=True)
@click.option("--seed", default=7, show_default=True)
def main(kills: int, samples: int, seed: int) -> None:
    """Kill, start again, compare, and print what was found."""
    started_at, stop = time.monotonic(), threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with TemporaryDirectory() as folder:
        found = measure(Path(folder), kills, samples, seed, stop)
    for name, value in found._asdict().items():
        click.echo(f"{name.replace('_', ' ')}: {value or 0}")
    click.echo(f"seconds: {time.monotonic() - started_at:.0f}")
    sys.exit(bool(found.asked_again or found.unequal))


if __name__ == "__main__":
    main()
