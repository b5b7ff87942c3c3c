"""How to run a stage as a user does, and a row to run it on."""

import subprocess
import sys
from pathlib import Path

import pytest

from diffscribe.records import (
    FileChange,
    Label,
    LabeledChange,
    OriginalCommit,
    Plan,
    PlannedCommit,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stage():
    def run(name, *arguments):
        command = [sys.executable, f"scripts/{name}.py", *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def labeled():
    """A valid labeled change of one file."""

    def make(repo="acme/app", head="b", message="fix: stop the leak"):
        plan = Plan(
            commits=(
                PlannedCommit(files=("a.py",), type="fix", subject="stop the leak"),
            )
        )
        file = FileChange(
            path="a.py",
            old_path=None,
            status="M",
            additions=1,
            deletions=1,
            is_binary=False,
        )
        return LabeledChange(
            id=f"{repo}@{head}",
            repo=repo,
            base="a",
            head=head,
            committed_at="2024-05-01T10:00:00Z",
            languages=("python",),
            files=(file,),
            diff="diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n"
            f"-old {repo} {head}\n+new {repo} {head}\n",
            commits=(
                OriginalCommit(sha=f"{repo}@{head}", message=message, files=("a.py",)),
            ),
            gitignore=(),
            license=None,
            label=Label(
                plan=plan,
                source="history",
                teacher=None,
                prompt_sha256=None,
                usage=None,
                ratings={},
            ),
        )

    return make
