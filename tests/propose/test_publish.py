"""What stands in the way of commits: hooks, locks, moved branches, kills."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest
from tests.propose.working_trees import run
from tests.support.waiting import wait_until

from diffscribe.core.errors import HookError, SourceError, StorageError
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.doors.checkout import (
    aside,
    head_of,
    open_checkout,
    publish,
    snapshot,
    undo,
)
from diffscribe.doors.hooks import hook_room
from diffscribe.propose.apply import Terms, build
from diffscribe.propose.change import read_change
from diffscribe.propose.draft import Draft

LINES = "".join(f"line {number}\n" for number in range(60))


@pytest.fixture
def top(tmp_path):
    """A repository with two files, both changed, one in two places, and junk."""
    run(tmp_path, "init", "-q", "-b", "main", "top")
    top = tmp_path / "top"
    for key, value in (("user.name", "A"), ("user.email", "a@b.example")):
        run(top, "config", key, value)
    (top / "a.txt").write_text(LINES)
    (top / "b.txt").write_text(LINES)
    (top / ".gitignore").write_text("*.tmp")
    run(top, "add", "--all")
    run(top, "commit", "-q", "-m", "begin")
    changed = LINES.replace("line 3\n", "three\n").replace("line 50\n", "fifty\n")
    (top / "a.txt").write_text(changed)
    (top / "b.txt").write_text(LINES + "more\n")
    (top / "debug.log").write_text("noise\n")
    run(top, "add", "b.txt")
    return top


def commit(files, subject, **hunks):
    shown = {path.replace("_", "."): numbers for path, numbers in hunks.items()}
    return PlannedCommit(files=files, type="fix", subject=subject, hunks=shown)


TERMS = Terms()
DRAFT = Draft(
    plan=Plan(
        commits=(
            commit(("a.txt",), "say three", a_txt=(1,)),
            commit(("b.txt", "a.txt"), "say fifty", a_txt=(2,)),
        ),
        gitignore=("*.log",),
    )
)


ONE = Draft(
    plan=Plan(commits=(commit(("a.txt",), "say more"),)),
    left_out={"b.txt": (), "debug.log": ()},
)


def apply(top, terms=TERMS, draft=DRAFT, hooks=True, meanwhile=lambda: None):
    checkout = open_checkout(top)
    head = head_of(checkout)
    with aside(checkout) as work:
        tree = snapshot(work, head)
        change = read_change(work, head, tree)
        with hook_room(work) if hooks else nullcontext() as room:
            built = build(work, head, tree, change, draft, terms, room)
        meanwhile()
        publish(work, head, built.commits[-1], built.entries, built.edits)


def state(top):
    """Return all that a failure must not change."""
    files = {
        path.relative_to(top): path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }
    refs = run(top, "for-each-ref"), run(top, "symbolic-ref", "HEAD")
    return files, refs, run(top, "ls-files", "--stage")


def hook(top, name, text):
    path = top / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def subjects(top):
    return run(top, "log", "--reverse", "--format=%s").decode().splitlines()


def test_junk_is_ignored_by_a_commit_of_its_own(top):
    apply(top)
    wanted = ["begin", "chore: ignore *.log", "fix: say three", "fix: say fifty"]
    assert subjects(top) == wanted
    assert (top / ".gitignore").read_text() == "*.tmp\n*.log\n"
    assert run(top, "status", "--porcelain") == b""
    undo(open_checkout(top))
    assert (top / ".gitignore").read_text() == "*.tmp"
    assert run(top, "status", "--porcelain") == b" M a.txt\nM  b.txt\n?? debug.log\n"


def test_patterns_go_to_the_nearest_file_and_keep_its_changes(top):
    (top / "web").mkdir()
    (top / "web/.gitignore").write_bytes(b"dist\r\n")
    (top / "web/out.log").write_text("noise")
    (top / "debug.log").unlink()
    commits = (*DRAFT.plan.commits, commit(("web/.gitignore",), "ignore dist"))
    apply(top, draft=Draft(plan=Plan(commits=commits, gitignore=("*.log",))))
    assert (top / "web/.gitignore").read_bytes() == b"dist\r\n*.log\r\n"
    assert run(top, "show", "HEAD~3:web/.gitignore") == b"*.log\n"
    assert run(top, "status", "--porcelain") == b""


def test_hooks_see_each_commit_alone(top, monkeypatch):
    hook(top, "pre-commit", 'git diff --staged --stat >>"$LOG"; ls >>"$LOG"')
    hook(top, "commit-msg", 'echo "Reviewed-by: C" >>"$1"')
    monkeypatch.setenv("LOG", str(top.parent / "log"))
    apply(top)
    log = (top.parent / "log").read_text()
    assert log.count("files changed") + log.count("file changed") == 3
    assert log.count("a.txt | 2 +-") == 2
    assert "debug.log" not in log
    assert run(top, "log", "-1", "--format=%B").split(b"\n")[1] == b"Reviewed-by: C"


def test_a_hook_that_refuses_the_second_commit_leaves_all_as_before(top):
    hook(top, "pre-commit", '! git diff --staged | grep "^+fifty"')
    before = state(top)
    with pytest.raises(HookError, match="refuses the commit 'fix: say fifty'") as error:
        apply(top)
    assert error.value.output == "+fifty"
    assert state(top) == before
    apply(top, hooks=False)
    assert subjects(top)[-1] == "fix: say fifty"


def test_hooks_run_where_the_repository_is_odd(top, monkeypatch):
    """What a hook leaves running is not waited for; an ignored folder has hooks."""
    folder = top / ".husky/_"
    folder.mkdir(parents=True)
    (folder / ".gitignore").write_text("*")
    run(top, "config", "core.hooksPath", ".husky/_")
    run(top, "config", "submodule.recurse", "true")
    run(top, "update-index", "--add", "--cacheinfo", f"160000,{other(top)},module")
    (top / "module").mkdir()
    run(top, "commit", "-q", "--no-verify", "-m", "with a module")
    (folder / "pre-commit").write_text("#!/bin/sh\nsleep 60 &\necho seen >>$LOG")
    (folder / "pre-commit").chmod(0o755)
    monkeypatch.setenv("LOG", str(top.parent / "log"))
    start = time.monotonic()
    apply(top, draft=ONE)
    assert time.monotonic() - start < 30
    assert (top.parent / "log").read_text() == "seen\n"


@pytest.mark.parametrize("limit_s", [None, 0.5])
def test_a_hook_that_hangs_ends_with_all_that_it_started(top, limit_s):
    """By the user's limit, or a signal, which it does not listen to."""
    hook(top, "pre-commit", "trap '' INT TERM HUP; touch begun; sleep 61.7 & wait")
    before = state(top)
    if limit_s:
        run(top, "config", "diffscribe.hookTimeout", str(limit_s))
        with pytest.raises(HookError, match=r"pre-commit took longer than 0\.5 s"):
            apply(top)
    else:
        timer = threading.Timer(1.5, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            apply(top)
        timer.join()
    running = subprocess.run(["ps", "ax"], capture_output=True, text=True, check=True)
    assert "sleep 61.7" not in running.stdout
    assert state(top) == before
    run(top, "config", "diffscribe.hookTimeout", "soon")
    with pytest.raises(SourceError, match="is 'soon'"):
        apply(top)


def test_hooks_have_the_files_of_a_sparse_checkout_alone(top):
    (top / "lib").mkdir()
    (top / "lib/c.txt").write_text("far")
    run(top, "add", "lib")
    run(top, "commit", "-q", "-m", "more", "--", "lib")
    run(top, "sparse-checkout", "set", "docs")
    hook(top, "pre-commit", "test ! -e lib && test -e a.txt")
    apply(top)
    assert run(top, "ls-tree", "-r", "--name-only", "HEAD", "lib") == b"lib/c.txt\n"


def test_attributes_that_change_files_of_a_commit_are_no_work_of_hooks(top):
    (top / "c.txt").write_bytes(b"a\r\nb\r\n")
    run(top, "add", "c.txt")
    run(top, "commit", "-q", "-m", "ends", "--", "c.txt")
    (top / ".gitattributes").write_text("* text=auto\n")
    (top / "c.txt").write_bytes(b"a\r\nb\r\nc\r\n")
    hook(top, "pre-commit", "exit 0")
    first, second = commit((".gitattributes",), "say ends"), commit(("c.txt",), "say c")
    left = {"a.txt": (), "b.txt": (), "debug.log": ()}
    apply(top, draft=Draft(plan=Plan(commits=(first, second)), left_out=left))
    assert run(top, "show", "HEAD^:c.txt") == b"a\r\nb\r\n"


def test_a_hook_and_git_that_fail_leave_the_repository_whole(top):
    """What a hook stashes stays readable; files that git cannot write stay files."""
    hook(top, "pre-commit", "echo more >>a.txt; git stash -q; exit 1")
    before = state(top)
    with pytest.raises(HookError):
        apply(top)
    run(top, "fsck", "--strict", "--no-dangling")
    run(top, "stash", "drop", "-q")
    assert state(top) == before
    hook(top, "pre-commit", "exit 0")
    (top / ".git/info/attributes").write_text("b.txt filter=broken")
    for key, value in (("required", "true"), ("clean", "cat"), ("smudge", "false")):
        run(top, "config", f"filter.broken.{key}", value)
    with pytest.raises(SourceError, match="read-tree fails"):
        apply(top, Terms(accept_hook_changes=True))
    assert state(top) == before


FORMATTER = """
sed -i 's/three/THREE/; s/fifty/FIFTY/' a.txt
git diff --quiet || exit 1
"""


def test_what_a_hook_changes_is_refused_or_taken_everywhere(top):
    hook(top, "pre-commit", FORMATTER)
    before = state(top)
    with pytest.raises(HookError, match="accept-hook-changes") as error:
        apply(top)
    assert "+THREE" in error.value.output
    assert state(top) == before
    apply(top, Terms(accept_hook_changes=True))
    text = (top / "a.txt").read_text()
    assert "THREE" in text
    assert "FIFTY" in text
    assert b"THREE" in run(top, "show", "HEAD~1:a.txt")
    assert b"FIFTY" not in run(top, "show", "HEAD~1:a.txt")
    assert run(top, "status", "--porcelain") == b""


@pytest.mark.parametrize(
    "text",
    [
        "echo end | tee -a a.txt >>b.txt; echo 1 >mine.tmp; git add -f mine.tmp",
        "git rm -q -f --ignore-unmatch a.txt b.txt",
    ],
)
def test_what_is_left_out_or_ignored_is_safe_from_hooks(top, text):
    (top / "mine.tmp").write_text("precious")
    before = state(top)
    hook(top, "pre-commit", f"{text}; mkdir new; echo >new/file; git add new")
    left = {"a.txt": (2,), "b.txt": (), "debug.log": ()}
    plan = Plan(commits=(commit(("a.txt",), "say three", a_txt=(1,)),))
    apply(top, Terms(accept_hook_changes=True), Draft(plan=plan, left_out=left))
    assert (top / "new/file").read_text() == "\n"
    shutil.rmtree(top / "new")
    assert state(top)[0] == before[0]


def test_a_file_that_cannot_be_written_stops_all_before_the_branch_moves(top):
    (top / ".gitignore").unlink()
    for make in (Path.mkdir, lambda path: path.symlink_to("a.txt")):
        make(top / ".gitignore")
        before = state(top)
        with pytest.raises(StorageError, match="gitignore cannot be written"):
            apply(top)
        assert state(top) == before
        (top / ".gitignore").rename(top.parent / make.__name__)
    shutil.rmtree(top / ".git/diffscribe")
    (top / ".git/diffscribe").write_text("")
    with pytest.raises(StorageError, match="diffscribe: File exists"):
        apply(top)


def test_a_locked_index_or_a_moved_branch_leaves_all_as_before(top):
    (top / ".git/index.lock").write_text("")
    before = state(top)
    with pytest.raises(StorageError, match=r"index\.lock exists"):
        apply(top)
    assert (top / ".git/index.lock").exists()
    (top / ".git/index.lock").unlink()
    assert state(top) == before
    with pytest.raises(StorageError, match="refs/heads/main cannot be moved"):
        apply(top, meanwhile=lambda: run(top, "update-ref", "HEAD", other(top)))
    assert subjects(top) == ["begin", "other"]
    assert not (top / ".git/index.lock").exists()


def other(top):
    arguments = ("commit-tree", "-p", "HEAD", "-m", "other", "HEAD^{tree}")
    return run(top, *arguments).decode().strip()


@pytest.mark.parametrize("name", ["MERGE_HEAD", "CHERRY_PICK_HEAD", "BISECT_LOG"])
def test_work_in_progress_is_refused(top, name):
    (top / ".git" / name).write_text("")
    with pytest.raises(SourceError, match="in progress"):
        head_of(open_checkout(top))


def test_undo_is_refused_after_something_came(top):
    apply(top)
    run(top, "commit", "-q", "--allow-empty", "-m", "more")
    with pytest.raises(SourceError, match="something came after"):
        undo(open_checkout(top))


def test_undo_does_not_bring_back_what_git_has_removed(top):
    (top / "b.txt").write_text("only staged")
    run(top, "add", "b.txt")
    (top / "b.txt").write_text("later")
    apply(top)
    run(top, "reflog", "expire", "--expire=now", "--all")
    run(top, "gc", "-q", "--prune=now")
    before = state(top)
    with pytest.raises(SourceError, match="has removed what was staged"):
        undo(open_checkout(top))
    assert state(top) == before


def test_the_index_stays_where_the_branch_went_on_after_a_kill(top):
    """A kill right after the branch moved leaves the journal of the run."""
    apply(top)
    home = top / ".git/diffscribe"
    (home / "last.json").rename(home / "journal.json")
    run(top, "commit", "-q", "--amend", "-m", "another message")
    with aside(open_checkout(top)):
        pass
    assert run(top, "status", "--porcelain") == b""


def switch(top):
    run(top, "switch", "-q", "-c", "feature")


def begin_merge(top):
    (top / ".git/MERGE_HEAD").write_bytes(run(top, "rev-parse", "HEAD"))


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [(switch, "HEAD is at refs/heads/feature"), (begin_merge, "merge is in progress")],
)
def test_what_begins_meanwhile_is_not_committed_over(top, meanwhile, words):
    old = run(top, "rev-parse", "HEAD")
    with pytest.raises((StorageError, SourceError), match=words):
        apply(top, meanwhile=lambda: meanwhile(top))
    assert run(top, "rev-parse", "main", "HEAD") == 2 * old
    assert run(top, "diff", "--cached", "--name-only") == b"b.txt\n"


