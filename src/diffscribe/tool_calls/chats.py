"""Read chats that were logged as messages: OpenAI, TRL, ms-swift, Ollama, ShareGPT.

A reader turns rows into chats; what it cannot read without guessing is a Refusal.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from string import Template
from typing import Any, Literal, NamedTuple

import orjson

from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.tool_calls.records import canonical

Row = dict[str, Any]
Status = Literal["ok", "error", "denied"]


class CollectReason(StrEnum):
    """Why nothing of a row is collected."""

    OLD_FORMAT = "old_format"
    """It has a call and no question, and questions are not to be reconstructed."""
    NO_QUESTION = "no_question"
    """No question to reconstruct fits its call."""
    NO_MESSAGES = "no_messages"
    UNKNOWN_ROLE = "unknown_role"
    EMPTY_RESPONSE = "empty_response"
    NO_CALLS = "no_calls"
    """What should be calls is something else."""
    BAD_ARGUMENTS = "bad_arguments"
    """They are no JSON object."""
    BAD_TOOLS = "bad_tools"
    RESULT_WITHOUT_CALL = "result_without_call"
    LOW_RATING = "low_rating"
    UNRATED = "unrated"
    PRIVATE_KEY = "private_key"
    SECRETS_LEFT = "secrets_left"
    """More secrets than can be told apart from the text."""


class NumberedRow(NamedTuple):
    """A row of a log, and its line from 1."""

    number: int
    row: Row


class LoggedChat(NamedTuple):
    """A chat as a log tells it."""

    line: int
    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...] = ()
    at: str = ""
    session: str = ""
    model: str = ""
    rating: int | None = None
    learn: tuple[int, ...] = ()
    reconstructed: bool = False
    key: str = ""
    """The id that the log gave the row, by which later lines amend it."""


class Refusal(NamedTuple):
    """A row that cannot be read without guessing."""

    line: int
    reason: CollectReason


class LegacyQuestion(NamedTuple):
    """What was probably asked, if a call of a tool begins so."""

    tool: str
    argument: str
    prefix: str
    question: str
    """May name arguments as $variables."""


class ReadingOptions(NamedTuple):
    """How rows are read."""

    result: Template = Template("$output")
    """How the assistant shows a result: $status and $output."""
    max_output_chars: int = 2000
    legacy: Sequence[LegacyQuestion] = ()
    """Questions to reconstruct old rows with; none: these are refused."""


class UnreadableRowError(Exception):
    """Ends the reading of a row, for a reason."""

    def __init__(self, reason: CollectReason) -> None:
        super().__init__(reason)
        self.reason = reason


# What formats share: arguments, calls, tools, contents, ratings.


def read_arguments(given: Any) -> dict[str, Any] | None:
    """Return arguments as an object, from an object or its JSON; None if they are none.

    Nothing at all is an object without arguments.
    """
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            return None
    return given if isinstance(given, dict) else None


def read_rating(given: Any) -> int | None:
    """Return a rating from 1 to 5; None for what is none, such as 0, 6 or true."""
    if isinstance(given, str) and re.fullmatch(r"[1-5]", given.strip()):
        return int(given)
    is_whole = isinstance(given, int | float) and not isinstance(given, bool)
    return int(given) if is_whole and given in (1, 2, 3, 4, 5) else None


def read_tools(given: Any) -> tuple[ToolSpec, ...]:
    """Return tools of a list or its JSON, nested as OpenAI does or flat.

    Raises:
        ValueError: if it is no such list.
    """
    if given in (None, "", []):
        return ()
    value = orjson.loads(given) if isinstance(given, str) else given
    if not isinstance(value, list):
        raise ValueError("tools should be a list")
    tools = []
    for each in value:
        spec = each.get("function", each) if isinstance(each, dict) else None
        if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
            raise ValueError("a tool should be an object with a name")
        parameters = spec.get("parameters") or spec.get("input_schema")
        tools.append(
            ToolSpec(
                name=spec["name"],
                description=str(spec.get("description") or ""),
                parameters=parameters
                if isinstance(parameters, dict)
                else {"type": "object", "properties": {}},
            )
        )
    return tuple(tools)


FENCE = re.compile(r"\s*```[\w-]*\n(.*?)```\s*", re.S)


def blocks_in(text: str, tag: str) -> tuple[list[str], str]:
    """Return what stands between each two tags, and the text without it."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    found, kept, at = [], [], 0
    while (start := text.find(opening, at)) >= 0:
        if (end := text.find(closing, start)) < 0:
            break
        kept.append(text[at:start])
        found.append(text[start + len(opening) : end])
        at = end + len(closing)
    return found, "".join([*kept, text[at:]])


