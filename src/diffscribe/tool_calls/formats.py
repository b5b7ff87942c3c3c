"""Know the format of a log by its keys, and read the one that has a line for each call.

The reader puts together the rows of one response, and those about one question.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from string import Template
from typing import Any

import orjson

from diffscribe.core.errors import RecordError
from diffscribe.core.records import ToolCall, Turn
from diffscribe.tool_calls.chats import (
    FENCE,
    STATUSES,
    CollectReason,
    LoggedChat,
    NumberedRow,
    ReadingOptions,
    Refusal,
    Row,
    UnreadableRowError,
    calls_in,
    looks_like_calls,
    message_text,
    read_arguments,
    read_conversations,
    read_messages,
    read_ollama,
    read_rating,
    session_of,
    shorten,
    split_text,
    tools_of,
)

SAME_TASK_S = 600.0
"""A response to the same question after a failed call goes on with it, if it comes so
soon; later, somebody asked again."""

Reader = Callable[
    [Iterable[NumberedRow], ReadingOptions], Iterator[LoggedChat | Refusal]
]


# The log that has a line for each call.


def read_calls(
    rows: Iterable[NumberedRow], options: ReadingOptions
) -> Iterator[LoggedChat | Refusal]:
    """Read rows with `tool_name` and `arguments`: one for each call of a response.

    Rows of one response follow each other and are read as one; a response to the same
    question after failed calls goes on with the chat. Rows without a question, as old
    logs have them, are refused unless the options have questions to reconstruct them.
    """
    chat: _CallLog | None = None
    for number, row in rows:
        try:
            if chat is not None and chat.takes(row):
                chat.add_result(row)
                continue
            response = _response(row)
            if chat is not None and chat.goes_on(row):
                chat.add_response(row, response)
                continue
            if chat is not None:
                yield chat.read()
                chat = None
            question, is_guess = _question(row, response, options)
            chat = _CallLog(number, question, is_guess, options)
            chat.add_response(row, response)
        except UnreadableRowError as error:
            if chat is not None:
                yield chat.read()
                chat = None
            yield Refusal(number, error.reason)
    if chat is not None:
        yield chat.read()


class _CallLog:
    """The chat about one question."""

    def __init__(
        self, number: int, question: str, is_guess: bool, options: ReadingOptions
    ) -> None:
        self._number = number
        self._question = question
        self._is_guess = is_guess
        self._options = options
        self._turns = [Turn(role="user", content=question)]
        self._learn: list[int] = []
        self._open: list[ToolCall] = []
        self._raw: Any = None
        self._row: Row = {}
        self._ratings: list[int] = []

    def takes(self, row: Row) -> bool:
        """Tell whether a row has another result of the response."""
        return (
            bool(self._open)
            and self._raw is not None
            and row.get("model_response") == self._raw
            and row.get("user_query") == self._question
        )

    def goes_on(self, row: Row) -> bool:
        """Tell whether a row has the response to what failed."""
        results = [each.status for each in self._turns if each.role == "tool"]
        return (
            bool(results)
            and results[-1] in ("error", "denied")
            and not self._is_guess
            and row.get("user_query") == self._question
            and 0 <= _seconds(self._row, row) <= SAME_TASK_S
        )

    def add_response(self, row: Row, response: Turn) -> None:
        """Add a response, and the result that its first row has."""
        # Ids count on within a chat, so that none is there twice.
        made = sum(len(each.tool_calls) for each in self._turns)
        ids = {call.id for each in self._turns for call in each.tool_calls}
        calls = tuple(
            call.model_copy(update={"id": f"call_{number}"}) if call.id in ids else call
            for number, call in enumerate(response.tool_calls, made + 1)
        )
        self._turns.append(response.model_copy(update={"tool_calls": calls}))
        self._learn.append(len(self._turns) - 1)
        self._open = list(calls)
        self._raw = row.get("model_response")
        self._ratings = []
        self.add_result(row)

    def add_result(self, row: Row) -> None:
        """Add the result of a row to the call it is about."""
        self._row = row
        if rating := read_rating(row.get("rating")):
            self._ratings.append(rating)
        if not self._open:
            return
        name, arguments = row.get("tool_name"), read_arguments(row.get("arguments"))
        call = next(
            (
                each
                for each in self._open
                if (each.name, each.arguments) == (name, arguments)
            ),
            self._open[0],
        )
        self._open.remove(call)
        if row.get("status") is None and not row.get("output"):
            return
        told = str(row.get("status") or "ok").lower()
        status = STATUSES.get(told, "error")
        details = (row.get("output"), row.get("error_details"), row.get("message"))
        output = next((message_text(each) for each in details if each), "")
        if status == "ok":
            output = message_text(row.get("output"))
        content = self._options.result.substitute(
            status=told,
            output=shorten(output, self._options.max_output_chars).rstrip("\n"),
        )
        self._turns.append(
            Turn(
                role="tool",
                content=content.strip("\n"),
                tool_call_id=call.id,
                name=call.name,
                status=status,
            )
        )

    def read(self) -> LoggedChat:
        """Return the chat; the lowest of a response's ratings is that of all of it."""
        return LoggedChat(
            line=self._number,
            turns=tuple(self._turns),
            tools=tools_of(self._row),
            at=str(self._row.get("timestamp") or ""),
            session=session_of(self._row),
            model=str(self._row.get("model") or ""),
            rating=min(self._ratings, default=None),
            learn=tuple(self._learn),
            reconstructed=self._is_guess,
            key=str(self._row.get("id") or ""),
        )


