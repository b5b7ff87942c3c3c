"""What a very long history costs: whether time is linear in it, and memory flat.

Usage: python benchmarks/long_history.py [--commits 10000,100000,1000000]

Makes one repository of so many commits with `git fast-import`, each of which changes
one or two of 1000 files, and harvests its newest commits, ever more of them, with the
default params and two workers. Memory is the sum over all processes, sampled. Needs
about 2 GB of disk for a million commits; Linux.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import click
import yaml

from harvest import ROOT, memory_mib, timed

FILES = 1000
FIRST_DAY_S = 1_000_000_000
LINES = 12


@click.command()
@click.option("--commits", default="10000,100000,1000000", show_default=True)
def main(commits: str) -> None:
    """Print a line for each number of commits."""
    sizes = sorted(int(size) for size in commits.split(","))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = folder / "long.git"
        _make(repository, sizes[-1])
        print("| newest commits | wall s | CPU s | ms a commit | peak MiB |")
        print("|---|---|---|---|---|")
        for size in sizes:
            command = _harvest(folder, repository, size)
            cost = timed(command, folder)
            mib = memory_mib(command, folder, whole=True)
            print(
                f"| {size} | {cost.wall_s:.1f} | {cost.cpu_s:.1f} "
                f"| {1000 * cost.wall_s / size:.3f} | {mib:.0f} |",
                flush=True,
            )


def _make(folder: Path, commits: int) -> None:
    subprocess.run(
        ["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True
    )
    with subprocess.Popen(
        ["git", "fast-import", "--quiet", "--depth=10"],
        cwd=folder,
        stdin=subprocess.PIPE,
    ) as importer:
        assert importer.stdin is not None
        importer.stdin.writelines(_stream(commits))
        importer.stdin.close()
    if importer.returncode != 0:
        raise SystemExit("git fast-import failed")


def _stream(commits: int) -> Iterator[bytes]:
    """Yield the history in the language of fast-import."""
    random = Random(7)
    for number in range(commits):
        message = f"fix(part{number % 50}): count to {number}"
        yield (
            "commit refs/heads/main\n"
            f"committer A <a@example.org> {FIRST_DAY_S + 60 * number} +0000\n"
            f"data {len(message)}\n{message}\n"
        ).encode()
        for file in {random.randrange(FILES) for _ in range(random.randint(1, 2))}:
            text = "".join(f"{file} {random.randrange(9)}\n" for _ in range(LINES))
            path = f"part{file % 50}/file{file}.py"
            yield f"M 644 inline {path}\ndata {len(text)}\n{text}\n".encode()
    yield b"done\n"


def _harvest(folder: Path, repository: Path, size: int) -> list[str]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["harvest"] |= {
        "sources": [str(repository)],
        "max_commits_per_source": size,
        "workers": 2,
    }
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    script, out = ROOT / "scripts/harvest.py", folder / "harvested.jsonl"
    outputs = map(str, (out, folder / "counts.json", folder / "metrics.json"))
    return [sys.executable, str(script), *outputs, f"--params={path}"]


if __name__ == "__main__":
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    main()
