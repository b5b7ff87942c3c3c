"""How an endpoint wants to be asked: for JSON, for a length, for a temperature."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from diffscribe.core.records import Message, ToolSpec, Turn
from diffscribe.doors.failure import AttemptError, Fault, is_about_one
from diffscribe.doors.llama_cpp import NEUTRAL_SAMPLING
from diffscribe.doors.reply import Question

_REFUSALS = (400, 422, 500, 501)
"""A server that validates an unknown parameter may call that its own fault."""
_FORMAT = re.compile(r"response_(?:format|schema|mime)|json_schema|json_object")
_HOLDS = re.compile(r"schema|grammar|json (?:mode|output)|structured|guided|\bstrict\b")
_LIMIT = "max_tokens"
"""The usual name of the limit; some endpoints know it as LONG_LIMIT alone."""
LONG_LIMIT = "max_completion_tokens"
_OPTIONAL = ("temperature", "seed", "reasoning_effort")
"""Parameters that an answer can do without."""


_SPECIAL_TOKENS = """
    <|im_start|> <|im_sep|> <|fim_prefix|> <|fim_middle|> <|fim_suffix|>
    <|fim_pad|> <|repo_name|> <|file_sep|> <|object_ref_start|> <|object_ref_end|>
    <|box_start|> <|box_end|> <|quad_start|> <|quad_end|> <|vision_start|>
    <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> <|begin_of_text|>
    <|start_header_id|> <|end_header_id|> <|python_tag|>
    <|finetune_right_pad_id|> <|system|> <|user|> <|assistant|> <repo_name>
    <reponame> <file_sep> <filename> <gh_stars> <issue_start> <issue_comment>
    <issue_closed> <jupyter_start> <jupyter_text> <jupyter_code> <jupyter_output>
    <jupyter_script> <empty_output> <fim_prefix> <fim_middle> <fim_suffix>
    <fim_pad> <start_of_turn> <bos> <s> <unk> <pad> <mask>
"""
"""Tokens of the usual models that no answer holds, save those that end one."""
_OVERLONG = "".join(
    map(chr, (*range(0x800, 0x1000, 0x40), *range(0x10000, 0x40000, 0x1000)))
)
"""Text with every character whose UTF-8 begins like that of an overlong one."""
_LEADS = ([0xE0], [0xF0])


def tokenize_body(model: str) -> dict[str, Any]:
    """Return the JSON to send to llama-server's /tokenize; see `unspeakable`."""
    content = "".join(sorted(_SPECIAL_TOKENS.split())) + _OVERLONG
    options = {"add_special": False, "parse_special": True, "with_pieces": True}
    return {"model": model, "content": content, **options}


def unspeakable(reply: bytes) -> list[int]:
    """Return the tokens that a grammar cannot hold back, from /tokenize's reply.

    A grammar takes a special token for the text that it is written as, which the server
    leaves out of the answer. It also takes overlong UTF-8 for the letter that it stands
    for, which JSON cannot hold; the two bytes that may begin it are refused where they
    are tokens of their own.

    Raises:
        AttemptError: if this is no such reply.
    """
    refused = [*_SPECIAL_TOKENS.split(), *_LEADS]
    try:
        tokens = orjson.loads(reply)["tokens"]
        return sorted({int(each["id"]) for each in tokens if each["piece"] in refused})
    except (ValueError, KeyError, TypeError) as error:
        raise AttemptError(Fault.NONSENSE, "/tokenize told no tokens") from error


class Rung(StrEnum):
    """How firmly an endpoint can be held to a schema, firmest first."""

    STRICT_SCHEMA = "strict json_schema"
    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    TEXT = "text"


