"""What the commits of a sample repository are, drawn before the first one."""

from random import Random

from diffscribe.commits.grammar import TYPES

ANY = "any edit"
MERGE = "merge"
REVERT = "revert"
GIT_REVERT = "git revert"
UNFINISHED = "unfinished"

ONCE = (*TYPES, MERGE)
"""Steps that every plan has, whatever is drawn: each type, and a merge."""
WEIGHTS = {ANY: 88, REVERT: 4, GIT_REVERT: 1, MERGE: 5, UNFINISHED: 2}
"""How often each step is drawn for the rest of a plan."""


def draw_plan(steps: int, rng: Random) -> list[str]:
    """Return the steps of a story: edits of a type, or what the constants name.

    Those of ONCE are shuffled with the first half of the rest: a step that has to
    wait until the project is ready for it then finds its commit before the end.
    """
    rest = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=steps - len(ONCE))
    late = rest[: len(rest) // 2]
    early = [*ONCE, *rest[len(late) :]]
    rng.shuffle(early)
    return [*early, *late]
