"""Case files: JSONL of our own stages and of other systems, read as cases.

The keys of the first line tell which of FORMATS a file has. Our own files are cases,
samples and changes; the others are those of joco (a diff and its message), of
git-smart-commit (a squashed range of commits) and chats whose last turn is the answer.
"""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from diffscribe.commits.diff import COLOURED, parse_diff, unquote
from diffscribe.commits.originals import new_paths, original_parts, plan_of_parts
from diffscribe.commits.path_rules import languages_of
from diffscribe.commits.plan import (
    HeaderCommit,
    HeaderPlan,
    plan_of_headers,
    plan_of_message,
    read_plan,
)
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import first_problem, json_problem
from diffscribe.core.records import (
    Change,
    Label,
    Message,
    OriginalCommit,
    Plan,
    Record,
)
from diffscribe.eval.cases import Case, read_cases
from diffscribe.secrets.redact import redact

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]

UNNAMED = ("(unnamed)",)
"""The files of a message whose row names none."""


class CaseFormat(NamedTuple):
    """A kind of file, and how a row of it becomes a case."""

    name: str
    keys: frozenset[str]
    """A file has the first format all of whose keys its first row has."""
    case_of: Callable[[Row], Case] | None
    """None for samples, whose diffs are in another file."""


class CaseFile(NamedTuple):
    """The cases of a file in its order, and the name of its format."""

    format: str
    cases: tuple[Case, ...]
    left_out: int
    """Rows with a private key, or with more secrets than can be replaced."""


def read_case_file(path: Path) -> CaseFile:
    """Return the cases of a file in its order, secrets and people replaced.

    A row with an `id` keeps it. The others get one from their content, with a number
    appended where the same content comes again. Samples find their diffs in the file
    of the same name in `../splits`, where the stage split writes it.

    Raises:
        InputError: if a file cannot be read.
        RecordError: naming the line that is of no format, is broken, or repeats an id;
            or the file, if it holds no case.
    """
    rows = list(_rows(path))
    if not rows:
        raise RecordError(f"{path}: holds no case; name a file with at least one line")
    number, first = rows[0]
    form = next((each for each in FORMATS if each.keys <= first.keys()), None)
    if form is None:
        keys = ", ".join(sorted(first)[:12]) or "none"
        raise RecordError(
            f"{path}:{number}: its keys ({keys}) are of no format; {_known_formats()}"
        )
    if form.case_of is None:
        cases = read_cases(path, path.parent.parent / "splits" / path.name)
    else:
        cases = [_case(form, row, f"{path}:{number}") for number, row in rows]
    logger.info("%s: %d cases, format %s", path, len(cases), form.name)
    named = _with_own_ids(path, rows, cases)
    # What is harvested, or of another system, still has its secrets.
    redacted = [redact(case) for case in named]
    kept = tuple(each.change for each in redacted if each.problem is None)
    return CaseFile(form.name, kept, len(redacted) - len(kept))


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield each line that is not blank, as an object, and its number."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(
            f"case file '{path}' cannot be read: {error.strerror}; name a JSONL file"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise RecordError(
                f"{path}:{number}: not JSON: {error}; a case file has one object a line"
            ) from error
        if not isinstance(row, dict):
            raise RecordError(f"{path}:{number}: not a JSON object; {_known_formats()}")
        if problem := json_problem(line):
            raise RecordError(f"{path}:{number}: {problem}; mend the line")
        yield number, row


def _known_formats() -> str:
    named = "; ".join(
        f"{each.name}: {', '.join(sorted(each.keys))}" for each in FORMATS
    )
    return f"the formats and the keys they need are {named}"


def _with_own_ids(
    path: Path, rows: Iterable[tuple[int, Row]], cases: Iterable[Case]
) -> Iterator[Case]:
    """Yield the cases, each with an id that none before it has."""
    times: Counter[str] = Counter()
    for (number, row), case in zip(rows, cases, strict=True):
        times[case.id] += 1
        if times[case.id] == 1:
            yield case
        elif "id" in row:
            raise RecordError(
                f"{path}:{number}: the id {case.id} stands in an earlier line too; "
                "give each case an id of its own"
            )
        else:
            yield case.model_copy(update={"id": f"{case.id}-{times[case.id]}"})


