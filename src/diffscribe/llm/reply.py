"""An endpoint's reply as an answer, whichever of the usual dialects it speaks."""

import re

from pydantic import BaseModel, ValidationError

from diffscribe.llm.failures import MAX_WORDS_CHARS, AnswerError, AttemptError, Fault
from diffscribe.llm.request import Answer, TokenUsage

UNKNOWN_ERROR = 500
"""What an error in a 200 counts as that names no status: it may pass."""

_THOUGHTS = re.compile(
    r"\s*<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)\s*", re.DOTALL
)
_END_OF_THOUGHTS = re.compile(r"</(?:think|thinking|thought|reasoning)>\s*")


def read_reply(content: bytes, latency_s: float) -> Answer:
    """Return the answer in the body of a 200.

    Thoughts are taken off, and stand in for an answer that was put among them.

    Raises:
        AttemptError: if it holds none, or an error in place of one.
    """
    try:
        reply = _Reply.model_validate_json(content)
    except ValidationError:
        raise AttemptError(
            Fault.NONSENSE, f"the answer is not a chat completion{_beginning(content)}"
        ) from None
    if not reply.choices:
        raise _error_in_reply(reply.error)
    choice = reply.choices[0]
    text = without_thoughts(_text(choice.message.content))
    # Cut off while thinking, a model has not answered yet.
    if not text.strip() and choice.finish_reason != "length":
        text = choice.message.reasoning_content or choice.message.reasoning or ""
    return Answer(
        text,
        _usage(reply.usage),
        latency_s,
        choice.finish_reason or "",
        reply.model or "",
    )


def read_answer(content: bytes, latency_s: float = 0.0) -> Answer:
    """Return the answer in a reply that is kept, where nobody can be asked again.

    Raises:
        AnswerError: if it holds none.
    """
    try:
        return read_reply(content, latency_s)
    except AttemptError as error:
        raise AnswerError(error.words) from None


def without_thoughts(text: str) -> str:
    """Return a text from where its thinking ends, empty if it never does.

    Some templates open the thoughts themselves, so only their end is in the text.
    """
    if thoughts := _THOUGHTS.match(text):
        return text[thoughts.end() :]
    end = _END_OF_THOUGHTS.search(text)
    # Who begins with an answer may write about such tags inside it.
    if end and not text.lstrip().startswith(("{", "```")):
        return text[end.end() :]
    return text


class _Part(BaseModel):
    text: str | None = None


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _CompletionDetails(BaseModel):
    reasoning_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Error(BaseModel):
    message: str | None = None
    code: int | str | None = None


class _Reply(BaseModel):
    """What we need of a reply, however much more an endpoint says."""

    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: _Error | str | None = None


def _beginning(content: bytes) -> str:
    """Return the first words of what is a page, not JSON, to know whose it is."""
    text = content[:MAX_WORDS_CHARS].decode("utf-8", "replace")
    words = " ".join(re.sub(r"<[^>]*>?", " ", text).split())
    return f": {words}" if text.lstrip().startswith("<") and words else ""


def _error_in_reply(error: _Error | str | None) -> AttemptError:
    if error is None:
        return AttemptError(Fault.NONSENSE, "the answer has no choices")
    said, code = (
        (error, None) if isinstance(error, str) else (error.message, error.code)
    )
    return AttemptError(
        Fault.STATUS,
        f"(in a 200) {said or '(no words)'}",
        code=code if isinstance(code, int) and code >= 400 else UNKNOWN_ERROR,
        names=str(code or ""),
    )


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""


def _usage(usage: _Usage | None) -> TokenUsage:
    if usage is None:
        return TokenUsage(0, 0, 0, 0)
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = (prompt and prompt.cached_tokens) or usage.prompt_cache_hit_tokens
    return TokenUsage(
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=cached or 0,
        completion_tokens=usage.completion_tokens or 0,
        reasoning_tokens=(completion and completion.reasoning_tokens) or 0,
    )
