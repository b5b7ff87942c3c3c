"""Guess the types of commits in histories that the model has not seen.

Usage: python benchmarks/commit_types.py data/harvested.jsonl [--most 800] [--folds 4]
           [--write]

Reads the original commits whose authors named a type, and leaves out those whose files
decide it. In each fold a share of the repositories is held out and the model is fitted
on the others. Prints by repository how often the type is the author's: of all guesses,
of those that label takes, of the kind of the files alone, and of `fix` for everything.

--write fits on all of them and writes src/diffscribe/commits/type_model.json. Give it
rows of repositories that no result is reported on, and of licences that allow it.
"""

from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import click
from tabulate import tabulate

from diffscribe.commits import type_model
from diffscribe.commits.cleanup import clean_subject
from diffscribe.commits.headers import read_header
from diffscribe.commits.lesson import MIN_TYPE_PROBABILITY
from diffscribe.commits.path_rules import decided_type, type_of_paths
from diffscribe.core.draw import rank
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Change


class Typed(NamedTuple):
    """A commit whose author named a type."""

    sha: str
    subject: str
    paths: tuple[str, ...]
    type: str


@click.command()
@click.argument("harvested", type=click.Path(path_type=Path))
@click.option("--most", default=800, show_default=True, help="Of a repository.")
@click.option("--fewest", default=60, show_default=True, help="To be held out.")
@click.option("--folds", default=4, show_default=True)
@click.option("--write", is_flag=True, help="Write the model that ships.")
def main(harvested: Path, most: int, fewest: int, folds: int, write: bool) -> None:
    """Print how often guessed types are the authors', and perhaps write the model."""
    by_repo = typed_commits(harvested, most)
    held_out = sorted(repo for repo in by_repo if len(by_repo[repo]) >= fewest)
    table = []
    for fold in range(folds):
        test = held_out[fold::folds]
        known = [each for r in by_repo if r not in test for each in by_repo[r]]
        model = fit(known)
        table += [[repo, *row(by_repo[repo], model)] for repo in test]
    total = sum(line[1] for line in table)
    means = [
        sum(line[column] * line[1] for line in table) / total for column in range(2, 7)
    ]
    heads = ["", "commits", "all", "sure", "of the sure", "by paths", "fix"]
    click.echo(
        tabulate([*sorted(table), ["all", total, *means]], heads, floatfmt=".2f")
    )
    if write:
        everything = [each for repo in sorted(by_repo) for each in by_repo[repo]]
        place = Path(str(files("diffscribe.commits").joinpath(type_model.MODEL)))
        place.write_text(type_model.dump_type_model(fit(everything)), encoding="utf-8")
        click.echo(f"{place}: {len(everything)} commits of {len(by_repo)} repositories")


def typed_commits(harvested: Path, most: int) -> dict[str, list[Typed]]:
    """Return the commits by repository, drawn by their shas where there are more."""
    found: dict[str, dict[str, Typed]] = defaultdict(dict)
    for change in read_jsonl(harvested, Change):
        for each in typed(change):
            found[change.repo][each.sha] = each
    return {
        repo: sorted(commits.values(), key=lambda each: rank(each.sha))[:most]
        for repo, commits in sorted(found.items())
    }


def typed(change: Change) -> Iterator[Typed]:
    """Yield the commits that name a type, unless their files decide it."""
    for commit in change.commits:
        header = read_header(commit.message, commit.files)
        subject = clean_subject(header.subject)
        is_typed = header.type not in (None, "revert") and subject
        if header.type and is_typed and decided_type(commit.files) is None:
            yield Typed(commit.sha, subject, commit.files, header.type)


def fit(commits: list[Typed]) -> type_model.TypeWeights:
    """Return the model of commits."""
    _, subjects, paths, types = zip(*commits, strict=True)
    return type_model.fit_type_model(subjects, paths, types)


def row(commits: list[Typed], model: type_model.TypeWeights) -> tuple[float, ...]:
    """Return the number of commits, and the shares that the module's text names."""
    guesses = [type_model.guess_type(c.subject, c.paths, model) for c in commits]
    right = [g.type == c.type for g, c in zip(guesses, commits, strict=True)]
    sure = [
        is_right
        for is_right, guess in zip(right, guesses, strict=True)
        if guess.probability >= MIN_TYPE_PROBABILITY
    ]
    by_paths = [(type_of_paths(c.paths) or "fix") == c.type for c in commits]
    n = len(commits)
    return (
        n,
        sum(right) / n,
        len(sure) / n,
        sum(sure) / max(1, len(sure)),
        sum(by_paths) / n,
        sum(c.type == "fix" for c in commits) / n,
    )


if __name__ == "__main__":
    main()
