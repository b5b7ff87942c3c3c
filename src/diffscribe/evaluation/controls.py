"""Plans by rule: what a model has to beat to be worth running."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType

from diffscribe.commits.path_rules import type_of_paths
from diffscribe.commits.plan import plan_json
from diffscribe.evaluation.cases import Case
from diffscribe.records import Plan, PlannedCommit, Prediction

SUBJECT = "update files"
TYPE_OF_CODE = "feat"
"""What the paths of code do not tell; the most common type is the best guess."""


def one_commit(case: Case) -> Plan:
    """Return one commit of every file; junk is not told from the rest."""
    return Plan(commits=(_commit(case.files),))


def per_directory(case: Case) -> Plan:
    """Return one commit for each directory that holds a changed file itself."""
    directories: dict[PurePosixPath, list[str]] = defaultdict(list)
    for path in case.files:
        directories[PurePosixPath(path).parent].append(path)
    return Plan(
        commits=tuple(_commit(tuple(directories[d])) for d in sorted(directories))
    )


CONTROLS: Mapping[str, Callable[[Case], Plan]] = MappingProxyType(
    {"control-one-commit": one_commit, "control-per-directory": per_directory}
)


def predict_controls(cases: Sequence[Case]) -> list[Prediction]:
    """Return what each of CONTROLS answers to each case, at no cost."""
    return [
        _prediction(control, case, plan_of(case))
        for control, plan_of in CONTROLS.items()
        for case in cases
    ]


def _prediction(control: str, case: Case, plan: Plan) -> Prediction:
    return Prediction(
        sample_id=case.id,
        system=control,
        text=plan_json(plan),
        plan=plan,
        error=None,
        latency_s=0.0,
        prompt_tokens=0,
        completion_tokens=0,
    )


def _commit(files: tuple[str, ...]) -> PlannedCommit:
    return PlannedCommit(
        files=files, type=type_of_paths(files) or TYPE_OF_CODE, subject=SUBJECT
    )
