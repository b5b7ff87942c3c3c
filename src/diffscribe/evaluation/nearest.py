"""The message of the most similar diff in training, as NNGen has it.

Liu et al. 2018, "Neural-machine-translation-based commit message generation: how
far are we?": the five nearest by the cosine of bags of words, of which that with
the best BLEU-4 of the diffs lends its message, unchanged.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from diffscribe.records import PlannedCommit, SplitChange

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
