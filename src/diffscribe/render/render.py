"""Turn split changes into chat samples within the token budget."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from diffscribe.commits.answer import (
    canonical_plan,
    in_style,
    write_message_lines,
    write_plan_lines,
)
from diffscribe.commits.grammar import format_message
from diffscribe.commits.plan import MessageStyle, plan_json
from diffscribe.commits.single import single_changes
from diffscribe.commits.student_prompt import (
    Counters,
    StudentPrompts,
    render_student_prompt,
)
from diffscribe.commits.units import PlanLinesError, units_of
from diffscribe.core.draw import is_drawn
from diffscribe.core.params import RenderParams
from diffscribe.core.records import Message, Plan, PlannedCommit, Sample, SplitChange

logger = logging.getLogger(__name__)


class RenderReason(StrEnum):
    """Why a change has no sample; also its key in reports/render.json."""

    UNWRITABLE_ANSWER = "unwritable_answer"
    """The plan has more commits, or longer messages, than lines may have."""
    LONG_ANSWER = "long_answer"
    LONG_FILE_LIST = "long_file_list"
    HIDDEN_JUNK = "hidden_junk"
    """The junk of a variant is in the list of files, but its content was cut."""


class RenderedSample(NamedTuple):
    """A sample and what it took to fit."""

    sample: Sample
    hunks: int
    cut_hunks: int
    prompt_tokens: int
    answer_tokens: int


class RenderedSplit(NamedTuple):
    """The samples of a split in the order of their changes, and the rest."""

    fitted: list[RenderedSample]
    dropped: list[RenderReason]
    processed: Counter[str]
    """Number of changes by repository, variants included."""

    def approved(self) -> Counter[str]:
        """Return how many samples are of each repository."""
        return Counter(each.sample.repo for each in self.fitted)

    def metrics(self) -> dict[str, Any]:
        """Add up what was shown, cut and dropped, zeros included."""
        dropped = Counter(self.dropped)
        prompt_tokens = sum(each.prompt_tokens for each in self.fitted)
        answer_tokens = sum(each.answer_tokens for each in self.fitted)
        tokens = prompt_tokens + answer_tokens
        return {
            "samples": len(self.fitted),
            "messages": sum(each.sample.task == "message" for each in self.fitted),
            "hunks": sum(each.hunks for each in self.fitted),
            "cut_hunks": sum(each.cut_hunks for each in self.fitted),
            "prompt_tokens": prompt_tokens,
            "answer_tokens": answer_tokens,
            "answer_fraction": round(answer_tokens / tokens if tokens else 0.0, 4),
        } | {f"dropped_{reason}": dropped[reason] for reason in RenderReason}


class LoneCommit(NamedTuple):
    """What makes two samples of one commit the same."""

    repo: str
    files: tuple[str, ...]
    message: str


def lone_commits(changes: Iterable[SplitChange]) -> set[LoneCommit]:
    """Return the changes that are one commit: their plan is nearly its message."""
    return {
        _lone_commit(each)
        for each in changes
        if each.parent_id is None and len(each.label.plan.commits) == 1
    }


def _lone_commit(change: SplitChange) -> LoneCommit:
    commit = change.label.plan.commits[0]
    return LoneCommit(change.repo, commit.files, format_message(commit))


def render_changes(
    changes: Iterable[SplitChange],
    prompts: StudentPrompts,
    count: Counters,
    params: RenderParams,
    style: MessageStyle = "conventional",
    lone: Collection[LoneCommit] = (),
) -> RenderedSplit:
    """Render each change that fits, and keep the reasons of those that do not.

    With `params.task: message` the samples of a change are those of its commits, each
    alone. Else a share of the commits of plans with several follow their plan so, but
    for the `lone` ones, which are changes of their own.
    """
    rendered = RenderedSplit([], [], Counter())
    taken = set(lone)
    for change in changes:
        rendered.processed[change.repo] += 1
        for asked, task in _asked(change, params, taken):
            outcome = render_sample(asked, prompts, count, params, style, task)
            if isinstance(outcome, RenderReason):
                rendered.dropped.append(outcome)
                logger.info("%s: dropped, %s", asked.id[:12], outcome)
            else:
                rendered.fitted.append(outcome)
    return rendered


Task = Literal["plan", "message"]


def _asked(
    change: SplitChange, params: RenderParams, taken: set[LoneCommit]
) -> list[tuple[SplitChange, Task]]:
    """Return what a change is asked for, and add commits that are asked alone."""
    asked: list[tuple[SplitChange, Task]] = []
    share = 1.0
    if params.task == "plan":
        asked.append((change, "plan"))
        share = params.message_fraction
        if len(change.label.plan.commits) == 1:
            return asked
    if share == 0 or change.parent_id is not None:
        return asked
    for single in single_changes(change):
        commit = _lone_commit(single)
        if commit not in taken and is_drawn(share, *commit):
            taken.add(commit)
            asked.append((single, "message"))
    return asked


def render_sample(
    change: SplitChange,
    prompts: StudentPrompts,
    count: Counters,
    params: RenderParams,
    style: MessageStyle = "conventional",
    task: Task = "plan",
) -> RenderedSample | RenderReason:
    """Return the sample of one change, or why there is none; no answer is cut.

    For a message the plan of the change has to be one commit of all files.
    """
    try:
        target, answer = _answer(change, task, params, style)
    except PlanLinesError as error:
        logger.info("%s: %s", change.id[:12], error)
        return RenderReason.UNWRITABLE_ANSWER
    answer_tokens = count.text(answer) + 1  # the end-of-turn token
    if answer_tokens > params.max_answer_tokens:
        return RenderReason.LONG_ANSWER
    words = prompts.plan if task == "plan" else prompts.message
    shown = params.context_lines, count, params.recent_subjects
    rendered = render_student_prompt(change, words, params.max_prompt_tokens, *shown)
    if rendered is None:
        return RenderReason.LONG_FILE_LIST
    if not rendered.hidden.isdisjoint(change.junk):
        return RenderReason.HIDDEN_JUNK
    sample = Sample(
        id=change.id,
        parent_id=change.parent_id,
        repo=change.repo,
        task=task,
        prompt=rendered.messages,
        completion=(Message(role="assistant", content=answer),),
        files=tuple(file.path for file in change.files),
        junk=change.junk,
        answer=params.answer if task == "plan" else "lines",
        message=style,
        target=target,
        private=change.private,
    )
    return RenderedSample(
        sample,
        rendered.hunks,
        rendered.cut_hunks,
        count.prompt(rendered.messages),
        answer_tokens,
    )


def _answer(
    change: SplitChange, task: Task, params: RenderParams, style: MessageStyle
) -> tuple[Plan, str]:
    """Return the plan as its answer gives it, and the answer.

    Raises:
        PlanLinesError: if lines cannot hold it.
    """
    plan = in_style(change.label.plan, style)
    if task == "message" or params.answer == "lines":
        units = units_of(change.files, change.diff)
        write = write_plan_lines if task == "plan" else write_message_lines
        return canonical_plan(plan, units, style), write(plan, units, style)
    plan = _in_file_order(change)
    return plan, plan_json(plan)


def _in_file_order(change: SplitChange) -> Plan:
    """Return the plan with files and commits in the order of the file list.

    The commits of a plan share no unit, so any order is right. A model can learn the
    order that the prompt shows.
    """
    position = {file.path: number for number, file in enumerate(change.files)}

    def ordered(commit: PlannedCommit) -> PlannedCommit:
        files = tuple(sorted(commit.files, key=position.__getitem__))
        return commit.model_copy(update={"files": files})

    commits = sorted(
        map(ordered, change.label.plan.commits),
        key=lambda commit: (
            position[commit.files[0]],
            commit.hunks.get(commit.files[0], ()),
        ),
    )
    return change.label.plan.model_copy(update={"commits": tuple(commits)})
