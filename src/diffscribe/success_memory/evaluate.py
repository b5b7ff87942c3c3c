"""Ask systems for the held-out pairs and judge what they say. Nothing is run here."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import yaml

from diffscribe.core.compare import Measure
from diffscribe.core.draw import rank
from diffscribe.core.records import Score
from diffscribe.doors.reply import Question
from diffscribe.logs.evaluation import Judged, LogAnswer, NearestQuestion
from diffscribe.success_memory.pairs import PROBLEMS
from diffscribe.success_memory.records import SCRIPT_TASKS, PairSample
from diffscribe.success_memory.scripts import (
    covers,
    defines_transformer,
    identifiers,
    normalised,
    parsed,
    string_names,
    text_similarity,
)

FENCE: Final = "```"
JUDGED = Judged(
    measures={
        "parses": Measure(
            "form", "Python for a script, else the shape that was asked for"
        ),
        "defines_transformer": Measure(
            "form", "a class of libcst's that visits something"
        ),
        "equal": Measure(
            "answer", "the logged answer, but for layout, comments and own names"
        ),
        "repaired": Measure("answer", "`equal`, of repairs alone"),
        "edit_similarity": Measure(
            "answer", "letters that need no change to reach the logged answer"
        ),
        "operations_covered": Measure("answer", "operations that the script speaks of"),
        "names_grounded": Measure("answer", "names in strings that the question has"),
        "applies": Measure("run", "runs in a sandbox and changes a file"),
        "result_equal": Measure("run", "changes the files as the logged script does"),
    },
    headline=("parses", "equal", "repaired", "edit_similarity"),
    titles={
        "parses": "parses\n%",
        "equal": "equal\n%",
        "repaired": "repaired\n%",
        "edit_similarity": "similarity\n%",
    },
)
INPUT = "control-input"
NEAREST = "control-nearest"


def selected(samples: Sequence[PairSample], most: int, seed: int) -> list[PairSample]:
    """Return at most so many samples, drawn from each task alike, in their order."""
    by_task: dict[str, list[str]] = {}
    for sample in sorted(samples, key=lambda each: rank(seed, each.id)):
        by_task.setdefault(sample.task, []).append(sample.id)
    rounds = [
        (place, task, id_)
        for task, ids in by_task.items()
        for place, id_ in enumerate(ids)
    ]
    kept = {id_ for _, _, id_ in sorted(rounds)[:most]}
    return [sample for sample in samples if sample.id in kept]


def question_of_pair(
    case: PairSample, model: str, max_tokens: int, seed: int
) -> Question:
    """Return what a model is asked in a case."""
    return Question(
        model=model,
        messages=case.prompt,
        schema=None,
        max_tokens=max_tokens,
        temperature=0.0,
        seed=seed,
        about="success_memory",
        private=False,
    )


def input_answers(cases: Sequence[PairSample]) -> list[LogAnswer]:
    """Return what comes of returning the script of the question; '' if it has none."""
    return [
        LogAnswer(sample_id=case.id, system=INPUT, text=case.given) for case in cases
    ]


def nearest_answers(
    cases: Sequence[PairSample], training: Sequence[PairSample]
) -> list[LogAnswer]:
    """Return the answer of the training pair of the task whose question is most alike.

    A student that does no better has learned by heart.
    """
    nearest = {
        task: NearestQuestion([each for each in training if each.task == task], _asked)
        for task in {case.task for case in cases}
    }
    answers = []
    for case in cases:
        best = nearest[case.task].of(_asked(case))
        text = best.completion[0].content if best else ""
        answers.append(LogAnswer(sample_id=case.id, system=NEAREST, text=text))
    return answers


def _asked(sample: PairSample) -> str:
    return sample.prompt[-1].content


Run = Callable[[str, Sequence[str]], Mapping[str, str] | None]
"""Returns the files of those names as a script changes them, or None if it fails."""


def score_answer(case: PairSample, answer: LogAnswer, run: Run | None = None) -> Score:
    """Return every measure of an answer; one that failed has the worst of each.

    Without `run`, what comes of running it is not measured.
    """
    text = "" if answer.error else bare_answer(answer.text)
    target = case.completion[0].content
    is_script = case.task in SCRIPT_TASKS
    values: dict[str, float | None] = dict.fromkeys(JUDGED.measures)
    values["parses"] = float(_is_formed(case, text))
    values["equal"] = float(_equal(case, text, target))
    values["edit_similarity"] = text_similarity(text, target)
    if is_script:
        found = _of_script(case, text, target)
        values |= found
    if is_script and run is not None:
        values |= _of_run(case, text, target, run)
    if case.task == "repair":
        values["repaired"] = values["equal"]
    return Score(
        sample_id=case.id,
        repo="",
        cluster=case.cluster,
        system=answer.system,
        values=values,
        findings={},
    )


def bare_answer(text: str) -> str:
    """Return an answer without the fence that models like to put around it."""
    if FENCE not in text:
        return text.strip("\n") + "\n" if text.strip() else ""
    inside = text.partition(FENCE)[2].partition("\n")[2]
    return inside.partition(FENCE)[0].strip("\n") + "\n"


def _of_script(case: PairSample, text: str, target: str) -> Mapping[str, float | None]:
    named, known = string_names(text), set(identifiers(_asked(case)))
    grounded: float | None = len(named & known) / len(named) if named else 0.0
    if not named and not string_names(target):
        grounded = None
    covered = [covers(text, each) for each in case.operations]
    return {
        "defines_transformer": float(defines_transformer(text)),
        "operations_covered": sum(covered) / len(covered) if covered else None,
        "names_grounded": grounded,
    }


def _of_run(
    case: PairSample, text: str, target: str, run: Run
) -> Mapping[str, float | None]:
    """Return what running says, if the logged script changes something here."""
    wanted = run(target, case.names)
    if not wanted or wanted == run("", case.names):
        return {}
    found = run(text, case.names) if text else None
    return {
        "applies": float(bool(found) and found != run("", case.names)),
        "result_equal": float(found == wanted),
    }


def _is_formed(case: PairSample, text: str) -> bool:
    if case.task in SCRIPT_TASKS:
        return parsed(text) is not None
    return not PROBLEMS[case.task](text)


def _equal(case: PairSample, text: str, target: str) -> bool:
    if not _is_formed(case, text):
        return False
    if case.task in SCRIPT_TASKS:
        return normalised(text) == normalised(target)
    if case.task == "style":
        return sorted(text.split()) == sorted(target.split())
    read = json.loads if case.task == "style_unify" else yaml.safe_load
    try:
        return bool(read(text) == read(target))
    except RecursionError:  # YAML may hold itself.
        return False


def repair_verdict(comparison: Mapping[str, object]) -> str:
    """Return whether the student repairs better than a copy of what failed."""
    found = comparison.get("repaired")
    verdict = getattr(found, "verdict", "not shown")
    return {
        "better": "repairs better than returning the input",
        "worse": "repairs worse than returning the input",
    }.get(verdict, "is not shown to repair better than returning the input")
