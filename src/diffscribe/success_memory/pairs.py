"""Make pairs of a question and its answer; what cannot be one is counted.

The answer is in no question: not the script, not the diff that it made, not the name of
the step that found it. At the time of use none of them exists.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

import yaml
from jsonschema import Draft202012Validator

from diffscribe.core.errors import InputError
from diffscribe.core.log_params import MemoryTask
from diffscribe.core.records import Message
from diffscribe.success_memory.records import (
    SCRIPT_TASKS,
    TASKS,
    Episode,
    LoggedAttempt,
    Operation,
    PairSample,
)
from diffscribe.success_memory.scripts import normalised

TRACEBACK_CHARS: Final = 4000
"""The end of a traceback tells what went wrong."""
TELLING_CHARS: Final = 24
"""A shorter line of an answer may stand in a question by chance."""
MAX_YAML_CHARS: Final = 20_000
_FRAME = re.compile(r'File "(<[^>"\n]{1,100}>)", line (\d{1,6})')
_KEY_VALUE = re.compile(r"[A-Za-z_][\w .-]{0,60}\s?[:=]\s?\S.{0,200}", re.ASCII)
SPEC_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["issue_description", "target_files", "operations"],
    "additionalProperties": False,
    "properties": {
        "issue_description": {"type": "string", "minLength": 1},
        "target_files": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "operations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "target_file": {"type": "string"},
                },
            },
        },
        "acceptance_tests": {"type": "array", "items": {"type": "string"}},
    },
}
"""A specification as the agent's model writes it, in YAML."""
PROFILE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        name: {}
        for name in (
            *("indent_width", "preferred_quotes", "max_line_length"),
            *("docstring_style", "directory_overrides", "confidence_score"),
            *("raw_analysis_summary", "error", "identifier_snake_case_pct"),
            *("identifier_camel_case_pct", "identifier_screaming_snake_case_pct"),
        )
    },
}
"""The profile of style that fingerprints are unified to, in JSON."""


class TaskPrompts(NamedTuple):
    """Every text that a student is shown."""

    system: str
    of_task: Mapping[MemoryTask, Template]


def load_task_prompts(folder: Path) -> TaskPrompts:
    """Return the texts of a folder: system.md, and one for each task.

    Raises:
        InputError: if one of them is not there.
    """
    try:
        texts = {
            name: (folder / f"{name}.md").read_text(encoding="utf-8").strip()
            for name in ("system", *TASKS)
        }
    except OSError as error:
        raise InputError(
            f"{error.filename}: {error.strerror}; bring the prompt back from git"
        ) from error
    return TaskPrompts(texts["system"], {task: Template(texts[task]) for task in TASKS})


class TaskPair(NamedTuple):
    """What a question is filled with, and its answer."""

    values: Mapping[str, str]
    answer: str
    given: str = ""
    """The script that is to be changed."""
    names: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class Made(NamedTuple):
    """The samples of some episodes, in order."""

    samples: list[PairSample]
    counts: dict[str, Counter[str]]
    """Why there is no pair, by task."""


def make_pairs(
    episodes: Iterable[Episode],
    tasks: Sequence[MemoryTask],
    prompts: TaskPrompts,
    fits: Callable[[Sequence[Message], str], str] = lambda _prompt, _answer: "",
) -> Made:
    """Return a sample of each pair; `fits` tells why one is too long, or ''."""
    samples: list[PairSample] = []
    counts: dict[str, Counter[str]] = {task: Counter() for task in tasks}
    seen: set[str] = set()
    for episode in episodes:
        for task in tasks:
            for pair in _FINDERS[task](episode):
                sample = (
                    pair
                    if isinstance(pair, str)
                    else _sample(episode, task, pair, prompts, fits)
                )
                if isinstance(sample, str):
                    counts[task][sample] += 1
                elif sample.id in seen:
                    counts[task]["duplicate"] += 1
                else:
                    seen.add(sample.id)
                    samples.append(sample)
                    counts[task]["pairs"] += 1
    return Made(samples, counts)


