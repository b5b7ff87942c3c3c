"""Ask the systems of an evaluation their cases, and evaluate what they answer.

Answers come through `asking`, which keeps each in the ledger before it counts. So an
evaluation that was killed goes on where it ended, and a repeated one asks nothing.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from diffscribe.asking.connect import Gguf, Remote, connected
from diffscribe.commits.plan import restore_paths
from diffscribe.commits.prompt import Prompts
from diffscribe.core.errors import SourceError
from diffscribe.core.params import EvalParams, StyleParams
from diffscribe.core.records import Plan, PlannedChange, Prediction
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.reply import CUT, Answer
from diffscribe.eval.cases import (
    GROUPS_GIVEN,
    RERANK,
    TOO_LONG,
    Case,
    single_cases,
    with_groups,
    with_prompts,
)
from diffscribe.eval.consensus import most_agreed
from diffscribe.eval.controls import Control, predict_control
from diffscribe.eval.metrics import Evaluated, evaluate
from diffscribe.eval.questions import Decoding, question_of, read_answer, with_words
from diffscribe.eval.scores import score_all

logger = logging.getLogger(__name__)

BASE = "base"
FULL_PROMPT = "base-full-prompt"
FREE = "student-free"
HYBRID = "hybrid"
GIVEN = f"student{GROUPS_GIVEN}"
TIMEOUT_S = 600.0
"""For one answer: a 30B that is partly in main memory takes minutes."""

Watch = Callable[[Iterable[Prediction], str, int], Iterable[Prediction]]
"""Passes predictions on and shows progress; it gets the system and their number."""


class GivenPlan(NamedTuple):
    """A plan for a case, and each of its commits alone, as a case of one message."""

    plan: Plan
    commits: Sequence[Case]


class System(NamedTuple):
    """A row of the table: a model or rule, and the cases as they are put to it."""

    name: str
    model: Gguf | Remote | Control
    cases: Sequence[Case]
    is_free: bool = False
    """Whether neither schema nor grammar holds its answers, whatever Decoding says."""
    given: Mapping[str, GivenPlan] = MappingProxyType({})
    """By the ids of cases: the plans of which only the messages are asked for."""

    def questions(self, case: Case) -> Sequence[Case]:
        """Return what is asked about a case: it, or each commit of a given plan."""
        given = self.given.get(case.id)
        return given.commits if given else (case,)


def find_models(folder: Path) -> dict[str, Path]:
    """Return the GGUFs by system: the Modelfile's student, other students, the rest.

    `student-q4_k_m.gguf` is the system `student-q4_k_m`. The base is `base`, and a
    model from which the base was made has its name, whatever their quantization types.

    Raises:
        SourceError: if the base or the student that the Modelfile names is missing.
    """
    students = {path.stem: path for path in sorted(folder.glob("student-*.gguf"))}
    bases = sorted(folder.glob("base-*.gguf"))
    origins = sorted({*folder.glob("*.gguf")} - {*students.values(), *bases})
    main = _modelfile_system(folder / "Modelfile")
    if main not in students or len(bases) != 1:
        raise SourceError(
            f"{folder}: needs the {main or 'student-*'}.gguf that its Modelfile names "
            f"and one base-*.gguf, holds {sorted(students)} and "
            f"{[path.stem for path in bases]}; run the stage merge-quantize"
        )
    named = {path.stem.rpartition("-")[0]: path for path in origins}
    return {main: students[main], **students, BASE: bases[0], **named}


def _modelfile_system(modelfile: Path) -> str:
    """Return the system of the GGUF that a Modelfile starts from, or ''."""
    if not modelfile.is_file():
        return ""
    named = re.search(
        r"^FROM (?:\./)?(\S+)\.gguf$", modelfile.read_text(encoding="utf-8"), re.M
    )
    return named[1] if named else ""


def systems_of(
    ggufs: Mapping[str, Path],
    cases: Sequence[Case],
    full: Prompts,
    planned: Callable[[Case], PlannedChange],
    alone: Callable[[Sequence[Case]], list[Case]],
    params: EvalParams,
) -> list[System]:
    """Return each GGUF with the cases as the student is asked them.

    With `also` the student, which is the first of the GGUFs, is asked in more ways, if
    it answers in lines: the hybrid takes all but messages from the plans that `planned`
    gives, and the reranking student chooses among them. With `full_prompt_chars` BASE
    is asked a second time, with the words of `full`: a base that is told everything is
    what one has without training. `alone` gives cases of one message the prompts that
    the student knows.
    """
    models = {
        name: Gguf(path, params.context_tokens, params.threads, params.slots, TIMEOUT_S)
        for name, path in ggufs.items()
    }
    systems = [System(name, model, cases) for name, model in models.items()]
    also = params.also
    if also and any(case.answer == "json" for case in cases):
        logger.warning(
            "eval.also: %s left out, which needs answers in lines (render.answer)",
            ", ".join(also),
        )
        also = ()
    student = System(FREE, next(iter(models.values())), cases)
    for way in also:
        if way == "free":
            systems.append(student._replace(is_free=True))
        elif way == "rerank":
            choices = with_groups(
                cases, lambda case: [planned(case).plan, *planned(case).others]
            )
            systems.append(student._replace(name=RERANK, cases=choices))
        elif way == "hybrid":
            given = given_plans(cases, lambda case: planned(case).plan, alone, True)
            systems.append(student._replace(name=HYBRID, given=given))
        else:
            given = given_plans(cases, lambda case: case.target, alone, False)
            systems.append(student._replace(name=GIVEN, given=given))
    if params.full_prompt_chars is not None:
        texts = {"plan": full, "message": full}
        told = with_prompts(cases, texts, params.full_prompt_chars)
        systems.append(System(FULL_PROMPT, models[BASE], told))
    return systems


def given_plans(
    cases: Iterable[Case],
    plan_of: Callable[[Case], Plan],
    alone: Callable[[Sequence[Case]], list[Case]],
    has_types: bool,
) -> dict[str, GivenPlan]:
    """Return what is asked if plans are given: the message of each commit alone.

    A model sees more of a commit in a prompt of its own than beside all others. A case
    of one message has no plan to give. With `has_types` plans give the types too.
    """
    return {
        case.id: GivenPlan(plan, alone(single_cases(case, plan, has_types)))
        for case in cases
        if case.task == "plan"
        for plan in [plan_of(case)]
    }


def ask_all(
    systems: Sequence[System],
    cases: Sequence[Case],
    decoding: Decoding,
    style: StyleParams,
    watch: Watch,
    compared: Collection[str] | None = None,
    known_only: bool = False,
) -> Evaluated:
    """Return what all systems answer, the main one first, and what it is worth.

    Answers are judged by cases and style. `compared` is as in `evaluate`, `known_only`
    as in `ask`.
    """
    predictions = [
        each
        for system in systems
        for each in ask(system, decoding, style, watch, known_only)
    ]
    scores = score_all(cases, predictions, style)
    sizes_bytes = {
        each.name: each.model.path.stat().st_size
        for each in systems
        if isinstance(each.model, Gguf)
    }
    evaluation = evaluate(cases, scores, predictions, sizes_bytes, compared)
    return Evaluated(cases, predictions, scores, evaluation)


def ask(
    system: System,
    decoding: Decoding,
    style: StyleParams,
    watch: Watch,
    known_only: bool = False,
) -> list[Prediction]:
    """Return a system's prediction for each of its cases, in their order.

    Of several candidates for a message, the one that `most_agreed` takes by the style
    is the prediction, with the time and the tokens of all.

    A request that fails, such as one that does not fit the context, an answer without
    a plan, and a case without a prompt are predictions without a plan that say why.
    Requests without an answer are sent again by the next call; they have no latency,
    so both calls give equal predictions. With `known_only` a question without an answer
    in the ledger fails unasked.

    Raises:
        ToolError: if the endpoint cannot be used at all; answers so far are kept.
    """
    if callable(system.model):
        return predict_control(system.name, system.model, system.cases)
    held = decoding._replace(with_schema=decoding.with_schema and not system.is_free)
    with connected(system.model, known_only=known_only) as asker:

        async def predict(case: Case) -> Prediction:
            unanswered = Prediction(
                sample_id=case.id, system=system.name, model=asker.model
            )
            if not case.prompt:
                return unanswered.model_copy(update={"error": TOO_LONG})
            found = []
            for drawn in held.of_candidates(case):
                try:
                    answer = await asker.ask(question_of(case, asker.model, drawn))
                except AnswerError as error:
                    return unanswered.model_copy(update={"error": str(error)})
                found.append(unanswered.model_copy(update=_read(case, answer)))
            return found[0] if len(found) == 1 else _kept(case, found, style)

        asked = [each for case in system.cases for each in system.questions(case)]
        predictions = asker.in_order(predict, asked)
        read = iter(list(watch(predictions, system.name, len(asked))))
        logger.info("%s: %s", system.name, asker.line())
    return [
        _with_messages(system, case, [next(read) for _ in system.questions(case)])
        for case in system.cases
    ]


def _kept(case: Case, found: Sequence[Prediction], style: StyleParams) -> Prediction:
    """Return the candidate to keep, at the cost of all; the first if none is read."""
    read = [(each, each.plan.commits[0]) for each in found if each.plan]
    kept = found[0]
    if read:
        kept, _ = read[most_agreed(case, [message for _, message in read], style)]
    return kept.model_copy(update=_cost(found))


def _cost(answers: Sequence[Prediction]) -> dict[str, Any]:
    return {
        "latency_s": sum(each.latency_s for each in answers),
        "prompt_tokens": sum(each.prompt_tokens for each in answers),
        "completion_tokens": sum(each.completion_tokens for each in answers),
    }


def _with_messages(
    system: System, case: Case, answers: Sequence[Prediction]
) -> Prediction:
    """Return the answer to a case, or its given plan with the messages of answers.

    It fails if one of them did.
    """
    given = system.given.get(case.id)
    if given is None:
        return answers[0]
    failed = next((each for each in answers if each.plan is None), None)
    return Prediction(
        sample_id=case.id,
        system=system.name,
        model=answers[0].model if answers else "",
        text="\n%%\n".join(each.text for each in answers),
        plan=None if failed else with_words(given.plan, answers),
        error=failed.error if failed else None,
        **_cost(answers),
    )


def _read(case: Case, answer: Answer) -> dict[str, Any]:
    """Return the fields of a prediction that come from the answer."""
    plan, error = read_answer(case, answer.text)
    if plan:
        plan = restore_paths(plan, answer.replaced)
    tokens = answer.usage.completion_tokens
    is_lines = case.answer == "lines"
    if answer.is_cut_off or (answer.finish_reason == CUT and (is_lines or error)):
        # What is left may read as a plan whose last message ends too early.
        plan, error = None, f"cut off after {tokens} tokens; raise max_answer_tokens"
    return {
        "text": answer.text,
        "plan": plan,
        "error": error,
        "latency_s": answer.latency_s,
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": tokens,
    }
