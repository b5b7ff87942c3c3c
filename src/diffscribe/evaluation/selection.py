"""Which test samples are asked."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from diffscribe.errors import RecordError
from diffscribe.jsonl import read_jsonl
from diffscribe.records import Sample


def read_selection(path: Path, max_samples: int, seed: int) -> list[Sample]:
    """Return what `select` takes of a file.

    Raises:
        RecordError: if that is nothing, as no number can be given then.
    """
    selected = select(read_jsonl(path, Sample), max_samples, seed)
    if not selected:
        raise RecordError(
            f"{path}: no sample to evaluate; raise split.test_fraction or name "
            "split.test_repos, and see metrics/render.json for what was dropped"
        )
    return selected


def select(samples: Iterable[Sample], max_samples: int, seed: int) -> list[Sample]:
    """Return at most max_samples, in the order given.

    A sample and its variants are taken or left together. Which ones depends on
    their ids and the seed alone, so that a sample stays when others come or go.
    """
    clusters: dict[str, list[Sample]] = defaultdict(list)
    everything = list(samples)
    for sample in everything:
        clusters[cluster_of(sample)].append(sample)
    taken: set[str] = set()
    room = max_samples
    for cluster in sorted(clusters, key=lambda name: _digest(name, seed)):
        if len(clusters[cluster]) <= room:
            taken.add(cluster)
            room -= len(clusters[cluster])
    return [sample for sample in everything if cluster_of(sample) in taken]


def cluster_of(sample: Sample) -> str:
    """Return what a sample shares with its variants."""
    return sample.parent_id or sample.id


def _digest(cluster: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{cluster}".encode()).hexdigest()
