import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from diffscribe.core.cli import INPUT, OUTPUT, Command, Group, params_option, say
from diffscribe.core.errors import (
    DiffscribeError,
    InputError,
    ParamsError,
    RecordError,
    SourceError,
    StorageError,
    ToolError,
)

BAR = (
    "from diffscribe.core.cli import progress\n"
    "for _ in progress(range(3), 'harvest app', total=3): pass\n"
)


def run(error, *arguments):
    """Run a stage with two inputs that ends with an error."""

    @click.command("fold", cls=Command)
    @click.argument("first", type=INPUT)
    @click.argument("more", type=INPUT, nargs=-1)
    @click.argument("output", type=OUTPUT)
    @params_option
    def main(first, more, output, params):
        click.echo(f"{params}")
        if error is not None:
            raise error

    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InputError, 2),
        (RecordError, 65),
        (SourceError, 66),
        (ToolError, 69),
        (StorageError, 74),
        (ParamsError, 78),
    ],
)
def test_an_explained_failure_is_one_line_and_its_documented_code(kind, code):
    done = run(kind("rows.jsonl:3: broken; mend it"), ".", "out")
    assert done.exit_code == code
    assert done.stderr == "fold: rows.jsonl:3: broken; mend it\n"


def test_every_code_is_documented_in_the_docs_and_in_errors():
    docs = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
    import diffscribe.core.errors as errors

    for kind in DiffscribeError.__subclasses__():
        assert f"\n| {kind.exit_code} | " in docs
        assert f"{kind.__name__} " in str(errors.__doc__)


def test_no_name_drives_the_terminal(capsys):
    say("two\tlines:\n\x1b]0;title\a of \u202e a\rb", err=True)
    assert capsys.readouterr().err == (
        "two\\tlines:\n\\x1b]0;title\\x07 of \\u202e a\\rb\n"
    )


def test_ctrl_c_is_one_line_and_130():
    done = run(KeyboardInterrupt(), ".", "out")
    assert done.exit_code == 130
    assert done.stderr == (
        "fold: interrupted; nothing was half-written, run the same command again "
        "to go on\n"
    )


WAITING = """
import os, signal, sys, threading, time
import click
from diffscribe.core.cli import Command
@click.command(cls=Command)
def main():
    # A thread takes the signal, as if it had come right before the main one waits.
    def send(): time.sleep(0.2), signal.pthread_kill(threading.get_ident(), NUMBER)
    threading.Thread(target=send, daemon=True).start()
    os.read(os.pipe()[0], 1)
main(prog_name="fold")
"""


@pytest.mark.parametrize(
    ("number", "handler"),
    [
        (signal.SIGINT, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_IGN),  # as a shell starts what ends with &
    ],
)
def test_a_signal_right_before_a_call_that_waits_is_not_lost(number, handler):
    done = subprocess.run(
        [sys.executable, "-c", WAITING.replace("NUMBER", str(int(number)))],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
    )
    assert done.returncode == 128 + number, done.stderr
    assert done.stderr.startswith("fold: interrupted; nothing was half-written")


def test_a_bug_is_not_explained_away():
    done = run(ZeroDivisionError("a bug"), ".", "out")
    assert done.exit_code == 1
    assert isinstance(done.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    "arguments", [("missing", "out"), (".", ".", "missing", "out")]
)
def test_a_missing_input_is_one_line_that_says_who_writes_it(arguments):
    done = run(None, *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == (
        "fold: input 'missing' does not exist; run the stage that writes it first, "
        "or all of them with 'make repro'\n"
    )


def test_a_file_that_a_person_names_for_a_verb_is_checked_by_its_path():
    @click.group(cls=Group)
    def verbs():
        pass

    @verbs.command("show")
    @click.argument("labeled", type=INPUT, default=Path("never/written.jsonl"))
    def show(labeled):
        pass

    typed = CliRunner().invoke(verbs, ["show", "mine"], prog_name="verbs")
    assert typed.exit_code == 2
    assert typed.stderr == "verbs show: file 'mine' does not exist; check the path\n"
    default = CliRunner().invoke(verbs, ["show"], prog_name="verbs")
    assert (
        "written.jsonl' does not exist; run the stage that writes it" in default.stderr
    )


def test_an_output_need_not_exist_and_params_are_those_of_the_repository():
    done = run(None, ".", "not/there/yet")
    assert (done.exit_code, done.stdout) == (0, "params.yaml\n")


def test_too_few_arguments_show_the_usage():
    done = run(None)
    assert done.exit_code == 2
    assert "Usage: fold" in done.stderr


def test_progress_is_silent_where_stderr_is_no_terminal():
    done = subprocess.run(
        [sys.executable, "-c", BAR], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_progress_shows_name_and_rate_on_a_terminal():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    done = subprocess.run(
        [sys.executable, "-c", BAR], stdout=subprocess.PIPE, stderr=theirs, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.stdout == b""
    assert "harvest app: 100%" in shown
    assert "3/3" in shown
    assert "it/s" in shown


LOUD = """
import click, logging
from diffscribe.core.cli import Command

@click.command(cls=Command)
def main():
    logging.getLogger("diffscribe.curate").info("%s dropped", "a\\x1b[31m")
    logging.getLogger("library").info("quiet")

main()
"""


@pytest.mark.parametrize(
    ("options", "shown"), [([], ""), (["--verbose"], "  a\\x1b[31m dropped\n")]
)
def test_verbose_tells_what_our_modules_log_and_cannot_drive_a_terminal(options, shown):
    command = [sys.executable, "-c", LOUD, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", shown)
