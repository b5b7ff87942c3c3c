"""Draw which runs of commits are squashed to one change."""

import hashlib
from random import Random

from diffscribe.params import HarvestParams


def draw_sizes(head: str, longest: int, params: HarvestParams) -> list[int]:
    """Return the distinct sizes of the windows that end at a commit, ascending.

    Sizes from 1 to `longest`, the commits that may be squashed at this head,
    are equally likely; on average there are `windows_per_commit` of them, or
    all. Only the seed and the sha decide, so a draw stays when history grows.
    """
    digest = hashlib.sha256(f"{params.seed}\0{head}".encode()).digest()
    random = Random(digest)  # noqa: S311
    whole = int(params.windows_per_commit)
    count = whole + (random.random() < params.windows_per_commit - whole)
    return sorted(random.sample(range(1, longest + 1), min(count, longest)))
