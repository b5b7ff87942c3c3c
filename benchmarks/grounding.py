"""Plant wrong names in what people wrote, and count how many grounding finds.

Usage: python benchmarks/grounding.py data/harvested.jsonl [--swaps 5000] [--seed 7]

Of each change of one commit the subject is taken as `label` cleans it. *Specificity*
is the share of subjects that are not suspected, of all and of those with a name:
people name what the diff does not show, so this is no share of mistakes. *Recall* is
of swaps: in a subject that is not suspected, one name becomes another of the same kind
and spelling from a subject of the same repository, one that does not stand in the
change as it is written. A message with the right names and a wrong purpose is not
looked for.

Then the same for claims: `add` and `remove` in front of a name are exchanged.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import click
from tabulate import tabulate

from diffscribe.commits.cleanup import clean_subject, strip_marks
from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.grounding import (
    Entity,
    EntityKind,
    Evidence,
    claims,
    entities,
    signs_of,
)
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Change


class Subject(NamedTuple):
    """What a person wrote of a change, and what it names, if anything."""

    repo: str
    text: str
    names: list[Entity]
    evidence: Evidence
    diff: str

    def absent(self) -> list[Entity]:
        """Return the names that the change does not show."""
        return [each for each in self.names if not self.evidence.holds(each)]


@click.command()
@click.argument("harvested", type=click.Path(path_type=Path))
@click.option("--swaps", default=5000)
@click.option("--seed", default=7)
def main(harvested: Path, swaps: int, seed: int) -> None:
    """Print recall and specificity over the changes of HARVESTED."""
    everything = list(read_subjects(harvested))
    subjects = [each for each in everything if each.names]
    clean = [each for each in subjects if not each.absent()]
    planted, found = plant(clean, subjects, swaps, Random(seed))
    absent = Counter(each.kind for subject in subjects for each in subject.absent())
    named = Counter(each.kind for subject in subjects for each in subject.names)
    rows = [
        (
            *(kind, named[kind], percent(named[kind] - absent[kind], named[kind])),
            *(planted[kind], percent(found[kind], planted[kind])),
        )
        for kind in EntityKind
    ]
    print(tabulate(rows, ("kind", "names", "there %", "swaps", "found %")))
    suspected = len(subjects) - len(clean)
    for n, which in ((len(everything), "subjects"), (len(subjects), "with a name")):
        print(f"specificity {percent(n - suspected, n)} % of {n} {which}")
    print(f"recall {percent(found.total(), planted.total())} % of {planted.total()}")
    kept, turned, n = polarity(subjects)
    print(
        f"claims: specificity {percent(kept, n)} %, recall {percent(turned, n)} %: {n}"
    )


def read_subjects(harvested: Path) -> Iterator[Subject]:
    """Yield the subjects of changes of one commit."""
    for change in read_jsonl(harvested, Change):
        if len(change.commits) == 1:
            text = subject_of(change.commits[0].message)
            paths = [p for f in change.files for p in (f.path, f.old_path) if p]
            evidence = Evidence(paths, change.diff)
            yield Subject(change.repo, text, entities(text), evidence, change.diff)


def subject_of(message: str) -> str:
    """Return a subject without type, marks and references."""
    text = strip_marks(split_message(message).header)
    header = parse_header(text)
    return clean_subject(header.subject if header else text)


def plant(
    clean: list[Subject], everything: list[Subject], swaps: int, rng: Random
) -> tuple[Counter[EntityKind], Counter[EntityKind]]:
    """Return how many names were planted and how many were found, by kind."""
    pool = defaultdict(set)
    for subject in everything:
        for each in subject.names:
            pool[subject.repo, each.kind, spelling(each, subject.text)].add(each.text)
    planted: Counter[EntityKind] = Counter()
    found: Counter[EntityKind] = Counter()
    for _ in range(20 * swaps):
        if planted.total() == swaps or not clean:
            break
        subject = rng.choice(clean)
        old = rng.choice(subject.names)
        others = pool[subject.repo, old.kind, spelling(old, subject.text)] - {old.text}
        if not others or stands_in(new := rng.choice(sorted(others)), subject.evidence):
            continue
        text = subject.text.replace(old.text, new, 1)
        planted[old.kind] += 1
        found[old.kind] += any(not subject.evidence.holds(e) for e in entities(text))
    return planted, found


def spelling(entity: Entity, text: str) -> str:
    """A name that only its backticks or dashes tell stays one where these are."""
    if f"`{entity.text}`" in text:
        return "code"
    return "flag" if entity.text.startswith("--") else "bare"


def stands_in(name: str, evidence: Evidence) -> bool:
    """Tell whether a change has a name as it is written, in any case."""
    whole = rf"(?<!\w){re.escape(name.lower())}(?!\w)"
    return re.search(whole, evidence.text) is not None


def polarity(subjects: list[Subject]) -> tuple[int, int, int]:
    """Return claims not refuted as they are, and refuted turned round, of how many."""
    kept = turned = n = 0
    for subject in subjects:
        signs = signs_of(subject.diff)
        for claim in claims(subject.text):
            one, other = (each.holds(claim.entity) for each in signs)
            if one != other:
                n += 1
                kept += not signs.refute(claim)
                turned += signs.refute(claim._replace(adds=not claim.adds))
    return kept, turned, n


def percent(part: int, whole: int) -> str:
    """Return a share with one decimal."""
    return f"{100 * part / whole:.1f}" if whole else "-"


if __name__ == "__main__":
    main()