def calls_in(value: Any, first: int = 1) -> tuple[ToolCall, ...]:
    """Return the calls of a list of them, of an object that has it, or of one call.

    Ids that are missing count on from `first`.
    """
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    calls = []
    for number, each in enumerate(value if isinstance(value, list) else [value], first):
        function = each.get("function", each) if isinstance(each, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise UnreadableRowError(CollectReason.NO_CALLS)
        given = function.get("arguments", function.get("parameters"))
        arguments = read_arguments(given)
        if arguments is None:
            raise UnreadableRowError(CollectReason.BAD_ARGUMENTS)
        id_ = each.get("id")
        calls.append(
            ToolCall(
                id=id_ if isinstance(id_, str) and id_ else f"call_{number}",
                name=function["name"],
                arguments=arguments,
            )
        )
    return tuple(calls)


def looks_like_calls(value: Any) -> bool:
    """Tell whether a value is a call, a list of calls, or has one."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and (
        "tool_calls" in first
        or "function" in first
        or ("name" in first and "arguments" in first)
    )


def _json_or_literal(text: str) -> Any:
    """Return a value from JSON, or from Python's spelling of it, which Hermes has."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            raise UnreadableRowError(CollectReason.BAD_ARGUMENTS) from None


def split_text(text: str, first: int = 1) -> tuple[str, tuple[ToolCall, ...]]:
    """Return what a model said besides its calls, and the calls it wrote as text."""
    blocks, others = blocks_in(text, "tool_call")
    if blocks:
        values = [_json_or_literal(block) for block in blocks]
        return others.strip(), calls_in(values, first)
    fenced = FENCE.fullmatch(text)
    inner = (fenced[1] if fenced else text).strip()
    if inner.startswith(("{", "[")):
        try:
            value = orjson.loads(inner)
        except orjson.JSONDecodeError:
            return text, ()
        if looks_like_calls(value):
            return "", calls_in(value, first)
    return text, ()


def message_text(content: Any) -> str:
    """Return the text of a message: a string, or the parts that are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (
            each.get("text") if isinstance(each, dict) else each for each in content
        )
        return "".join(each for each in parts if isinstance(each, str))
    return "" if content is None else canonical(content)


STATUSES: Mapping[str, Status] = {
    "ok": "ok",
    "success": "ok",
    "error": "error",
    "failed": "error",
    "failure": "error",
    "denied": "denied",
    "rejected": "denied",
}
_TOLD_STATUS = re.compile(r"^status:[ \t]*(\w+)[ \t]*$", re.I | re.M)
_HEAD_CHARS = 500


def told_status(content: str) -> Status | None:
    """Return what the text of a result says about its call; None if it says nothing."""
    if found := _TOLD_STATUS.search(content[:_HEAD_CHARS]):
        return STATUSES.get(found[1].lower())
    if content[:1] == "{":
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return None
        if isinstance(value.get("status"), str):
            return STATUSES.get(value["status"].lower())
        if value.get("error") or value.get("is_error") is True:
            return "error"
        if value.get("success") is False:
            return "error"
    return "error" if content[:6].lower() == "error:" else None


def shorten(text: str, limit: int) -> str:
    """Return a text of at most so many characters, with what was left out said."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n... ({len(text) - limit} characters left out)"


def attach(
    turns: Sequence[Turn], content: str, told: Row, status: Status | None
) -> Turn:
    """Return a tool's turn that names the call it answers.

    That is the call with its id, else the first of the tool's name that has no answer
    yet, else the first without one.
    """
    answered: set[str | None] = set()
    calls: tuple[ToolCall, ...] = ()
    for turn in reversed(turns):
        if turn.role == "assistant":
            calls = turn.tool_calls
            break
        answered.add(turn.tool_call_id)
    name = told.get("name") or told.get("tool_name")
    name = name if isinstance(name, str) else None
    id_ = told.get("tool_call_id")
    open_ = [each for each in calls if each.id not in answered]
    found = (
        next((each for each in calls if id_ and each.id == id_), None)
        or next((each for each in open_ if each.name == name), None)
        or next(iter(open_), None)
    )
    if found is None:
        raise UnreadableRowError(CollectReason.RESULT_WITHOUT_CALL)
    return Turn(
        role="tool",
        content=content,
        tool_call_id=found.id,
        name=found.name,
        status=status,
    )


# Chats as lists of messages: OpenAI, TRL, ms-swift, Ollama.

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "tool_call": "call",
}


