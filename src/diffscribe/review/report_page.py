"""One case and all answers to it, as the page reads them."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from diffscribe.commits.diff import FilePatch, parse_diff, shown_patches
from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import plan_json
from diffscribe.core.draw import stratified
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.intervals import Estimate
from diffscribe.core.params import EvalParams
from diffscribe.core.records import Plan, Prediction, Score
from diffscribe.eval.cases import Case, cluster_of
from diffscribe.eval.messages import header_of
from diffscribe.eval.metrics import (
    LARGEST,
    MOST_COMMITS,
    NO_TYPE,
    SIZES,
    Aggregates,
    Difference,
    Evaluation,
    SystemResult,
    commits_of,
    mean_of,
    size_of,
)
from diffscribe.eval.scores import HEADLINE, SCORES
from diffscribe.review.page import whole_page
from diffscribe.review.votes import TARGET, Ballot

_NAMES = (*map(str, range(MOST_COMMITS)), f"{MOST_COMMITS} or more")
_ORDER = {name: at for at, name in enumerate((*_NAMES, *SIZES.values(), LARGEST))}
KINDS = ("repository", "language", "commits", "diff size", "type", "junk")


class Slice(NamedTuple):
    """Some of the cases."""

    kind: str
    """Of KINDS."""
    name: str
    ids: frozenset[str]


def slices(cases: Sequence[Case]) -> list[Slice]:
    """Return the parts of the cases by each of KINDS, in the order of tables.

    A case is in one part of a kind; in one of each of its languages and types.
    """
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in cases:
        for kind, names in names_of(case).items():
            for name in names:
                ids[kind, name].add(case.id)
    ordered = sorted(ids, key=lambda each: (_rank(*each), each))
    return [Slice(*each, frozenset(ids[each])) for each in ordered]


def names_of(case: Case) -> dict[str, tuple[str, ...]]:
    """Return the parts that a case is in, by kind."""
    commits = case.target.commits
    return {
        "repository": (case.repo,),
        "language": case.languages or ("other",),
        "commits": (commits_of(case),),
        "diff size": (size_of(case),),
        "type": tuple(sorted({commit.type for commit in commits})),
        "junk": ("with junk" if case.junk else "without",),
    }


def reliability(
    scores: Iterable[Score],
    parts: Sequence[Slice],
    names: Sequence[str],
) -> list[Mapping[str, Estimate]]:
    """Return one system's scores on each part, with 95 % intervals.

    Args:
        scores: of one system.
        parts: of the cases.
        names: of the scores wanted.
    """
    of_id = {score.sample_id: score for score in scores}
    return [
        {
            name: mean_of([of_id[id_] for id_ in sorted(part.ids)], name)
            for name in names
        }
        for part in parts
    ]


def _rank(kind: str, name: str) -> tuple[int, int]:
    return KINDS.index(kind), _ORDER.get(name, 0)


_OTHER = "other"
SHOWN_TYPES = (*TYPES, _OTHER, NO_TYPE)
"""In the order of tables."""
_BOUNDS = (0, 10, 20, 30, 40, 50, 60, 73)
"""In characters; 72 is what git's tools show."""


def confusion(
    counts: Mapping[str, Mapping[str, int]],
) -> list[tuple[str, str, int]]:
    """Return a confusion of types with one name for all that are no type."""
    known: Counter[tuple[str, str]] = Counter()
    for target, row in counts.items():
        for answered, count in row.items():
            known[_known(target), _known(answered)] += count
    return [(*each, known[each]) for each in sorted(known)]


def distributions(plans: Iterable[Plan]) -> dict[str, Any]:
    """Return how often each type and each length of a header occurs.

    Lengths come as `lengths`, one count a band of `length_bands`; `bodies` counts
    the commits that have one.
    """
    commits = [commit for plan in plans for commit in plan.commits]
    lengths = Counter(_band(len(header_of(commit))) for commit in commits)
    types = Counter(_known(commit.type or NO_TYPE) for commit in commits)
    return {
        "commits": len(commits),
        "types": {name: types[name] for name in SHOWN_TYPES if types[name]},
        "lengths": [lengths[at] for at in range(len(_BOUNDS))],
        "bodies": sum(bool(commit.body) for commit in commits),
    }


