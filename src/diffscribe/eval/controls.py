"""Plans without a model: what one has to beat to be worth running.

Every rule says the constant subject SUBJECT and takes its type from the paths,
where nothing else is said of it. None but the baseline tells junk from the rest.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from diffscribe.baseline.model import Baseline
from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.path_rules import guess_header, type_of_paths
from diffscribe.commits.plan import plan_json
from diffscribe.core.records import (
    OriginalCommit,
    Plan,
    PlannedCommit,
    Prediction,
    SplitChange,
)
from diffscribe.eval.cases import Case

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer


PIECE = r"\w+|[^\w\s]"
NEIGHBOURS = 5
MAX_CHARS = 20_000
"""Of a diff: more only costs time."""


class Neighbours(NamedTuple):
    """Training diffs to look among."""

    vectorizer: "CountVectorizer"
    vectors: Any
    """A row of unit length for each diff; scipy's sparse matrix."""
    diffs: tuple[str, ...]
    commits: tuple[PlannedCommit, ...]
    """Whose message each diff has."""


def fit_neighbours(training: Iterable[SplitChange]) -> Neighbours | None:
    """Return the changes of one commit, variants aside; None if there is none."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    rows = [
        row
        for row in training
        if row.parent_id is None and len(row.label.plan.commits) == 1
    ]
    if not rows:
        return None
    diffs = tuple(row.diff[:MAX_CHARS] for row in rows)
    vectorizer = CountVectorizer(token_pattern=PIECE, lowercase=False)
    vectors = normalize(vectorizer.fit_transform(diffs))
    commits = tuple(row.label.plan.commits[0] for row in rows)
    return Neighbours(vectorizer, vectors, diffs, commits)


def nearest(neighbours: Neighbours, diff: str) -> PlannedCommit:
    """Return the commit that lends its message; of equal ones the first."""
    import numpy as np
    from sklearn.preprocessing import normalize

    asked = diff[:MAX_CHARS]
    vector = normalize(neighbours.vectorizer.transform([asked]))
    cosines = (neighbours.vectors @ vector.T).toarray()[:, 0]
    near = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
    best: int = max(near, key=lambda at: _bleu(asked, neighbours.diffs[at]))
    return neighbours.commits[best]


def _bleu(diff: str, reference: str) -> float:
    """Return BLEU-4 of the tokens, 0 to 100."""
    from sacrebleu.metrics.bleu import BLEU

    # The tokens are made here: sacrebleu's own rules are for sentences.
    bleu = BLEU(tokenize="none", effective_order=True)
    score = bleu.sentence_score(_tokens(diff), [_tokens(reference)])
    return float(score.score)


def _tokens(diff: str) -> str:
    return " ".join(re.findall(PIECE, diff))


Control = Callable[[Case], Plan]

SUBJECT = "update files"
TYPE_OF_CODE = "feat"
"""What the paths of code do not tell; the most common type is the best guess."""


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

    A file that several commits touched is in the last of them, and so is what
    none did, such as junk. A message that is not conventional gets the type that
    its paths and its verb stand for. Without a history this is `one_commit`.
    """
    if not case.originals:
        return one_commit(case)
    last = len(case.originals) - 1
    commit_of = dict.fromkeys(case.files, last)
    for number, commit in enumerate(case.originals):
        commit_of |= {path: number for path in commit.files if path in commit_of}
    files: dict[int, list[str]] = defaultdict(list)
    for path, number in commit_of.items():
        files[0 if case.task == "message" else number].append(path)
    return Plan(
        commits=tuple(
            _as_made(case.originals[number], tuple(files[number]))
            for number in sorted(files)
        )
    )


RULES: Mapping[str, Control] = MappingProxyType(
    {
        "control-one-commit": one_commit,
        "control-per-file": per_file,
        "control-per-directory": per_directory,
        "control-original": original,
    }
)
"""The controls that need no training rows."""


def fit_controls(
    training: Iterable[SplitChange], baseline: Baseline
) -> Mapping[str, Control]:
    """Return RULES and what is fitted on training rows, by the names of systems."""
    rows = list(training)
    neighbours = fit_neighbours(rows)
    types = Counter(commit.type for row in rows for commit in row.label.plan.commits)
    most_common = max(sorted(types), key=types.__getitem__, default=TYPE_OF_CODE)

    def majority_type(case: Case) -> Plan:
        single = one_commit(case).commits[0]
        return Plan(commits=(single.model_copy(update={"type": most_common}),))

    def lent_message(case: Case) -> Plan:
        if neighbours is None:
            return one_commit(case)
        lent = nearest(neighbours, case.diff)
        return Plan(
            commits=(lent.model_copy(update={"files": case.files, "issues": ()}),)
        )

    def classical(case: Case) -> Plan:
        planned = baseline.message if case.task == "message" else baseline.plan
        return planned(case.files, case.diff)

    return MappingProxyType(
        {
            **RULES,
            "control-majority-type": majority_type,
            "control-nearest": lent_message,
            "control-baseline": classical,
        }
    )


def predict_controls(
    cases: Sequence[Case], controls: Mapping[str, Control] = RULES
) -> list[Prediction]:
    """Return what each control answers to each case, at no cost."""
    return [
        _prediction(control, case, plan_of(case))
        for control, plan_of in controls.items()
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


def _as_made(commit: OriginalCommit, files: tuple[str, ...]) -> PlannedCommit:
    message = split_message(commit.message)
    header = parse_header(message.header) or guess_header(message.header, commit.files)
    return PlannedCommit(
        files=files,
        type=header.type,
        scope=header.scope,
        breaking=header.breaking or bool(message.breaking_notes),
        subject=header.subject,
        body=message.body,
    )
