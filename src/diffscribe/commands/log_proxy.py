"""The verb `log-proxy`: log what an assistant asks its model, and what that calls."""

import asyncio
from contextlib import suppress
from pathlib import Path

import click

from diffscribe.core.cli import Command, say
from diffscribe.core.errors import InputError
from diffscribe.core.files import user_folder
from diffscribe.core.params import check_address

NAME = "tool_calls.jsonl"


def default_log() -> Path:
    """Return where the log is if nobody names a place."""
    return user_folder() / NAME


@click.command(cls=Command)
@click.option(
    "--to",
    "upstream",
    default="http://127.0.0.1:11434",
    show_default=True,
    metavar="URL",
    help="The endpoint to pass requests on to: Ollama, or any OpenAI-compatible one.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8088, show_default=True)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The file to append to.  [default: {NAME} in the user's data folder]",
)
def log_proxy_command(upstream: str, port: int, log: Path | None) -> None:
    """Pass chats on to a model, and log them with their tool calls.

    Point your assistant to the address that is printed, in place of its own. Each
    answer becomes a line of the log, without secrets; rate it with 'diffscribe rate'.
    The log is yours alone, and nothing sends it anywhere.
    """
    from diffscribe.doors.log_proxy import HOST, LogProxy

    try:
        check_address(upstream)
    except ValueError as error:
        raise InputError(f"--to {error}") from error
    log = log or default_log()
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    proxy = LogProxy(upstream, log, lambda words: say(f"log-proxy: {words}", err=True))

    def ready(taken: int) -> None:
        say(f"log-proxy: http://{HOST}:{taken} passes on to {upstream}, log {log}")
        say("log-proxy: 'diffscribe rate' rates the answers; Ctrl-C ends")

    with suppress(KeyboardInterrupt):
        asyncio.run(proxy.serve(port, ready))
    counts = proxy.counts
    say(
        f"log-proxy: {counts.logged} logged, {counts.failed} not whole, "
        f"{counts.withheld} withheld for their secrets"
    )
