"""The verb `export`: the chat samples in the shapes that other trainers read."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import click
import orjson

from diffscribe.core.cli import INPUT, OUTPUT, Command, progress, say
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, write_lines
from diffscribe.core.log_params import MemoryTask
from diffscribe.core.records import SPLITS, Message, TrainingSample

TASKS = ("plan", "message", *get_args(MemoryTask))
SHAREGPT_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}

Row = dict[str, Any]
Chat = tuple[Message, ...]


class ChatSample(TrainingSample):
    """What an export needs of a sample of any pipeline."""

    prompt: Chat
    completion: Chat
    task: str = ""
    private: bool = False


def _chatml(sample: ChatSample) -> Row:
    """Name the keys as the Hugging Face hub does; ChatML is how they are printed."""
    return {"messages": _messages((*sample.prompt, *sample.completion))}


def _prompt_completion(sample: ChatSample) -> Row:
    chat = {"prompt": sample.prompt, "completion": sample.completion}
    return {name: _messages(turns) for name, turns in chat.items()}


def _alpaca(sample: ChatSample) -> Row:
    chat = (*sample.prompt, *sample.completion)
    if tuple(message.role for message in chat) != ("system", "user", "assistant"):
        raise RecordError(
            f"sample {sample.id}: alpaca holds one instruction, one input and one "
            "output only; export it as chatml, sharegpt or prompt-completion"
        )
    instruction, text, output = (message.content for message in chat)
    return {"instruction": instruction, "input": text, "output": output}


def _sharegpt(sample: ChatSample) -> Row:
    turns = [
        {"from": SHAREGPT_SPEAKERS[message.role], "value": message.content}
        for message in (*sample.prompt, *sample.completion)
    ]
    return {"conversations": turns}


def _seq2seq(sample: ChatSample) -> Row:
    """Give T5 and its like what `train.architecture: seq2seq` learns from."""
    shown, target = sample.texts()
    return {"input": shown, "target": target}


def _messages(chat: Chat) -> list[Row]:
    return [message.model_dump() for message in chat]


SHAPES: dict[str, Callable[[ChatSample], Row]] = {
    "alpaca": _alpaca,
    "chatml": _chatml,
    "prompt-completion": _prompt_completion,
    "seq2seq": _seq2seq,
    "sharegpt": _sharegpt,
}
"""By the name that `--format` takes; each raises RecordError, naming the sample, if it
has no place for its chat."""


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("exported", type=OUTPUT)
@click.option(
    "--format", "shape", type=click.Choice(list(SHAPES)), required=True, help="Shape."
)
@click.option(
    "--task", type=click.Choice(TASKS), help="Only samples that ask for this."
)
def export_command(sft: Path, exported: Path, shape: str, task: str | None) -> None:
    """Write the chat samples in a shape that other trainers read.

    Train, validation and test of the folder SFT go to the folder EXPORTED, in the
    order of SFT and without the private samples; nothing else in EXPORTED changes.
    Alpaca of messages is what joco trains on: instruction, diff and message.
    """
    if exported.resolve() == sft.resolve():
        raise InputError(
            f"{exported}: the samples are read from here; name another folder"
        )
    counts: Counter[str] = Counter()

    def lines(split: str) -> Iterator[bytes]:
        samples = read_jsonl(sft / f"{split}.jsonl", ChatSample)
        for sample in progress(samples, f"export {split}"):
            if task not in (None, sample.task):
                continue
            counts["private" if sample.private else split] += 1
            if not sample.private:
                row = SHAPES[shape](sample)
                yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    for split in SPLITS:
        write_lines(exported / f"{split}.jsonl", lines(split))
    sizes = ", ".join(f"{split} {counts[split]}" for split in SPLITS)
    private = counts["private"]
    left_out = f"; {private} private samples left out" if private else ""
    say(f"export: {shape}: {sizes}{left_out}")
