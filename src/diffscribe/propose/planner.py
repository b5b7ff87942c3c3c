"""From a change to a plan: the baseline groups and types, a model words each commit.

There always is a plan. Where no model is there, fails or takes too long, a commit keeps
the subject that the baseline makes of the names of its files, and is marked.
"""

from collections.abc import Callable, Mapping, Sequence

from diffscribe.baseline.grouping import MOST_FILES
from diffscribe.baseline.model import load_baseline
from diffscribe.core.errors import DiffscribeError
from diffscribe.core.records import Change, Plan, PlannedCommit
from diffscribe.propose.draft import GENERATED, Draft, Proposal
from diffscribe.propose.house_style import HouseStyle, in_house_style
from diffscribe.propose.settings import NO_MODEL, Settings
from diffscribe.propose.shipped import BASELINE, required_model

Told = Callable[[str], object]
"""Is called with each line as soon as it is known."""


def propose(
    change: Change,
    settings: Settings,
    on_text: Told = lambda _: None,
    as_one: bool = False,
) -> Proposal:
    """Return a valid plan for a change, whatever the model does.

    `on_text` is called with each header as soon as it is known. With `as_one` all files
    are one commit.
    """
    notes: list[str] = []
    plan = _grouped(change, settings.house, notes, as_one)
    worded: Mapping[int, PlannedCommit] = {}
    made_by = GENERATED
    if plan.commits and settings.model != NO_MODEL:
        try:
            if not settings.model:
                required_model()
            # What asks a model takes longer to import than a plan without one to make.
            from diffscribe.propose.wording import word_commits

            words = word_commits(change, plan, settings, on_text)
            worded, made_by = words.commits, words.name if words.commits else GENERATED
            notes += dict.fromkeys(words.problems)
        except DiffscribeError as error:
            notes.append(str(error))
    commits = tuple(worded.get(at, commit) for at, commit in enumerate(plan.commits))
    generated = tuple(n for n, _ in enumerate(commits, 1) if n - 1 not in worded)
    if generated and settings.model != NO_MODEL:
        notes.append(f"{len(generated)} of {len(commits)} subjects only name files")
    draft = Draft(plan=plan.model_copy(update={"commits": commits}))
    return Proposal(draft, made_by, generated, tuple(notes))


# Groups and types.


def _grouped(change: Change, house: HouseStyle, notes: list[str], as_one: bool) -> Plan:
    """Return the baseline's plan in the style of the house."""
    baseline = load_baseline(BASELINE)
    paths = tuple(file.path for file in change.files)
    if as_one:
        whole = PlannedCommit(files=paths, type="", subject="")
        plan = baseline.with_messages(Plan(commits=(whole,)), change.diff)
    else:
        plan = baseline.plan(paths, change.diff)
    if sum(len(commit.files) for commit in plan.commits) > MOST_FILES:
        notes.append(
            f"{len(change.files)} files are too many to compare all of them: they are "
            "planned in parts, by their folders"
        )
    commits = (
        commit.model_copy(update={"type": _allowed(commit.type, house.types)})
        for commit in plan.commits
    )
    styled = tuple(in_house_style(commit, house) for commit in commits)
    return plan.model_copy(update={"commits": styled})


_NEAREST = {
    "perf": ("refactor", "feat"),
    "refactor": ("chore", "feat"),
    "style": ("refactor", "chore"),
    "test": ("chore",),
    "build": ("chore",),
    "ci": ("build", "chore"),
    "docs": ("chore",),
    "revert": ("fix", "chore"),
    "chore": ("build", "refactor"),
}
"""What a house without a type calls such commits."""


def _allowed(type_: str, types: Sequence[str]) -> str:
    known = (each for each in (type_, *_NEAREST.get(type_, ())) if each in types)
    return next(known, types[0])
