"""A draft by hand, and drafts at random with the oddest names and texts that fit."""

from pathlib import Path

from diffscribe.commits.grammar import TYPES, format_header, split_header
from diffscribe.commits.junk_kinds import junk_patterns
from diffscribe.commits.units import units_of
from diffscribe.core.records import (
    Change,
    FileChange,
    FileKind,
    FileStatus,
    Issue,
    Plan,
    PlannedCommit,
)
from diffscribe.propose.draft import Draft
from tests.support.rows import make_change, new_patch, patch

PAGE = Path(__file__).parents[2] / "docs" / "git-diffscribe.md"

_HUNKS = "".join(
    f"@@ -{line - 1},3 +{line - 1},3 @@ {function}\n \n-    {old}\n+    {new}\n \n"
    for line, function, old, new in (
        (12, "class Client:", "retries = 3", "retries = 5"),
        (40, "def send(request):", "send(request)", "print(send(request))"),
        (80, "def close(self):", "self.log.flush()", "self.log.close()"),
    )
)
_DIFF = (
    new_patch("debug.log", "request")
    + patch("docs/how to.md", "number of retries")
    + "diff --git a/src/client.py b/src/client.py\n"
    f"--- a/src/client.py\n+++ b/src/client.py\n{_HUNKS}"
    "diff --git a/src/db.py b/src/store.py\nsimilarity index 100%\n"
    "rename from src/db.py\nrename to src/store.py\n"
)


def _file(path, status="M", old_path=None, additions=1, deletions=1):
    return FileChange(
        path=path,
        old_path=old_path,
        status=status,
        additions=additions,
        deletions=deletions,
        is_binary=False,
    )


CHANGE = make_change(
    files=(
        _file("debug.log", "A", deletions=0),
        _file("docs/how to.md"),
        _file("src/client.py", additions=3, deletions=3),
        _file("src/store.py", "R", "src/db.py", 0, 0),
    ),
    diff=_DIFF,
)
DRAFT = Draft(
    plan=Plan(
        commits=(
            PlannedCommit(
                files=("src/client.py", "docs/how to.md"),
                hunks={"src/client.py": (1, 3)},
                type="fix",
                scope="client",
                subject="close the log after the last retry",
                body="The handle leaked when a request failed.\n\nCloses #12",
                issues=(Issue(path="src/client.py", message="prints all it sends"),),
            ),
            PlannedCommit(
                files=("src/store.py",),
                type="refactor",
                subject="name the store after what it does",
            ),
        ),
        gitignore=("*.log",),
    ),
    left_out={"src/client.py": (2,)},
)
"""The example of docs/git-diffscribe.md."""

HOSTILE = (
    *("\x1b[31mred", "\x1b]0;title\x07", "\x9b2J", "\r", "\x7f", "\b", "\t", "\n"),
    *("\u202eexe.", "\u2066", "\u200f", "\u200b", "\ufeff", "\u2028", "\x85", "\xad"),
    *("\u200d", "\u00a0", "\u3000", "\U0010ffe4", "\U0010ff80", "\U000e0041"),
)
"""What would drive a terminal, turn or end a line, or not be seen; and lost bytes."""
_PIECES = (
    *("a", "src", "Main.java", ".env", "-rf", "C#", "日本語", "é", "👩‍💻", "x" * 70),
    *(" ", "  ", '"', "'", "\\", "\\n", "#", " # ", "!", "*", ":", "|", "->", "=>"),
    *("commit", "file", "leave ", "ignore", "hunk 2 ", '""', "...", "$(rm)", "%%"),
    *HOSTILE,
)
_LINES = ("", " ", "  - a point", "# no remark", "Closes #12 # now", "| x", *_PIECES)


def is_harmless(text):
    """Whether no character drives a terminal, turns a line or is cut from a name."""
    return all(each.isprintable() or each in "\n\u00a0\u200d\u3000" for each in text)


def _text(random, pieces, most):
    return "".join(random.choices(pieces, k=random.randint(1, most)))


def _paths(random, count):
    paths = set()
    while len(paths) < count:
        parts = [_text(random, _PIECES, 3).replace("/", "") for _ in range(2)]
        path = "/".join(parts[: random.randint(1, 2)])
        paths.add(path)
    return sorted(paths)


def git_name(path):
    """A path as git writes it in a diff with core.quotePath off."""
    if not any(each in '"\\\x7f' or each < " " for each in path):
        return path
    letters = (
        f"\\{ord(each):03o}" if each in '"\\\x7f' or each < " " else each
        for each in path
    )
    return f'"{"".join(letters)}"'


