"""How fast and how exact secrets are found, against detect-secrets.

Usage: python benchmarks/secret_scan.py REPOSITORY... [--runs 5] [--gitleaks TOML]

Speed is that of one core over the lines that a repository's history added, in pieces
of 8 kB as rows have them. detect-secrets gets a sample of them, once line by line
and once as files, with its default plugins and filters. `re` runs the same patterns
one after the other without an automaton before them; `git log` is what reading the
lines costs. Recall and precision are those of the planted and the harmless strings;
then follows the recall on what people write, also of the rules of gitleaks, if its
config is given, and of all peers together. A peer has found a secret of which it
names a part; ours has to name the whole. `--hits FILE` writes what is found in
REPOSITORY to be read. No secret is printed. Linux; needs the extra `benchmarks`.
"""

import pickle
import re
import statistics
import subprocess
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import click
import re2
from harmless_corpus import harmless
from secret_corpus import planted
from written_corpus import written

from diffscribe.secrets.rules import (
    entropy,
    find_private_keys,
    find_secrets,
    load_rules,
)

PIECE_BYTES = 8000
PLANTED, HARMLESS, WRITTEN = 5000, 20_000, 3000
MIN_PART_CHARS = 6
"""Of a secret, which a peer has to name."""
PEER_BYTES, RE_BYTES = 60_000, 1_000_000
"""A sample for those who are slow; each run takes another one."""
LOG = "log -p --no-merges --no-color --no-ext-diff --no-textconv --format= HEAD"

Find = Callable[[bytes], list[bytes]]


class Run(NamedTuple):
    """What one run over some pieces took, in a process of its own."""

    cpu_s: float
    hits: int
    grown_mib: float


def ours(text: bytes) -> list[bytes]:
    """Return secrets and bodies of private keys."""
    keys = [text[start:end] for start, end in find_private_keys(text)]
    return [*find_secrets(text), *keys]


def plain_re(text: bytes) -> list[bytes]:
    """Return what the same patterns match with `re`, each on its own."""
    return [
        match[0] for rule in load_rules() for match in re.finditer(rule.pattern, text)
    ]


def peer_lines(text: bytes) -> list[bytes]:
    """Return what detect-secrets finds in each line, unquoted strings too."""
    from detect_secrets.core.scan import scan_line

    return [
        found.secret_value.encode()
        for line in text.decode(errors="replace").split("\n")
        for found in scan_line(line)
        if found.secret_value
    ]


def peer_files(text: bytes) -> list[bytes]:
    """Return what detect-secrets finds in a file, with its heuristics for files."""
    from detect_secrets.core.scan import scan_file

    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(text)
        file.flush()
        found = list(scan_file(file.name))
    return [each.secret_value.encode() for each in found if each.secret_value]


def peer_rules(config: Path) -> Find:
    """Return a search by the rules of gitleaks: keywords, entropy, stop words."""
    rules = []
    for rule in tomllib.loads(config.read_text())["rules"]:
        if "regex" in rule:
            allowed = [
                *rule.get("allowlists", []),
                *([rule["allowlist"]] if "allowlist" in rule else []),
            ]
            stops = [
                word.lower() for each in allowed for word in each.get("stopwords", [])
            ]
            harmless_ones = [
                re2.compile(each["regexes"][at])
                for each in allowed
                if "regexTarget" not in each and "paths" not in each
                for at in range(len(each.get("regexes", [])))
            ]
            rules.append((rule, re2.compile(rule["regex"]), stops, harmless_ones))

    def find(text: bytes) -> list[bytes]:
        string, found = text.decode(errors="replace"), []
        small = string.lower()
        for rule, pattern, stops, harmless_ones in rules:
            words = rule.get("keywords", [])
            if words and not any(word in small for word in words):
                continue
            for match in pattern.finditer(string):
                groups = [each for each in match.groups() if each]
                number = rule.get("secretGroup", 0)
                value = match[number] if number else [*groups, match[0]][0]
                if entropy(value) <= rule.get("entropy", -1):
                    continue
                if any(word in value.lower() for word in stops):
                    continue
                if not any(each.search(value) for each in harmless_ones):
                    found.append(value.encode())
        return found

    return find


