"""Cases: what a system is asked, and everything that its answer is judged by.

Cases of a split are its samples joined with their changes (`read_selection`). A case
may bring its prompt, or get one in other words (`with_prompts`).
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from diffscribe.commits.answer import (
    first_line_of,
    fitting_limits,
    in_style,
)
from diffscribe.commits.diff import (
    FilePatch,
    parts_of_diff,
    patches_by_path,
    read_changes,
)
from diffscribe.commits.grammar import TYPES
from diffscribe.commits.path_rules import languages_of
from diffscribe.commits.plan import LIMITS, Limits, MessageStyle, plan_schema
from diffscribe.commits.prompt import Prompts, render_prompt
from diffscribe.commits.single import single_changes
from diffscribe.commits.student_prompt import (
    CHARACTERS,
    Counters,
    StudentPrompts,
    render_student_prompt,
)
from diffscribe.commits.units import FileUnits, PlanLinesError, units_of, units_of_diff
from diffscribe.core.draw import rank
from diffscribe.core.errors import RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.params import RenderParams
from diffscribe.core.records import (
    Change,
    FileChange,
    FileStatus,
    Message,
    OriginalCommit,
    Plan,
    Record,
    Sample,
    SplitChange,
)

logger = logging.getLogger(__name__)


class Case(Record):
    """A change to plan, or to write one message for."""

    id: str
    parent_id: str | None = None
    """Id of the case that this variant was made of, or None."""
    repo: str
    languages: tuple[str, ...]
    task: Literal["plan", "message"]
    files: tuple[str, ...]
    """Every changed path, junk included; a rename by its new path."""
    junk: tuple[str, ...] = ()
    diff: str
    """git's whole text, never cut: a message may speak of any line of it."""
    gitignore: tuple[str, ...] = ()
    """Patterns in force at base."""
    recent_subjects: tuple[str, ...] = ()
    """Of the history up to base, newest first."""
    prompt: tuple[Message, ...] = ()
    """The chat that a model is shown; empty if none was rendered."""
    answer: Literal["json", "lines"] = "json"
    """How the prompt wants a plan."""
    message: MessageStyle = "conventional"
    """The style of messages in lines."""
    first_lines: tuple[str, ...] = ()
    """Those that an answer in lines may begin with, where groups are given; else
    empty."""
    types: tuple[str, ...] = TYPES
    """Those that a message of a case of one message may have."""
    scopes: tuple[str, ...] = Field(default=(), exclude_if=lambda scopes: not scopes)
    """Those that such a message may have; not there if it may have any."""
    units: tuple[FileUnits, ...] = ()
    """Of each of the files; empty if only the diff is known. See `case_units`."""
    target: Plan
    """The plan that is wanted; for a message, one commit of all files."""
    originals: tuple[OriginalCommit, ...] = ()
    """The commits as their authors made them, oldest first."""
    private: bool = False
    """Whether the case may only be sent to this machine."""


RERANK = "rerank"
"""The system that chooses among the groupings which the baseline proposes."""
GROUPS_GIVEN = "-groups-given"
"""The end of the name of a system that is told the target's groups."""


def cluster_of(case: Case) -> str:
    """Return the id that a case and its variants share."""
    return case.parent_id or case.id


def read_cases(samples: Path, changes: Path) -> list[Case]:
    """Return the samples of a split in their order, each with its change.

    Raises:
        RecordError: naming a sample whose change is not there.
    """
    rendered = list(read_jsonl(samples, Sample))
    wanted = {sample.id for sample in rendered}
    found = {
        each.id: each
        for change in read_changes(changes, SplitChange)
        for each in (change, *single_changes(change))
        if each.id in wanted
    }
    missing = next((each.id for each in rendered if each.id not in found), None)
    if missing is not None:
        raise RecordError(
            f"{changes}: no change {missing}, which {samples} shows; "
            "run the stage render again"
        )
    return [_case(sample, found[sample.id]) for sample in rendered]


def _case(sample: Sample, change: SplitChange) -> Case:
    return Case(
        id=sample.id,
        parent_id=sample.parent_id,
        repo=sample.repo,
        languages=change.languages,
        task=sample.task,
        files=sample.files,
        junk=sample.junk,
        diff=change.diff,
        gitignore=change.gitignore,
        recent_subjects=change.recent_subjects,
        prompt=sample.prompt,
        answer=sample.answer,
        message=sample.message,
        units=units_of(change.files, change.diff),
        target=sample.target,
        originals=change.commits,
        private=sample.private or change.private,
    )


