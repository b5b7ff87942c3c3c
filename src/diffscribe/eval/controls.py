"""Make plans without a model: what a model has to beat to be worth running.

Unless its docstring says otherwise, a rule gives every commit the subject SUBJECT and
takes the type from the paths. Rules leave junk in commits; only the baseline tells it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from diffscribe.commits.diff import parts_of_diff, read_changes
from diffscribe.commits.grammar import split_message
from diffscribe.commits.headers import read_header
from diffscribe.commits.originals import original_parts, plan_of_parts
from diffscribe.commits.path_rules import decided_type, type_of_paths
from diffscribe.commits.plan import plan_json
from diffscribe.commits.type_model import guess_type
from diffscribe.core.errors import RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import (
    LabeledChange,
    OriginalCommit,
    Plan,
    PlannedChange,
    PlannedCommit,
    Prediction,
    SplitChange,
)
from diffscribe.eval.cases import GROUPS_GIVEN, Case
from diffscribe.secrets.redact import redact

Control = Callable[[Case], Plan]

SUBJECT = "update files"
TYPE_OF_CODE = "feat"
"""The type of commits of code, which paths do not tell; it is the most common one."""
PIECE = r"\w+|[^\w\s]"
NEIGHBOURS = 5
MAX_CHARS = 20_000
"""Characters of a diff that are compared with others; more only cost time."""


def fit_controls(
    training: Iterable[SplitChange],
    planned: Callable[[Case], PlannedChange],
    groups_given: bool = False,
) -> dict[str, Control]:
    """Return RULES and what is fitted on training rows, by the names of systems.

    `planned` gives what the fitted classical baseline made of a case. With
    `groups_given` there are also those that are told the target's groups.
    """
    rows = list(training)
    controls = {
        **RULES,
        "control-majority-type": majority_type(rows),
        "control-nearest": nearest(rows),
        "control-baseline": lambda case: planned(case).plan,
    }
    if groups_given:
        controls[f"control-nearest{GROUPS_GIVEN}"] = nearest_given(rows)
        controls[f"control-baseline{GROUPS_GIVEN}"] = lambda case: planned(case).given
    return controls


def predict_control(
    name: str, control: Control, cases: Iterable[Case]
) -> list[Prediction]:
    """Return what a control answers to each case, at no cost, under a name."""
    plans = [(case.id, control(case)) for case in cases]
    return [
        Prediction(sample_id=id_, system=name, text=plan_json(plan), plan=plan)
        for id_, plan in plans
    ]


def read_planned(path: Path) -> Callable[[Case], PlannedChange]:
    """Return what gives the plans that the stage baseline wrote for a case.

    Raises:
        RecordError: from what is returned, for a case without a plan.
    """
    found = {each.id: each for each in read_jsonl(path, PlannedChange)}

    def planned(case: Case) -> PlannedChange:
        if case.id not in found:
            raise RecordError(
                f"{path}: no plan of the change {case.id}; run the stage baseline again"
            )
        return found[case.id]

    return planned


def read_labels(path: Path) -> Control:
    """Return what plans as the labels of a file do, and has no plan of other cases.

    Secrets and people are replaced, as they are in the cases.
    """
    rows = (redact(row).change for row in read_changes(path, LabeledChange))
    plans = {row.id: row.label.plan for row in rows}
    return lambda case: plans.get(case.id, Plan(commits=()))


def one_commit(case: Case) -> Plan:
    """Return one commit of every file."""
    return _by(case, lambda _: "")


def per_file(case: Case) -> Plan:
    """Return one commit for each file; for a message, one of all."""
    return _by(case, lambda path: path)


def per_directory(case: Case) -> Plan:
    """Return one commit for each directory that holds a changed file itself.

    For a message, one of all.
    """
    return _by(case, lambda path: str(PurePosixPath(path).parent))


def original(case: Case) -> Plan:
    """Return the commits as their authors made them, with their whole messages.

    A file whose hunks cannot be told apart is in the last of its commits, and so is
    what none touched, such as junk. A message that is not conventional gets the type
    that its paths and its verb stand for. Without a history this is `one_commit`.
    """
    if not case.originals:
        return one_commit(case)
    if case.task == "message":
        return plan_of_parts(
            case.originals[:1], [dict.fromkeys(case.files, ())], _as_made
        )
    paths = {path: path for path in case.files}
    parts = original_parts(case.originals, paths, case.diff).parts
    rest = paths.keys() - {path for part in parts for path in part}
    parts[-1].update((path, ()) for path in rest)
    return plan_of_parts(case.originals, parts, _as_made)


RULES: dict[str, Control] = {
    "control-one-commit": one_commit,
    "control-per-file": per_file,
    "control-per-directory": per_directory,
    "control-original": original,
}
"""The controls that need no training rows."""


def majority_type(training: Sequence[SplitChange]) -> Control:
    """Return the rule of one commit with the most common type; of a tie the first."""
    types = Counter(c.type for row in training for c in row.label.plan.commits)
    most_common = max(sorted(types), key=types.__getitem__, default=TYPE_OF_CODE)

    def plan_of(case: Case) -> Plan:
        single = one_commit(case).commits[0]
        return Plan(commits=(single.model_copy(update={"type": most_common}),))

    return plan_of


def nearest(training: Iterable[SplitChange]) -> Control:
    """Return the rule that lends the message of the training diff most alike.

    That is, of the five nearest by the cosine of bags of words the one of the best
    BLEU-4 (NNGen, Liu et al. 2018); of equal ones the first. Training changes of
    one commit count, without variants; if there is none this is `one_commit`.
    """
    known = [
        (row.diff, row.label.plan.commits[0])
        for row in training
        if row.parent_id is None and len(row.label.plan.commits) == 1
    ]
    if not known:
        return one_commit
    lend = _lender(known)

    def plan_of(case: Case) -> Plan:
        return Plan(commits=(_lent(lend(case.diff), case.files, {}),))

    return plan_of


def nearest_given(training: Iterable[SplitChange]) -> Control:
    """Return the rule that lends each of the target's groups a message, as `nearest`.

    What is compared is the part of the diff that a commit has, in training as in the
    case. If there is no training commit this is the target with the constant message.
    """
    known: dict[str, PlannedCommit] = {}
    for row in training:
        if row.parent_id is None:
            commits = row.label.plan.commits
            for part, commit in zip(
                parts_of_diff(row.diff, commits), commits, strict=True
            ):
                known.setdefault(part, commit)
    lend = _lender([*known.items()]) if known else None

    def plan_of(case: Case) -> Plan:
        given = case.target.commits
        commits = [
            _lent(lend(part) if lend else _commit(each.files), each.files, each.hunks)
            for each, part in zip(given, parts_of_diff(case.diff, given), strict=True)
        ]
        return case.target.model_copy(update={"commits": tuple(commits)})

    return plan_of


def _lent(
    commit: PlannedCommit,
    files: tuple[str, ...],
    hunks: Mapping[str, tuple[int, ...]],
) -> PlannedCommit:
    return commit.model_copy(update={"files": files, "hunks": hunks, "issues": ()})


def _lender(
    known: Sequence[tuple[str, PlannedCommit]],
) -> Callable[[str], PlannedCommit]:
    """Return what finds the commit of the known diff that is most like another."""
    import numpy as np
    from sacrebleu.metrics.bleu import BLEU
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    diffs = [diff[:MAX_CHARS] for diff, _ in known]
    vectorizer = CountVectorizer(token_pattern=PIECE, lowercase=False)
    vectors = normalize(vectorizer.fit_transform(diffs))
    # The tokens are made here: sacrebleu's own rules are for sentences.
    bleu = BLEU(tokenize="none", effective_order=True)

    def tokens(diff: str) -> str:
        return " ".join(re.findall(PIECE, diff))

    def lend(diff: str) -> PlannedCommit:
        asked = diff[:MAX_CHARS]
        cosines = vectors @ normalize(vectorizer.transform([asked])).T
        near = np.argsort(-cosines.toarray()[:, 0], kind="stable")[:NEIGHBOURS]

        def likeness(at: int) -> float:
            found = bleu.sentence_score(tokens(asked), [tokens(diffs[at])])
            return float(found.score)

        return known[max(near, key=likeness)][1]

    return lend


def _by(case: Case, key: Callable[[str], str]) -> Plan:
    """Return a commit for each key that files have, in the order of the keys."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in case.files:
        groups[key(path) if case.task == "plan" else ""].append(path)
    return Plan(commits=tuple(_commit(tuple(groups[each])) for each in sorted(groups)))


def _commit(files: tuple[str, ...]) -> PlannedCommit:
    return PlannedCommit(
        files=files, type=type_of_paths(files) or TYPE_OF_CODE, subject=SUBJECT
    )


def _as_made(commit: OriginalCommit) -> PlannedCommit:
    message = split_message(commit.message)
    header = read_header(commit.message, commit.files)
    guessed = guess_type(header.subject, commit.files).type
    return PlannedCommit(
        files=commit.files,
        type=header.type or decided_type(commit.files) or guessed,
        scope=header.scope,
        breaking=header.breaking or bool(message.breaking_notes),
        subject=header.subject,
        body=message.body,
    )
