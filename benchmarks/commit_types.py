"""Guess the types of commits in histories that the model has not seen.

Usage: python benchmarks/commit_types.py [--profile public] [--most 800] [--folds 4]
           [--write]

Reads the histories that a profile trains on, which `make clone` brings: those of its
harvest.sources that are in neither split.validation_repos nor split.test_repos, at
their revisions. Of each the newest harvest.max_commits_per_source count, without
merges and bots. Takes the commits whose authors named a type, and leaves out those
whose files decide it. In each fold a share of the repositories is held out and the
model is fitted on the others. Prints by repository how often the type is the author's:
of all guesses, of those that label takes, of the kind of the files alone, and of `fix`
for everything.

--write fits on all of them and writes src/diffscribe/commits/type_model.json. Equal
histories give equal bytes.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import click
import yaml
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from tabulate import tabulate

from diffscribe.baseline.messages import row_for_each_class
from diffscribe.commands.train import load_profile
from diffscribe.commits.cleanup import clean_subject
from diffscribe.commits.headers import read_header
from diffscribe.commits.lesson import MIN_TYPE_PROBABILITY
from diffscribe.commits.path_rules import decided_type, type_of_paths
from diffscribe.commits.type_model import (
    MODEL,
    TypeWeights,
    commit_features,
    guess_type,
)
from diffscribe.core.draw import rank
from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams, Params, merge_params, parse_params
from diffscribe.doors.git import decode
from diffscribe.doors.places import find_sources
from diffscribe.doors.repository import Source, open_source
from diffscribe.harvest.filters import commit_reason
from diffscribe.harvest.history import list_commits, read_commits

PARAMS = Path("params.yaml")
INVERSE_PENALTY = 0.1
"""scikit-learn's C of the logistic regression. The default of 1 learns habits of the
projects it is shown: of as many guesses five points fewer are right elsewhere."""
MIN_COMMITS = 8
"""A feature of fewer commits has no weight: it may be a name in one project."""


class Typed(NamedTuple):
    """A commit whose author named a type."""

    sha: str
    subject: str
    paths: tuple[str, ...]
    type: str


@click.command()
@click.option("--profile", default="public", show_default=True)
@click.option("--most", default=800, show_default=True, help="Of a repository.")
@click.option("--fewest", default=60, show_default=True, help="To be held out.")
@click.option("--folds", default=4, show_default=True)
@click.option("--write", is_flag=True, help="Write the model that ships.")
def main(profile: str, most: int, fewest: int, folds: int, write: bool) -> None:
    """Print how often guessed types are the authors', and perhaps write the model."""
    by_repo = typed_commits(profile, most)
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
        place = Path(str(files("diffscribe.commits").joinpath(MODEL)))
        place.write_text(dump(fit(everything)), encoding="utf-8")
        click.echo(f"{place}: {len(everything)} commits of {len(by_repo)} repositories")


def typed_commits(profile: str, most: int) -> dict[str, list[Typed]]:
    """Return the commits by repository, drawn by their shas where there are more."""
    below = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    values = parse_params(merge_params(below, load_profile(profile)), Path(profile))
    found = {
        source.name: sorted(typed(source, values.harvest), key=lambda e: rank(e.sha))
        for source in trained_on(values)
    }
    return {repo: commits[:most] for repo, commits in found.items() if commits}


def trained_on(values: Params) -> list[Source]:
    """Return the sources whose rows only train."""
    held_out = {*values.split.validation_repos, *values.split.test_repos}

    def stop(error: SourceError) -> None:
        raise error

    sources = find_sources(values.harvest.sources, stop).kept
    return [each for each in sources if each.name not in held_out]


def typed(source: Source, params: HarvestParams) -> Iterator[Typed]:
    """Yield the commits that name a type, unless their files decide it."""
    with tempfile.TemporaryDirectory(prefix="diffscribe-") as folder:
        opened = open_source(source, Path(folder))
        list_commits(opened, params.max_commits_per_source, source.settings.branches)
        for commit in read_commits(opened):
            if commit_reason(commit, opened, source.settings, params) is not None:
                continue
            paths = tuple(sorted(decode(each.path) for each in commit.entries or ()))
            header = read_header(commit.message or "", paths)
            subject = clean_subject(header.subject)
            is_typed = header.type not in (None, "revert") and subject
            if header.type and is_typed and decided_type(paths) is None:
                yield Typed(commit.sha, subject, paths, header.type)


def fit(commits: Sequence[Typed]) -> TypeWeights:
    """Return the model of commits; equal ones in equal order give equal numbers."""
    rows = [commit_features(each.subject, each.paths) for each in commits]
    counts = Counter(feature for row in rows for feature in row)
    vectors = DictVectorizer()
    learned = LogisticRegression(C=INVERSE_PENALTY, max_iter=300)
    kept = [{each: 1.0 for each in row if counts[each] >= MIN_COMMITS} for row in rows]
    learned.fit(vectors.fit_transform(kept), [each.type for each in commits])
    weights, bias = row_for_each_class(learned)
    columns = weights.T.round(2).tolist()
    return TypeWeights(
        types=tuple(learned.classes_.tolist()),
        bias=tuple(bias.round(2).tolist()),
        weights=dict(zip(vectors.get_feature_names_out(), columns, strict=True)),
    )


def dump(model: TypeWeights) -> str:
    """Return a model as JSON, a feature a line, for `own_model` to read."""
    lines = (
        f"{json.dumps(feature)}: {json.dumps(weights, separators=(',', ':'))}"
        for feature, weights in sorted(model.weights.items())
    )
    head = json.dumps({"bias": model.bias, "types": model.types})[:-1]
    return f'{head}, "weights": {{\n' + ",\n".join(lines) + "\n}}\n"


def row(commits: list[Typed], model: TypeWeights) -> tuple[float, ...]:
    """Return the number of commits, and the shares that the module's text names."""
    guesses = [guess_type(c.subject, c.paths, model) for c in commits]
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
