"""What decides in which split an episode is."""

from collections.abc import Mapping, Sequence

from diffscribe.logs.split import LogRow
from diffscribe.success_memory.records import Episode


def row_of(episode: Episode) -> LogRow:
    """Return what decides where an episode is: what was wanted, and when."""
    return LogRow(episode.id, episode.cluster, episode.issue, episode.at)


def shared_files(splits: Mapping[str, Sequence[Episode]]) -> list[str]:
    """Return the files, sorted, that episodes of train and of test change.

    That is allowed, as in use: what is asked about a file is new, and the file is not.
    """
    files = {name: set(map(str, _files(rows))) for name, rows in splits.items()}
    return sorted(files["train"] & files["test"])


def _files(episodes: Sequence[Episode]) -> set[str]:
    of_successes = {
        file
        for each in episodes
        if each.memory is not None
        for file in each.memory.target_files
    }
    of_attempts = {
        attempt.target_file for each in episodes for attempt in each.attempts
    }
    return (of_successes | of_attempts) - {""}
