"""What an evaluation shows and what it cannot show, in words for its report."""

from diffscribe.evaluation.grid import grid
from diffscribe.evaluation.metrics import HEADLINE, Difference, Evaluation, SystemResult
from diffscribe.exact import rule_of_three


def claims(evaluation: Evaluation) -> str:
    """Return what is better, what intervals are about, and what would go unseen."""
    student = evaluation.systems[0]
    parts = [
        scope_line(student),
        *filter(None, map(_overflows, evaluation.systems)),
        *(_verdicts(student.system, each) for each in evaluation.differences),
        f"Better or worse is said only where p is below 0.05 after Holm's correction "
        f"over all {len(HEADLINE) * len(evaluation.differences)} comparisons of this "
        "table; the interval is then without 0. A true difference of so many points "
        "would be found 4 times in 5, a smaller one less often:",
        grid([_detectable(each) for each in evaluation.differences]),
        *_none_seen(student),
    ]
    return "\n\n".join(parts)


def scope_line(student: SystemResult) -> str:
    """Return of what the intervals are: of other repositories, or these only."""
    measured = next(
        (each for name in HEADLINE if (each := student.scores[name]).n),
        student.scores[HEADLINE[0]],
    )
    if measured.scope == "repositories":
        return (
            f"Intervals are of other repositories like these {measured.clusters}: "
            "repositories were resampled."
        )
    return (
        "Intervals are of other changes of these repositories only: with fewer than "
        f"six of them, the {measured.clusters} changes were resampled."
    )


def _overflows(result: SystemResult) -> str:
    """Return what prompts that were too long cost a system, or nothing."""
    share = result.aggregates.prompt_overflows
    if not share:
        return ""
    return (
        f"Of {result.system} {100 * share:.0f} % of the prompts were longer than its "
        "context, or than their own limit, and count as failed; give it more context "
        "or shorter prompts."
    )


def _verdicts(student: str, difference: Difference) -> str:
    """Return one line on one other system."""
    named = {
        verdict: [
            name
            for name, each in difference.comparisons.items()
            if each.verdict == verdict
        ]
        for verdict in ("better", "worse", "not shown")
    }
    words = "; ".join(
        f"{verdict}: {', '.join(names)}" for verdict, names in named.items() if names
    )
    return f"- {student} against {difference.other}: {words}."


def _detectable(difference: Difference) -> dict[str, str]:
    found = {name: each.detectable for name, each in difference.comparisons.items()}
    return {"against": difference.other} | {
        name: "-" if points is None else f"{100 * points:.1f}"
        for name, points in found.items()
    }


def _none_seen(student: SystemResult) -> list[str]:
    """Return a line on the measures without a single failure."""
    perfect = {
        name: student.scores[name]
        for name in HEADLINE
        if student.scores[name].value == 1.0 and student.scores[name].independent
    }
    if not perfect:
        return []
    words = ", ".join(
        f"{name} {100 * rule_of_three(each.independent):.1f} %"
        for name, each in perfect.items()
    )
    return [
        f"Nothing failed in {', '.join(perfect)}. That is no proof of 100 %: by the "
        f"rule of three at most this share fails, at 95 % confidence: {words}."
    ]