def _sample(
    episode: Episode,
    task: MemoryTask,
    pair: TaskPair,
    prompts: TaskPrompts,
    fits: Callable[[Sequence[Message], str], str],
) -> PairSample | str:
    """Return the sample of a pair, or why there is none."""
    text = prompts.of_task[task].substitute(pair.values)
    if tells(text, task, pair, episode):
        return "answer_in_prompt"
    shown = (
        Message(role="system", content=prompts.system),
        Message(role="user", content=text.strip()),
    )
    answer = Message(role="assistant", content=pair.answer)
    if answer.content != pair.answer:
        return "special_token"
    if reason := fits(shown, pair.answer):
        return reason
    content = json.dumps([task, *(each.content for each in (*shown, answer))])
    return PairSample(
        id=hashlib.sha256(content.encode()).hexdigest(),
        parent_id=episode.id,
        cluster=episode.cluster,
        task=task,
        prompt=shown,
        completion=(answer,),
        given=pair.given,
        names=pair.names,
        operations=pair.operations,
    )


def tells(text: str, task: MemoryTask, pair: TaskPair, episode: Episode) -> bool:
    """Tell whether a question gives its answer away.

    Lines of the script that is to be changed may stand in both.
    """
    if pair.answer.strip() in text:
        return True
    memory = episode.memory
    secret = []
    if task in SCRIPT_TASKS:
        secret = pair.answer.split("\n") if task == "scaffold" else []
        if memory is not None:
            added = (line for line in memory.diff.split("\n") if line[:1] == "+")
            secret += [line[1:] for line in added]
            if memory.patch_source and memory.patch_source in text:
                return True
    shown = {line.strip() for line in text.split("\n")}
    given = {line.strip() for line in pair.given.split("\n")}
    telling = {line.strip() for line in secret} - given
    return any(len(line) >= TELLING_CHARS and line in shown for line in telling)


Found = Iterator[TaskPair | str]


def _scaffolds(episode: Episode) -> Found:
    """Yield the script that an issue led to, from the log or from an attempt at it."""
    memory = episode.memory
    if memory is not None:
        if memory.script is None:
            yield "no_script"
            return
        targets, operations = memory.target_files, memory.operations
        answer = memory.script
    else:
        made = [
            each
            for each in episode.attempts
            if each.kind == "scaffold" and each.valid and _answer(each)
        ]
        if not made or not episode.issue:
            yield "no_script" if not made else "no_issue"
            return
        targets = (made[-1].target_file,) if made[-1].target_file else ()
        operations = (Operation(name=made[-1].phase),) if made[-1].phase else ()
        answer = _answer(made[-1])
    yield TaskPair(
        {
            "issue": episode.issue.strip(),
            "files": _bullets(targets),
            "operations": _bullets(map(_shown, operations)),
        },
        answer,
        names=_names(targets, operations),
        operations=tuple(each.name for each in operations),
    )


def _repairs(episode: Episode) -> Found:
    """Yield each script that failed with the next one that worked in its phase."""
    if not episode.attempts:
        yield "only_successes"
        return
    for attempts in _by_phase(episode):
        for position, failed in enumerate(attempts):
            if failed.valid:
                continue
            later = (each for each in attempts[position + 1 :] if each.valid)
            fixed = next((each for each in later if each.number > failed.number), None)
            if fixed is None:
                yield "never_repaired"
            elif not failed.script.strip() or not _answer(fixed):
                yield "no_script"
            elif not failed.traceback:
                yield "no_traceback"
            elif failed.script == _answer(fixed):
                yield "no_change"
            else:
                yield _changed(episode, failed, _answer(fixed), failed.script)


def _polishes(episode: Episode) -> Found:
    """Yield each valid script with the one that was taken for its better style."""
    if not episode.attempts:
        yield "only_successes"
        return
    for attempts in _by_phase(episode):
        valid = [each for each in attempts if each.valid and each.script.strip()]
        if len(valid) == 1 and valid[0].accepted is None:
            yield "one_valid_script"
        for one in valid:
            if one.accepted and normalised(one.accepted):
                same = one.accepted == one.script
                yield (
                    "no_change"
                    if same
                    else _changed(episode, one, one.accepted, one.script)
                )
        for one, other in pairwise(valid):
            if one.style_score is None or other.style_score is None:
                yield "no_style_score"
            elif other.style_score <= one.style_score:
                yield "style_not_better"
            elif one.script == other.script:
                yield "no_change"
            else:
                yield _changed(episode, one, other.script, one.script)


