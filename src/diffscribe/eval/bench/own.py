"""Rows of diffscribe's own stages as cases."""

from collections.abc import Mapping
from typing import Any

from diffscribe.core.records import Change, Label, Record
from diffscribe.eval.bench.targets import plan_of_commits
from diffscribe.eval.cases import Case


class _Row(Record, extra="ignore"):
    """What a change may have on top, by how far it came."""

    label: Label | None = None
    parent_id: str | None = None
    junk: tuple[str, ...] = ()


def case_of_change(row: Mapping[str, Any]) -> Case:
    """Return a plan case of a change: harvested, labeled, curated or split.

    The target is the label's plan, or what the original commits amount to.
    """
    on_top = _Row.model_validate(row)
    change = Change.model_validate(
        {key: row[key] for key in Change.model_fields.keys() & row.keys()}
    )
    paths = tuple(file.path for file in change.files)
    renamed = {file.old_path: file.path for file in change.files if file.old_path}
    commits = [
        each.model_copy(
            update={"files": tuple(renamed.get(path, path) for path in each.files)}
        )
        for each in change.commits
    ]
    plan = on_top.label.plan if on_top.label else plan_of_commits(commits, paths)
    return Case(
        id=change.id,
        parent_id=on_top.parent_id,
        repo=change.repo,
        languages=change.languages,
        task="plan",
        files=paths,
        junk=on_top.junk,
        diff=change.diff,
        gitignore=change.gitignore,
        prompt=(),
        target=plan,
        originals=change.commits,
    )
