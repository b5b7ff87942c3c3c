"""`git diffscribe` as a person types it, in a terminal and without one."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.propose.working_trees import run
from tests.support.terminal import COMMAND, command, in_terminal, subjects

pytestmark = pytest.mark.slow


@pytest.fixture
def top(messy):
    """The repository with the messy working tree."""
    return messy


def test_a_dry_run_shows_a_plan_and_changes_nothing(top):
    before = run(top, "status", "--porcelain")
    shown, said = command(top, "--dry-run")
    for name in ("src/api.py", "tests/test_api.py", "docs/guide.md", ".env"):
        assert name in shown
    assert "files of keys" in said
    assert "\x1b" not in shown
    assert run(top, "status", "--porcelain") == before
    assert subjects(top) == ["begin"]


def test_yes_makes_the_commits_and_undo_takes_them_back(top):
    before = run(top, "status", "--porcelain")
    command(top, "--yes", "--signoff")
    assert len(subjects(top)) >= 2
    assert run(top, "status", "--porcelain") == b"?? .env\n"
    body = run(top, "log", "-1", "--format=%B").decode()
    assert body.rstrip().endswith("Signed-off-by: A <a@b.example>")
    shown, _ = command(top, "undo")
    assert "again" in shown
    assert subjects(top) == ["begin"]
    assert run(top, "status", "--porcelain") == before


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ((), ["?? .env"]),
        (("--staged",), [" M src/api.py", " M tests/test_api.py", " D new.py"]),
        (("--", "docs"), ["AD new.py", " M src/api.py", " M tests/test_api.py"]),
    ],
)
def test_what_was_staged_and_is_gone_is_not_staged_any_more(top, arguments, left):
    (top / "new.py").write_text("new\n")
    run(top, "add", "new.py", "docs")
    (top / "new.py").unlink()
    before = run(top, "status", "--porcelain")
    command(top, "--yes", *arguments)
    status = run(top, "status", "--porcelain").decode().splitlines()
    assert sorted(status) == sorted({*left, "?? .env"})
    command(top, "undo")
    assert run(top, "status", "--porcelain") == before


PATHS = {
    "removed": ["removed.py"],
    "renamed": ["old.py", "renamed.py"],
    "out of the index": ["kept.py"],
    "a whole name": ["{top}/docs/guide.md"],
    "from the folder": ["../docs/guide.md"],
    "a pattern from the folder": [":(glob)*.py", ":!none"],
    "an odd name": ["../:(top)x"],
}
WANTED = {
    "removed": b"D\tremoved.py\n",
    "renamed": b"D\told.py\nA\trenamed.py\n",
    "out of the index": b"D\tkept.py\n",
    "a pattern from the folder": b"M\tsrc/api.py\n",
    "an odd name": b"A\t:(top)x\n",
}


@pytest.mark.parametrize("case", PATHS)
def test_paths_mean_what_git_means_by_them(top, case):
    for name in ("removed.py", "old.py", "kept.py", "both.py"):
        (top / name).write_text(f"{name}\n")
    run(top, "add", "*.py")
    run(top, "commit", "-q", "-m", "more", "--", *("removed.py", "old.py", "kept.py"))
    run(top, "commit", "-q", "-m", "both", "--", "both.py")
    run(top, "rm", "-q", "removed.py")
    run(top, "rm", "-q", "--cached", "kept.py")
    run(top, "mv", "old.py", "renamed.py")
    (top / "both.py").write_text("staged\n")
    run(top, "add", "both.py")
    (top / "both.py").write_text("more\n")
    (top / "meant.py").write_text("new\n")
    run(top, "add", "-N", "meant.py")
    (top / ":(top)x").write_text("new\n")
    before = run(top, "status", "--porcelain")
    inside = case.startswith(("from", "a pattern", "an odd"))
    folder = top / "src" if inside else top
    command(folder, "--yes", "--", *(name.format(top=top) for name in PATHS[case]))
    shown = ("log", "--reverse", "--no-renames", "--name-status", "--format=")
    made = run(top, *shown, "@{1}..").replace(b"\n\n", b"\n")
    assert made == WANTED.get(case, b"M\tdocs/guide.md\n")
    command(top, "undo")
    assert run(top, "status", "--porcelain") == before
    assert "empty string" in command(top, "--yes", "--", "", code=66)[1]


def test_what_is_kept_out_of_the_index_and_of_sight_stays_out(top):
    """A home is a checkout with new files not shown; its repository has any name."""
    run(top, "rm", "-q", "--cached", "docs/guide.md")
    (top / "src/new.py").write_text("new\n")
    (top / ".git").rename(top / ".dotfiles")
    home = {"GIT_DIR": str(top / ".dotfiles"), "GIT_WORK_TREE": str(top)}
    plan = json.loads(command(top, "--json", **home)[0])
    paths = [file["path"] for commit in plan["commits"] for file in commit["files"]]
    assert sorted(paths) == [
        *("docs/guide.md", "src/api.py", "src/new.py", "tests/test_api.py")
    ]
    run(top, "config", "status.showUntrackedFiles", "no", **home)
    command(top, "--yes", **home)
    assert run(top, "status", "--porcelain", **home) == b""
    listed = run(top, "ls-tree", "-r", "--name-only", "HEAD", **home)
    assert listed == b"src/api.py\ntests/test_api.py\n"
    command(top, "--yes", "--", "src/new.py", **home)
    assert b"src/new.py" in run(top, "ls-files", **home)


def test_the_index_that_a_variable_names_is_the_one(top):
    before = run(top, "ls-files", "--stage")
    shutil.copy2(top / ".git/index", top / ".git/other")
    other = {"GIT_INDEX_FILE": ".git/other"}
    run(top, "add", "docs/guide.md", **other)
    command(top / "src", "--yes", "--staged", **other)
    assert run(top, "show", "--name-only", "--format=", "HEAD") == b"docs/guide.md\n"
    assert run(top, "ls-files", "--stage") == before
    command(top, "undo", **other)
    assert run(top, "diff", "--cached", "--name-only", **other) == b"docs/guide.md\n"


def test_a_partial_clone_fetches_nothing_unasked(top, tmp_path):
    run(top, "config", "uploadpack.allowFilter", "true")
    partial = ("clone", "-q", "--filter=blob:none", "--no-checkout")
    run(tmp_path, *partial, f"file://{top}", "clone")
    clone = tmp_path / "clone"
    run(clone, "config", "diffscribe.model", "none")
    (clone / "src").mkdir()
    (clone / "src/api.py").write_text("more\n")
    _, said = command(clone, "--dry-run", "--", "src", code=66)
    assert "'git diff HEAD' would fetch them" in said
    run(clone, "diff", "HEAD")
    command(clone, "--dry-run", "--", "src")


@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/full")
def test_a_disk_that_is_full_after_the_branch_moved_is_told_so(top):
    (top / "debug.log").write_text("noise\n")
    home = top / ".git/diffscribe"
    home.mkdir(exist_ok=True)
    (home / "edited").symlink_to("/dev/full")
    _, said = command(top, "--yes", code=74)
    assert "the branch was moved, but not all is done: .gitignore" in said
    assert "nothing was changed" not in said
    assert len(subjects(top)) > 1
    (home / "edited").unlink()
    command(top, "undo")
    assert subjects(top) == ["begin"]
    assert not (top / ".gitignore").exists()


def test_json_says_the_same(top):
    plan = json.loads(command(top, "--json")[0])
    paths = [file["path"] for commit in plan["commits"] for file in commit["files"]]
    assert sorted(paths) == ["docs/guide.md", "src/api.py", "tests/test_api.py"]
    assert [file["path"] for file in plan["left_out"]] == [".env"]
    assert plan["made_by"] == "baseline"
    assert plan["generated"] == [*range(1, len(plan["commits"]) + 1)]
    assert any("--allow-secrets" in note for note in plan["notes"])


def test_without_a_terminal_it_asks_nothing(top):
    _, said = command(top, code=66)
    assert "--yes" in said
    assert subjects(top) == ["begin"]


def test_no_edit_puts_a_file_of_keys_into_a_commit(top, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i -e 's/^leave/commit fix: x/' \"$1\"\n")
    editor.chmod(0o755)
    shown, code = in_terminal(top, "e\na\n", GIT_EDITOR=str(editor))
    assert code == 65
    assert ".env is a file of keys" in shown
    assert subjects(top) == ["begin"]


def test_a_person_edits_what_cannot_be_read_is_opened_again(top, tmp_path):
    editor = tmp_path / "editor"
    seen = tmp_path / "seen"
    editor.write_text(
        f"""#!/bin/sh