def length_bands() -> list[str]:
    """Return the names of the bands, in characters of a header."""
    return [
        *(f"{low} to {high - 1}" for low, high in pairwise(_BOUNDS)),
        f"{_BOUNDS[-1]} or more",
    ]


def _band(length: int) -> int:
    return sum(length >= low for low in _BOUNDS) - 1


def _known(type_: str) -> str:
    """Return the type, or `other`: a model may write anything there."""
    return type_ if type_ in (*TYPES, NO_TYPE) else _OTHER


def overview(
    cases: Sequence[Case],
    answers: Mapping[str, Mapping[str, Prediction]],
    scores: Mapping[str, Mapping[str, Score]],
    evaluation: Evaluation,
) -> dict[str, Any]:
    """Return what the first view shows.

    Args:
        cases: all of them.
        answers: by system, then by id of the case.
        scores: likewise.
        evaluation: of all systems.
    """
    parts = slices(cases)
    aggregates = {each.system: each.aggregates for each in evaluation.systems}
    figures: dict[str, dict[str, Any]] = {
        TARGET: {"distributions": distributions(case.target for case in cases)}
    }
    for system, own in answers.items():
        measured = reliability(scores[system].values(), parts, HEADLINE)
        plans = (each.plan for each in own.values() if each.plan)
        figures[system] = {
            "confusion": confusion(aggregates[system].confusion),
            "said": _said(aggregates[system]),
            "distributions": distributions(plans),
            "slices": [[_ends(each[name]) for name in HEADLINE] for each in measured],
        }
    return {
        "measures": {name: measure._asdict() for name, measure in SCORES.items()},
        "headline": HEADLINE,
        "systems": [_system(result) for result in evaluation.systems],
        "differences": [_difference(each) for each in evaluation.differences],
        "slices": [(part.kind, part.name, len(part.ids)) for part in parts],
        "types": SHOWN_TYPES,
        "length_bands": length_bands(),
        "figures": figures,
    }


def _said(aggregates: Aggregates) -> dict[str, float | None]:
    """Return what the page says above the figures of a system."""
    return {
        "macro-F1 of types": aggregates.macro_f1,
        "without a plan": aggregates.failures,
        "prompts that did not fit": aggregates.prompt_overflows,
        "different subjects": aggregates.distinct_subjects,
    }


def _system(result: SystemResult) -> dict[str, Any]:
    return {
        "system": result.system,
        "n": result.n,
        "scores": {name: _ends(each) for name, each in result.scores.items()},
        "tokens_per_s": result.tokens_per_s,
        "latency_p50_s": result.latency_p50_s,
        "latency_p95_s": result.latency_p95_s,
        "size_mb": result.size_mb,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "system": difference.system,
        "other": difference.other,
        "scores": {
            name: _ends(each.difference)
            for name, each in difference.comparisons.items()
        },
        "comparisons": {
            name: each.model_dump(include={"verdict", "p_holm", "wins", "losses"})
            for name, each in difference.comparisons.items()
        },
    }


def _ends(score: Estimate) -> list[float | int | None]:
    """Return value, low, high and n."""
    ends = (score.value, score.low, score.high)
    return [*(None if each is None else round(each, 4) for each in ends), score.n]


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


def drawn(cases: Sequence[Case], count: int | None) -> list[Case]:
    """Return the cases to vote on, in their order; None draws from all clusters.

    Of a change and its variants one is taken. Repository, number of commits, type
    of the first commit and size of the diff have their share.
    """
    one: dict[str, Case] = {}
    for case in cases:
        other = one.get(cluster_of(case))
        if other is None or _digest(case.id) < _digest(other.id):
            one[cluster_of(case)] = case
    strata = ((case.id, _stratum(case)) for case in one.values())
    ids = stratified(strata, len(one) if count is None else count, "side by side")
    return [case for case in cases if case.id in ids]


def pairs(systems: Sequence[str]) -> list[tuple[str, str]]:
    """Return who is compared: the first system with each base and with the target."""
    main, *others = systems
    bases = [name for name in others if name.startswith("base")]
    return [(main, other) for other in (*bases, TARGET)]


