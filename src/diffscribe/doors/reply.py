"""Questions to models, and their answers in whichever of the usual dialects.

`read_reply` makes an Answer of the body of a 200. It reads what an answer needs and is
strict about nothing else: counts and thoughts of another shape cost no paid answer.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from diffscribe.core.records import Message, ToolSpec, Turn
from diffscribe.doors.failure import (
    MAX_WORDS_CHARS,
    UNKNOWN_ERROR,
    AttemptError,
    Fault,
    error_in,
    error_words,
    parse_json,
)

MAX_TOKEN_COUNT = 2**40
"""No answer has as many. SQLite cannot hold an integer of more than 64 bits."""


class Question(NamedTuple):
    """One question to one model."""

    model: str
    """Its name at the endpoint; for a GGUF, the digest of the file."""
    messages: tuple[Message | Turn, ...]
    """The chat so far. A question for JSON also describes it here."""
    schema: Mapping[str, Any] | None
    """The JSON Schema of the answer, or None for free text."""
    max_tokens: int
    """Length limit of the answer, thoughts included."""
    temperature: float | None
    """None leaves it to the endpoint."""
    seed: int
    about: str
    """Repository that the question is about; kept with the answer and never sent."""
    private: bool
    """Whether the question must not leave this machine."""
    reasoning_effort: str | None = None
    """`low`, `medium`, ...; None leaves it to the model."""
    traced: bool = False
    """Whether MLflow may show question and answer."""
    place: str = ""
    """Where the answer must come from; empty if an answer from anywhere counts."""
    grammar: str = ""
    """GBNF that llama-server holds the answer to; no other endpoint is sent it."""
    tools: tuple[ToolSpec, ...] = ()
    """What may be called; the text of the answer is then that of a ToolAnswer."""


TEMPLATE_TOKENS = 512
"""More than a chat template and its own system message add to a prompt."""


class TokenUsage(NamedTuple):
    """Tokens of one answer; 0 where the endpoint does not count."""

    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens that the endpoint had read before, which cost less."""
    completion_tokens: int
    reasoning_tokens: int
    """Completion tokens that were thoughts."""

    @property
    def total(self) -> int:
        """Tokens of prompt and completion, which hold all others."""
        return self.prompt_tokens + self.completion_tokens


def most_tokens(question: Question) -> TokenUsage:
    """Return the most that a question can take.

    A token is at least a byte, and max_tokens ends an answer.
    """
    content = [message.content for message in question.messages]
    tools = [tool.model_dump() for tool in question.tools]
    calls = [
        call.model_dump()
        for message in question.messages
        if isinstance(message, Turn)
        for call in message.tool_calls
    ]
    prompt_bytes = len(orjson.dumps([content, question.schema, tools, calls]))
    return TokenUsage(TEMPLATE_TOKENS + prompt_bytes, 0, question.max_tokens, 0)


WHOLE = ("}", "```")
"""How an answer in JSON ends."""


class Answer(NamedTuple):
    """What a model said."""

    text: str
    """Without thoughts, as far as there is something else."""
    usage: TokenUsage
    latency_s: float
    """Time of the attempt that succeeded, without the waits before it."""
    finish_reason: str
    """CUT if max_tokens or the context cut the answer; else as it was told."""
    key: str = ""
    """`question_key` of what was sent; filled in by asking."""
    replaced: Mapping[str, str] = {}
    """What each placeholder in the question stands for; filled in by asking."""

    @property
    def is_cut_off(self) -> bool:
        """Tell whether it ends before its JSON does: what stands in it is a draft.

        Some models fill the rest up with blanks, which is no reason to refuse it.
        """
        return self.finish_reason == CUT and not self.text.rstrip().endswith(WHOLE)


def question_key(question: Question) -> str:
    """Return the sha256, in hex, of everything that decides the answer.

    The endpoint is part of it only where `place` names one; the order of the schema's
    keys is not.
    """
    content = question._asdict()
    for name in ("about", "private", "traced"):
        del content[name]
    for name in ("place", "grammar", "tools"):
        # Without this, every key of an earlier ledger would be another.
        if not content[name]:
            del content[name]
    if question.tools:
        content["tools"] = [tool.model_dump() for tool in question.tools]
    content["messages"] = [message.model_dump() for message in question.messages]
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


# How answers end.