class _Turns:
    """Collects the turns of one chat."""

    def __init__(self, options: ReadingOptions) -> None:
        self.turns: list[Turn] = []
        self.learn: list[int] = []
        self._options = options
        self._calls = 0
        self._is_open = False

    def add(self, role: str, content: str, told: Row, calls: Any = None) -> None:
        """Add a message; one of role `call` holds calls alone, as text or values."""
        if role == "tool":
            shown = shorten(content, self._options.max_output_chars)
            status = STATUSES.get(str(told.get("status")).lower())
            turn = attach(self.turns, shown, told, status or told_status(content))
            self.turns.append(turn)
        elif role in ("assistant", "call"):
            self._add_response(role, content, told, calls)
        else:
            self.turns.append(
                Turn(role="system" if role == "system" else "user", content=content)
            )
        self._is_open = role == "call"

    def _add_response(self, role: str, content: str, told: Row, calls: Any) -> None:
        first = self._calls + 1
        if calls:
            made = calls_in(calls, first)
        elif role == "call":
            content, made = "", calls_in(_json_or_literal(content), first)
        else:
            content, made = split_text(content, first)
        self._calls += len(made)
        if role == "call" and self._is_open:
            # Calls that follow each other are of one response.
            last = self.turns[-1]
            made = (*last.tool_calls, *made)
            self.turns[-1] = last.model_copy(update={"tool_calls": made})
        else:
            self.turns.append(Turn(role="assistant", content=content, tool_calls=made))
            self.learn.append(len(self.turns) - 1)
        if _is_excluded(told) and self.learn[-1:] == [len(self.turns) - 1]:
            self.learn.pop()


def _is_excluded(told: Row) -> bool:
    """Tell whether a message is not to be learned: OpenAI's weight, ms-swift's loss."""
    marks = (told.get("weight"), told.get("loss"), told.get("loss_scale"))
    return any(each is not None and not each for each in marks) or _thumb(told) == 1


def _thumb(told: Row) -> int | None:
    """Return 5 for a thumb up and 1 for one down, as Open WebUI logs them."""
    annotation = told.get("annotation")
    given = annotation.get("rating") if isinstance(annotation, dict) else None
    return {"1": 5, "-1": 1, "up": 5, "down": 1}.get(str(given))


def _messages(row: Row) -> list[Any]:
    if isinstance(row.get("messages"), list):
        return list(row["messages"])
    given = [row.get("prompt"), row.get("completion")]
    if not all(isinstance(each, list) for each in given):
        raise UnreadableRowError(CollectReason.NO_MESSAGES)
    return [message for each in given for message in each or ()]


def _chat(
    number: int, row: Row, messages: list[Any], options: ReadingOptions
) -> LoggedChat:
    turns = _Turns(options)
    rating = read_rating(row.get("rating")) or _thumb(row)
    for message in messages:
        role = (
            _ROLES.get(str(message.get("role"))) if isinstance(message, dict) else None
        )
        if role is None:
            raise UnreadableRowError(CollectReason.UNKNOWN_ROLE)
        calls = message.get("tool_calls") or (
            [message["function_call"]] if message.get("function_call") else None
        )
        turns.add(role, message_text(message.get("content")), message, calls)
        rating = _thumb(message) or rating
    return LoggedChat(
        line=number,
        turns=tuple(turns.turns),
        tools=tools_of(row),
        at=str(row.get("timestamp") or row.get("created_at") or row.get("at") or ""),
        session=session_of(row),
        model=str(row.get("model") or ""),
        rating=rating,
        learn=tuple(turns.learn),
        key=str(row.get("id") or ""),
    )