def case_units(case: Case) -> tuple[FileUnits, ...]:
    """Return the units of a case; a file without a patch of git is never split."""
    if case.units:
        return case.units
    is_patch = case.diff.startswith(_PATCH)
    found = {each.path: each for each in units_of_diff(case.diff if is_patch else "")}
    return tuple(found.get(path, FileUnits(path)) for path in case.files)


def read_selection(
    samples: Path, changes: Path, max_samples: int, seed: int
) -> list[Case]:
    """Return the cases of a split that `select` takes.

    Raises:
        RecordError: if there is none, as no measure has a value then.
    """
    everything = read_cases(samples, changes)
    selected = select(everything, max_samples, seed)
    logger.info("%s: %d of %d samples drawn", samples, len(selected), len(everything))
    if not selected:
        raise RecordError(
            f"{samples}: no sample to evaluate; raise split.test_fraction or name "
            "split.test_repos, and see reports/render.json for what was dropped"
        )
    return selected


def select(cases: Iterable[Case], max_samples: int, seed: int) -> list[Case]:
    """Return at most max_samples cases, in the order given.

    A case and its variants are taken or left together. The choice depends on the ids
    and the seed alone, so a case stays when others come or go.
    """
    clusters: dict[str, list[Case]] = defaultdict(list)
    everything = list(cases)
    for case in everything:
        clusters[cluster_of(case)].append(case)
    taken: set[str] = set()
    room = max_samples
    for cluster in sorted(clusters, key=lambda name: rank(seed, name)):
        if len(clusters[cluster]) <= room:
            taken.add(cluster)
            room -= len(clusters[cluster])
    return [case for case in everything if cluster_of(case) in taken]


_PATCH = "diff --git "


def change_of(case: Case) -> Change:
    """Return the change of a case, with an empty diff if its text holds no patch."""
    return Change(
        id=case.id,
        repo=case.repo,
        base="",
        head="",
        committed_at="",
        languages=case.languages,
        files=file_changes(case.diff, case.files),
        diff=case.diff if case.diff.startswith(_PATCH) else "",
        commits=case.originals,
        recent_subjects=case.recent_subjects,
        gitignore=case.gitignore,
        license=None,
        private=case.private,
    )


def file_changes(diff: str, paths: Iterable[str]) -> tuple[FileChange, ...]:
    """Return the change of each path, sorted; of one outside the diff, 0 lines."""
    patches = patches_by_path(diff) if diff.startswith(_PATCH) else {}
    found = {path: patches.get(path, []) for path in {*paths, *patches}}
    return tuple(_file_change(path, found[path]) for path in sorted(found))


def _file_change(path: str, patches: list[FilePatch]) -> FileChange:
    lines = [line for patch in patches for line in patch.lines]
    header = [line.rstrip("\n") for patch in patches for line in patch.header]

    def said(start: str) -> str | None:
        found = (line.removeprefix(start) for line in header if line.startswith(start))
        return next(found, None)

    status, modes = FileStatus.MODIFIED, (said("old mode "), said("new mode "))
    if len(patches) > 1:
        status = FileStatus.TYPE_CHANGED
        modes = said("deleted file mode "), said("new file mode ")
    elif said("new file mode "):
        status = FileStatus.ADDED
    elif said("deleted file mode "):
        status = FileStatus.DELETED
    elif said("rename from "):
        status = FileStatus.RENAMED
    return FileChange(
        path=path,
        old_path=next((each.old_path for each in patches if each.old_path), None),
        status=status,
        additions=sum(line.startswith("+") for line in lines),
        deletions=sum(line.startswith("-") for line in lines),
        is_binary=any(patch.is_binary for patch in patches),
        old_mode=modes[0],
        mode=modes[1],
    )


TOO_LONG = "not asked: its prompt exceeds the limit even without the diff"
"""The error of a case without a prompt."""
_CONTEXT_LINES = 3
"""Unchanged lines around a change; git prints no more."""