def _patch(random, path, old_path, status, hunks):
    lines = [f"diff --git {git_name(f'a/{old_path}')} {git_name(f'b/{path}')}\n"]
    if status == FileStatus.ADDED:
        lines += ["new file mode 100644\n", "index 0000000..1111111\n"]
    if status == FileStatus.DELETED:
        lines += ["deleted file mode 100644\n", "index 1111111..0000000\n"]
    if status == FileStatus.RENAMED:
        lines += [
            f"rename from {git_name(old_path)}\n",
            f"rename to {git_name(path)}\n",
        ]
    for number in range(hunks):
        start = number * 50 + 1
        if status == FileStatus.ADDED:
            sides, signs = "-0,0 +1,2", "++"
        elif status == FileStatus.DELETED:
            sides, signs = "-1,2 +0,0", "--"
        else:
            sides, signs = f"-{start},2 +{start},2", "-+ "
        around = random.choice(("", " def main():", " \x1b[2J 関数"))
        lines.append(f"@@ {sides} @@{around}\n")
        for sign in signs:
            text = _text(random, _PIECES, 6).replace("\n", "")
            lines.append(f"{sign}{text}\n")
    return "".join(lines)


def random_change(random):
    """Return a change of one to nine files."""
    files, patches = [], []
    for path in _paths(random, random.randint(1, 9)):
        status = random.choice("MMMAADRT")
        hunks = random.choice((1, 1, 2, 5)) if status in "MR" else 1
        hunks = 0 if status == "T" else hunks
        old_path = path
        if status == FileStatus.RENAMED:
            hunks = random.choice((0, hunks))
            old_path = f"old/{path}"
        patches.append(_patch(random, path, old_path, status, hunks))
        file = FileChange(
            path=path,
            old_path=old_path if old_path != path else None,
            status=status,
            additions=0 if status == "D" else hunks * (1 + (status == "A")),
            deletions=0 if status == "A" else hunks * (1 + (status == "D")),
            is_binary=status == "T",
            kind=FileKind.SYMLINK if status == "T" else FileKind.FILE,
            mode="100755" if random.random() < 0.1 else None,
            old_mode="100644",
        )
        files.append(file)
    return Change(
        id="0" * 64,
        repo="r",
        base="1" * 40,
        head="2" * 40,
        committed_at="2024-01-08T09:00:00Z",
        languages=(),
        files=tuple(files),
        diff="".join(patches),
        commits=(),
        gitignore=(),
        license=None,
    )


HOUSE_TYPES = (*TYPES, "deps")


def random_draft(random, change):
    """Return a draft of the change, each unit in any commit, ignored or left out."""
    top = random.randint(1, 4)
    fates = [{} for _ in range(top + 1)]
    junk, counts = [], {}
    for file in random.sample(units := units_of(change.files, change.diff), len(units)):
        counts[file.path] = file.hunks
        if file.may_be_junk and random.random() < 0.5:
            junk.append(file.path)
            continue
        fate = random.randint(0, top)
        for hunk in range(1, file.hunks + 1):
            fate = random.randint(0, top) if random.random() < 0.4 else fate
            fates[fate].setdefault(file.path, []).append(hunk)
    left_out, *commits = (
        {
            path: tuple(numbers) if len(numbers) < counts[path] else ()
            for path, numbers in fate.items()
        }
        for fate in fates
    )
    plan = Plan(
        commits=tuple(_commit(random, each) for each in commits if each),
        gitignore=junk_patterns(junk, counts.keys() - {*junk}),
    )
    return Draft(plan=plan, left_out=left_out)


def _commit(random, parts):
    issues = [
        Issue(path=_text(random, _PIECES, 3), message=_text(random, _LINES, 4))
        for _ in range(random.choice((0, 0, 1, 2)))
    ]
    made = PlannedCommit(
        files=tuple(parts),
        hunks={path: numbers for path, numbers in parts.items() if numbers},
        type=random.choice((*TYPES, "deps", "")),
        scope=random.choice((None, "api", "a, b", "日本", "ci#2")),
        breaking=random.random() < 0.2,
        subject=f"{_text(random, _PIECES, 4)}x",
        body="\n".join(random.choices(_LINES, k=random.choice((0, 0, 1, 3, 9)))),
        issues=tuple(issues),
    )
    header = format_header(made)
    found = split_header(header)
    if found and found.type in HOUSE_TYPES and format_header(found) == header:
        return made.model_copy(update=found._asdict())
    # No header says its parts if it is not conventional.
    fields = {"type": "", "scope": None, "breaking": False, "subject": header}
    return made.model_copy(update=fields)
