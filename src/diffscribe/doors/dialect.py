"""How an endpoint wants to be asked: for JSON, for a length, for a temperature."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from diffscribe.doors.llama_cpp import NEUTRAL_SAMPLING
from diffscribe.doors.reply import AttemptError, Fault, Question

_REFUSALS = (400, 422, 500, 501)
"""A server that validates an unknown parameter may call that its own fault."""
_FORMAT = re.compile(r"response_format|json_schema|json_object|json mode|structured")
_SCHEMA = re.compile(r"invalid schema|unsupported schema|grammar")
_THIS_ALONE = re.compile(
    r"context[ _](?:length|size|window)|too (?:long|large|many tokens)|"
    r"maximum (?:\w+ )?(?:tokens|length)|reduce the length|"
    r"content[ _](?:policy|filter|management)|moderation|safety|"
    r"inappropriate content|data_?inspection|json_validate_failed"
)


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
    limit_name: str = "max_tokens"
    left_out: frozenset[str] = frozenset()
    """Parameters that the endpoint refuses and an answer can do without."""
    is_llama_cpp: bool = False
    """Whether llama-server's own fields are sent, all of its sampling and a grammar."""

    def body(self, question: Question) -> dict[str, Any]:
        """Return the JSON to send to /chat/completions."""
        body: dict[str, Any] = {
            "model": question.model,
            "messages": [
                {"role": each.role, "content": each.content}
                for each in question.messages
            ],
            self.limit_name: question.max_tokens,
            "temperature": question.temperature,
            "seed": question.seed,
        }
        if self.is_llama_cpp:
            body |= NEUTRAL_SAMPLING
            body |= {"grammar": question.grammar} if question.grammar else {}
        if question.reasoning_effort is not None:
            body["reasoning_effort"] = question.reasoning_effort
        if question.schema is not None and self.rung != Rung.TEXT:
            body["response_format"] = self._response_format(question.schema)
        return {name: body[name] for name in body if name not in self.left_out}

    def _response_format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.rung == Rung.JSON_OBJECT:
            return {"type": "json_object"}
        is_strict = self.rung == Rung.STRICT_SCHEMA
        named = {"name": "answer", "schema": schema, "strict": is_strict}
        return {"type": "json_schema", "json_schema": named}

    def milder(self, failure: AttemptError, *, asks_json: bool) -> "Dialect | None":
        """Return what to try after a refusal, or None if it was about other things."""
        said = f"{failure.words} {failure.names}".lower()
        if failure.code not in _REFUSALS or is_about_one(failure):
            return None
        if "max_completion_tokens" in said and self.limit_name == "max_tokens":
            return self._replace(limit_name="max_completion_tokens")
        for name in ("temperature", "seed"):
            # Models say that in many ways: unsupported, deprecated, only 1 is allowed.
            if name not in self.left_out and re.search(rf"\b{name}\b", said):
                return self._replace(left_out=self.left_out | {name})
        if not asks_json or self.rung == Rung.TEXT:
            return None
        if _FORMAT.search(said) or _SCHEMA.search(said):
            rungs = list(Rung)
            return self._replace(rung=rungs[rungs.index(self.rung) + 1])
        return None


def is_about_one(failure: AttemptError) -> bool:
    """Tell a refusal of this question, such as its length, from one of all like it."""
    said = f"{failure.words} {failure.names}".lower()
    return failure.code == 413 or _THIS_ALONE.search(said) is not None
