"""Samples in the shapes that other trainers read; docs/tool-exports.schema.json."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from diffscribe.core.records import ToolCall, Turn
from diffscribe.tool_calls.records import ToolSample
from diffscribe.tool_calls.template import tool_json

Row = dict[str, Any]


def _openai(sample: ToolSample) -> Row:
    """Return a row of OpenAI's fine-tuning, which learns the last turn alone."""
    *before, last = (_message(turn, as_text=True) for turn in _turns(sample))
    for message in before:
        if message["role"] == "assistant":
            message["weight"] = 0
    return {
        "messages": [*before, last],
        "tools": _tools(sample),
        "parallel_tool_calls": len(sample.target.tool_calls) > 1,
    }


def _trl(sample: ToolSample) -> Row:
    """Return a row of TRL as text: of arguments as objects, datasets makes one shape.

    Each call would get the parameters of all others, with nulls, and they be learned.
    """
    return {"prompt": sample.prompt, "completion": sample.completion}


def _qwen(sample: ToolSample) -> Row:
    """Return a row for a template: arguments and tools are objects."""
    messages = [_message(turn, as_text=False) for turn in _turns(sample)]
    return {"messages": messages, "tools": _tools(sample)}


def _ms_swift(sample: ToolSample) -> Row:
    """Return a row of ms-swift: a message for each call; only the target is learned."""
    messages: list[Row] = []
    for turn in _turns(sample):
        learned = {} if turn.role != "assistant" else {"loss": turn is sample.target}
        if turn.role == "tool":
            messages.append({"role": "tool_response", "content": turn.content})
        if turn.role != "tool" and (turn.content or not turn.tool_calls):
            messages.append({"role": turn.role, "content": turn.content} | learned)
        messages += (
            {"role": "tool_call", "content": json.dumps(_bare(call))} | learned
            for call in turn.tool_calls
        )
    return {"messages": messages, "tools": json.dumps(_tools(sample))}


def _llama_factory(sample: ToolSample) -> Row:
    """Return a ShareGPT row of LLaMA-Factory, whose calls stand without other words."""
    rows: list[Row] = []
    for turn in _turns(sample):
        if turn.role == "system":
            continue
        calls = [_bare(call) for call in turn.tool_calls]
        rows.append(
            {
                "from": "function_call" if calls else _SPEAKERS[turn.role],
                "value": json.dumps(calls[0] if len(calls) == 1 else calls)
                if calls
                else turn.content,
            }
        )
    system = [turn.content for turn in sample.turns if turn.role == "system"]
    tools = [tool.model_dump() for tool in sample.tools]
    return {
        "conversations": rows,
        "system": "\n".join(system),
        "tools": json.dumps(tools),
    }


_SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation"}
_HERMES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


def _hermes(sample: ToolSample) -> Row:
    """Return a row as NousResearch writes it: calls and tools are text."""
    rows: list[Row] = []
    for turn in _turns(sample):
        text = turn.content
        if turn.role == "system":
            tools = "\n".join(json.dumps(tool) for tool in _tools(sample))
            text = f"{text}\n<tools>\n{tools}\n</tools>"
        elif turn.role == "tool":
            told = json.dumps({"name": turn.name, "content": turn.content})
            text = f"<tool_response>\n{told}\n</tool_response>"
        calls = (
            f"<tool_call>\n{json.dumps(_bare(call))}\n</tool_call>"
            for call in turn.tool_calls
        )
        value = "\n".join(filter(None, [text, *calls]))
        rows.append({"from": _HERMES[turn.role], "value": value})
    return {"conversations": rows}


EXPORTS: Mapping[str, Callable[[ToolSample], Row]] = {
    "trl": _trl,
    "openai": _openai,
    "hermes": _hermes,
    "llama-factory": _llama_factory,
    "ms-swift": _ms_swift,
    "qwen": _qwen,
}
"""By the name that `--format` takes."""

DATASET_INFO = {
    name: {
        "file_name": f"{name}.jsonl",
        "formatting": "sharegpt",
        "columns": {
            "messages": "conversations",
            "system": "system",
            "tools": "tools",
        },
    }
    for name in ("train", "validation", "test")
}
"""What LLaMA-Factory's dataset_info.json says of such an export."""


def _turns(sample: ToolSample) -> tuple[Turn, ...]:
    return (*sample.turns, sample.target)


def _tools(sample: ToolSample) -> list[Row]:
    return [tool_json(tool) for tool in sample.tools]


def _bare(call: ToolCall) -> Row:
    return {"name": call.name, "arguments": call.arguments}


def _message(turn: Turn, *, as_text: bool) -> Row:
    message: Row = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(call.arguments)
                    if as_text
                    else call.arguments,
                },
            }
            for call in turn.tool_calls
        ]
    if turn.role == "tool":
        message |= {"tool_call_id": turn.tool_call_id}
        message |= {} if as_text else {"name": turn.name}
    return message
