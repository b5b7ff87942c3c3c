"""Play public histories back: windows of commits as working trees, committed anew.

Usage: python benchmarks/replay.py REPOSITORY... [--each 40] [--model none]

A window is one to three commits in a row of the first parents of HEAD, none of them a
merge. A clone is put on its parent, the files of its last commit are laid into the
working tree, and `git diffscribe`, a process as a person starts it, shows its plan
(`--json`) and makes the commits (`commit --yes --no-verify`). In three of four windows
nothing is staged, in the others what the first commit left. A new file that a pattern
ignores is staged, as its author had to.

The tree that comes out has to be the last commit's, but for files of keys, which are
left out, and for lines of .gitignore where the plan ignores files; both are counted as
kept back. The working tree has to keep its bytes, `git status` has to be clean, and
`git fsck` at the end of each repository. Compared with the authors' commits are groups
(ARI, in windows of several commits), types, and how often the Python, JSON, TOML and
YAML files of a commit can be parsed, without those that are wrong in the end too.
"""

import ast
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from tabulate import tabulate

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.headers import read_header
from diffscribe.commits.originals import new_paths, original_parts, plan_of_parts
from diffscribe.commits.units import units_of
from diffscribe.core.draw import is_drawn, rank
from diffscribe.core.records import Change, OriginalCommit, Plan, PlannedCommit
from diffscribe.doors.checkout import (
    Aside,
    aside,
    changed_entries,
    head_of,
    open_checkout,
    snapshot,
)
from diffscribe.doors.git import decode
from diffscribe.doors.patches import DIFF, parse_patch
from diffscribe.doors.repository import OpenSource
from diffscribe.doors.trees import Edit, read_edits
from diffscribe.eval.grouping import ari, partition
from diffscribe.eval.messages import aligned_type_share
from diffscribe.harvest.rows import trace_hunks
from diffscribe.propose.change import read_change
from diffscribe.propose.draft import Draft, draft_problem

COMMAND = (
    *(sys.executable, "-c"),
    "from diffscribe.commands import git_diffscribe; git_diffscribe.git_diffscribe()",
)
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
STAGED = 0.25
"""Share of windows of which something is staged."""
PARSERS: dict[str, Callable[[bytes], object]] = {
    ".py": ast.parse,
    ".json": json.loads,
    ".toml": lambda content: tomllib.loads(content.decode()),
    ".yaml": lambda content: list(yaml.load_all(content, yaml.CSafeLoader)),
    ".yml": lambda content: list(yaml.load_all(content, yaml.CSafeLoader)),
}


class Window(NamedTuple):
    """Commits in a row, and the one before them."""

    parent: str
    commits: tuple[str, ...]


class Parsed(NamedTuple):
    """Commits with files that can be checked, and how many of these parse."""

    commits: int
    whole: int


class Replay(NamedTuple):
    """What became of a window."""

    problem: str | None
    """Why the plan is not valid."""
    failures: tuple[str, ...]
    """What went wrong when the commits were made."""
    kept_back: tuple[str, ...]
    """Files that were left out or ignored."""
    several: bool
    """Whether the authors' commits are more than one."""
    ari: float | None
    """None if a hunk is of two commits."""
    type: float | None
    """None if an author named no type, or if a hunk is of two commits."""
    ours: Parsed
    theirs: Parsed
    seconds: float


