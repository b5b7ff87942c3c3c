"""What every command shares: --verbose, explained errors, --params, progress bars.

A module tells what it reads, decides and drops with
`logging.getLogger(__name__).info(...)`; --verbose shows it on stderr.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from diffscribe.core.errors import (
    DiffscribeError,
    InputError,
    ToolError,
    printable,
)

if TYPE_CHECKING:
    from tqdm import tqdm


T = TypeVar("T")
CLOCK_S = 0.5
"""What takes less shows no time."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a run."""

INPUT = click.Path(path_type=Path)
"""The type of an argument that has to exist."""
OUTPUT = click.Path(path_type=Path)
"""The type of an argument that the command writes."""

params_option = click.option(
    "--params",
    type=click.Path(path_type=Path),
    default=Path("params.yaml"),
    show_default=True,
    help="The params file to read.",
)


class Command(click.Command):
    """A click command with --verbose, whose explained failures are one line each."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        # Git takes `git diffscribe --help` for the man page, and passes -h on.
        names = {"help_option_names": ["-h", "--help"]}
        attributes["context_settings"] = names | attributes.get("context_settings", {})
        super().__init__(*args, **attributes)
        self.params.append(
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_set_verbose,
                help="Tell what is read, decided and dropped.",
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and exit with the code that errors.py documents."""
        received: list[int] = []
        try:
            for parameter in self.params:
                if isinstance(parameter, click.Argument) and parameter.type is INPUT:
                    _require(ctx, str(parameter.name))
            with _signals(received):
                return super().invoke(ctx)
        except DiffscribeError as error:
            _fail(ctx, str(error), error.exit_code)
        except ModuleNotFoundError as error:
            if str(error.name).startswith("diffscribe"):
                raise
            _fail(
                ctx,
                f"the package {error.name} is not installed; run 'make setup', or "
                "pip install 'diffscribe[train]'",
                ToolError.exit_code,
            )
        except (KeyboardInterrupt, click.Abort):
            _fail(
                ctx,
                "interrupted; nothing was half-written, run the same command again "
                "to go on",
                128 + (received or [signal.SIGINT])[0],
            )


def say(text: str, err: bool = False) -> None:
    """Print lines in which no name can drive the terminal."""
    click.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


@contextlib.contextmanager
def _signals(received: list[int]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a block like Ctrl-C; add them to the list, lose none.

    Python acts on a signal between two steps of its own. One that comes right before a
    call that waits, as for a pipe, is seen when the call ends, which may be never; so a
    thread sends a second one, which does nothing but end the call.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    process = os.getpid()

    def terminate(number: int, frame: Any) -> None:
        if os.getpid() != process:  # A worker that was forked ends at once.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        received.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):  # A shell lets background jobs ignore it.
            raise KeyboardInterrupt
        interrupt(signal.SIGINT, frame)

    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    thread = threading.get_ident()
    waker = threading.Thread(target=_wake, args=(readable, thread), daemon=True)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, writable)
        handlers = {signal.SIGTERM: terminate, signal.SIGURG: lambda *_: None}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # As by nohup.
            handlers[signal.SIGHUP] = terminate
        for number, handler in handlers.items():
            stack.callback(signal.signal, number, signal.signal(number, handler))
        known = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, known)
        waker.start()
        yield


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Let a block end before a signal ends the run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    known = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in ENDING
        if callable(signal.getsignal(number))
    }
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _wake(readable: int, thread: int) -> None:
    """End what a thread waits in, a moment after each signal that ends a run."""
    with open(readable, "rb", buffering=0) as numbers:
        while number := numbers.read(1):
            if number[0] in ENDING:
                for _ in range(3):
                    time.sleep(0.2)
                    signal.pthread_kill(thread, signal.SIGURG)


def is_coloured(stream: IO[str]) -> bool:
    """Tell whether a stream is a terminal, and a person wants colours on it."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR")


def _is_terminal(stream: IO[str]) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def clock(words: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal for how many seconds a block runs; give what prints a line.

    The lines stand above the time, which goes with the block. Where stderr is no
    terminal, none of it is shown.
    """
    if not _is_terminal(sys.stderr):
        yield lambda _: None
        return
    started, ended, alone = time.monotonic(), threading.Event(), threading.Lock()

    def show(text: str) -> None:
        with alone:
            text = click.style(text, dim=True) if is_coloured(sys.stderr) else text
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def tick() -> None:
        while not ended.wait(CLOCK_S):
            show(f"  {words}, {time.monotonic() - started:.0f} s")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield lambda line: show(f"  {line}\n")
    finally:
        ended.set()
        thread.join()
        show("")


class Group(Command, click.Group):
    """A command of commands, which are of the class Command too."""

    command_class = Command
    group_class = type


def _fail(ctx: click.Context, problem: str, exit_code: int) -> None:
    click.echo(f"{ctx.command_path}: {problem}", err=True)
    sys.exit(exit_code)


def _require(ctx: click.Context, name: str) -> None:
    """Refuse an input that is missing.

    A person names the inputs of a verb, dvc.yaml those of a stage.
    """
    paths = ctx.params[name]
    is_typed = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    for path in paths if isinstance(paths, tuple) else (paths,):
        if not path.exists():
            raise InputError(
                f"file '{path}' does not exist; check the path"
                if ctx.parent and is_typed
                else f"input '{path}' does not exist; run the stage that writes it "
                "first, or all of them with 'make repro'"
            )


class _Handler(logging.Handler):
    """Print a line to stderr; names in it cannot drive the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"  {printable(record.getMessage())}", err=True)


def _set_verbose(_: click.Context, __: click.Parameter, is_verbose: bool) -> None:
    """Show what the modules of diffscribe log, and not what libraries do."""
    logger = logging.getLogger("diffscribe")
    if is_verbose and not logger.handlers:
        logger.addHandler(_Handler())
        logger.setLevel(logging.INFO)
        logger.propagate = False


def progress(items: Iterable[T], name: str, total: int | None = None) -> "tqdm[T]":
    """Show rate and remaining time while iterating, if stderr is a terminal."""
    from tqdm import tqdm

    return tqdm(items, desc=name, total=total, disable=None, smoothing=0.1)