class Dialect(NamedTuple):
    """How to put a question so that an endpoint takes it."""

    rung: Rung = Rung.STRICT_SCHEMA
    limit_name: str = _LIMIT
    left_out: frozenset[str] = frozenset()
    """Parameters that the endpoint refuses and an answer can do without."""
    is_llama_cpp: bool = False
    """Whether llama-server's own fields are sent, all of its sampling and a grammar."""

    def body(self, question: Question) -> dict[str, Any]:
        """Return the JSON to send to /chat/completions."""
        body: dict[str, Any] = {
            "model": question.model,
            "messages": [_spoken(each) for each in question.messages],
            self.limit_name: question.max_tokens,
            "temperature": question.temperature,
            "seed": question.seed,
        }
        if self.is_llama_cpp:
            body |= NEUTRAL_SAMPLING
            body |= {"grammar": question.grammar} if question.grammar else {}
        body["tools"] = [_offered(each) for each in question.tools] or None
        body["reasoning_effort"] = question.reasoning_effort
        if question.schema is not None and self.rung != Rung.TEXT:
            body["response_format"] = self._response_format(question.schema)
        return {
            name: value
            for name, value in body.items()
            if value is not None and name not in self.left_out
        }

    def _response_format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.rung == Rung.JSON_OBJECT:
            return {"type": "json_object"}
        is_strict = self.rung == Rung.STRICT_SCHEMA
        named = {"name": "answer", "schema": schema, "strict": is_strict}
        return {"type": "json_schema", "json_schema": named}

    def milder(self, failure: AttemptError, *, asks_json: bool) -> "Dialect | None":
        """Return what to try after a refusal, or None if it was about other things.

        Endpoints refuse a parameter in many words: unsupported, deprecated, only 1 is
        allowed. What they share is its name.
        """
        if failure.code not in _REFUSALS or is_about_one(failure):
            return None
        sampling = NEUTRAL_SAMPLING if self.is_llama_cpp else {}
        names = [_LIMIT, LONG_LIMIT] if self.limit_name == _LIMIT else []
        names += {*_OPTIONAL, *sampling} - self.left_out
        has_format = asks_json and self.rung != Rung.TEXT
        places = {each: _place(each, failure.said) for each in names}
        if has_format and (found := _FORMAT.search(failure.said)):
            places["response_format"] = found.start()
        # What is allowed instead is told behind what is refused.
        named = min(places, key=lambda each: places[each], default="")
        if not named or places[named] == len(failure.said):
            is_held = has_format and _HOLDS.search(failure.said)
            return self._less_firm() if is_held else None
        if named == "response_format":
            return self._less_firm()
        if named in (_LIMIT, LONG_LIMIT):
            return self._replace(limit_name=LONG_LIMIT)
        return self._replace(left_out=self.left_out | {named})

    def joined(self, other: "Dialect") -> "Dialect":
        """Return what no endpoint refuses that one of the two was made for."""
        limits = (self.limit_name, other.limit_name)
        return other._replace(
            rung=max(self.rung, other.rung, key=list(Rung).index),
            limit_name=LONG_LIMIT if LONG_LIMIT in limits else _LIMIT,
            left_out=self.left_out | other.left_out,
        )

    def _less_firm(self) -> "Dialect":
        rungs = list(Rung)
        return self._replace(rung=rungs[rungs.index(self.rung) + 1])


def _offered(tool: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "function": tool.model_dump()}


def _spoken(message: Message | Turn) -> dict[str, Any]:
    """Return a message as the API has it, in which arguments are JSON in a string."""
    spoken: dict[str, Any] = {"role": message.role, "content": message.content}
    if isinstance(message, Turn):
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": orjson.dumps(call.arguments).decode(),
                },
            }
            for call in message.tool_calls
        ]
        more = (("tool_calls", calls), ("tool_call_id", message.tool_call_id))
        spoken |= {name: value for name, value in more if value}
        spoken |= {"name": message.name} if message.name else {}
    return spoken


def _place(name: str, said: str) -> int:
    """Return where a parameter is named, however it is spelled; the end if nowhere."""
    spelled = re.escape(name).replace("_", "[ _.]")
    found = re.search(rf"(?<![a-z0-9]){spelled}(?![a-z0-9])", said)
    return found.start() if found else len(said)
