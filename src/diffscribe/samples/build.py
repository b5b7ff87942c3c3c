"""From a sample repository's description to its bundle."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from diffscribe.commits.grammar import TYPES, parse_header
from diffscribe.core.params import SamplesParams
from diffscribe.samples.builder import History
from diffscribe.samples.story import tell
from diffscribe.samples.vocabulary import Repository


class Built(NamedTuple):
    """What was written of one repository."""

    language: str
    messages: tuple[str, ...]
    """Of its first-parent commits, newest first."""
    bundle_bytes: int


def build_sample(repository: Repository, bundle: Path, section: SamplesParams) -> Built:
    """Write the bundle of a repository."""
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        tell(history, repository, section.commits_per_repository, section.seed)
        history.bundle(bundle)
        return Built(repository.language, history.messages(), bundle.stat().st_size)


def count_samples(built: Sequence[Built]) -> dict[str, int]:
    """Count repositories, first-parent commits, languages, bytes and types."""
    messages = [message for each in built for message in each.messages]
    types = Counter(_type(message) for message in messages)
    return {
        "repositories": len(built),
        "commits": len(messages),
        "languages": len({each.language for each in built}),
        "bundle_bytes": sum(each.bundle_bytes for each in built),
        **{f"type_{name}": types[name] for name in TYPES},
        "type_none": sum(types.values()) - sum(types[name] for name in TYPES),
    }


def _type(message: str) -> str:
    header = parse_header(message.splitlines()[0])
    return header.type if header else ""
