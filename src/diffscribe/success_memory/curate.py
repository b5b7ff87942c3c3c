"""Put together what is known of each task, and keep what is worth learning from."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from diffscribe.secrets.redact import redact
from diffscribe.success_memory.collect import LineError, instant
from diffscribe.success_memory.records import (
    SCRIPT_TASKS,
    Episode,
    LoggedAttempt,
    Memory,
)
from diffscribe.success_memory.scripts import foreign_imports, normalised, parsed

_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s\"':]+[/\\]|/root/")
_FRAME = re.compile(r'File "([^"\n]{1,1000})", line (\d+)')
_LIBRARIES = ("site-packages/", "dist-packages/")


class CuratedEpisodes(NamedTuple):
    """Episodes by time, and what was dropped."""

    episodes: list[Episode]
    counts: dict[str, Counter[str]]
    """Reasons by what was dropped: successes, attempts, reviews, episodes."""


def curate_episodes(
    memories: Sequence[Memory], attempts: Sequence[LoggedAttempt], max_script_chars: int
) -> CuratedEpisodes:
    """Return the episodes that are left, each with its cluster.

    Scripts are read, never run. Secrets and homes are replaced; where that changes what
    a student should answer, it is dropped, as a placeholder would be learned.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reviewed = apply_reviews(attempts, counts["reviews"])
    drafts: list[Episode] = []
    for draft in episodes_of(memories, reviewed):
        episode, reason = _redacted(draft)
        if reason:
            counts["episodes"][reason] += 1
            continue
        memory, kept = episode.memory, []
        if memory is not None:
            reason = _memory_reason(memory, draft.memory, max_script_chars)
            if reason:
                counts["successes"][reason] += 1
                memory = None
        for before, attempt in zip(draft.attempts, episode.attempts, strict=True):
            reason = _attempt_reason(attempt, before, max_script_chars)
            if reason:
                counts["attempts"][reason] += 1
            else:
                kept.append(attempt)
        if memory is None and not kept:
            counts["episodes"]["empty"] += 1
            continue
        update = {"memory": memory, "attempts": tuple(kept)}
        drafts.append(episode.model_copy(update=update))
    drafts.sort(key=lambda episode: (episode.at, episode.id))
    single = _deduplicated(drafts, counts["successes"])
    return CuratedEpisodes(_clustered(single), dict(counts))


def apply_reviews(
    attempts: Iterable[LoggedAttempt], counts: Counter[str]
) -> list[LoggedAttempt]:
    """Return attempts with what the last review of each accepted, reviews taken out."""
    found: dict[tuple[object, ...], LoggedAttempt] = {}
    reviews: list[LoggedAttempt] = []
    for attempt in attempts:
        if attempt.kind == "review":
            reviews.append(attempt)
            continue
        key = (*_subject(attempt), attempt.kind, attempt.at, attempt.raw_output)
        found.setdefault(key, attempt)
    last = {_subject(each): key for key, each in found.items()}
    for review in reviews:
        of = last.get(_subject(review))
        if of is None or review.accepted is None:
            counts["of_no_attempt" if of is None else "accepts_nothing"] += 1
            continue
        found[of] = found[of].model_copy(update={"accepted": review.accepted})
    return list(found.values())


def _subject(attempt: LoggedAttempt) -> tuple[object, ...]:
    return attempt.memory_id, attempt.phase, attempt.target_file, attempt.number


def episodes_of(
    memories: Sequence[Memory], attempts: Iterable[LoggedAttempt]
) -> list[Episode]:
    """Return a draft of each episode: a success with its attempts, or attempts alone.

    An attempt is of the one success whose id, time or issue id it names; of several
    that share what it names it is of none.
    """
    named: dict[str, set[str]] = defaultdict(set)
    for memory in memories:
        for name in names_of(memory):
            named[name].add(memory.id)
    of_memory: dict[str, list[LoggedAttempt]] = defaultdict(list)
    alone: dict[tuple[str, ...], list[LoggedAttempt]] = defaultdict(list)
    for attempt in attempts:
        name = attempt.memory_id or ""
        found = named.get(name) or named.get(_instant_or(name)) or set()
        if len(found) == 1:
            of_memory[next(iter(found))].append(attempt)
        elif name:
            alone[("task", name)].append(attempt)
        else:
            alone[("file", attempt.issue, attempt.target_file)].append(attempt)
    drafts = [
        _draft(memory.id, memory, of_memory.get(memory.id, [])) for memory in memories
    ]
    return drafts + [_draft(":".join(key), None, each) for key, each in alone.items()]


def names_of(memory: Memory) -> set[str]:
    """Return what attempts may call a success by."""
    return {name for name in (memory.id, memory.at, memory.issue_id) if name}


def is_named(attempt: LoggedAttempt, names: Collection[str]) -> bool:
    """Tell whether the task of an attempt has one of the names."""
    name = attempt.memory_id or ""
    return name in names or _instant_or(name) in names


def _instant_or(name: str) -> str:
    try:
        return instant(name)
    except LineError:
        return name


