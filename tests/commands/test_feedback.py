"""What a person makes of proposals, kept in a log that they asked for."""

import json
import os

import pytest
from click.testing import CliRunner
from tests.propose.working_trees import run
from tests.support.terminal import COMMAND, command, in_terminal, subjects

from diffscribe.commands.feedback import feedback_command
from diffscribe.core.feedback import feedback_log

TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"


@pytest.fixture
def top(messy):
    """The repository with the messy working tree, whose owner has consented."""
    run(messy, "config", "diffscribe.log", "true")
    return messy


def verb(*arguments, code=0):
    """Return what `diffscribe feedback` prints."""
    result = CliRunner().invoke(feedback_command, arguments)
    assert result.exit_code == code, result.output
    return result.output


def entries():
    return json.loads(verb("show", "--json"))["entries"]


def verdicts():
    return [(each["command"], each["verdict"]) for each in entries()]


def editor(folder, line):
    """Return an editor that gives the first commit another header."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\nsed -i '0,/^commit .*/s//commit {line}/' \"$1\"\n")
    path.chmod(0o755)
    return str(path)


def test_nothing_is_kept_unasked_and_it_is_told_once(messy):
    shown, _ = in_terminal(messy, "q\n")
    assert shown.count("git config --global diffscribe.log true") == 1
    shown, _ = in_terminal(messy, "q\n")
    assert "diffscribe.log" not in shown
    command(messy, "--yes")
    assert not feedback_log().exists()
    assert "nothing is kept" in verb("show")


def test_each_end_of_a_proposal_is_kept(top, tmp_path):
    in_terminal(top, "q\n")
    assert verdicts() == [("commit", "thrown_away")]
    command(top, "--dry-run")
    command(top, "--yes")
    assert verdicts() == [("commit", "taken")]
    [made] = entries()
    listed = run(top, "rev-list", "--reverse", "HEAD").decode().split()
    assert made["shas"] == listed[1:]
    command(top, "undo")
    assert verdicts() == [("commit", "undone")]
    words = editor(tmp_path, "feat: retry what fails")
    shown, code = in_terminal(top, "e\na\n", GIT_EDITOR=words)
    assert code == 0, shown
    assert verdicts() == [("commit", "edited")]
    [made] = entries()
    assert made["final"]["commits"][0]["subject"] == "retry what fails"
    assert made["proposed"]["commits"][0]["subject"] != "retry what fails"
    shown = verb("show")
    assert "top: 0 taken, 1 edited, 0 thrown away, 0 undone" in shown
    assert "+ feat: retry what fails" in shown
    assert verb("forget", made["id"][:12]).startswith("feedback: 1 entries removed")
    assert not feedback_log().exists()


def test_a_plan_that_a_hook_refused_is_still_told_from_the_proposal(top, tmp_path):
    hook = top / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    words = editor(tmp_path, "feat: retry what fails")
    assert in_terminal(top, "e\na\n", GIT_EDITOR=words)[1] == 77
    assert not feedback_log().exists()
    hook.unlink()
    command(top, "--continue", "--yes")
    assert verdicts() == [("commit", "edited")]
    (top / ".git/diffscribe/plan.json").write_text("{}")
    (top / "new.md").write_text("new\n")
    assert "no plan was kept" in command(top, "--continue", "--yes", code=66)[1]


def test_secrets_and_files_of_keys_stay_out_of_the_log(top):
    run(top, "config", "diffscribe.private", "true")
    (top / "src/api.py").write_text(f'TOKEN = "{TOKEN}"\n')
    command(top, "--yes", "--allow-secrets")
    written = feedback_log().read_text()
    assert TOKEN not in written
    assert "<secret:" in written
    assert ".env" not in written
    assert entries()[0]["change"]["private"] is True
    assert b".env" in run(top, "show", "--name-only", "HEAD", "HEAD~1", "HEAD~2")


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [("true", "taken"), ("sed -i 1s/.*/docs:\\ say\\ more/", "edited")],
)
def test_a_message_is_known_once_its_commit_is_there(top, tmp_path, spoil, verdict):
    program = tmp_path / "git-diffscribe"
    program.write_text('#!/bin/sh\nexec {} -c "{}" "$@"\n'.format(*COMMAND[::2]))
    program.chmod(0o755)
    command(top, "hook", "install")
    run(top, "add", "docs")
    path = f"{tmp_path}:{os.environ['PATH']}"
    command(top, "message")
    assert not feedback_log().exists()
    run(top, "commit", "-q", PATH=path, GIT_EDITOR=spoil)
    command(top, "--dry-run")
    assert verdicts() == [("message", verdict)]
    assert entries()[0]["shas"] == [run(top, "rev-parse", "HEAD").decode().strip()]
    run(top, "add", "src")
    command(top, "message")
    run(top, "commit", "-q", "--all", "-m", "chore: something else")
    command(top, "--json", "--allow-secrets")
    assert verdicts() == [("message", verdict), ("message", "thrown_away")]
    assert verb("forget", "--repository", "top").startswith("feedback: 2 entries")


def test_a_log_that_cannot_be_written_stops_no_commit(top):
    feedback_log().parent.mkdir(parents=True)
    feedback_log().symlink_to("/dev/null")
    _, said = command(top, "--yes")
    assert "was not written" in said
    assert len(subjects(top)) > 1


def test_the_trailer_tells_what_was_made_of_a_proposal(top, tmp_path):
    run(top, "config", "diffscribe.trailer", "true")
    command(top, "--yes", "--", "docs")
    body = run(top, "log", "-1", "--format=%(trailers)").decode()
    assert body.strip() == "Diffscribe: taken"
    words = editor(tmp_path, "feat: retry what fails")
    in_terminal(top, "e\na\n", "--signoff", GIT_EDITOR=words)
    body = run(top, "log", "-1", "--format=%(trailers)").decode()
    assert body.split("\n")[:2] == [
        "Signed-off-by: A <a@b.example>",
        "Diffscribe: edited",
    ]


@pytest.mark.parametrize(
    "arguments", [(), ("--all", "0" * 12), ("0" * 11,), ("--all", "--repository", "a")]
)
def test_what_to_forget_has_to_be_said(top, arguments):
    verb("forget", *arguments, code=2)
