"""Labeled rows to judge."""

import hashlib

import pytest

from diffscribe.records import (
    FileChange,
    Label,
    LabeledChange,
    OriginalCommit,
    Plan,
    PlannedCommit,
)


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


def make_row(
    *commits, plan=None, repo="acme/app", head="b", added=("new",), status="M", **fields
):
    """A commit is (message, *paths); without a plan, it is one commit of all."""
    commits = commits or (("fix: stop the leak", "a.py"),)
    paths = sorted({path for _, *files in commits for path in files})
    values = {
        "id": hashlib.sha256(f"{repo} {head}".encode()).hexdigest(),
        "repo": repo,
        "base": "a",
        "head": head,
        "committed_at": "2024-05-01T10:00:00Z",
        "languages": (),
        "files": tuple(
            FileChange(
                path=path,
                old_path=None,
                status=status,
                additions=len(added),
                deletions=0,
                is_binary=False,
            )
            for path in paths
        ),
        "diff": "".join(make_patch(path, *added) for path in paths),
        "commits": tuple(
            OriginalCommit(sha=f"{number:040}", message=message, files=tuple(files))
            for number, (message, *files) in enumerate(commits)
        ),
        "gitignore": (),
        "license": None,
        "label": Label(
            plan=plan or make_plan(("fix", "stop the leak", *paths)),
            source="teacher",
            teacher="teacher-1",
            prompt_sha256=None,
            usage=None,
            ratings={},
        ),
    }
    return LabeledChange(**{**values, **fields})


@pytest.fixture
def row():
    return make_row


@pytest.fixture
def plan():
    return make_plan
