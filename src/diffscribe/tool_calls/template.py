"""Spell chats with tools as a model's template does; give a template to a base without.

Some bases have a template that passes over tools in silence: the model would be trained
and asked without ever being shown one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffscribe.core.errors import RecordError, SourceError
from diffscribe.core.files import read_json, whole_file, write_json
from diffscribe.core.records import ToolSpec, Turn, as_text
from diffscribe.doors.model_folder import (
    chat_template_kwargs,
    count_text_tokens,
    load_tokenizer,
)
from diffscribe.secrets.redact import map_strings
from diffscribe.tool_calls.curate import TEMPLATE_MARK

TEMPLATE_FILE = "chat_template.jinja"
_PROBE = ToolSpec(
    name="probe_7f3a91",
    description="",
    parameters={"type": "object", "properties": {}},
)


class ChatTemplate:
    """The chat template of a model folder, and its tokens."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._tokenizer = load_tokenizer(base)

    def shows_tools(self) -> bool:
        """Tell whether the name of a tool occurs in a chat that has it."""
        asked = (Turn(role="system", content="a"), Turn(role="user", content="b"))
        return _PROBE.name in self.prompt(asked, (_PROBE,))

    def prompt(self, turns: Sequence[Turn], tools: Sequence[ToolSpec]) -> str:
        """Return a chat that waits for the assistant."""
        return self._spell(turns, tools, asks=True)

    def completion(
        self, turns: Sequence[Turn], target: Turn, tools: Sequence[ToolSpec]
    ) -> str:
        """Return what follows the prompt if the assistant says the target.

        Raises:
            RecordError: if the template spells the prompt otherwise then, so that the
                loss would be computed on parts of it.
        """
        before = self.prompt(turns, tools)
        whole = self._spell([*turns, target], tools, asks=False)
        if not whole.startswith(before):
            raise RecordError(
                f"{self._base}: its chat template spells a chat otherwise once it is "
                "answered; use a base whose prompt is the beginning of the whole"
            )
        return whole[len(before) :].rstrip("\n")

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return count_text_tokens(self._tokenizer, text)

    def _spell(
        self, turns: Sequence[Turn], tools: Sequence[ToolSpec], *, asks: bool
    ) -> str:
        spelled = self._tokenizer.apply_chat_template(
            [_message(turn) for turn in turns],
            tools=[tool_json(tool) for tool in tools] or None,
            add_generation_prompt=asks,
            tokenize=False,
            **chat_template_kwargs(self._tokenizer),
        )
        return str(spelled)


def tool_json(tool: ToolSpec) -> dict[str, Any]:
    """Return a tool as APIs and templates take it."""
    return {"type": "function", "function": tool.model_dump()}


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        # Arguments stay an object: a template would print a string as JSON in JSON.
        message["tool_calls"] = [
            {
                "type": "function",
                "id": call.id,
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    if turn.role == "tool":
        message |= {"tool_call_id": turn.tool_call_id, "name": turn.name}
    return message


def without_marks(turn: Turn) -> Turn:
    """Return a turn in which no text ends a turn or begins a call.

    A result that holds such a mark would speak for the assistant: transformers and
    llama-server look for special tokens after the template is filled in.
    """

    def plain(text: str) -> str:
        return TEMPLATE_MARK.sub(lambda mark: f"< {mark[0][1:]}", as_text(text))

    return turn.model_copy(
        update={
            "content": plain(turn.content),
            "tool_calls": tuple(
                call.model_copy(
                    update={"arguments": map_strings(call.arguments, plain)}
                )
                for call in turn.tool_calls
            ),
        }
    )


def give_template(base: Path, template: Path) -> bool:
    """Write a template into a model folder whose own shows no tools.

    Whoever makes a GGUF or an adapter of the folder takes it from there. Return whether
    it was written.

    Raises:
        SourceError: if the new one shows none either.
    """
    if ChatTemplate(base).shows_tools():
        return False
    config = base / "tokenizer_config.json"
    if config.is_file():
        values = read_json(config)
        values.pop("chat_template", None)
        write_json(config, values)
    with whole_file(base / TEMPLATE_FILE) as partial:
        partial.write_bytes(template.read_bytes())
    if not ChatTemplate(base).shows_tools():
        raise SourceError(
            f"{template}: shows no tools; write them into the system turn"
        )
    return True
