"""Rows of other systems as cases; formats.py tells which is which."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from diffscribe.commits.diff import unquote
from diffscribe.commits.languages import languages_of
from diffscribe.commits.plan import PlanError, parse_plan
from diffscribe.core.errors import RecordError
from diffscribe.core.records import Issue, Message, OriginalCommit, Plan, Record
from diffscribe.eval.answers import (
    HeaderCommit,
    HeaderPlan,
    plan_of_headers,
    plan_of_message,
    whole_header_plan,
)
from diffscribe.eval.bench.patches import patch_text, paths_in
from diffscribe.eval.bench.targets import plan_of_commits
from diffscribe.eval.cases import Case

UNNAMED = ("(unnamed)",)
"""The files of a message whose row names none."""


class _JocoRow(Record, extra="ignore"):
    id: str
    diff: str
    expectedMessage: str  # noqa: N815
    commitHash: str = ""  # noqa: N815
    repository: str | None = None
    source: str | None = None


class _Commit(Record, extra="ignore"):
    sha: str
    subject: str
    files: tuple[str, ...]


class _LabelCommit(Record, extra="ignore"):
    subject: str
    files: tuple[str, ...]
    body: str = ""
    issues: tuple[Issue, ...] = ()


class _Label(Record, extra="ignore"):
    commits: tuple[_LabelCommit, ...]
    gitignore: tuple[str, ...] = ()


class _HarvestedRow(Record, extra="ignore"):
    repo_url: str
    base_commit: str
    head_commit: str
    diff: str
    changed_files: tuple[str, ...]
    original_commits: tuple[_Commit, ...]
    existing_gitignore: tuple[str, ...] = ()
    injected_files: tuple[str, ...] = ()
    label: _Label | None = None


class _MessagesRow(Record, extra="ignore"):
    messages: tuple[Message, ...]


def case_of_joco(row: Mapping[str, Any]) -> Case:
    """Return a message case of a row with `id, diff, expectedMessage`.

    Above the patch a row has git's `--stat`, which is left out: it may cut names.
    """
    read = _JocoRow.model_validate(row)
    if not read.diff.strip() or not read.expectedMessage.strip():
        raise RecordError("its diff or expectedMessage is empty")
    diff = patch_text(read.diff)
    files = paths_in(diff) or UNNAMED
    message = OriginalCommit(
        sha=read.commitHash, message=read.expectedMessage, files=files
    )
    return Case(
        id=read.id,
        parent_id=None,
        repo=read.repository or read.source or read.id.rpartition("-")[0],
        languages=languages_of(files),
        task="message",
        files=files,
        junk=(),
        diff=diff,
        gitignore=(),
        prompt=(),
        target=plan_of_message(read.expectedMessage, files),
        originals=(message,),
    )


def case_of_harvested(row: Mapping[str, Any]) -> Case:
    """Return a plan case of a row that git-smart-commit harvested, or labelled.

    Without a label the target is the history's: each original commit with those
    of its files that are in the change; a file that several touched belongs to
    the oldest of them, as a file can be in one commit only.
    """
    read = _HarvestedRow.model_validate(row)
    files = tuple(sorted({unquote(path) for path in read.changed_files}))
    if not files:
        raise RecordError("changed_files is empty, so there is nothing to plan")
    originals = tuple(
        OriginalCommit(
            sha=commit.sha,
            message=commit.subject,
            files=tuple(map(unquote, commit.files)),
        )
        for commit in read.original_commits[::-1]
    )
    return Case(
        id=f"{read.repo_url}@{read.base_commit}..{read.head_commit}",
        parent_id=None,
        repo=read.repo_url,
        languages=languages_of(files),
        task="plan",
        files=files,
        junk=tuple(sorted(set(map(unquote, read.injected_files)) & set(files))),
        diff=patch_text(read.diff),
        gitignore=read.existing_gitignore,
        prompt=(),
        target=_labelled(read.label)
        if read.label
        else plan_of_commits(originals, files),
        originals=originals,
    )


def case_of_messages(row: Mapping[str, Any]) -> Case:
    """Return a case of a chat: all turns before the last are its prompt.

    The last is the answer that is wanted: a plan, or else a message. The diff is
    that of the last turn of the user, from its first file on, or all of the turn.
    """
    messages = _MessagesRow.model_validate(row).messages
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise RecordError("messages should have a question, and an assistant's answer")
    answer, prompt = messages[-1].content, messages[:-1]
    asked = next((each.content for each in prompt[::-1] if each.role == "user"), "")
    diff, shown = _evidence(asked)
    plan = _plan(answer)
    if plan:
        named = {path for commit in plan.commits for path in commit.files}
        shown = tuple(sorted(named.union(shown)))
    files = shown or UNNAMED
    return Case(
        id=hashlib.sha256(orjson.dumps([m.model_dump() for m in messages])).hexdigest(),
        parent_id=None,
        repo="unknown",
        languages=languages_of(shown),
        task="plan" if plan else "message",
        files=files,
        junk=(),
        diff=diff,
        gitignore=(),
        prompt=prompt,
        target=plan or plan_of_message(answer, files),
        originals=(),
    )


def _labelled(label: _Label) -> Plan:
    commits = tuple(
        HeaderCommit(
            **{**commit.model_dump(), "files": tuple(map(unquote, commit.files))}
        )
        for commit in label.commits
    )
    return plan_of_headers(HeaderPlan(commits=commits, gitignore=label.gitignore))


def _evidence(asked: str) -> tuple[str, tuple[str, ...]]:
    """Return the diff in a question and its paths; without one all of the text."""
    try:
        diff = patch_text(asked)
        return diff, paths_in(diff)
    except RecordError:
        return asked, ()


def _plan(answer: str) -> Plan | None:
    try:
        return parse_plan(answer)
    except PlanError:
        return whole_header_plan(answer)