def _changed(
    episode: Episode, attempt: LoggedAttempt, answer: str, given: str
) -> TaskPair:
    memory = episode.memory
    operations = memory.operations if memory else ()
    targets = tuple(filter(None, [attempt.target_file])) or (
        memory.target_files if memory else ()
    )
    return TaskPair(
        {
            "issue": (attempt.issue or episode.issue).strip() or "none given",
            "phase": attempt.phase or "unknown",
            "file": attempt.target_file or "unknown",
            "style": attempt.style_profile.strip() or "none given",
            "script": given.rstrip("\n"),
            "traceback": _end(attempt.traceback or "none"),
            "snippets": _snippets(attempt),
        },
        answer,
        given=given,
        names=_names(targets, operations),
        operations=tuple(each.name for each in operations),
    )


def _end(traceback: str) -> str:
    """Return the last whole lines of a traceback."""
    traceback = traceback.strip("\n")
    if len(traceback) <= TRACEBACK_CHARS:
        return traceback
    return traceback[-TRACEBACK_CHARS:].partition("\n")[2]


def _snippets(attempt: LoggedAttempt) -> str:
    """Return lines that frames speak of, as logged, or of a script that has no file."""
    if attempt.snippets:
        return "\n".join(each.rstrip() for each in attempt.snippets)
    lines = attempt.script.split("\n")
    numbers = [int(found[2]) for found in _FRAME.finditer(attempt.traceback or "")]
    shown = dict.fromkeys(number for number in numbers if 0 < number <= len(lines))
    return "\n".join(f"{number}: {lines[number - 1]}" for number in shown) or "none"


def _logged(
    kind: MemoryTask, problem: Callable[[str], str]
) -> Callable[[Episode], Found]:
    """Return a finder of attempts whose prompt is the whole question."""

    def find(episode: Episode) -> Found:
        attempts = [each for each in episode.attempts if each.kind == kind]
        if not attempts:
            yield "not_logged"
        for attempt in attempts:
            answer = attempt.accepted or (attempt.raw_output if attempt.valid else "")
            if not answer.strip():
                yield "not_accepted"
            elif reason := problem(answer):
                yield reason
            else:
                yield TaskPair({"input": attempt.prompt.strip()}, answer.strip() + "\n")

    return find


def spec_problem(text: str) -> str:
    """Return why a text is no specification in YAML, or ''."""
    if len(text) > MAX_YAML_CHARS:
        return "too_long"
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return "no_yaml"
    return "" if Draft202012Validator(SPEC_SCHEMA).is_valid(value) else "no_spec"


def fingerprint_problem(text: str) -> str:
    """Return why a text is no fingerprint of lines `key: value`, or ''."""
    lines = [line for line in text.strip().split("\n") if line.strip()]
    known = all(_KEY_VALUE.fullmatch(line.strip()) for line in lines)
    return "" if lines and known else "no_key_values"


def profile_problem(text: str) -> str:
    """Return why a text is no profile in JSON, or ''."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "no_json"
    return "" if Draft202012Validator(PROFILE_SCHEMA).is_valid(value) else "no_profile"


PROBLEMS: Mapping[MemoryTask, Callable[[str], str]] = {
    "spec": spec_problem,
    "style": fingerprint_problem,
    "style_unify": profile_problem,
}
"""What tells why an answer is none, of tasks that are not answered with a script."""
_FINDERS: Mapping[MemoryTask, Callable[[Episode], Found]] = {
    "scaffold": _scaffolds,
    "repair": _repairs,
    "polish": _polishes,
    **{task: _logged(task, problem) for task, problem in PROBLEMS.items()},
}


def _by_phase(episode: Episode) -> list[list[LoggedAttempt]]:
    found: dict[tuple[str, str], list[LoggedAttempt]] = defaultdict(list)
    for attempt in episode.attempts:
        if attempt.kind in SCRIPT_TASKS:
            found[attempt.phase, attempt.target_file].append(attempt)
    return [sorted(each, key=lambda one: one.number) for each in found.values()]


def _answer(attempt: LoggedAttempt) -> str:
    return attempt.accepted or attempt.script


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {each}" for each in items) or "- none given"


def _shown(operation: Operation) -> str:
    place = f" in {operation.target_file}" if operation.target_file else ""
    return f"{operation.name}{place}{' ' * bool(operation.details)}{operation.details}"


def _names(targets: Iterable[str], operations: Iterable[Operation]) -> tuple[str, ...]:
    files = {each.target_file for each in operations if each.target_file}
    return tuple(sorted({*targets, *files}))