def _response(row: Row) -> Turn:
    """Return the assistant's turn of a row; the call that was made if it tells none."""
    raw = row.get("model_response")
    message: Any = raw
    if isinstance(raw, str):
        fenced = FENCE.fullmatch(raw)
        try:
            message = orjson.loads(fenced[1] if fenced else raw)
        except orjson.JSONDecodeError:
            message = {"content": raw}
    if not isinstance(message, dict) or (
        "content" not in message and "role" not in message
    ):
        message = {"content": "", "tool_calls": message} if message else {}
        if not looks_like_calls(message.get("tool_calls")):
            message = {"content": raw if isinstance(raw, str) else ""}
    if message.get("tool_calls"):
        content, calls = (
            message_text(message.get("content")),
            calls_in(message["tool_calls"]),
        )
    else:
        content, calls = split_text(message_text(message.get("content")))
    name = row.get("tool_name")
    if not calls and isinstance(name, str) and name:
        arguments = read_arguments(row.get("arguments"))
        if arguments is None:
            raise UnreadableRowError(CollectReason.BAD_ARGUMENTS)
        calls = (ToolCall(id="call_1", name=name, arguments=arguments),)
    if not calls and not content:
        raise UnreadableRowError(CollectReason.EMPTY_RESPONSE)
    return Turn(role="assistant", content=content, tool_calls=calls)


def _question(row: Row, response: Turn, options: ReadingOptions) -> tuple[str, bool]:
    """Return what was asked, and whether that is a guess."""
    asked = row.get("user_query")
    if isinstance(asked, str) and asked.strip():
        return asked, False
    if not options.legacy:
        raise UnreadableRowError(CollectReason.OLD_FORMAT)
    for call in response.tool_calls:
        for each in options.legacy:
            value = call.arguments.get(each.argument)
            if call.name != each.tool or not isinstance(value, str):
                continue
            if not each.prefix or f"{value} ".startswith(f"{each.prefix} "):
                shown = {
                    name: message_text(given) for name, given in call.arguments.items()
                }
                return Template(each.question).safe_substitute(shown), True
    raise UnreadableRowError(CollectReason.NO_QUESTION)


def _seconds(earlier: Row, later: Row) -> float:
    """Return the time between two rows; infinite if one has no time."""
    times = []
    for row in (earlier, later):
        # Python reads six digits of a second, Go writes nine.
        text = re.sub(r"(\.\d{6})\d+", r"\1", str(row.get("timestamp") or ""))
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return float("inf")
        times.append(time)
    if (times[0].tzinfo is None) != (times[1].tzinfo is None):
        return float("inf")
    return (times[1] - times[0]).total_seconds()


READERS: Mapping[str, Reader] = {
    "calls": read_calls,
    "messages": read_messages,
    "ollama": read_ollama,
    "conversations": read_conversations,
}
"""By what is in a row."""

FORMATS: Mapping[str, str] = {
    "seed004": "calls",
    "openai": "messages",
    "trl": "messages",
    "ms-swift": "messages",
    "ollama": "ollama",
    "hermes": "conversations",
    "llama-factory": "conversations",
}
"""Each format that `--format` names, with its reader."""

_KNOWN = (
    "a line a call (tool_name, arguments), OpenAI, TRL and ms-swift (messages, or "
    "prompt and completion), Ollama (request and response, or messages and message), "
    "Hermes and LLaMA-Factory (conversations)"
)


def detect(row: Mapping[str, Any], where: str) -> str:
    """Return the name in READERS of the format that a row is in.

    Raises:
        RecordError: naming the keys seen, if it is none.
    """
    keys = row.keys()
    if "conversations" in keys and isinstance(row["conversations"], list):
        return "conversations"
    has_response = isinstance(row.get("response", row.get("message")), dict)
    if has_response and keys & {"request", "messages"}:
        return "ollama"
    is_chat = isinstance(row.get("messages"), list) or (
        isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list)
    )
    if is_chat:
        return "messages"
    if keys >= {"tool_name", "arguments"} or keys >= {"user_query", "model_response"}:
        return "calls"
    shown = ", ".join(sorted(map(str, keys))[:20]) or "none"
    raise RecordError(
        f"{where}: no known format of a log of tool calls: its keys are {shown}; known "
        f"are {_KNOWN}; convert it, or name its format with collect.format"
    )
