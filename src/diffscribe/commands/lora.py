"""The verb `lora`: the shipped adapter as a file for llama-server."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, say


@click.command(cls=Command)
@click.argument("file", type=OUTPUT)
@click.argument("adapter", type=INPUT, default=Path("models/diffscribe-135m"))
def lora_command(file: Path, adapter: Path) -> None:
    """Write the shipped adapter as a GGUF LoRA file for llama-server.

    FILE is what `--lora` takes, beside `--model` with SmolLM2's own GGUF or one of the
    stage merge-quantize. ADAPTER is a folder with an adapter of SmolLM2.
    """
    from diffscribe.base.lora import write_lora_gguf
    from diffscribe.base.smollm2 import original_gguf

    model = original_gguf()
    write_lora_gguf(adapter, model, file)
    say(f"lora: llama-server --model {model} --lora {file}")
