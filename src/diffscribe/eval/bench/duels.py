"""A comparison of two runs as tables for a terminal."""

from diffscribe.eval.bench.compare import Comparison, Duel
from diffscribe.eval.bench.tables import NAME_DIGITS, NOTHING, Row, cut, fitting, number
from diffscribe.eval.scores import SCORES

LEVEL = 0.05


def duels_table(comparison: Comparison, kinds: tuple[str, ...], columns: int) -> str:
    """Return who is ahead by each measure, and in the slices of these kinds.

    Args:
        comparison: of two runs.
        kinds: of slices.
        columns: the width of the terminal; 80 have all but the raw p and the test.
    """
    names = zip(
        "AB",
        (comparison.first, comparison.second),
        comparison.systems,
        strict=True,
    )
    rows = [_row(duel, {"score": duel.score}) for duel in comparison.duels]
    parts = [
        "\n".join(
            cut(f"{letter}: {name[:NAME_DIGITS]} {system}", columns)
            for letter, name, system in names
        ),
        fitting(
            [_row(duel, {"score": duel.score}) for duel in comparison.duels], columns
        )
        if comparison.duels
        else "no measure applies to both",
        "A-B is paired by sample; W/L/T: samples on which A is better, worse, equal.\n"
        f"*: Holm's p, within a family of measures or a kind of slice, < {LEVEL}.",
    ]
    for kind in kinds:
        rows = [
            _row(duel, {kind: cut(duel.slice, 22), "score": duel.score})
            for duel in comparison.slices[kind]
        ]
        parts.append(fitting(rows, columns) if rows else f"no slices by {kind}")
    if comparison.same_run:
        parts.append("A and B are one run: nothing can differ.")
    return "\n\n".join(parts)


def _row(duel: Duel, head: Row) -> Row:
    measure, found = SCORES[duel.score], duel.difference
    star = "*" if duel.p_holm < LEVEL else " "
    ends = (number(measure, found.low, True), number(measure, found.high, True))
    return head | {
        "A": number(measure, duel.first),
        "B": number(measure, duel.second),
        "A-B": number(measure, found.value, True),
        "95 %": f"[{ends[0]}, {ends[1]}]" if found.n else NOTHING,
        "Holm": f"{duel.p_holm:.3f}{star}",
        "W/L/T": f"{duel.wins}/{duel.losses}/{duel.ties}",
        "n": str(duel.n),
        "p": f"{duel.p:.4f}",
        "test": duel.test,
        "better": measure.better,
    }