def test_odd_places_and_settings_change_nothing(top, monkeypatch):
    """A reference hook says much; names and patches are read as always."""
    odd = top.rename(top.with_name('line\nfeed:"\udcff'))
    run(odd, "checkout", "-q", "-b", "b\udcff")
    objects = Path(tempfile.mkdtemp(dir="/dev/shm"))  # Another disk, where it is there.
    shutil.move(odd / ".git/objects", objects)
    (odd / ".git/objects").symlink_to(objects / "objects")
    (odd / "blank.txt").write_text("\n" * 9)
    run(odd, "add", "blank.txt")
    run(odd, "commit", "-q", "-m", "blank", "--", "blank.txt")
    (odd / "blank.txt").write_text("\n" * 9 + "end\n")
    run(odd, "config", "diff.suppressBlankEmpty", "true")
    hook(odd, "reference-transaction", "head -c 300000 /dev/zero >&2")
    hook(odd, "pre-commit", "git status >/dev/null")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u0")
    apply(odd)
    assert subjects(odd)[-1] == "fix: say fifty"
    assert run(odd, "status", "--porcelain") == b" M blank.txt\n"
    run(odd, "fsck", "--strict", "--no-dangling")
    shutil.rmtree(objects)


KILLS = 20
SCRIPT = """
import sys
from pathlib import Path
from tests.propose.test_publish import apply
print("ready", flush=True)
apply(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_all_as_before_or_done(top):
    """What a killed run began is ended or taken back by the next."""
    draw = Random(7)
    before = state(top)
    done = 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT, top], stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            time.sleep(draw.random() * 0.35)
            process.send_signal(signal.SIGKILL)
        checkout = open_checkout(top)
        wait_until(lambda top=checkout: can_begin(top))
        assert not (top / ".git/index.lock").exists()
        run(top, "fsck", "--strict", "--no-dangling")
        if len(subjects(top)) == 1:
            assert state(top) == before
        else:
            assert run(top, "status", "--porcelain") == b""
            assert len(subjects(top)) == 4
            undo(checkout)
            assert state(top) == before
            done += 1
    assert done > 0


SIGNALLED = """
import os, signal, sys
from diffscribe.commands.git_diffscribe import git_diffscribe
calls = ("subprocess.Popen", "os.", "shutil.", "fcntl.flock", "tempfile.")
left = [int(sys.argv[1])]
def count(event, arguments):
    if event.startswith(calls):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), getattr(signal, sys.argv[2]))
