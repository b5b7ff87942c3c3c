"""Write the samples in a shape that other trainers read; no stage."""

from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from diffscribe.core.cli import INPUT, OUTPUT, Command, say
from diffscribe.core.files import read_jsonl, write_json, write_lines
from diffscribe.core.records import SPLITS
from diffscribe.tool_calls.export import DATASET_INFO, EXPORTS
from diffscribe.tool_calls.records import ToolSample


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("exported", type=OUTPUT)
@click.option("--format", "shape", type=click.Choice([*EXPORTS]), required=True)
def main(sft: Path, exported: Path, shape: str) -> None:
    """Write train, validation and test of the folder SFT to the folder EXPORTED."""
    sizes = []

    def lines(split: str) -> Iterator[bytes]:
        count = 0
        for sample in read_jsonl(sft / f"{split}.jsonl", ToolSample):
            count += 1
            row = EXPORTS[shape](sample)
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        sizes.append(f"{split} {count}")

    for split in SPLITS:
        write_lines(exported / f"{split}.jsonl", lines(split))
    if shape == "llama-factory":
        write_json(exported / "dataset_info.json", DATASET_INFO)
    say(f"export: {shape}: {', '.join(sizes)}")


if __name__ == "__main__":
    main()