if [ -e {seen} ]; then exec sed -i '/^#!/d; /^nonsense/d' "$1"; fi
touch {seen}
sed -i '0,/^commit .*/s//commit feat: try again/' "$1"
echo nonsense >>"$1"
"""
    )
    editor.chmod(0o755)
    shown, code = in_terminal(top, "e\na\n", GIT_EDITOR=str(editor))
    assert code == 0, shown
    assert "nonsense" in shown
    assert "feat: try again" in subjects(top)


def test_a_type_that_the_house_has_not_is_a_part_of_the_subject(top):
    run(top, "config", "diffscribe.types", "docs, fix")
    hooked("exit 1")(top)
    editor = "sed -i '0,/^commit .*/s//commit feat: try again/'"
    shown, code = in_terminal(top, "e\na\n", GIT_EDITOR=editor)
    assert code == 77, shown
    kept = json.loads((top / ".git/diffscribe/plan.json").read_text())
    first = kept["draft"]["plan"]["commits"][0]
    assert (first["type"], first["subject"]) == ("", "feat: try again")


def test_a_plan_without_a_model_loads_nothing_that_asks_one(top):
    line = [sys.executable, "-X", "importtime", *COMMAND[1:], "--dry-run"]
    ended = subprocess.run(line, cwd=top, capture_output=True, text=True, check=True)
    loaded = {each.rpartition("|")[2].strip() for each in ended.stderr.splitlines()}
    assert "diffscribe.baseline.model" in loaded
    slow = {"diffscribe.core.params", "http.client", "openai", "pygit2", "rapidfuzz"}
    assert loaded & slow == set()


def test_quit_changes_nothing(top):
    shown, code = in_terminal(top, "q\n")
    assert code == 0
    assert "apply" in shown
    assert subjects(top) == ["begin"]


def test_a_plan_that_a_hook_refused_is_taken_up_again(top):
    hook = top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no such luck; exit 1\n")
    hook.chmod(0o755)
    _, said = command(top, "--yes", code=77)
    assert "no such luck" in said
    assert subjects(top) == ["begin"]
    hook.unlink()
    command(top, "--continue", "--yes")
    assert len(subjects(top)) >= 2
    command(top, "--continue", "--yes", code=66)


def test_only_named_or_staged_files_take_part(top):
    run(top, "add", "src/api.py")
    command(top, "--yes", "--staged")
    assert run(top, "show", "--name-only", "--format=", "HEAD") == b"src/api.py\n"
    command(top / "docs", "--yes", "guide.md")
    assert run(top, "show", "--name-only", "--format=", "HEAD") == b"docs/guide.md\n"
    assert run(top, "status", "--porcelain") == b" M tests/test_api.py\n?? .env\n"


def test_keys_are_committed_only_where_that_is_said(top):
    for name in ("src/api.py", "tests/test_api.py", "docs/guide.md"):
        run(top, "checkout", "-q", "--", name)
    _, said = command(top, "--yes", code=66)
    assert "--allow-secrets" in said
    command(top, "--yes", "--allow-secrets")
    assert run(top, "status", "--porcelain") == b""


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (("checkout", "-q", "--detach"), "HEAD is detached"),
        (("stash", "-q", "-u"), "nothing to commit"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(top, prepare, words):
    run(top, *prepare)
    _, said = command(top, "--yes", code=66)
    assert words in said
    assert said.count("\n") == 1


def test_the_message_of_what_is_staged(top):
    _, said = command(top, "message", code=66)
    assert "nothing is staged" in said
    run(top, "add", "docs/guide.md")
    assert command(top, "message")[0].startswith("docs")


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--verbose",), ("--signoff",)])
def test_the_hook_proposes_messages_and_never_stops_a_commit(top, tmp_path, arguments):
    before = top / ".git/hooks/prepare-commit-msg"
    before.parent.mkdir(exist_ok=True)
    # As husky's does, it goes by its own name.
    before.write_text('#!/bin/sh\ncp "$1" "$LOG/$(basename "$0")"\n')
    before.chmod(0o755)
    (tmp_path / "log").mkdir()
    run(top, "config", "core.commentChar", ";" if arguments else "#")
    command(top, "hook", "install")
    command(top, "hook", "install", code=66)
    program = tmp_path / "git-diffscribe"
    text = 'exec {} -c "{}" "$@"\n'.format(*COMMAND[::2])
    program.write_text(f"#!/bin/sh\n{text}")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    run(top, "add", "docs/guide.md")
    settings = {"GIT_EDITOR": "true", "LOG": str(tmp_path / "log")}
    run(top, "commit", "-q", *arguments, PATH=path, **settings)
    assert len(subjects(top)) == 2
    message = run(top, "log", "-1", "--format=%B").decode()
    assert message.count("Signed-off-by: ") == arguments.count("--signoff")
    assert (tmp_path / "log/prepare-commit-msg").exists()
    program.write_text("#!/bin/sh\nexit 3\n")
    run(top, "commit", "-q", "--allow-empty", "-m", "mine", PATH=path, **settings)
    assert subjects(top)[-1] == "mine"
    command(top, "hook", "remove")
    kept = before.read_text()
    assert "diffscribe" not in kept
    command(top, "hook", "install")
    before.write_text("#!/bin/sh\n")
    assert "is kept already" in command(top, "hook", "install", code=66)[1]
    run(top, "config", "core.hooksPath", os.devnull)
    command(top, "hook", "install", code=74)


def test_the_commits_of_a_branch_are_proposed_anew(top):
    for number, name in enumerate(("src/api.py", "docs/guide.md", "tests/test_api.py")):
        run(top, "add", name)
        run(top, "commit", "-q", "-m", f"wip {number}")
    before, tree = subjects(top), run(top, "rev-parse", "HEAD^{tree}")
    command(top, "rewrite", "HEAD~3..", code=66)
    (top / ".env").unlink()
    (top / "gone.txt").write_text("gone\n")
    run(top, "add", "gone.txt")
    (top / "gone.txt").unlink()
    arguments = ("rewrite", "HEAD~3..", "--apply")
    shown, code = in_terminal(top, "e\na\n", *arguments, GIT_EDITOR="echo leave >")
    assert code == 66
    assert "the plan leaves everything out" in shown
    assert run(top, "status", "--porcelain") == b"AD gone.txt\n"
    shown, _ = command(top, "rewrite", "HEAD~3..")
    assert "docs/guide.md" in shown
    assert subjects(top) == before
    command(top, "rewrite", "HEAD~3..", "--apply", "--yes")
    assert not any(subject.startswith("wip") for subject in subjects(top))
    assert run(top, "rev-parse", "HEAD^{tree}") == tree
    assert run(top, "status", "--porcelain") == b""
    command(top, "undo")
    assert subjects(top) == before
    assert run(top, "status", "--porcelain") == b"AD gone.txt\n"
    assert len(run(top, "for-each-ref", "refs/diffscribe").splitlines()) == 1
    _, said = command(top, "rewrite", "nonsense", code=66)
    assert "names no commit" in said


def hooked(script):
    """Return what gives a repository a pre-commit hook."""

    def prepare(top):
        hook = top / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    return prepare


def set_to(key, value):
    return lambda top: run(top, "config", key, value)


CODES = {
    0: [(("--dry-run",), None), (("--yes",), None)],
    2: [(("--nonsense",), None), (("hook", "nonsense"), None), (("hook",), None)],
    66: [
        ((), None),
        (("nonsense",), None),
        (("undo",), None),
        (("--staged", "--yes"), None),
        (("rewrite", "HEAD", "--apply"), None),
        (("--yes",), set_to("user.useConfigOnly", "true")),
    ],
    69: [(("--yes",), "no git")],
    74: [(("--yes",), lambda top: (top / ".git/index.lock").touch())],
    77: [(("--yes",), hooked("exit 1")), (("--yes",), hooked("echo >>src/api.py"))],
    78: [
        (("--dry-run",), set_to("diffscribe.timeout", "soon")),
        (("--dry-run",), set_to("diffscribe.types", "feat, feta")),
        (("--dry-run",), set_to("diffscribe.message", "fancy")),
        (("--dry-run",), set_to("diffscribe.model", "http://127.0.0.1:9/v1")),
    ],
}
NONSENSE = """sh -c 'grep -q ^nonsense "$0" || sed -i "1s/^/nonsense\\n/" "$0"'"""
"""An editor that writes what cannot be read, once: saved unchanged, it is given up."""
IN_TERMINAL = {
    65: ("e\n", {"GIT_EDITOR": NONSENSE}),
    69: ("e\n", {"GIT_EDITOR": "false"}),
    0: ("nonsense\nq\n", {}),
    130: ("\x04", {}),
}


@pytest.mark.parametrize(
    ("code", "arguments", "prepare"),
    [(code, *each) for code, cases in CODES.items() for each in cases],
)
def test_each_failure_has_its_code_one_line_and_no_change(
    top, tmp_path, code, arguments, prepare
):
    before = subjects(top), run(top, "status", "--porcelain")
    variables = {}
    if prepare == "no git":
        variables = {"PATH": str(tmp_path)}
    elif prepare is not None:
        prepare(top)
    if arguments == ("--yes",) and code == 66:
        run(top, "config", "--unset", "user.email")
        variables = {"GIT_CONFIG_GLOBAL": os.devnull, "EMAIL": ""}
    _, said = command(top, *arguments, code=code, **variables)
    assert "Traceback" not in said
    if code:
        assert (subjects(top), run(top, "status", "--porcelain")) == before
        assert said.splitlines()[-1]


@pytest.mark.parametrize("code", IN_TERMINAL)
def test_each_end_in_a_terminal_has_its_code(top, code):
    typed, variables = IN_TERMINAL[code]
    shown, found = in_terminal(top, typed, **variables)
    assert (found, subjects(top)) == (code, ["begin"]), shown


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_it_with_its_code(top, tmp_path, number, code):
    hooked(f"touch {tmp_path}/began; sleep 60")(top)
    with subprocess.Popen(
        [*COMMAND, "--yes"],
        cwd=top,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (tmp_path / "began").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert subjects(top) == ["begin"]


def test_the_guide_has_each_code():
    guide = Path(__file__).parents[2] / "docs" / "git-diffscribe.md"
    codes = re.findall(r"^\| (\d+) \|", guide.read_text(), re.M)
    assert {*map(int, codes)} == {*CODES, *IN_TERMINAL, 143}


@pytest.mark.parametrize(
    ("variables", "escapes"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_is_for_who_wants_it(top, variables, escapes):
    environment = {"NO_COLOR": "", **variables}
    shown, _ = in_terminal(top, "", "--dry-run", **environment)
    assert ("\x1b[3" in shown or "\x1b[1m" in shown) == escapes
    assert variables["TERM"] != "dumb" or "\x1b" not in shown