def _case(form: CaseFormat, row: Row, where: str) -> Case:
    missing = sorted(form.keys - row.keys())
    if missing:
        raise RecordError(
            f"{where}: has no {', '.join(missing)}, which the lines above have: all "
            f"lines of a file are of one format, here {form.name}"
        )
    try:
        assert form.case_of is not None
        case = form.case_of(row)
        if row.get("private"):
            case = case.model_copy(update={"private": True})
        problem = _unjudgeable(case)
        if problem is None:
            return case
    except ValidationError as error:
        problem = first_problem(error)
    except RecordError as error:
        problem = str(error)
    raise RecordError(f"{where}: not a case of {form.name}: {problem}")


def _unjudgeable(case: Case) -> str | None:
    """Return why the answer to a case could not be judged, or None."""
    commits = case.target.commits
    known, targets = set(case.files), {path for each in commits for path in each.files}
    if len(known) < len(case.files):
        twice = next(path for path, n in Counter(case.files).items() if n > 1)
        return f"files has {twice} twice"
    for name, paths in (("junk", set(case.junk)), ("target", targets)):
        if unknown := sorted(paths - known):
            return f"{name} has {unknown[0]}, which is not in files"
    if not commits:
        return "its target has no commit"
    if case.task == "message":
        return None
    if not set(case.files) - set(case.junk):
        return "all of its files are junk"
    if not all(each.files for each in commits):
        return "its target has a commit without files"
    return None


# Rows of our own stages ---------------------------------------------------------------


class _StageRow(Record, extra="ignore"):
    """The fields that later stages add to a Change."""

    label: Label | None = None
    parent_id: str | None = None
    junk: tuple[str, ...] = ()


def case_of_change(row: Row) -> Case:
    """Return a plan case of a change: harvested, labeled, curated or split.

    The target is the plan of its label, or else of its original commits.

    Raises:
        RecordError: if its diff is not what git prints.
    """
    added = _StageRow.model_validate(row)
    change = Change.model_validate(
        {key: row[key] for key in Change.model_fields.keys() & row.keys()}
    )
    parse_diff(change.diff)
    return Case(
        id=change.id,
        parent_id=added.parent_id,
        repo=change.repo,
        languages=change.languages,
        task="plan",
        files=tuple(file.path for file in change.files),
        junk=added.junk,
        diff=change.diff,
        gitignore=change.gitignore,
        target=added.label.plan
        if added.label
        else plan_of_commits(change.commits, new_paths(change.files), change.diff),
        originals=change.commits,
        private=change.private,
    )


def plan_of_commits(
    commits: Sequence[OriginalCommit], paths: Mapping[str, str], diff: str
) -> Plan:
    """Return the original commits, oldest first, each with what it made of a change.

    A file whose hunks cannot be told apart belongs to the last of its commits, as a
    plan has each unit once. The messages stay the authors'. `paths` has the path in the
    change by the name in a commit.

    Raises:
        RecordError: if no commit touches any of the paths.
    """
    parts = original_parts(commits, paths, diff).parts
    plan = plan_of_parts(
        commits, parts, lambda each: plan_of_message(each.message, ()).commits[0]
    )
    if not plan.commits:
        raise RecordError("no original commit touches any of the changed files")
    return plan


# Rows of other systems ----------------------------------------------------------------


class _JocoRow(Record, extra="ignore"):
    id: str
    diff: str
    expectedMessage: str  # noqa: N815
    commitHash: str = ""  # noqa: N815
    repository: str | None = None
    source: str | None = None


def _case_of_joco(row: Row) -> Case:
    """Return a message case; the `--stat` list above the patch is left out.

    That list may cut names short.
    """
    read = _JocoRow.model_validate(row)
    if not read.diff.strip() or not read.expectedMessage.strip():
        raise RecordError("its diff or expectedMessage is empty")
    diff = _patch_text(read.diff)
    files = _paths_in(diff) or UNNAMED
    message = OriginalCommit(
        sha=read.commitHash, message=read.expectedMessage, files=files
    )
    return Case(
        id=read.id,
        repo=read.repository or read.source or read.id.rpartition("-")[0],
        languages=languages_of(files),
        task="message",
        files=files,
        diff=diff,
        target=plan_of_message(read.expectedMessage, files),
        originals=(message,),
    )


class _SmartCommit(Record, extra="ignore"):
    sha: str
    subject: str
    files: tuple[str, ...]


class _LabelCommit(HeaderCommit, extra="ignore"):
    pass


class _Label(HeaderPlan, extra="ignore"):
    commits: tuple[_LabelCommit, ...]


class _SmartRow(Record, extra="ignore"):
    repo_url: str
    base_commit: str
    head_commit: str
    diff: str
    changed_files: tuple[str, ...]
    original_commits: tuple[_SmartCommit, ...]
    """Newest first, as `git log` prints them."""
    existing_gitignore: tuple[str, ...] = ()
    injected_files: tuple[str, ...] = ()
    label: _Label | None = None