CUT = "length"
_CUTS = (
    CUT,
    "max_tokens",
    "max_output_tokens",
    "model_length",
    "model_context_window_exceeded",
)
_GOOD_ENDS = (CUT, "stop", "end_turn", "eos", "eos_token", "stop_sequence")
_FILTERS = re.compile(
    r"filter|safety|sensitive|recitation|prohibited|block|spii|refusal|moderation|"
    r"guardrail"
)
_FAILURES = re.compile(
    r"error|insufficient|abort|cancel|overload|time_?out|fail|interrupt|unavailable"
)


def is_failure(finish_reason: str, text: str) -> bool:
    """Tell whether an answer ended by a failure of its endpoint.

    Gateways send the beginning of an answer this way when they lose the model, or
    nothing at all. Neither is an answer, in a reply or in a ledger.
    """
    ends_well = text.rstrip().endswith(WHOLE)
    # New names of failures are told by what they leave: the beginning of some JSON.
    is_begun = text.lstrip().startswith(("{", "```")) and not ends_well
    is_empty = not finish_reason and not text.strip()
    is_named = _FAILURES.search(finish_reason.lower()) is not None
    return (
        is_named or is_empty or (is_begun and finish_reason.lower() not in _GOOD_ENDS)
    )


def read_reply(
    content: bytes, latency_s: float = 0.0, *, has_tools: bool = False
) -> Answer:
    """Return the answer in the body of a 200.

    Thoughts are removed. They become the answer if there is no other and the model
    was not cut off while thinking. Of a question with tools, the text is that of a
    ToolAnswer.

    Raises:
        AttemptError: if there is no answer, or an error in place of one.
    """
    reply = parse_json(content)
    if not isinstance(reply, dict):
        words = f"the answer is not a chat completion{_beginning(content)}"
        raise AttemptError(Fault.NONSENSE, words)
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        told = {"error": reply.get("error") or (error_words(reply) and reply)}
        raise error_in(told) or AttemptError(
            Fault.NONSENSE, "the answer has no choices"
        )
    if failure := error_in(choice) or error_in(reply):
        raise failure
    finish_reason = choice.get("finish_reason")
    finish_reason = finish_reason if isinstance(finish_reason, str) else ""
    if finish_reason.lower() in _CUTS:
        finish_reason = CUT
    if _FILTERS.search(finish_reason.lower()):
        words = f"the answer was taken away: {finish_reason}"
        raise AttemptError(Fault.FILTERED, words)
    if has_tools:
        text = _tool_answer(choice)
    else:
        text = _text(choice, is_cut=finish_reason == CUT)
    if is_failure(finish_reason, text):
        words = f"the answer broke off: {finish_reason or 'it is empty'}"
        raise AttemptError(Fault.STATUS, words, code=UNKNOWN_ERROR)
    return Answer(text, _usage(reply.get("usage")), latency_s, finish_reason)


