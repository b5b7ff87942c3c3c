"""What the grammar of answers costs: to build, to begin with, and for each token.

Usage: python benchmarks/answer_grammar.py MODEL.gguf [--tokens 200] [--rounds 5]

The change has 100 files, ten of which have 4 hunks each. llama-server writes as many
tokens with the grammar as without, in turns, at temperature 0, after two prompts:

- *copy*: the prompt is an answer three times over, and the model goes on with it. So
  most tokens are what the grammar wants, as those of a trained student are.
- *other*: the prompt is prose, so that nearly every token is refused at first and drawn
  again among all of the vocabulary. This is the worst case.

A speed is the server's own: tokens a second after the prompt. To begin with, the server
reads the grammar; that is the difference of whole requests for one token.
"""

import json
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

import click
from tabulate import tabulate

from diffscribe.commits.answer import write_plan_lines
from diffscribe.commits.answer_grammar import answer_grammar
from diffscribe.commits.units import FileUnits
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.doors.llama_cpp import serve

BUILDS = 200
COMMITS = 5
FILES = [
    FileUnits(f"src/part{at}/file{at}.py", 4 if at % 10 == 0 else 1, at % 7 == 3)
    for at in range(100)
]
ONE_OF_40 = [*(FileUnits(f"{at}.py", 1, False) for at in range(99)), FileUnits("x", 40)]
PROSE = "The garden lay behind the house, and nobody had been there since spring. " * 20


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--tokens", default=200, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(model: Path, tokens: int, rounds: int, threads: int) -> None:
    """Print the times and ratios for MODEL."""
    for name, files in (("10 of 4 hunks", FILES), ("1 of 40 hunks", ONE_OF_40)):
        times = [build_ms(files) for _ in range(BUILDS)]
        chars = len(answer_grammar(files))
        print(
            f"100 files, {name}: built in {median(times):.1f} ms (median of {BUILDS}), "
            f"{chars} characters"
        )
    grammar = answer_grammar(FILES)
    answer = write_plan_lines(plan(), FILES)
    rows = []
    with serve(model, context_tokens=8192, threads=threads) as url:
        for name, prompt in (("copy", f"{answer}\n\n" * 3), ("other", PROSE)):
            speeds: dict[str, list[float]] = {"": [], grammar: []}
            begin_ms: dict[str, list[float]] = {"": [], grammar: []}
            for _ in range(rounds):
                for each, found in speeds.items():
                    found.append(speed(url, prompt, each, tokens))
                    started = time.perf_counter()
                    speed(url, "Plan", each, 1)
                    begin_ms[each].append(1000 * (time.perf_counter() - started))
            free, bound = (median(found) for found in speeds.values())
            begin = median(begin_ms[grammar]) - median(begin_ms[""])
            rows.append((name, free, bound, bound / free, begin))
    names = ("prompt", "free tokens/s", "with grammar", "ratio", "to begin, ms")
    print(tabulate(rows, names, floatfmt=(".0f", ".1f", ".1f", ".3f", ".1f")))


def build_ms(files: list[FileUnits]) -> float:
    """Return how long one grammar takes; the rules of messages are cached."""
    started = time.perf_counter()
    answer_grammar(files)
    return 1000 * (time.perf_counter() - started)


def plan() -> Plan:
    """Return a plan in which the files take turns and every third big one is split."""
    commits: list[dict[str, Any]] = [{"files": [], "hunks": {}} for _ in range(COMMITS)]
    for at, file in enumerate(FILES):
        first = at % COMMITS
        commits[first]["files"].append(file.path)
        if file.hunks > 1 and at % 3 == 0:
            other = commits[(first + 1) % COMMITS]
            other["files"].append(file.path)
            commits[first]["hunks"][file.path] = (1, 2)
            other["hunks"][file.path] = (3, 4)
    return Plan(
        commits=tuple(
            PlannedCommit(type="fix", subject=f"close file {at} in time", **fields)
            for at, fields in enumerate(commits)
        )
    )


def speed(url: str, prompt: str, grammar: str, tokens: int) -> float:
    """Return the tokens a second that a server writes after a prompt."""
    question = {
        "prompt": prompt,
        "n_predict": tokens,
        "temperature": 0,
        "ignore_eos": not grammar,
        **({"grammar": grammar} if grammar else {}),
    }
    request = urllib.request.Request(
        f"{url.removesuffix('/v1')}/completion",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as response:
        timings = json.load(response)["timings"]
    return float(timings["predicted_per_second"] or 0)


if __name__ == "__main__":
    main()
