"""The man page: made of the help and the guide, as `git help diffscribe` shows it."""

import re
import shutil
import subprocess

import man_page
import pytest

from diffscribe.commands.git_diffscribe import git_diffscribe


def options(command):
    """Yield the options of a command and of those below it."""
    yield from (each for each in command.params if each.param_type_name == "option")
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


def test_it_is_current_and_names_each_option():
    page = man_page.PAGE.read_text()
    assert page == man_page.man_page(man_page.GUIDE.read_text()), "run 'make docs'"
    names = {name for each in options(git_diffscribe) for name in each.opts}
    assert {"--staged", "--into", "-y", "--apply"} < names
    plain = re.sub(r"\\f[BR]|\\", "", page)
    assert names <= {word.strip(",") for word in plain.split()}


def test_marks_of_markdown_become_those_of_roff():
    guide = (
        "# t\n\n## S\n\n```text\n.a\n\n-b\n```\n\n| x | y |\n|---|---|\n| `k` | *v* |\n"
    )
    page = man_page.man_page(f"{guide}\n- **`b`** [l](m)\n- c\n")
    end = page[page.index(".SH S\n") :]
    assert end.splitlines() == [
        *(".SH S", ".PP", ".nf", "\\&.a", "", "\\-b", ".fi"),
        *(".TP", "\\fBk\\fR", "\\fIv\\fR"),
        *(".IP \\(bu 2", "\\fBb\\fR l", ".IP \\(bu 2", "c"),
    ]


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_man_shows_it_without_a_warning():
    shown = subprocess.run(
        ["man", "--warnings", "-l", man_page.PAGE],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    assert "git diffscribe rewrite [OPTIONS] BASE" in shown.stdout
