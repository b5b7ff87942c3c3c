"""The few failures that are explained to the user, and their exit codes.

Codes follow sysexits.h. Everything that is not listed is a bug, shows its
traceback and exits with 1.

    DiffscribeError
    ├── InputError     2  an input that no stage has written yet
    ├── RecordError   65  a line or model answer does not fit its record
    ├── LeakError     65  rows of different splits share what they must not
    ├── SourceError   66  a repository, bundle or folder cannot be read
    ├── ToolError     69  git, llama.cpp or a server is missing or failed
    ├── StorageError  74  the disk is full or refuses to be written
    ├── BudgetError   75  what may be spent is spent; what it brought is kept
    ├── GateError     77  too few labels of a sample were accepted
    ├── HookError     77  a hook refused a commit, or changed its files
    └── ParamsError   78  params.yaml or a profile does not fit

Ctrl-C exits with 130, as Ctrl-D at a question does, SIGTERM with 143, wrong
command-line arguments with 2.
"""


class DiffscribeError(Exception):
    """A failure whose message says what is wrong, where, and what to do."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return text with control characters as escapes, so that none drives a terminal.

    Names of files and messages of git come from untrusted repositories.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


class InputError(DiffscribeError):
    """An input of a stage is not there, or cannot be read."""

    exit_code = 2


class RecordError(DiffscribeError):
    """A line of a data file does not fit its record; names file and line."""

    exit_code = 65


class LeakError(DiffscribeError):
    """A row of one split gives away a row of another; names both."""

    exit_code = 65


class SourceError(DiffscribeError):
    """A source named in params is missing, broken or not what it should be."""

    exit_code = 66


class ToolError(DiffscribeError):
    """A program or server this stage needs is missing or failed."""

    exit_code = 69


class StorageError(DiffscribeError):
    """An output could not be written; the previous version is untouched."""

    exit_code = 74


class BudgetError(DiffscribeError):
    """More would cost more money or time than is left; all that was made is kept."""

    exit_code = 75


class GateError(DiffscribeError):
    """Too few labels of a sample were accepted to make the rest."""

    exit_code = 77


class HookError(DiffscribeError):
    """A hook of the user's refused a commit, or changed its files."""

    exit_code = 77

    def __init__(self, message: str, output: str) -> None:
        """Keep what the hook printed, line by line."""
        super().__init__(message)
        self.output = "\n".join(map(printable, output.splitlines()))


class ParamsError(DiffscribeError):
    """A key or value of params.yaml or of a profile does not fit."""

    exit_code = 78
