"""An evaluation of as many cases as wanted, made up by their numbers."""

from diffscribe.eval.metrics import Evaluated, evaluate
from diffscribe.eval.scores import score_all
from diffscribe.review.report_page import write_page
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

TYPES = ("feat", "fix", "docs", "refactor", "test", "chore")
SUBJECTS = (
    "stop the reader at the end of its buffer",
    "let `parse_line` skip blanks",
    "say what a window holds",
    "name the cache after its key",
    "cover the second page of results",
    "raise the limit of open files to 4096",
)
SYSTEMS = (
    *("student-q8_0", "student-q4_k_m", "base", "control-baseline"),
    *("control-constant", "control-one-commit", "control-per-file"),
)


def written_page(folder, made):
    """Write the page with 24 cases to vote on; return its path."""
    write_page(folder, made, 24)
    return folder / "index.html"


def evaluated(cases, predictions):
    """What the stage knows when it writes the page."""
    scores = score_all(cases, predictions, HOUSE)
    sizes = {"student-q8_0": 1_800_000, "student-q4_k_m": 1_200_000}
    evaluation = evaluate(cases, scores, predictions, sizes)
    return Evaluated(cases, predictions, scores, evaluation)


def repeated(made, times):
    """Return what was made with each of its samples this many times, scored once."""

    def named(rows, field):
        return [
            row.model_copy(update={field: f"{getattr(row, field)}-{number}"})
            for number in range(times)
            for row in rows
        ]

    return Evaluated(
        named(made.cases, "id"),
        named(made.predictions, "sample_id"),
        named(made.scores, "sample_id"),
        made.evaluation,
    )


def generated(count, lines=8):
    cases = [_case(number, lines) for number in range(count)]
    predictions = [
        prediction(
            _answer(case, number, at),
            text="Sure! Here is the plan you asked for" if at == 2 else None,
            case_id=case.id,
            system=system,
            latency_s=0.4 + number % 7 / 10 if at < 3 else 0.0,
            completion_tokens=90 + number % 31 if at < 3 else 0,
        )
        for at, system in enumerate(SYSTEMS)
        for number, case in enumerate(cases)
    ]
    return evaluated(cases, predictions)


def _case(number, lines):
    files = [f"src/{'abc'[number % 3]}/part_{number % 50}_{at}.py" for at in range(4)]
    groups = [files[at :: 1 + number % 3] for at in range(1 + number % 3)]
    target = plan(
        *(
            commit(
                " ".join(group),
                TYPES[(number + at) % len(TYPES)],
                SUBJECTS[(number * 5 + at) % len(SUBJECTS)],
                body="It read past the last line of a file.\n" if number % 4 else "",
            )
            for at, group in enumerate(groups)
        ),
        gitignore=("*.log",) if number % 5 == 0 else (),
    )
    junk = ("build.log",) if number % 5 == 0 else ()
    diff = "".join(_patch(path, number, lines) for path in (*files, *junk))
    return make_case(
        target,
        junk,
        id=f"{number:064x}"[::-1],
        repo=f"example.org/team-{number % 4}/project-{number % 4}",
        languages=(("Python", "Go", "Rust")[number % 3],),
        diff=diff,
    )


def _patch(path, number, lines):
    body = "".join(
        f"-    old_{number}_{at} = read(line, {at})\n"
        f"+    new_{number}_{at} = read_all(line, {at})\n"
        for at in range(lines)
    )
    return (
        f"diff --git a/{path} b/{path}\nindex {'1' * 40}..{'2' * 40} 100644\n"
        f"--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,{lines + 1} +1,{lines + 1} @@ def parse():\n context\n{body}"
    )


def _answer(case, number, system):
    if system == 2 and number % 3:
        return None
    if system in (0, 3) and number % 4:
        return case.target
    if system == 6:
        commits = [commit(path, "feat", "update files") for path in case.files]
        return plan(*commits)
    subject = SUBJECTS[(number + system) % len(SUBJECTS)]
    kind = TYPES[(number + system) % len(TYPES)]
    return plan(commit(" ".join(case.files), kind, subject))
