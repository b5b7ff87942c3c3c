"""Turn logs into interactions: read, chosen by rating, and without secrets."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from string import Template
from typing import Any

import orjson

from diffscribe.commits.prompt import read_prompt
from diffscribe.core.errors import InputError, ParamsError, RecordError
from diffscribe.core.log_params import ToolCollectParams
from diffscribe.core.params import read_yaml
from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.core.tracking import Refusals
from diffscribe.logs.lines import LogLines
from diffscribe.secrets.redact import Problem, redact_texts
from diffscribe.tool_calls.chats import (
    CollectReason,
    LegacyQuestion,
    LoggedChat,
    NumberedRow,
    ReadingOptions,
    Refusal,
    read_rating,
    read_tools,
)
from diffscribe.tool_calls.formats import FORMATS, READERS, detect
from diffscribe.tool_calls.records import Interaction, canonical, interaction_id


class Collecting:
    """What is counted while logs are read."""

    def __init__(self) -> None:
        self.kept: Counter[str] = Counter()
        """Interactions by log."""
        self.refusals = Refusals()
        """Rows by log and reason, with the first lines of each."""
        self.reasons: Counter[CollectReason] = Counter()
        self.bad_lines: Counter[str] = Counter()
        self.secrets: Counter[str] = Counter()
        self.formats: dict[str, str] = {}
        self.shapes = ToolShapes()
        """Of the calls whose tools no log describes."""

    def refuse(self, source: str, line: int, reason: CollectReason) -> None:
        """Count a row of which nothing is kept."""
        self.reasons[reason] += 1
        self.refusals.add(source, reason, f"{source}:{line}")

    def metrics(self) -> dict[str, Any]:
        """Return all counts, with every reason that there is."""
        return {
            "kept": self.kept.total(),
            "formats": dict(sorted(self.formats.items())),
            "dropped": {each.value: self.reasons[each] for each in CollectReason},
            "bad_lines": dict(sorted(self.bad_lines.items())),
            "secrets": {k: n for k, n in sorted(self.secrets.items()) if n},
            "examples": self.refusals.table(),
        }


def find_logs(named: Iterable[Path]) -> list[Path]:
    """Return the files named, and those of folders, of which hidden ones are no logs.

    Raises:
        InputError: if there is none.
    """
    logs: list[Path] = []
    for path in named:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        logs += (
            each for each in inside if each.is_file() and not each.name.startswith(".")
        )
    if not logs:
        raise InputError(
            f"{', '.join(map(str, named))}: no log; put yours there, or name it"
        )
    return logs


def read_options(prompts: Path, params: ToolCollectParams) -> ReadingOptions:
    """Return how rows are read, by result.md and legacy.yaml of a folder.

    Raises:
        InputError: if result.md cannot be read or names an unknown variable.
        ParamsError: if legacy.yaml does not fit.
    """
    result = read_prompt(prompts / "result.md", {"status", "output"})
    legacy: list[LegacyQuestion] = []
    if params.reconstruct:
        path = prompts / "legacy.yaml"
        try:
            legacy = [LegacyQuestion(**each) for each in read_yaml(path)]
        except TypeError as error:
            raise ParamsError(
                f"{path}: should be a list of tool, argument, prefix and question"
            ) from error
    return ReadingOptions(Template(result), params.max_output_chars, legacy)


def load_tools(path: Path) -> tuple[ToolSpec, ...]:
    """Return the tools that a JSON file describes, as an API is given them.

    Raises:
        InputError: if it cannot be read.
        RecordError: if it holds something else.
    """
    try:
        return read_tools(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecordError(
            f"{path}: {error}; give a JSON list of tools as an API takes it, or set "
            "collect.tools to infer"
        ) from error


_AMENDS = b'{"amends":'
"""How `diffscribe rate` begins a line."""
_PIECE_BYTES = 2**20


def later_ratings(log: Path) -> dict[str, int]:
    """Return the ratings that lines of a log give to rows, by their ids; last wins."""
    found: dict[str, int] = {}
    begins_line = True
    with log.open("rb") as file:
        while piece := file.readline(_PIECE_BYTES):
            if begins_line and piece.startswith(_AMENDS):
                try:
                    told = orjson.loads(piece)
                except orjson.JSONDecodeError:
                    told = {}
                if rating := read_rating(told.get("rating")):
                    found[str(told.get("amends"))] = rating
            begins_line = piece.endswith(b"\n")
    return found


def collect(
    logs: Sequence[Path],
    params: ToolCollectParams,
    options: ReadingOptions,
    tools: Sequence[ToolSpec],
    counts: Collecting,
) -> Iterator[Interaction]:
    """Yield the interactions of logs, one row in memory at a time.

    Those whose tools neither log nor `tools` describes have none yet, and no id; see
    `with_tools`.

    Raises:
        RecordError: at a line that is damaged, unless such are skipped, or at a log of
            an unknown format.
    """
    later: dict[str, int] = {}
    for log in logs:
        later |= later_ratings(log)
    for log in logs:
        for chat in _chats(log, params, options, counts):
            rating = later.get(chat.key, chat.rating)
            made = _unwanted(rating, params) or _redacted(
                chat, log.name, rating, counts.secrets
            )
            if isinstance(made, CollectReason):
                counts.refuse(log.name, chat.line, made)
                continue
            counts.kept[log.name] += 1
            if not made.tools and not tools:
                counts.shapes.add(made.turns)
            yield made if made.tools else with_tools(made, tools, inferred=False)


def _chats(
    log: Path, params: ToolCollectParams, options: ReadingOptions, counts: Collecting
) -> Iterator[LoggedChat]:
    lines = LogLines(log, params.on_bad_line)
    rows = (NumberedRow(*line) for line in lines if "amends" not in line.value)
    first = next(rows, None)
    if first is not None:
        name = FORMATS.get(params.format) or detect(first.row, f"{log}:{first.number}")
        counts.formats[log.name] = name
        for chat in READERS[name](chain([first], rows), options):
            if isinstance(chat, Refusal):
                counts.refuse(log.name, chat.line, chat.reason)
            else:
                yield chat
    counts.bad_lines.update({str(k): n for k, n in lines.skipped.items()})


def _unwanted(rating: int | None, params: ToolCollectParams) -> CollectReason | None:
    if rating is None:
        return CollectReason.UNRATED if params.unrated == "drop" else None
    return CollectReason.LOW_RATING if rating < params.min_rating else None


def require_some(counts: Collecting, params: ToolCollectParams) -> None:
    """Fail if nothing was kept.

    Raises:
        RecordError: with the number of each reason.
    """
    if counts.kept.total():
        return
    reasons = ", ".join(f"{each} {n}" for each, n in counts.reasons.most_common())
    raise RecordError(
        f"collect: no interaction is left ({reasons or 'the logs are empty'}); with "
        f"min_rating {params.min_rating} and unrated: {params.unrated}; see collect in "
        "docs/tool-calls.md for what each reason means"
    )


# Secrets.


def _redacted(
    chat: LoggedChat, source: str, rating: int | None, secrets: Counter[str]
) -> Interaction | CollectReason:
    """Return a chat without its secrets, or why that cannot be."""
    turns = chat.turns
    calls = [call for turn in turns for call in turn.tool_calls]
    spoken = [turn.content for turn in turns]
    written = [canonical(call.arguments) for call in calls]
    # In JSON a line feed is two letters, and rules for lines of a file see none.
    inside = [text for call in calls for text in _strings(call.arguments)]
    found = redact_texts([*spoken, *written, *inside])
    problem = found.problem
    if problem:
        is_key = problem is Problem.PRIVATE_KEY
        return CollectReason.PRIVATE_KEY if is_key else CollectReason.SECRETS_LEFT
    contents = iter(found.texts[: len(spoken)])
    texts = iter(found.texts[len(spoken) : len(spoken) + len(written)])
    try:
        tools = _redacted_tools(chat.tools)
        clean = tuple(
            turn.model_copy(
                update={
                    "content": next(contents),
                    "tool_calls": tuple(
                        call.model_copy(update={"arguments": _object(next(texts))})
                        for call in turn.tool_calls
                    ),
                }
            )
            for turn in turns
        )
    except ValueError:
        return CollectReason.SECRETS_LEFT
    secrets += found.counts
    session = chat.session and hashlib.sha256(chat.session.encode()).hexdigest()[:16]
    return Interaction(
        id=interaction_id(clean, tools),
        source=source,
        line=chat.line,
        at=chat.at,
        # It may be the name of a chat, which is its first question.
        session=session or interaction_id(clean, tools),
        model=chat.model,
        turns=clean,
        tools=tools,
        tools_inferred=False,
        rating=rating,
        learn=chat.learn,
        reconstructed=chat.reconstructed,
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _object(text: str) -> dict[str, Any]:
    value = orjson.loads(text)
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _redacted_tools(tools: tuple[ToolSpec, ...]) -> tuple[ToolSpec, ...]:
    told = canonical([tool.model_dump() for tool in tools])
    clean = _redacted_text(told)
    return tools if clean == told else read_tools(clean)


@lru_cache(maxsize=64)
def _redacted_text(text: str) -> str:
    """Remember it: most rows of a log describe the same tools."""
    return redact_texts([text]).texts[0]


# Tools that nothing describes.


_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


class ToolShapes:
    """What calls tell of the tools they are of."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._uses: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._types: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, turns: Iterable[Turn]) -> None:
        """Take note of the calls of a chat."""
        for turn in turns:
            for call in turn.tool_calls:
                self._add(call)

    def _add(self, call: ToolCall) -> None:
        self._calls[call.name] += 1
        self._uses[call.name].update(call.arguments.keys())
        for name, value in call.arguments.items():
            self._types[call.name, name].add(_TYPES[type(value)])

    def specs(self) -> tuple[ToolSpec, ...]:
        """Return the tools by name; a parameter is required if every call has it."""
        return tuple(
            ToolSpec(
                name=name,
                description="",
                parameters={
                    "type": "object",
                    "properties": {
                        each: _property(self._types[name, each])
                        for each in sorted(self._uses[name])
                    },
                    "required": sorted(
                        each for each, n in self._uses[name].items() if n == count
                    ),
                },
            )
            for name, count in sorted(self._calls.items())
        )


def _property(types: set[str]) -> Mapping[str, Any]:
    kinds = sorted(types - {"integer"} if "number" in types else types)
    return {"type": kinds[0] if len(kinds) == 1 else kinds}


def with_tools(
    interaction: Interaction, tools: Sequence[ToolSpec], *, inferred: bool
) -> Interaction:
    """Return an interaction that has no tools with these."""
    id_ = interaction_id(interaction.turns, tools)
    has_name = interaction.session != interaction.id
    return interaction.model_copy(
        update={
            "id": id_,
            "session": interaction.session if has_name else id_,
            "tools": tuple(tools),
            "tools_inferred": inferred and bool(tools),
        }
    )
