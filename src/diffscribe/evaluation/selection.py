"""Which test cases are asked."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from diffscribe.errors import RecordError
from diffscribe.evaluation.cases import Case, cluster_of, read_cases


def read_selection(
    samples: Path, changes: Path, max_samples: int, seed: int
) -> list[Case]:
    """Return what `select` takes of a split, rendered and whole.

    Raises:
        RecordError: if that is nothing, as no number can be given then.
    """
    selected = select(read_cases(samples, changes), max_samples, seed)
    if not selected:
        raise RecordError(
            f"{samples}: no sample to evaluate; raise split.test_fraction or name "
            "split.test_repos, and see metrics/render.json for what was dropped"
        )
    return selected


def select(cases: Iterable[Case], max_samples: int, seed: int) -> list[Case]:
    """Return at most max_samples, in the order given.

    A case and its variants are taken or left together. Which ones depends on
    their ids and the seed alone, so that a case stays when others come or go.
    """
    clusters: dict[str, list[Case]] = defaultdict(list)
    everything = list(cases)
    for case in everything:
        clusters[cluster_of(case)].append(case)
    taken: set[str] = set()
    room = max_samples
    for cluster in sorted(clusters, key=lambda name: _digest(name, seed)):
        if len(clusters[cluster]) <= room:
            taken.add(cluster)
            room -= len(clusters[cluster])
    return [case for case in everything if cluster_of(case) in taken]


def _digest(cluster: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{cluster}".encode()).hexdigest()
