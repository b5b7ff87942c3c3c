"""How near planning a working tree comes to what its model alone would take.

Usage: python benchmarks/propose.py SPLITS --llama-bench PROGRAM [--model GGUF]
    [--changes 8] [--files 10] [--lines 300] [--runs 3]

Of the test rows in SPLITS those with about as many files and changed lines are planned
as `git diffscribe` does, with the installed model or another, by a server that is
there already. In the same run llama-bench tells how many tokens a second the model
reads and writes with as many threads. The limit of a plan is

    fresh prompt tokens / reading speed + answer tokens / writing speed

where tokens that the server has kept from an earlier prompt are not fresh. llama-bench
is a program of llama.cpp: `cmake --build .tools/llama.cpp/build --target llama-bench`.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import click
from tabulate import tabulate

from diffscribe.commits.diff import changed_lines, read_changes
from diffscribe.core.records import Change, SplitChange
from diffscribe.doors.model_server import ModelServer, end_servers
from diffscribe.doors.reply import Answer, Question
from diffscribe.propose.planner import propose
from diffscribe.propose.settings import NO_MODEL, Settings
from diffscribe.propose.shipped import required_model


class Asked:
    """Counts what the server is asked, and passes it on."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self._ask = ModelServer.ask

    def ask(self, server: ModelServer, question: Question, timeout_s: float) -> Answer:
        """Ask a question, and keep the answer."""
        answer = self._ask(server, question, timeout_s)
        self.answers.append(answer)
        return answer


@click.command()
@click.argument("splits", type=click.Path(path_type=Path, exists=True))
@click.option("--llama-bench", "bench", type=click.Path(exists=True), required=True)
@click.option("--model", type=click.Path(path_type=Path, exists=True))
@click.option("--changes", "count", default=8, show_default=True)
@click.option("--files", default=10, show_default=True)
@click.option("--lines", default=300, show_default=True)
@click.option("--runs", default=3, show_default=True)
def main(
    splits: Path,
    bench: str,
    model: Path | None,
    count: int,
    files: int,
    lines: int,
    runs: int,
) -> None:
    """Print seconds, and the ratio to the limit of the model."""
    gguf = model or required_model().model
    settings = Settings(model=str(model) if model else "")
    changes = nearest(read_changes(splits / "test.jsonl", SplitChange), files, lines)
    changes = changes[:count]
    asked = Asked()
    ModelServer.ask = lambda *given: asked.ask(*given)  # type: ignore[method-assign]
    end_servers()
    time.sleep(3)
    cold_s, _ = timed(changes[0], settings)
    reading, writing = speeds(bench, gguf)
    rows = []
    for change in changes:
        without_s = median(
            timed(change, Settings(model=NO_MODEL))[0] for _ in range(runs)
        )
        whole, first, ratios, usages = [], [], [], []
        for _ in range(runs):
            asked.answers.clear()
            # Another change in between, so that no prompt is there already.
            other = changes[changes.index(change) - 1]
            propose(other, settings)
            asked.answers.clear()
            seconds, first_s = timed(change, settings)
            usage = [answer.usage for answer in asked.answers]
            fresh = sum(each.prompt_tokens - each.cached_tokens for each in usage)
            written = sum(each.completion_tokens for each in usage)
            limit_s = fresh / reading + written / writing
            whole.append(seconds)
            first.append(first_s)
            ratios.append(seconds / limit_s)
            usages.append((len(usage), fresh, written))
        asks, fresh, written = usages[-1]
        rows.append(
            [
                *(len(change.files), len(changed_lines(change.diff)), asks),
                *(fresh, written, median(first), median(whole), median(ratios)),
                without_s,
            ]
        )
    print(f"{gguf.name}, {os.cpu_count()} threads, median of {runs} runs each")
    print(f"llama-bench: reads {reading:.0f}, writes {writing:.1f} tokens a second")
    print(f"cold, server and all, the first of these changes: {cold_s:.2f} s")
    headers = (
        *("files", "lines", "messages", "fresh tokens", "written", "first line s"),
        *("whole s", "over the limit", "without a model s"),
    )
    print(tabulate(rows, headers, floatfmt=".2f"))
    ratios = sorted(row[-2] for row in rows)
    print(
        f"over the limit: median {median(ratios):.2f}, {ratios[0]:.2f} to "
        f"{ratios[-1]:.2f} of {len(rows)}"
    )


def nearest(rows: Iterable[SplitChange], files: int, lines: int) -> list[Change]:
    """Return the rows without planted files, those of about such a size first."""

    def distance(row: Change) -> float:
        size = len(changed_lines(row.diff))
        return abs(len(row.files) - files) / files + abs(size - lines) / lines

    own = [row for row in rows if row.parent_id is None]
    return sorted(own, key=lambda row: (distance(row), row.id))


def timed(change: Change, settings: Settings) -> tuple[float, float]:
    """Return the seconds to a plan, and to the first header of it."""
    headers: list[float] = []
    started = time.perf_counter()
    propose(change, settings, lambda _: headers.append(time.perf_counter() - started))
    whole_s = time.perf_counter() - started
    return whole_s, headers[0] if headers else whole_s


def speeds(bench: str, gguf: Path) -> tuple[float, float]:
    """Return tokens a second that llama-bench reads, of 512, and writes, of 16."""
    command = [
        *(bench, "--model", str(gguf), "--threads", str(os.cpu_count())),
        *("--flash-attn", "0", "-p", "512", "-n", "16", "-r", "5", "-o", "json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    reading = next(each["avg_ts"] for each in found if each["n_prompt"])
    writing = next(each["avg_ts"] for each in found if each["n_gen"])
    return reading, writing


if __name__ == "__main__":
    main()