def ballots(
    cases: Sequence[Case],
    answers: Mapping[str, Mapping[str, Prediction]],
    pairs: Sequence[tuple[str, str]],
) -> list[Ballot]:
    """Return one ballot a case and pair.

    Which of two is A hangs on the case's id and their names alone, and is A for
    each of them equally often.

    Args:
        cases: those to vote on.
        answers: by system, then by id of the case; the target has none.
        pairs: of systems.
    """
    return [ballot_of(case, answers, pair) for pair in pairs for case in cases]


def ballot_of(
    case: Case, answers: Mapping[str, Mapping[str, Prediction]], pair: tuple[str, str]
) -> Ballot:
    """Return the ballot of a case and two systems, in whichever order."""
    one, other = sorted(pair)
    is_turned = int(_digest(case.id, one, other)[-1], 16) % 2
    first, second = (other, one) if is_turned else (one, other)
    texts = [answer_text(case, answers, system) for system in (first, second)]
    return Ballot(
        ballot=_digest(case.id, first, second, case.diff, *texts),
        sample_id=case.id,
        first=first,
        second=second,
    )


def answer_text(
    case: Case, answers: Mapping[str, Mapping[str, Prediction]], system: str
) -> str:
    """Return all that a voter sees of an answer: its plan, or else its text."""
    if system == TARGET:
        return plan_json(case.target)
    prediction = answers[system][case.id]
    return plan_json(prediction.plan) if prediction.plan else prediction.text


def _stratum(case: Case) -> tuple[str, str, str, str]:
    commits = case.target.commits
    first = commits[0].type if commits else ""
    return case.repo, commits_of(case), first, size_of(case)


def _digest(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


A = TypeVar("A", Prediction, Score)

_SCRIPTS = ("overview.js", "samples.js", "side_by_side.js", "report_page.js")


def write_page(
    folder: Path,
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
    params: EvalParams,
) -> None:
    """Write index.html, and ballots.jsonl with what it asks to vote on."""
    voted = ballots_of(cases, predictions, params.page_samples)
    page = report_page(cases, predictions, scores, evaluation, voted)
    (folder / "index.html").write_text(page, encoding="utf-8")
    write_jsonl(folder / "ballots.jsonl", voted)


def report_page(
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
    voted: Sequence[Ballot],
) -> str:
    """Return the page; whatever a repository or a model wrote is shown as text.

    Args:
        cases: all of them.
        predictions: of all systems to all cases.
        scores: of them.
        evaluation: of all systems.
        voted: what a person is asked to vote on; see `ballots_of`.
    """
    answers, measured = _by_system(predictions), _by_system(scores)
    folder = files("diffscribe.review")
    script = "".join(folder.joinpath(each).read_text("utf-8") for each in _SCRIPTS)
    report = overview(cases, answers, measured, evaluation)
    report |= {
        "samples": [listed(case) for case in cases],
        "values": {
            name: [
                [own[case.id].values[name] for case in cases]
                for own in measured.values()
            ]
            for name in HEADLINE
        },
        "ballots": [ballot.model_dump() for ballot in voted],
    }
    # Each is parsed when it is shown, so that a thousand are light.
    whole = {
        f"sample-{at}": shown(
            case,
            {system: own[case.id] for system, own in answers.items()},
            {system: own[case.id] for system, own in measured.items()},
            list(SCORES),
        )
        for at, case in enumerate(cases)
    }
    return whole_page(
        "Evaluation",
        folder.joinpath("report_page.css").read_text("utf-8"),
        folder.joinpath("report_page.html").read_text("utf-8"),
        script,
        {"report": report, **whole},
    )


def ballots_of(
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    count: int | None,
    compared: Sequence[tuple[str, str]] | None = None,
) -> list[Ballot]:
    """Return what a person is asked to vote on: so many cases, or all.

    Args:
        cases: all of them.
        predictions: of all systems to all cases.
        count: how many are drawn; None for all.
        compared: who is compared with whom; None for `pairs`.
    """
    answers = _by_system(predictions)
    if compared is None:
        compared = pairs(list(answers))
    return ballots(drawn(cases, count), answers, compared)


def _by_system(each: Iterable[A]) -> Mapping[str, Mapping[str, A]]:
    """Return answers or scores by system, then by id of the case."""
    systems: dict[str, dict[str, A]] = {}
    for one in each:
        systems.setdefault(one.system, {})[one.sample_id] = one
    return systems
