"""What a commit is called: its type by a linear classifier, its subject by names."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from diffscribe.baseline.features import FileEvidence, common_folders, words_of

SIGNS = 65_536
"""Columns that the signs of a commit are hashed to."""
INVERSE_PENALTY = 4.0
"""scikit-learn's C of the logistic regression."""
MANY = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Limits of the classes into which numbers of lines and files fall."""


class TypedCommit(NamedTuple):
    """A commit to learn from."""

    files: Sequence[FileEvidence]
    type: str


class TypeModel(NamedTuple):
    """A linear classifier over hashed signs."""

    types: tuple[str, ...]
    """Sorted; never empty."""
    weights: NDArray[np.float32]
    """SIGNS by types."""
    bias: NDArray[np.float32]
    """Of each type."""


def fit_types(commits: Sequence[TypedCommit]) -> TypeModel:
    """Return the classifier by multinomial logistic regression.

    If all commits are of one type, it is the answer to everything.
    """
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    types = tuple(sorted({commit.type for commit in commits}))
    if len(types) == 1:
        return TypeModel(
            types, np.zeros((SIGNS, 1), np.float32), np.zeros(1, np.float32)
        )
    hashed = [_hashed(commit.files) for commit in commits]
    ends = np.cumsum([0, *(len(columns) for columns, _ in hashed)])
    columns, values = map(np.concatenate, zip(*hashed, strict=True))
    signs = csr_array((values, columns, ends), shape=(len(commits), SIGNS))
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=200)
    model.fit(signs, [commit.type for commit in commits])
    weights, bias = row_for_each_class(model)
    # They are kept in half precision, and what is loaded has to answer alike.
    halves = weights.T.astype(np.float16).astype(np.float32)
    return TypeModel(types, halves, bias.astype(np.float32))


def row_for_each_class(learned: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the weights and biases of a logistic regression, a row for each class.

    For two classes scikit-learn has one row, of the second against the first; the
    first then has zeros, so that a softmax gives the same probabilities.
    """
    weights, bias = learned.coef_, learned.intercept_
    if len(learned.classes_) == 2:
        weights, bias = np.vstack([0 * weights, weights]), np.append(0 * bias, bias)
    return weights, bias


def type_of(model: TypeModel, files: Sequence[FileEvidence]) -> str:
    """Return the likeliest type; of equally likely ones the first by name."""
    columns, values = _hashed(files)
    scores = values @ model.weights[columns] + model.bias
    return model.types[int(scores.argmax())]


def _hashed(
    files: Sequence[FileEvidence],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the columns of a row of unit length, and their values."""
    numbers = [crc32(sign.encode()) % SIGNS for sign in set(_signs(files))]
    columns, counts = np.unique(numbers, return_counts=True)
    values = (counts / np.linalg.norm(counts)).astype(np.float32)
    return columns, values


def _signs(files: Sequence[FileEvidence]) -> Iterator[str]:
    for file in files:
        yield from (f"word {word}" for word in file.words)
        yield from (f"folder {folder}" for folder in file.folders)
        yield from (f"+ {token}" for token in file.added)
        yield from (f"- {token}" for token in file.removed)
        yield from (f"+~ {word}" for token in file.added for word in words_of(token))
        yield from (f"-~ {word}" for token in file.removed for word in words_of(token))
        yield f"name {file.path.rsplit('/', 1)[-1]}"
        yield f"extension {file.extension}"
        yield f"{file.kind} {file.status}"
    kinds = "+".join(sorted({file.kind for file in files}))
    statuses = "+".join(sorted({file.status for file in files}))
    yield f"kinds {kinds}"
    yield f"kinds {kinds} {statuses}"
    for name, number in (
        ("files", len(files)),
        ("additions", sum(file.additions for file in files)),
        ("deletions", sum(file.deletions for file in files)),
    ):
        yield f"{name} {sum(number >= limit for limit in MANY)}"


VERBS = {"A": "add", "D": "remove", "R": "move"}
"""The verb for files that all have this status; other files are updated."""
MAX_CHARS = 60
MAX_NAMES = 2


def subject_of(files: Sequence[FileEvidence]) -> str:
    """Return a verb and the names of one or two files, or their number and folder.

    Names are as in the change, so that nothing is said that is not there.
    """
    statuses = {file.status for file in files}
    verb = VERBS.get(statuses.pop(), "update") if len(statuses) == 1 else "update"
    names = " and ".join(PurePosixPath(file.path).name for file in files)
    is_short = len(files) <= MAX_NAMES and len(names) <= MAX_CHARS
    return f"{verb} {names if is_short and names.isprintable() else _counted(files)}"


def _counted(files: Sequence[FileEvidence]) -> str:
    count = f"{len(files)} files" if len(files) > 1 else "1 file"
    folder = "/".join(common_folders(files))
    if folder and len(folder) <= MAX_CHARS - len(count) and folder.isprintable():
        return f"{count} in {folder}"
    return count
