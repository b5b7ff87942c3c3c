"""The type of a commit from its files and lines alone."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from diffscribe.baseline.evidence import FileEvidence, words_of
from diffscribe.core.params import BaselineParams

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


MANY = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Numbers of lines and files are told apart as finely as this."""


class TypedCommit(NamedTuple):
    """A commit to learn from."""

    files: Sequence[FileEvidence]
    type: str


class TypeModel(NamedTuple):
    """A linear classifier over hashed signs."""

    types: tuple[str, ...]
    """Sorted; never empty."""
    weights: "NDArray[float32]"
    """Signs by types."""
    bias: "NDArray[float32]"
    """Of each type."""


def fit_types(commits: Sequence[TypedCommit], params: BaselineParams) -> TypeModel:
    """Return the classifier by multinomial logistic regression.

    If all commits are of one type, it is the answer to everything.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    types = tuple(sorted({commit.type for commit in commits}))
    if len(types) == 1:
        shape = (params.type_signs, 1)
        return TypeModel(types, np.zeros(shape, np.float32), np.zeros(1, np.float32))
    signs = _hashed([commit.files for commit in commits], params.type_signs)
    model = LogisticRegression(C=params.type_inverse_penalty, max_iter=200)
    model.fit(signs, [commit.type for commit in commits])
    weights, bias = model.coef_, model.intercept_
    if len(types) == 2:
        # For two classes there is one row, of the second against the first.
        weights, bias = np.vstack([-weights, weights]), np.array([-bias[0], bias[0]])
    return TypeModel(types, weights.T.astype(np.float32), bias.astype(np.float32))


def type_of(model: TypeModel, files: Sequence[FileEvidence]) -> str:
    """Return the likeliest type; of equally likely ones the first by name."""
    signs = _hashed([files], model.weights.shape[0])
    scores = signs @ model.weights + model.bias
    return model.types[int(scores[0].argmax())]


def _hashed(commits: Sequence[Sequence[FileEvidence]], size: int) -> Any:
    """Return a row of unit length for each commit."""
    import numpy as np
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.preprocessing import normalize

    hasher = FeatureHasher(size, input_type="string", dtype=np.float32)
    return normalize(hasher.transform([sorted(set(_signs(each))) for each in commits]))


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
        yield f"{name} {_rounded(number)}"


def _rounded(number: int) -> int:
    return sum(number >= limit for limit in MANY)