def tools_of(row: Row) -> tuple[ToolSpec, ...]:
    """Return the tools that a row describes."""
    try:
        return read_tools(row.get("tools") or row.get("functions"))
    except ValueError:
        raise UnreadableRowError(CollectReason.BAD_TOOLS) from None


def session_of(row: Row) -> str:
    """Return the name that a row gives its chat; empty if it gives none."""
    names = ("session", "session_id", "conversation_id", "chat_id", "thread_id")
    return next((str(row[name]) for name in names if row.get(name)), "")


def _each(
    rows: Iterable[NumberedRow], read: Callable[[int, Row], LoggedChat]
) -> Iterator[LoggedChat | Refusal]:
    for number, row in rows:
        try:
            yield read(number, row)
        except UnreadableRowError as error:
            yield Refusal(number, error.reason)


def read_messages(
    rows: Iterable[NumberedRow], options: ReadingOptions
) -> Iterator[LoggedChat | Refusal]:
    """Read rows with `messages`, or `prompt` and `completion` that are messages."""
    return _each(rows, lambda number, row: _chat(number, row, _messages(row), options))


def read_ollama(
    rows: Iterable[NumberedRow], options: ReadingOptions
) -> Iterator[LoggedChat | Refusal]:
    """Read requests to Ollama's /api/chat with their responses.

    Of what the assistant said only the response is learned: a request repeats the
    responses before it, which have rows of their own.
    """

    def read(number: int, row: Row) -> LoggedChat:
        request, response = row.get("request", row), row.get("response", row)
        if not (isinstance(request, dict) and isinstance(response, dict)):
            raise UnreadableRowError(CollectReason.NO_MESSAGES)
        told = {**row, **request, **response}
        chat = _chat(
            number, told, [*_messages(request), response.get("message")], options
        )
        return chat._replace(learn=chat.learn[-1:])

    return _each(rows, read)


# ShareGPT: Hermes and LLaMA-Factory.

_SPEAKERS = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "call",
    "tool_call": "call",
    "observation": "tool",
    "tool": "tool",
    "tool_response": "tool",
}


def read_conversations(
    rows: Iterable[NumberedRow], options: ReadingOptions
) -> Iterator[LoggedChat | Refusal]:
    """Read ShareGPT rows: those of Hermes, and those of LLaMA-Factory.

    Hermes describes tools and format in the system text, which is left out for them:
    the student is shown both by its own template.
    """

    def read(number: int, row: Row) -> LoggedChat:
        turns = _Turns(options)
        tools = tools_of(row)
        if isinstance(row.get("system"), str) and row["system"]:
            turns.add("system", row["system"], {})
        for each in row["conversations"]:
            role = (
                _SPEAKERS.get(str(each.get("from"))) if isinstance(each, dict) else None
            )
            if role is None:
                raise UnreadableRowError(CollectReason.UNKNOWN_ROLE)
            text = message_text(each.get("value"))
            if role == "system" and (listed := blocks_in(text, "tools")[0]):
                tools = tools or _hermes_tools(listed[0])
            elif role == "tool":
                for response in blocks_in(text, "tool_response")[0] or [text]:
                    turns.add("tool", *_hermes_result(response.strip()))
            else:
                turns.add(role, text, each)
        return LoggedChat(
            line=number,
            turns=tuple(turns.turns),
            tools=tools,
            session=session_of(row),
            rating=read_rating(row.get("rating")),
            learn=tuple(turns.learn),
            key=str(row.get("id") or ""),
        )

    return _each(rows, read)


def _hermes_tools(text: str) -> tuple[ToolSpec, ...]:
    """Return tools of a JSON list, or of a JSON object on each line."""
    try:
        value = _json_or_literal(text)
    except UnreadableRowError:
        lines = [line for line in text.splitlines() if line.strip()]
        value = [_json_or_literal(line) for line in lines]
    try:
        return read_tools(value if isinstance(value, list) else [value])
    except ValueError:
        raise UnreadableRowError(CollectReason.BAD_TOOLS) from None


def _hermes_result(text: str) -> tuple[str, Row]:
    """Return the content of a tool's response and what it tells of its call."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text, {}
    if isinstance(value, dict) and "content" in value and value.keys() <= _RESULT_KEYS:
        return message_text(value["content"]), value
    return text, {}


_RESULT_KEYS = {"name", "content", "tool_call_id", "status"}