def _draft(id_: str, memory: Memory | None, attempts: list[LoggedAttempt]) -> Episode:
    ordered = sorted(attempts, key=lambda each: (each.at, each.phase, each.number))
    issue = next((each.issue for each in ordered if each.issue), "")
    return Episode(
        id=id_,
        at=memory.at if memory else ordered[-1].at,
        issue=memory.issue if memory else issue,
        memory=memory,
        attempts=tuple(ordered),
        cluster=id_,
    )


def relative_paths(text: str, target_file: str = "") -> str:
    """Return a traceback or a text that names no folder of a machine.

    A frame names the target file, a file of a library below its packages, or a file
    alone; any other home is `~`.
    """

    def frame(match: re.Match[str]) -> str:
        path = match[1].replace("\\", "/")
        for libraries in _LIBRARIES:
            _, found, below = path.rpartition(libraries)
            if found:
                return f'File "{below}", line {match[2]}'
        if target_file and f"/{path}".endswith(f"/{target_file}"):
            return f'File "{target_file}", line {match[2]}'
        return f'File "{path.rpartition("/")[2]}", line {match[2]}'

    return _HOME.sub("~/", _FRAME.sub(frame, text))


def _redacted(draft: Episode) -> tuple[Episode, str]:
    """Return an episode without secrets and homes, and why it cannot be kept, or ''."""
    attempts = [
        each.model_copy(
            update={
                "traceback": relative_paths(each.traceback, each.target_file)
                if each.traceback
                else None,
                "prompt": _HOME.sub("~/", each.prompt),
                "raw_output": _HOME.sub("~/", each.raw_output),
            }
        )
        for each in draft.attempts
    ]
    redacted = redact(draft.model_copy(update={"attempts": tuple(attempts)}))
    return redacted.change, redacted.problem.value if redacted.problem else ""


def _memory_reason(memory: Memory, before: Memory | None, max_chars: int) -> str:
    """Return why a success is not worth learning from, or ''."""
    if memory.script is None:
        return ""
    if before is not None and memory.script != before.script:
        return "secret_in_script"
    return _script_reason(memory.script, max_chars)


def _attempt_reason(
    attempt: LoggedAttempt, before: LoggedAttempt, max_chars: int
) -> str:
    """Return why an attempt is not worth learning from, or ''.

    A script that failed may be anything, as long as it is short enough.
    """
    if attempt.accepted != before.accepted:
        return "secret_in_answer"
    if attempt.kind not in SCRIPT_TASKS:
        changed = attempt.raw_output != _HOME.sub("~/", before.raw_output)
        return "secret_in_answer" if changed else ""
    if len(attempt.script) > max_chars:
        return "script_too_long"
    if not attempt.valid:
        return ""
    if attempt.script != before.script:
        return "secret_in_answer"
    return _script_reason(attempt.accepted or attempt.script, max_chars)


def _script_reason(script: str, max_chars: int) -> str:
    if len(script) > max_chars:
        return "script_too_long"
    if parsed(script) is None:
        return "no_python"
    return "foreign_import" if foreign_imports(script) else ""


def _deduplicated(episodes: list[Episode], counts: Counter[str]) -> list[Episode]:
    """Return episodes in which no two successes have the same script but for words.

    The first one keeps it; the later ones keep their attempts.
    """
    seen: set[str] = set()
    kept: list[Episode] = []
    for episode in episodes:
        script = episode.memory.script if episode.memory else None
        key = normalised(script) if script else ""
        if key and key in seen:
            counts["duplicate_script"] += 1
            if not episode.attempts:
                continue
            episode = episode.model_copy(update={"memory": None})
        seen.add(key)
        kept.append(episode)
    return kept


def _clustered(episodes: list[Episode]) -> list[Episode]:
    """Return episodes with their clusters: those that share an answer."""
    chain = _Chain(range(len(episodes)))
    by_answer: dict[str, int] = {}
    for number, episode in enumerate(episodes):
        for script in _answers(episode):
            if key := normalised(script):
                chain.join(by_answer.setdefault(key, number), number)
    return [
        episode.model_copy(update={"cluster": episodes[chain.first(number)].id})
        for number, episode in enumerate(episodes)
    ]


def _answers(episode: Episode) -> Iterable[str]:
    if episode.memory and episode.memory.script:
        yield episode.memory.script
    for attempt in episode.attempts:
        if attempt.valid and attempt.kind in SCRIPT_TASKS:
            yield attempt.accepted or attempt.script


class _Chain:
    """Numbers that belong together; the smallest stands for all."""

    def __init__(self, firsts: Sequence[int]) -> None:
        self._firsts = list(firsts)

    def first(self, number: int) -> int:
        while self._firsts[number] != number:
            number = self._firsts[number]
        return number

    def join(self, one: int, other: int) -> None:
        near, far = sorted((self.first(one), self.first(other)))
        self._firsts[far] = near


def rating_reason(memory: Memory, min_rating: int | None, keep_unrated: bool) -> str:
    """Return why a person's rating drops a success, or ''."""
    if memory.rating is None:
        return "" if keep_unrated else "unrated"
    is_low = min_rating is not None and memory.rating < min_rating
    return "low_rating" if is_low else ""


def table_of(counts: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    """Return counts as they are reported, sorted, without empty ones."""
    return {
        what: dict(sorted(reasons.items()))
        for what, reasons in sorted(counts.items())
        if reasons
    }
