"""Labeled rows to judge."""

import pytest

from diffscribe.core.records import (
    FileStatus,
    Label,
    LabeledChange,
    Plan,
    PlannedCommit,
)
from tests.support.rows import make_change


def make_patch(path, *added):
    lines = "".join(f"+{line}\n" for line in added)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1 +1,{1 + len(added)} @@\n kept\n{lines}"
    )


def make_plan(*commits, gitignore=()):
    """A commit is (type, subject, *paths)."""
    return Plan(
        commits=tuple(
            PlannedCommit(type=type_, subject=subject, files=paths)
            for type_, subject, *paths in commits
        ),
        gitignore=gitignore,
    )


def make_row(*commits, plan=None, added=("new",), status="M", **fields):
    """A commit is (message, *paths); without a plan, it is one commit of all."""
    commits = commits or (("fix: stop the leak", "a.py"),)
    change = make_change(*((message, files) for message, *files in commits), **fields)
    files = tuple(
        file.model_copy(
            update={
                "status": FileStatus(status),
                "additions": len(added),
                "deletions": 0,
            }
        )
        for file in change.files
    )
    paths = [file.path for file in files]
    values = {
        "files": files,
        "diff": "".join(make_patch(path, *added) for path in paths),
        "label": Label(
            plan=plan or make_plan(("fix", "stop the leak", *paths)),
            source="teacher",
            teacher="teacher-1",
            prompt_sha256=None,
            usage=None,
            ratings={},
        ),
    }
    return LabeledChange(**{**dict(change), **values, **fields})


@pytest.fixture
def row():
    return make_row


@pytest.fixture
def plan():
    return make_plan