@click.command()
@click.argument("repositories", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--each", default=40, show_default=True, help="Windows of a repository.")
@click.option("--model", default="none", show_default=True, help="diffscribe.model")
@click.option("--seed", default=7, show_default=True)
def main(repositories: Sequence[str], each: int, model: str, seed: int) -> None:
    """Print how the windows of REPOSITORIES fare, one line a repository and of all."""
    table, everything = [], []
    for repository in map(Path, repositories):
        with tempfile.TemporaryDirectory(prefix="diffscribe-") as folder:
            top = clone(repository.resolve(), Path(folder) / repository.stem, model)
            windows = draw_windows(top, each, seed)
            done = [replay(top, window, seed) for window in windows]
            fsck = subprocess.run(
                ["git", "fsck", "--no-dangling", "--no-progress"],
                cwd=top,
                capture_output=True,
                text=True,
                check=False,
            )
        for window, result in zip(windows, done, strict=True):
            wrong = [*filter(None, [result.problem]), *result.failures]
            for text in (*wrong, *(f"keeps back {p!r}" for p in result.kept_back)):
                click.echo(f"{repository.stem} {window.commits[-1]}: {text}", err=True)
        click.echo(fsck.stdout + fsck.stderr, err=True, nl=False)
        table.append([repository.stem, *row(done), fsck.returncode == 0])
        everything += done
    table.append(["all", *row(everything), all(line[-1] for line in table)])
    heads = (
        *(
            "",
            "windows",
            "valid %",
            "made %",
            "kept back",
            "ARI",
            "of",
            "several",
            "of",
        ),
        *("type %", "of", "parse %", "of", "theirs %", "of", "s", "most s", "fsck"),
    )
    click.echo(tabulate(table, heads, floatfmt=".3g", missingval="-"))


def row(done: Sequence[Replay]) -> list[Any]:
    """Return the columns of some windows."""
    groups = [each.ari for each in done if each.ari is not None]
    several = [each.ari for each in done if each.several and each.ari is not None]
    types = [100 * each.type for each in done if each.type is not None]
    ours, theirs = (
        Parsed(*map(sum, zip(*parsed, strict=True)))
        for parsed in ([each.ours for each in done], [each.theirs for each in done])
    )
    return [
        len(done),
        percent(sum(each.problem is None for each in done), len(done)),
        percent(sum(not each.failures for each in done), len(done)),
        sum(bool(each.kept_back) for each in done),
        mean(groups),
        len(groups),
        mean(several),
        len(several),
        mean(types),
        len(types),
        percent(ours.whole, ours.commits),
        ours.commits,
        percent(theirs.whole, theirs.commits),
        theirs.commits,
        statistics.median(each.seconds for each in done),
        max(each.seconds for each in done),
    ]


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, or None of no values."""
    return statistics.fmean(values) if values else None


def percent(part: int, whole: int) -> float | None:
    """Return a share of 100, or None of nothing."""
    return 100 * part / whole if whole else None


# Repositories.


def git(
    top: Path, *arguments: str, stdin: bytes | None = None, **variables: str
) -> bytes:
    """Return what git prints."""
    return subprocess.run(
        ["git", *arguments],
        cwd=top,
        env={**os.environ, **QUIET, **variables},
        input=stdin,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def clone(source: Path, top: Path, model: str) -> Path:
    """Return a clone that borrows the source's objects, and writes none of its own."""
    git(source, "clone", "-q", "--shared", "--no-checkout", str(source), str(top))
    settings = {"user.name": "A", "user.email": "a@b.example"}
    settings |= {"diffscribe.model": model, "core.logAllRefUpdates": "false"}
    for item in settings.items():
        git(top, "config", *item)
    return top


def draw_windows(top: Path, most: int, seed: int) -> list[Window]:
    """Return windows, drawn by the shas of their last commits; no two end at one."""
    listed = git(top, "log", "--first-parent", "--format=%H %P", "HEAD").decode()
    chain = [line.split() for line in listed.splitlines()]
    found = []
    for at, (sha, *_) in enumerate(chain):
        count = 1 + int(rank(seed, sha, "commits"), 16) % 3
        commits = chain[at : at + count]
        if len(commits) == count and all(len(each) == 2 for each in commits):
            shas = tuple(each[0] for each in reversed(commits))
            found.append(Window(commits[-1][1], shas))
    found.sort(key=lambda window: rank(seed, window.commits[-1]))
    return found[:most]


def lay(top: Path, window: Window, seed: int) -> None:
    """Put a branch on the parent, and the last commit's files into the working tree."""
    head = window.commits[-1]
    git(top, "clean", "-ffdxq")
    git(top, "checkout", "-q", "-f", "-B", f"replay-{head}", window.parent)
    index = {"GIT_INDEX_FILE": ".git/laid"}
    git(top, "read-tree", window.parent, **index)
    git(top, "read-tree", "--reset", "-u", window.parent, head, **index)
    if is_drawn(STAGED, seed, head, "staged"):
        git(top, "read-tree", window.commits[0])
    hidden = git(
        *(top, "diff-tree", "-r", "-z", "--name-only", "--diff-filter=A"),
        *(window.parent, head),
    )
    hidden = subprocess.run(
        ["git", "check-ignore", "-z", "--stdin"],
        cwd=top,
        input=hidden,
        stdout=subprocess.PIPE,
        check=False,
    ).stdout
    if hidden:
        git(
            *(top, "--literal-pathspecs", "add", "-f", "--pathspec-from-file=-"),
            "--pathspec-file-nul",
            stdin=hidden,
        )


def bytes_of(top: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of each file below the top."""
    found = {}
    for folder, names, files in os.walk(top):
        if ".git" in names:
            names.remove(".git")
        for name in (*files, *names):
            path = Path(folder) / name
            if path.is_symlink():
                found[str(path)] = (0, os.fsencode(path.readlink()))
            elif name in files:
                found[str(path)] = (path.stat().st_mode, path.read_bytes())
    return found


# A window.


def replay(top: Path, window: Window, seed: int) -> Replay:
    """Return what becomes of a window."""
    lay(top, window, seed)
    with aside(open_checkout(top)) as work:
        head = head_of(work.checkout)
        change = read_change(work, head, snapshot(work, head))
        target = target_of(work, change, window)
    before = bytes_of(top)
    shown, said, _ = diffscribe(top, "--json")
    draft = read_draft(json.loads(shown)) if shown else Draft(plan=Plan(commits=()))
    units = units_of(change.files, change.diff)
    problem = draft_problem(draft, units, {"", *TYPES})
    planned = {path for commit in draft.plan.commits for path in commit.files}
    kept_back = tuple(sorted({file.path for file in change.files} - planned))
    _, also_said, seconds = diffscribe(top, "commit", "--yes", "--no-verify")
    made = git(top, "rev-list", "--reverse", f"{window.parent}..HEAD").decode().split()
    failures = [
        text for text in (said, also_said) if "Error" in text or "Traceback" in text
    ]
    added = {".gitignore"} if draft.plan.gitignore else set()
    left = git(top, "diff", "--name-only", "-z", window.commits[-1], "HEAD")
    if others := set(names(left)) - added - set(kept_back):
        failures.append(f"the last tree differs in {sorted(others)}")
    status = git(top, "status", "--porcelain", "-z", "--untracked-files=all")
    if others := {line[3:] for line in names(status)} - set(draft.left_out):
        failures.append(f"git status lists {sorted(others)}")
    after = bytes_of(top)
    changed = {
        os.path.relpath(path, top)
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }
    if changed - added:
        failures.append(f"bytes of the working tree changed: {sorted(changed)}")
    if len(made) != len(draft.plan.commits) + bool(draft.plan.gitignore):
        failures.append(f"{len(made)} commits of {len(draft.plan.commits)} planned")
    grouped = partition(target, draft.plan, units) if target else None
    is_typed = target is not None and all(each.type for each in target.commits)
    broken = broken_files(top, window.commits[-1], names(changed_files(top, window)))
    return Replay(
        problem,
        tuple(failures),
        kept_back,
        target is not None and len(target.commits) > 1,
        grouped and ari(grouped),
        aligned_type_share(target, draft.plan) if target and is_typed else None,
        parsed_commits(top, made, broken),
        parsed_commits(top, window.commits, broken),
        seconds,
    )


def diffscribe(top: Path, *arguments: str) -> tuple[str, str, float]:
    """Return what the command prints and says, and how long it took."""
    begin = time.perf_counter()
    ended = subprocess.run(
        [*COMMAND, *arguments],
        cwd=top,
        env={**os.environ, **QUIET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    said = f"Error {ended.returncode}: {ended.stderr}" if ended.returncode else ""
    return ended.stdout, said, seconds


def read_draft(shown: dict[str, Any]) -> Draft:
    """Return the draft that was printed as JSON."""
    words = ("type", "scope", "breaking", "subject", "body", "issues")
    commits = [
        PlannedCommit(
            files=tuple(file["path"] for file in each["files"]),
            hunks={f["path"]: tuple(f["hunks"]) for f in each["files"] if f["hunks"]},
            **{word: each[word] for word in words},
        )
        for each in shown["commits"]
    ]
    patterns = tuple(each["pattern"] for each in shown["gitignore"])
    left_out = {file["path"]: tuple(file["hunks"]) for file in shown["left_out"]}
    return Draft(
        plan=Plan(commits=tuple(commits), gitignore=patterns), left_out=left_out
    )


def target_of(work: Aside, change: Change, window: Window) -> Plan | None:
    """Return the authors' commits as a plan; None if a hunk is of two of them."""
    folder = work.checkout.git_dir
    source = OpenSource(folder, folder, window.parent, (), frozenset())
    patch = parse_patch(work.git("diff-tree", *DIFF, window.parent, change.head))

    def edits(old: str, new: str) -> list[Edit]:
        return read_edits(source, old, new)

    steps = [changed_entries(work, f"{sha}^", sha) for sha in window.commits]
    originals = [
        OriginalCommit(
            sha=sha,
            message=work.git("log", "-1", "--format=%B", sha).decode(errors="replace"),
            files=tuple(sorted(decode(entry.path) for entry in entries)),
            hunks={path: tuple(hunks) for path, hunks in traced.items()},
        )
        for sha, entries, traced in zip(
            window.commits, steps, trace_hunks(steps, patch, edits), strict=True
        )
    ]
    paths = new_paths(change.files)
    divided = original_parts(originals, paths, change.diff)
    if divided.mixed:
        return None

    def read(original: OriginalCommit) -> PlannedCommit:
        header = read_header(original.message, original.files)
        return PlannedCommit(files=(), type=header.type or "", subject=header.subject)

    return plan_of_parts(originals, divided.parts, read)


# Files that can be parsed.


def changed_files(top: Path, window: Window) -> bytes:
    """Return the files that a window changes, as git lists them."""
    return git(
        *(top, "diff-tree", "-r", "-z", "--name-only", "--no-renames"),
        *(window.parent, window.commits[-1]),
    )


def parsed_commits(top: Path, commits: Iterable[str], broken: set[str]) -> Parsed:
    """Return how many commits have files to parse, and of how many all can be."""
    found = []
    for sha in commits:
        arguments = ("diff-tree", "-r", "-z", "--name-only", "--diff-filter=d")
        paths = names(git(top, *arguments, "--no-commit-id", sha))
        checked = [each for each in paths if Path(each).suffix in PARSERS]
        checked = [each for each in checked if each not in broken]
        if checked:
            found.append(not broken_files(top, sha, checked))
    return Parsed(len(found), sum(found))


def broken_files(top: Path, sha: str, paths: Iterable[str]) -> set[str]:
    """Return those of some files that a commit has and that cannot be parsed."""
    broken = set()
    for path in paths:
        parse = PARSERS.get(Path(path).suffix)
        there = parse and git(top, "ls-tree", sha, "--", f":(top,literal){path}")
        if not parse or not there or there.split()[1] != b"blob":
            continue
        try:
            parse(git(top, "cat-file", "blob", f"{sha}:{path}"))
        except (ValueError, SyntaxError, RecursionError, yaml.YAMLError):
            broken.add(path)
    return broken


def names(listing: bytes) -> Iterator[str]:
    """Yield the names of a list that git prints with -z."""
    return (os.fsdecode(each) for each in listing.split(b"\0") if each)


if __name__ == "__main__":
    main()