def timed(find: Find, pieces: list[bytes]) -> Run:
    """Scan pieces in a new process that holds one of them at a time."""
    with (
        tempfile.NamedTemporaryFile() as file,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        for piece in pieces:
            pickle.dump(piece, file)
        file.flush()
        return pool.submit(_timed, find, file.name, len(pieces)).result()


def _timed(find: Find, path: str, count: int) -> Run:
    from detect_secrets.settings import default_settings

    hits, cpu_s = 0, 0.0
    with default_settings(), Path(path).open("rb") as file:
        find(b"warm up")
        before = peak_kib()
        for _ in range(count):
            piece = pickle.load(file)
            begin = time.process_time()
            hits += len(find(piece))
            cpu_s += time.process_time() - begin
        return Run(cpu_s, hits, (peak_kib() - before) / 1024)


def peak_kib() -> int:
    """Return the most memory this process has had; ru_maxrss is its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def added_pieces(repository: Path) -> tuple[list[bytes], float]:
    """Return the added lines of a history in pieces, and git's seconds for them."""
    begin = time.perf_counter()
    command = ["git", "-C", str(repository), *LOG.split()]
    log = subprocess.run(command, capture_output=True, check=True).stdout
    seconds = time.perf_counter() - begin
    pieces, lines, size = [], [], 0
    for line in log.split(b"\n"):
        if line.startswith(b"+") and not line.startswith(b"+++ "):
            lines.append(line[1:])
            size += len(line)
        if size >= PIECE_BYTES:
            pieces.append(b"\n".join(lines))
            lines, size = [], 0
    return [*pieces, b"\n".join(lines)], seconds


def sample(pieces: list[bytes], size: int, number: int) -> list[bytes]:
    """Return pieces of about a size, evenly apart, others for each number."""
    step = max(1, sum(map(len, pieces)) // size)
    return pieces[number % step :: step]


def report_speed(repository: Path, runs: int) -> None:
    """Print megabytes a second, medians over runs, and their ratios."""
    pieces, log_s = added_pieces(repository)
    total = sum(map(len, pieces))
    click.echo(
        f"\n{repository.name}: {total / 1e6:.1f} MB of added lines; "
        f"git log -p took {log_s:.1f} s"
    )
    finders = {"ours": (ours, total), "re": (plain_re, RE_BYTES)}
    finders |= {each.__name__: (each, PEER_BYTES) for each in (peer_lines, peer_files)}
    speeds: dict[str, list[float]] = {name: [] for name in finders}
    last: dict[str, tuple[Run, int]] = {}
    for number in range(runs):
        for name, (find, wanted) in finders.items():
            part = sample(pieces, wanted, number)
            size = sum(map(len, part))
            run = timed(find, part)
            speeds[name].append(size / 1e6 / run.cpu_s)
            last[name] = run, size
    mine = statistics.median(speeds["ours"])
    for name, each in speeds.items():
        run, size = last[name]
        click.echo(
            f"  {name:11} {statistics.median(each):8.2f} MB/s (n={runs}, "
            f"{min(each):.2f} to {max(each):.2f}), ours is "
            f"{mine / statistics.median(each):.0f} times; {run.cpu_s:.2f} CPU s for "
            f"{size / 1e6:.2f} MB, +{run.grown_mib:.0f} MiB, "
            f"{run.hits / size * 1e6:.1f} hits a MB"
        )


def report_exactness() -> None:
    """Print recall and precision of both, and what ours misses, by kind."""
    from detect_secrets.settings import default_settings

    secrets = list(planted(PLANTED))
    lines = list(harmless(HARMLESS))
    click.echo(f"\n{PLANTED} planted secrets, {HARMLESS} harmless strings")
    with default_settings():
        for find in (ours, peer_lines, peer_files):
            whole = partly = 0
            missed: Counter[str] = Counter()
            for each in secrets:
                left, found = each.text, find(each.text.encode())
                for value in sorted(found, key=len, reverse=True):
                    left = left.replace(value.decode(), "")
                whole += each.secret not in left
                partly += bool(found)
                missed[each.kind] += each.secret in left
            false = Counter(kind for kind, text in lines if find(text.encode()))
            click.echo(
                f"  {find.__name__}: recall {whole / PLANTED:.4f} (replaced whole; "
                f"lines with any hit {partly / PLANTED:.4f}), precision "
                f"{partly / max(1, partly + false.total()):.4f} = {partly} / "
                f"({partly} + {false.total()} harmless strings with a hit)"
            )
            click.echo(f"    missed most: {dict((+missed).most_common(5))}")
            click.echo(f"    false: {dict(false.most_common())}")


def report_written(config: Path | None) -> None:
    """Print the recall on what people write, of ours and of the peers, by kind."""
    from detect_secrets.settings import default_settings

    peers: dict[str, list[Find]] = {"detect-secrets": [peer_lines, peer_files]}
    if config:
        peers["gitleaks' rules"] = [peer_rules(config)]
    secrets = list(written(WRITTEN))
    counts = Counter(each.kind for each in secrets)
    found: dict[str, Counter[str]] = {
        name: Counter() for name in ("ours", *peers, "peers together")
    }
    with default_settings():
        for each in secrets:
            left = each.text
            for value in sorted(ours(each.text.encode()), key=len, reverse=True):
                left = left.replace(value.decode(), "")
            pieces = each.secret.split('" + "')
            found["ours"][each.kind] += not any(piece in left for piece in pieces)
            by_any = False
            for name, finders in peers.items():
                values = [v for find in finders for v in find(each.text.encode())]
                hit = any(names_part(value.decode(), each.secret) for value in values)
                found[name][each.kind] += hit
                by_any |= hit
            found["peers together"][each.kind] += by_any
    click.echo(f"\n{WRITTEN} secrets as people write them: recall")
    for name, each in found.items():
        click.echo(f"  {name}: {each.total() / WRITTEN:.4f}")
    for kind, count in counts.items():
        shares = (f"{found[name][kind] / count:.2f}" for name in found)
        click.echo(f"    {kind} (n={count}): {' '.join(shares)}")


def names_part(value: str, secret: str) -> bool:
    """Tell whether a value holds a secret, or is a part of one."""
    return secret in value or (len(value) >= MIN_PART_CHARS and value in secret)


def write_hits(repositories: tuple[Path, ...], path: Path) -> None:
    """Write what ours finds in histories, each value once, with its kind and line."""
    with path.open("w") as file:
        for repository in repositories:
            seen: set[bytes] = set()
            for piece in added_pieces(repository)[0]:
                for value, rule in find_secrets(piece).items():
                    if value not in seen:
                        seen.add(value)
                        at = piece.index(value)
                        line = (
                            piece[:at].rpartition(b"\n")[2][-80:] + piece[at : at + 80]
                        )
                        shown = line.partition(b"\n")[0].decode(errors="replace")
                        file.write(f"{rule.kind}\t{repository.name}\t{shown}\n")


@click.command()
@click.argument("repositories", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=5, show_default=True)
@click.option("--gitleaks", type=click.Path(exists=True, path_type=Path))
@click.option("--hits", type=click.Path(path_type=Path))
def main(
    repositories: tuple[Path, ...], runs: int, gitleaks: Path | None, hits: Path | None
) -> None:
    """Measure the scan on the histories of REPOSITORIES and on planted secrets."""
    if hits:
        write_hits(repositories, hits)
        return
    report_exactness()
    report_written(gitleaks)
    for repository in repositories:
        report_speed(repository, runs)


if __name__ == "__main__":
    main()