def with_prompts(
    cases: Iterable[Case],
    texts: Mapping[str, Prompts],
    max_chars: int,
    keep: Sequence[str] = (),
) -> list[Case]:
    """Return the cases, each with a prompt rendered in other words.

    Of the diff as many hunks as fit are shown. `$schema` in the words becomes the JSON
    Schema of the plan, or `null` for a message. A case of which not even the names of
    the files fit gets no prompt. Cases of tasks without words stay as they are, and
    those with a prompt of tasks to `keep`.
    """
    return [
        case
        if case.task not in texts or (case.prompt and case.task in keep)
        else case.model_copy(
            update={
                "prompt": _prompt(case, texts[case.task], max_chars),
                "answer": "json",
                "message": "conventional",
                "first_lines": (),
            }
        )
        for case in cases
    ]


def _prompt(case: Case, texts: Prompts, max_chars: int) -> tuple[Message, ...]:
    schema = json.dumps(schema_of(case), ensure_ascii=False, separators=(",", ":"))
    change = change_of(case)
    rendered = render_prompt(
        change, texts, max_chars, _CONTEXT_LINES, len, {"schema": schema}
    )
    return rendered.messages if rendered else ()


def with_student_prompts(
    cases: Iterable[Case],
    texts: StudentPrompts,
    budget: int,
    params: RenderParams,
    style: MessageStyle,
    count: Counters = CHARACTERS,
) -> list[Case]:
    """Return the cases, each with the student's prompt.

    The budget of a prompt is in what `count` counts. A case of which not even the names
    of the files fit gets no prompt, and one whose diff git did not write is shown with
    the names alone.
    """
    asked = []
    for case in cases:
        change = change_of(case)
        words, answer = texts.message, "lines"
        if case.task == "plan":
            words, answer = texts.plan, params.answer
        shown = params.context_lines, count, params.recent_subjects
        rendered = render_student_prompt(change, words, budget, *shown)
        update = {
            "prompt": rendered.messages if rendered else (),
            "answer": answer,
            "message": style,
            "target": in_style(case.target, style),
            "units": units_of(change.files, change.diff),
        }
        asked.append(case.model_copy(update=update))
    return asked


def schema_of(case: Case) -> Mapping[str, Any] | None:
    """Return the JSON Schema of the plans for a case; None for a message."""
    is_json = case.task == "plan" and case.answer == "json"
    return plan_schema(case_units(case)) if is_json and case.files else None


def single_cases(case: Case, plan: Plan, has_types: bool) -> list[Case]:
    """Return a case of one message for each commit of a plan, which shows it alone.

    With `has_types` the messages have the types of the plan's commits.
    """
    return [
        case.model_copy(
            update={
                "id": f"{case.id}-{number}",
                "parent_id": case.id,
                "task": "message",
                "files": commit.files,
                "junk": (),
                "languages": languages_of(commit.files),
                "diff": part,
                "originals": (),
                "prompt": (),
                "first_lines": (),
                "types": (commit.type,) if has_types else TYPES,
                "units": (),
                "target": Plan(commits=(commit.model_copy(update={"hunks": {}}),)),
            }
        )
        for number, (commit, part) in enumerate(
            zip(plan.commits, parts_of_diff(case.diff, plan.commits), strict=True), 1
        )
    ]


# Answers in lines.


def with_groups(
    cases: Iterable[Case], plans_of: Callable[[Case], Iterable[Plan]]
) -> list[Case]:
    """Return the cases, in each of which the groups of one of some plans are given.

    Plans that lines cannot hold are left out; if none is left, so is the grouping to
    the model. A case of one message has none to give.
    """
    given = []
    for case in cases:
        lines: dict[str, None] = {}
        for plan in plans_of(case) if case.task == "plan" else ():
            try:
                lines[first_line_of(plan, case_units(case))] = None
            except PlanLinesError as error:
                logger.warning("%s: its groups are not given: %s", case.id, error)
        given.append(case.model_copy(update={"first_lines": tuple(lines)}))
    return given


LEAST_BODY_LINES = 6
"""What the usual tokens, of two characters and more, leave room for in small limits."""


def held_limits(case: Case, max_tokens: int, with_bodies: bool = True) -> Limits:
    """Return the limits under which no answer in lines has more tokens, if it is ASCII.

    A token is at least a byte. Bodies keep LEAST_BODY_LINES, with which an answer of
    very short tokens may have more than max_tokens; plain messages have none.
    """
    if case.message == "plain" or not with_bodies:
        return LIMITS._replace(body_lines=0)
    # The plan of one unit is longer than a message alone.
    units = case_units(case) if case.task == "plan" else case_units(case)[:1]
    fitting = fitting_limits(units, max_tokens)
    return fitting._replace(body_lines=max(fitting.body_lines, LEAST_BODY_LINES))