def _text(choice: Mapping[str, Any], *, is_cut: bool) -> str:
    """Return what a model said, or what stands in for it if that is nothing."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return _string(choice.get("text"))
    said = _content(message.get("content")) or _string(choice.get("text"))
    text = without_thoughts(said)
    if text.strip() or is_cut:
        return text
    thoughts = (message.get(name) for name in ("reasoning_content", "reasoning"))
    others = (
        _arguments(message),
        *map(_string, thoughts),
        said,
        _string(message.get("refusal")),
    )
    return next(filter(str.strip, others), "")


class AnsweredCall(NamedTuple):
    """A call that a model asked for."""

    name: str
    arguments: dict[str, Any] | None
    """None if they are no JSON object."""


class ToolAnswer(NamedTuple):
    """What a model said that may call tools."""

    content: str
    calls: tuple[AnsweredCall, ...]


def read_tool_answer(text: str) -> ToolAnswer:
    """Return what the text of an Answer to a question with tools holds."""
    value = json.loads(text)
    calls = (AnsweredCall(**call) for call in value["tool_calls"])
    return ToolAnswer(value["content"], tuple(calls))


def _tool_answer(choice: Mapping[str, Any]) -> str:
    """Return content and calls of a message as JSON with sorted keys; '' of neither."""
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    told = message.get("tool_calls")
    calls = [_call(each) for each in told] if isinstance(told, list) else []
    said = without_thoughts(_content(message.get("content")))
    if not calls and not said.strip():
        return ""
    # In ASCII, since lone surrogates can be kept in no ledger.
    return json.dumps({"content": said, "tool_calls": calls}, sort_keys=True)


def _call(told: Any) -> dict[str, Any]:
    function = told.get("function") if isinstance(told, dict) else None
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = parse_json(arguments)
    return {
        "name": _string(function.get("name")),
        "arguments": arguments if isinstance(arguments, dict) else None,
    }


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


_TEXTS = ("text", "output_text")
"""Types of the parts that are an answer; others are thoughts or pictures."""


def _content(content: Any) -> str:
    """Return the text of a message: a string, parts, or JSON that was read already."""
    if isinstance(content, dict) and not content.keys() & {"type", "text"}:
        return json.dumps(content)
    parts = content if isinstance(content, list) else [content]
    return "".join(map(_part, parts))


def _part(part: Any) -> str:
    if isinstance(part, dict):
        part = part.get("text") if part.get("type", "text") in _TEXTS else ""
    return _string(part.get("value") if isinstance(part, dict) else part)


def _arguments(message: Mapping[str, Any]) -> str:
    """Return those of a tool call: some gateways ask for JSON by way of a tool."""
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and calls else message
    function = call.get("function") if isinstance(call, dict) else None
    function = function or message.get("function_call")
    given = function.get("arguments") if isinstance(function, dict) else None
    return json.dumps(given) if isinstance(given, dict) else _string(given)


_NAME = "think|thought|reason|reflect|analys|scratch|monolog|deliberat"
_END = r"[|]?/|[^<>]{0,60}(?<![a-z])(?i:end)(?![a-z])"
_OPENS = re.compile(
    rf"\s*(?:<(?!{_END})[^<>]{{0,60}}?(?i:{_NAME})[^<>]{{0,200}}(?<!/)>"
    r"|\[[A-Z_ ]*(?:THINK|THOUGHT|REASON)[A-Z_ ]*\]|◁think▷|<unused94>"
    r"|(?:<\|start\|>assistant)?<\|?channel\|?>(?!\s*final))"
)
"""Marks that thoughts begin with, at the beginning of an answer."""
_OTHER_CLOSES = (
    r"\[/[A-Z_ ]*(?:THINK|THOUGHT|REASON)[A-Z_ ]*\]|◁/think▷|<unused95>|<channel\|>"
    r"|<\|channel\|>\s*final[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"|(?<=[^\s\"'`])assistantfinal"
)
_CLOSES = re.compile(
    rf"<(?={_END})[^<>]{{0,60}}?(?i:{_NAME})[^<>]{{0,60}}>|{_OTHER_CLOSES}"
)
_BARE_CLOSES = re.compile(rf"</(?:think|thinking|thought|reasoning)>|{_OTHER_CLOSES}")
"""Those that count where no mark opened thoughts; a message may name other tags."""
_IS_ANSWER = re.compile(r"\s*(?:\{|```)")


def without_thoughts(text: str) -> str:
    """Return the text after the thoughts; empty if they never end.

    Marks are told by their shape, not from a list: new models bring new names. Some
    chat templates open the thoughts themselves, so that only their end is there.
    """
    start = 0
    # An answer that starts as JSON or a code block may mention such a mark.
    while not _IS_ANSWER.match(text, start):
        is_open = _OPENS.match(text, start) is not None
        end = (_CLOSES if is_open else _BARE_CLOSES).search(text, start)
        if end is None:
            start = len(text) if is_open else start
            break
        start = end.end()
    return text[start:].lstrip() if start else text


def _beginning(content: bytes) -> str:
    """Return the first words of an HTML page, which tell who sent it; else nothing."""
    text = content[:MAX_WORDS_CHARS].decode("utf-8", "replace")
    words = " ".join(re.sub(r"<[^>]*>?", " ", text).split())
    return f": {words}" if text.lstrip().startswith("<") and words else ""


def _usage(told: Any) -> TokenUsage:
    """Return the counts; one that is no whole number, or too large, is not told."""

    def count(*path: str) -> int:
        value = told
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        return int(value) if is_whole and 0 <= value < MAX_TOKEN_COUNT else 0

    prompt_tokens = count("prompt_tokens")
    cached = count("prompt_tokens_details", "cached_tokens")
    return TokenUsage(
        prompt_tokens=prompt_tokens,
        # More would make the fresh tokens, and so their price, negative.
        cached_tokens=min(prompt_tokens, cached or count("prompt_cache_hit_tokens")),
        completion_tokens=count("completion_tokens"),
        reasoning_tokens=count("completion_tokens_details", "reasoning_tokens"),
    )
