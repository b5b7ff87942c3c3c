"""Rows written by hand: changes with the diff git would print, labeled, curated."""

import hashlib

from diffscribe.core.params import SplitParams
from diffscribe.core.records import (
    Change,
    CuratedChange,
    FileChange,
    FileStatus,
    Label,
    LabeledChange,
    Message,
    OriginalCommit,
    Plan,
    PlannedCommit,
    Sample,
)


def patch(path, line):
    return (
        f"diff --git a/{path} b/{path}\nindex {'1' * 40}..{'2' * 40} 100644\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-old {line}\n+new {line}\n"
    )


def new_patch(path, line):
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\n"
        f"index {'0' * 40}..{'2' * 40}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+new {line}\n"
    )


def file_change(path, old_path=None, status=FileStatus.MODIFIED):
    return FileChange(
        path=path,
        old_path=old_path,
        status=status,
        additions=1,
        deletions=1,
        is_binary=False,
    )


def make_change(*commits, repo="acme/app", head="b1", renames=(), gone=(), **fields):
    """A commit is (message, paths), a rename (old, new); `gone` left no trace."""
    renamed = dict(renames)
    paths = {renamed.get(path, path) for _, files in commits for path in files}
    old = {new: before for before, new in renames}
    files = tuple(
        file_change(
            path,
            old.get(path),
            FileStatus.RENAMED if path in old else FileStatus.MODIFIED,
        )
        for path in sorted(paths - set(gone))
    )
    values = {
        "id": hashlib.sha256(f"{repo}{head}".encode()).hexdigest(),
        "repo": repo,
        "base": "a0",
        "head": head,
        "committed_at": "2024-05-01T10:00:00Z",
        "languages": (),
        "files": files,
        "diff": "".join(patch(file.path, f"{repo} {head}") for file in files),
        "commits": tuple(
            OriginalCommit(
                sha=f"{repo}-{head}-{number}", message=message, files=tuple(files)
            )
            for number, (message, files) in enumerate(commits)
        ),
        "gitignore": (),
        "license": None,
    }
    return Change(**{**values, **fields})


def make_labeled(
    plan=None, paths=("a.py", "b.py"), message="fix: stop the leak", **fields
):
    """A valid row of one commit unless told otherwise."""
    default = PlannedCommit(files=tuple(paths), type="fix", subject="stop the leak")
    label = Label(
        plan=plan or Plan(commits=(default,)),
        source="history",
        teacher=None,
        prompt_sha256=None,
        usage=None,
        ratings={},
    )
    change = make_change((message, paths), **fields)
    return LabeledChange(**dict(change), label=label)


def make_curated(cluster=None, **fields):
    row = make_labeled(**fields)
    return CuratedChange(**dict(row), cluster=cluster or row.id)


def make_sample(row=None, **fields):
    """What the student is shown of a row of a split, but for the fields."""
    values = {"id": "1", "parent_id": None, "repo": "r", "task": "plan", "prompt": ()}
    values |= {"completion": (), "files": ("a.py",), "junk": ()}
    values["target"] = Plan(commits=())
    if row:
        values |= {"id": row.id, "repo": row.repo, "junk": row.junk}
        values["prompt"] = (Message(role="user", content=f"{row.id}?"),)
        values["files"] = (*(file.path for file in row.files), *row.junk)
        values["target"] = row.label.plan
    return Sample(**{**values, **fields})


def split_params(**fields):
    """Return the section with usual values, but for the fields."""
    values = {
        "by": "repository",
        "validation_repos": (),
        "test_repos": (),
        "validation_fraction": 0.1,
        "test_fraction": 0.2,
        "benchmarks": (),
        "junk_fraction": 0.3,
        "max_junk_files": 3,
        "seed": 7,
    }
    return SplitParams(**{**values, **fields})
