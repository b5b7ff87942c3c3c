"""One case and all answers to it, as the page reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from diffscribe.commits.plan import plan_json
from diffscribe.diffs.parse import FilePatch, parse_diff
from diffscribe.diffs.shown import shown_patches
from diffscribe.errors import RecordError
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.page.slices import names_of
from diffscribe.evaluation.scoring.format import header_of
from diffscribe.records import Plan, Prediction, Score


def listed(case: Case) -> dict[str, Any]:
    """Return what the list and its filters need of a case."""
    commits = case.target.commits
    return {
        "id": case.id,
        "title": header_of(commits[0]) if commits else "junk alone",
        "files": len(case.files),
        "chars": len(case.diff),
        **{kind.replace(" ", "_"): names for kind, names in names_of(case).items()},
    }


def shown(
    case: Case,
    predictions: Mapping[str, Prediction],
    scores: Mapping[str, Score],
    names: Sequence[str],
) -> dict[str, Any]:
    """Return a case whole: diff, target, and each answer with its scores.

    Paths of the change are written as their place in `files`, as they stand in
    many plans. Values are in the order of `names`.

    Args:
        case: the case.
        predictions: by system.
        scores: by system.
        names: of the scores.
    """
    texts = shown_patches(case.diff, case.files)
    places = {path: at for at, path in enumerate(texts)}
    return {
        "files": _files(case, texts),
        "junk": [places[path] for path in case.junk if path in places],
        "gitignore": case.gitignore,
        "originals": [commit.message for commit in case.originals],
        "target": _plan(case.target, places),
        "answers": {
            system: _answer(prediction, scores[system], places, names)
            for system, prediction in predictions.items()
        },
    }


def _files(case: Case, texts: Mapping[str, str]) -> list[dict[str, str]]:
    try:
        lines = _lines(parse_diff(case.diff))
    except RecordError:
        lines = {}
    return [
        {"path": path, "line": lines.get(path, path or "diff"), "text": text}
        for path, text in texts.items()
    ]


def _lines(patches: Sequence[FilePatch]) -> dict[str, str]:
    """Return each file's status, path and counts, as the file list shows them."""
    lines = {}
    for patch in patches:
        added, deleted = (
            sum(line[0] == sign for hunk in patch.hunks for line in hunk.lines)
            for sign in "+-"
        )
        name = f"{patch.old_path} => {patch.path}" if patch.old_path else patch.path
        counts = "binary" if patch.is_binary else f"+{added} -{deleted}"
        lines[patch.path] = f"{_status(patch)} {name} {counts}"
    return lines


def _status(patch: FilePatch) -> str:
    words = {line.split(" ", 1)[0] for line in patch.header[1:]}
    for word, status in (("new", "A"), ("deleted", "D"), ("rename", "R")):
        if word in words:
            return status
    return "M"


def _answer(
    prediction: Prediction,
    score: Score,
    places: Mapping[str, int],
    names: Sequence[str],
) -> dict[str, Any]:
    plan = prediction.plan
    is_own = plan is None or plan_json(plan) != prediction.text
    return {
        "plan": _plan(plan, places) if plan else None,
        "error": prediction.error,
        "text": prediction.text if is_own else None,
        "latency_s": round(prediction.latency_s, 3),
        "tokens": prediction.completion_tokens,
        "values": [_rounded(score.values[name]) for name in names],
        "findings": score.findings,
    }


def _plan(plan: Plan, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "commits": [
            {
                "header": header_of(commit),
                "files": [places.get(path, path) for path in commit.files],
                **({"body": commit.body} if commit.body else {}),
                **(
                    {"issues": [issue.model_dump() for issue in commit.issues]}
                    if commit.issues
                    else {}
                ),
            }
            for commit in plan.commits
        ],
        "gitignore": plan.gitignore,
    }


def _rounded(value: float | None) -> float | None:
    """Return a value with the digits that are shown."""
    return None if value is None else round(value, 3)
