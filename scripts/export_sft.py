"""Write the chat samples in a shape that other trainers read.

Usage: python scripts/export_sft.py data/sft data/exports/alpaca --format alpaca
"""

from pathlib import Path

import click

from diffscribe.commands.export import SHAPES, export_rows, write_rows
from diffscribe.core.cli import INPUT, OUTPUT, Command, progress
from diffscribe.core.errors import InputError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Sample

SPLITS = ("train", "validation", "test")


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("exported", type=OUTPUT)
@click.option(
    "--format", "shape", type=click.Choice(list(SHAPES)), required=True, help="Shape."
)
def main(sft: Path, exported: Path, shape: str) -> None:
    """Write train, validation and test of SFT to the folder EXPORTED.

    Line n of a file is line n of the one in SFT; nothing else in EXPORTED changes.
    """
    if exported.resolve() == sft.resolve():
        raise InputError(
            f"{exported}: the samples are read from here; name another folder"
        )
    counts = {}
    for split in SPLITS:
        samples = progress(
            read_jsonl(sft / f"{split}.jsonl", Sample), f"export {split}"
        )
        counts[split] = write_rows(
            exported / f"{split}.jsonl", export_rows(samples, shape)
        )
    sizes = ", ".join(f"{split} {count}" for split, count in counts.items())
    click.echo(f"export_sft: {shape}: {sizes}")


if __name__ == "__main__":
    main()
