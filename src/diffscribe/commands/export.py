"""The verb `export`: the chat samples in the shapes that other trainers read."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from diffscribe.core.cli import INPUT, OUTPUT, Command, progress
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, whole_file
from diffscribe.core.records import Message, Sample

SPLITS = ("train", "validation", "test")
SHAREGPT_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}

Row = dict[str, Any]


def export_rows(samples: Iterable[Sample], shape: str) -> Iterator[Row]:
    """Yield one row a sample, in order, in one of the SHAPES.

    Raises:
        RecordError: naming the sample, if the shape has no place for its chat.
    """
    for sample in samples:
        yield SHAPES[shape](sample)


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write one JSON object a line and return the number of lines."""
    count = 0
    with whole_file(path) as partial, partial.open("wb") as lines:
        for row in rows:
            lines.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def _chatml(sample: Sample) -> Row:
    """Name the keys as the Hugging Face hub does; ChatML is how they are printed."""
    return {"messages": _messages(*sample.prompt, *sample.completion)}


def _prompt_completion(sample: Sample) -> Row:
    return {
        "prompt": _messages(*sample.prompt),
        "completion": _messages(*sample.completion),
    }


def _alpaca(sample: Sample) -> Row:
    chat = (*sample.prompt, *sample.completion)
    if tuple(message.role for message in chat) != ("system", "user", "assistant"):
        raise RecordError(
            f"sample {sample.id}: alpaca holds one instruction, one input and one "
            "output only; export it as chatml, sharegpt or prompt-completion"
        )
    instruction, text, output = (message.content for message in chat)
    return {"instruction": instruction, "input": text, "output": output}


def _sharegpt(sample: Sample) -> Row:
    chat = (*sample.prompt, *sample.completion)
    turns = [
        {"from": SHAREGPT_SPEAKERS[message.role], "value": message.content}
        for message in chat
    ]
    return {"conversations": turns}


def _messages(*messages: Message) -> list[Row]:
    return [message.model_dump() for message in messages]


SHAPES: dict[str, Callable[[Sample], Row]] = {
    "alpaca": _alpaca,
    "chatml": _chatml,
    "prompt-completion": _prompt_completion,
    "sharegpt": _sharegpt,
}
"""By the name that `--format` takes."""


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("exported", type=OUTPUT)
@click.option(
    "--format", "shape", type=click.Choice(list(SHAPES)), required=True, help="Shape."
)
def main(sft: Path, exported: Path, shape: str) -> None:
    """Write the chat samples in a shape that other trainers read.

    Train, validation and test of the folder SFT go to the folder EXPORTED, in the
    order of SFT and without the private samples; nothing else in EXPORTED changes.
    """
    if exported.resolve() == sft.resolve():
        raise InputError(
            f"{exported}: the samples are read from here; name another folder"
        )
    counts: dict[str, int] = {}
    private = 0

    def public(split: str) -> Iterator[Sample]:
        nonlocal private
        rows = read_jsonl(sft / f"{split}.jsonl", Sample)
        for sample in progress(rows, f"export {split}"):
            private += sample.private
            if not sample.private:
                yield sample

    for split in SPLITS:
        counts[split] = write_rows(
            exported / f"{split}.jsonl", export_rows(public(split), shape)
        )
    sizes = ", ".join(f"{split} {count}" for split, count in counts.items())
    left_out = f"; {private} private samples left out" if private else ""
    click.echo(f"export: {shape}: {sizes}{left_out}")