def _case_of_smart_commit(row: Row) -> Case:
    """Return a plan case; the target is the label, or else the original commits."""
    read = _SmartRow.model_validate(row)
    files = tuple(sorted({unquote(path) for path in read.changed_files}))
    if not files:
        raise RecordError("changed_files is empty, so there is nothing to plan")
    originals = tuple(
        OriginalCommit(
            sha=commit.sha,
            message=commit.subject,
            files=tuple(map(unquote, commit.files)),
        )
        for commit in reversed(read.original_commits)
    )
    if read.label:
        target = plan_of_headers(read.label)
        commits = [
            each.model_copy(update={"files": tuple(map(unquote, each.files))})
            for each in target.commits
        ]
        target = target.model_copy(update={"commits": tuple(commits)})
    else:
        target = plan_of_commits(originals, {path: path for path in files}, "")
    return Case(
        id=f"{read.repo_url}@{read.base_commit}..{read.head_commit}",
        repo=read.repo_url,
        languages=languages_of(files),
        task="plan",
        files=files,
        junk=tuple(sorted(set(map(unquote, read.injected_files)) & set(files))),
        diff=_patch_text(read.diff),
        gitignore=read.existing_gitignore,
        target=target,
        originals=originals,
    )


class _ChatRow(Record, extra="ignore"):
    messages: tuple[Message, ...]


def _case_of_chat(row: Row) -> Case:
    """Return a case whose prompt is every turn before the last, the wanted answer.

    An answer that holds a plan makes a plan case, any other a message case. The diff is
    that of the user's last turn, from its first file on, or else all of that turn.
    """
    messages = _ChatRow.model_validate(row).messages
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise RecordError("messages should have a question, and an assistant's answer")
    answer, prompt = messages[-1].content, messages[:-1]
    diff = next((each.content for each in prompt[::-1] if each.role == "user"), "")
    named: set[str] = set()
    try:
        diff = _patch_text(diff)
        named.update(_paths_in(diff))
    except RecordError:
        pass  # A broken diff is shown as it is, and names no file.
    plan = read_plan(answer).record
    if plan:
        named.update(path for commit in plan.commits for path in commit.files)
    files = tuple(sorted(named)) or UNNAMED
    content = orjson.dumps([each.model_dump() for each in messages])
    return Case(
        id=hashlib.sha256(content).hexdigest(),
        repo="unknown",
        languages=languages_of(files),
        task="plan" if plan else "message",
        files=files,
        diff=diff,
        prompt=prompt,
        target=plan or plan_of_message(answer, files),
    )


_PATCH = re.compile(rf"^{COLOURED}diff --git ", re.M)
_STAT = re.compile(r"^ (?P<name>\S.*?) +\| +(?:\d+ ?[+-]*|Bin .*)$", re.M)
_STRIPPED_ENDS = ("", "\n", "\n \n", "\n \n \n", "\n \n \n \n")
"""Ends that a diff loses where a program strips whitespace."""


def _patch_text(text: str) -> str:
    """Return a diff from its first file on, with its stripped end restored.

    A text without any patch, as of a merge, is returned unchanged.

    Raises:
        RecordError: naming the line of the diff, if it is broken.
    """
    found = _PATCH.search(text)
    if found is None:
        return text
    patch = text[found.start() :]
    for end in _STRIPPED_ENDS:
        try:
            parse_diff(patch + end)
        except RecordError:
            continue
        return patch + end
    parse_diff(patch)
    raise AssertionError("unreachable: parse_diff raised for this text before")


def _paths_in(text: str) -> tuple[str, ...]:
    """Return the sorted new paths of a patch, or the names of a `--stat` list."""
    if _PATCH.match(text):
        return tuple(sorted({patch.path for patch in parse_diff(text)}))
    return tuple(sorted({match["name"] for match in _STAT.finditer(text)}))


FORMATS = tuple(
    CaseFormat(name, frozenset(keys.split()), case_of)
    for name, keys, case_of in (
        ("diffscribe cases", "task diff target originals", Case.model_validate),
        ("diffscribe samples (data/sft)", "task prompt completion target", None),
        (
            "diffscribe changes (data/*.jsonl, data/splits)",
            "base head diff commits",
            case_of_change,
        ),
        ("joco", "id diff expectedMessage", _case_of_joco),
        (
            "git-smart-commit",
            "repo_url base_commit head_commit original_commits",
            _case_of_smart_commit,
        ),
        ("messages", "messages", _case_of_chat),
    )
)