sys.addaudithook(count)
git_diffscribe(sys.argv[3:])
"""


def can_begin(checkout):
    """Begin a run; children that a killed one started may hold its lock for a while."""
    try:
        with aside(checkout):
            return True
    except StorageError as error:
        assert "another run works on it" in str(error)
        return False


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_at_any_call_to_the_outside_leaves_all_as_before_or_done(top, name):
    run(top, "config", "diffscribe.model", "none")
    before, done = state(top), []
    for at in range(1, 300, 60):
        for verb in ("commit", "undo"):
            words = (str(at), name, verb, *(["--yes"] if verb == "commit" else []))
            ended = subprocess.run(
                [sys.executable, "-c", SIGNALLED, *words],
                cwd=top,
                capture_output=True,
                text=True,
                check=False,
            )
            assert "Traceback" not in ended.stderr
            assert not (top / ".git/index.lock").exists()
            made = len(subjects(top)) > 1
            if not made:
                assert state(top) == before
            else:
                assert run(top, "status", "--porcelain") == b""
            done.append((ended.returncode, made))
        if made:
            undo(open_checkout(top))
    assert {made for _, made in done} == {False, True}


def test_a_change_in_the_tick_of_the_last_add_is_seen(top):
    """The copy of the index keeps its time, which tells git where to read content."""
    run(top, "config", "core.trustctime", "false")
    for text in ("aaaa", "bbbb"):
        (top / "b.txt").write_text(text)
        os.utime(top / "b.txt", (1e9, 1e9))
        if text == "aaaa":
            run(top, "add", "b.txt")
            os.utime(top / ".git/index", (1e9, 1e9))
    checkout = open_checkout(top)
    with aside(checkout) as work:
        tree = snapshot(work, head_of(checkout))
        assert work.git("cat-file", "blob", f"{tree}:b.txt") == b"bbbb"


def test_paths_take_part_alone_in_a_sha256_repository_too(tmp_path):
    run(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "top")
    top = tmp_path / "top"
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    for text in ("before", "after"):
        (top / "a.txt").write_text(text)
        (top / "b.txt").write_text(text)
        run(top, "add", "--all")
        if text == "before":
            run(top, *who, "commit", "-q", "-m", "begin")
    checkout = open_checkout(top)
    with aside(checkout) as work:
        tree = snapshot(work, head_of(checkout), ("a.txt",))
        assert work.git("cat-file", "blob", f"{tree}:a.txt") == b"after"
        assert work.git("cat-file", "blob", f"{tree}:b.txt") == b"before"
