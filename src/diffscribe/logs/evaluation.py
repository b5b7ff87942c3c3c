"""Compare systems on cases of logs, by whatever measures a pipeline has.

A pipeline scores answers; here the scores become means with intervals, differences to
the first system by paired tests, a table and a report.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from diffscribe.asking.connect import Gguf, connected
from diffscribe.core.compare import Comparison, Measure, compare_systems, mean_of
from diffscribe.core.errors import SourceError
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.intervals import Estimate
from diffscribe.core.records import Record, Score
from diffscribe.core.tables import (
    Row,
    cell,
    grid,
    measures_table,
    terminal_grid,
    verdict_line,
)
from diffscribe.core.tracking import TrackedRun
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.reply import CUT, Question
from diffscribe.logs.split import letter_shingles


class LogAnswer(Record):
    """What one system answered to one case."""

    sample_id: str
    system: str
    model: str = ""
    """The model's name in the ledger, of a GGUF with its digest; '' for a control."""
    text: str = ""
    """As it came; '' if none did."""
    error: str | None = None
    """Why it counts as failed, or None."""
    latency_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LogResult(Record):
    """One row of the table."""

    system: str
    n: int
    scores: dict[str, Estimate]
    """By the names of the measures."""


class LogEvaluation(Record):
    """The results of all systems, in the order they were given."""

    systems: tuple[LogResult, ...]
    comparisons: dict[str, dict[str, Comparison]]
    """The first system minus each other, by the headline's measures."""


class Judged(NamedTuple):
    """A pipeline's measures, and which of them lead."""

    measures: Mapping[str, Measure]
    headline: Sequence[str]
    """Names for the first table, for comparisons and for the stage's metrics."""
    titles: Mapping[str, str]
    """Of the headline's columns; a line feed breaks one in a terminal."""


def find_ggufs(folder: Path) -> dict[str, Path]:
    """Return the GGUFs by system, a student first, the untuned base as `base`.

    Raises:
        SourceError: if there is no student or not one base.
    """
    students = {path.stem: path for path in sorted(folder.glob("student-*.gguf"))}
    bases = sorted(folder.glob("base-*.gguf"))
    if not students or len(bases) != 1:
        raise SourceError(
            f"{folder}: needs student-*.gguf and one base-*.gguf; run the stage "
            "merge-quantize"
        )
    return {**students, "base": bases[0]}


Watch = Callable[[Iterable[LogAnswer], str, int], Iterable[LogAnswer]]
"""Passes answers on and shows progress; it gets the system and their number."""


class LogCase(Protocol):
    """A case of a log, of whatever pipeline."""

    @property
    def id(self) -> str:
        """Tell it apart from others."""


K = TypeVar("K", bound=LogCase)


def ask_log_cases(
    system: str,
    model: Gguf,
    cases: Sequence[K],
    question_of: Callable[[K, str], Question],
    watch: Watch,
) -> list[LogAnswer]:
    """Return a model's answer to each case; one without an answer says why.

    `question_of` gets the model's name in the ledger.
    """
    with connected(model) as asker:

        async def answer(case: K) -> LogAnswer:
            found = LogAnswer(sample_id=case.id, system=system, model=asker.model)
            try:
                said = await asker.ask(question_of(case, asker.model))
            except AnswerError as error:
                return found.model_copy(update={"error": str(error)})
            tokens = said.usage.completion_tokens
            is_cut = said.finish_reason == CUT
            return found.model_copy(
                update={
                    "text": said.text,
                    "error": f"cut off after {tokens} tokens" if is_cut else None,
                    "latency_s": said.latency_s,
                    "prompt_tokens": said.usage.prompt_tokens,
                    "completion_tokens": tokens,
                }
            )

        return list(watch(asker.in_order(answer, cases), system, len(cases)))


class NearestQuestion(Generic[K]):
    """Finds what was asked most alike, for the control that learns by heart."""

    def __init__(self, known: Iterable[K], asked: Callable[[K], str]) -> None:
        self._known = [(_shingles(asked(each)), each) for each in known]

    def of(self, question: str) -> K | None:
        """Return the known one most alike, of equally alike the greatest id."""
        own = _shingles(question)
        best = max(
            (
                (len(own & theirs) / max(1, len(own | theirs)), each.id, each)
                for theirs, each in self._known
            ),
            key=lambda found: found[:2],
            default=None,
        )
        return best[2] if best else None


def _shingles(text: str) -> frozenset[int]:
    return frozenset(letter_shingles(text).tolist())


def evaluate_log(scores: Iterable[Score], judged: Judged) -> LogEvaluation:
    """Return what scores are worth; those of the first system come first.

    Every system has a score of every case, in one order.
    """
    by_system: dict[str, list[Score]] = {}
    for score in scores:
        by_system.setdefault(score.system, []).append(score)
    first, *others = by_system
    leading = {name: judged.measures[name] for name in judged.headline}
    return LogEvaluation(
        systems=tuple(
            LogResult(
                system=system,
                n=len(own),
                scores={
                    name: mean_of(own, name, measure)
                    for name, measure in judged.measures.items()
                },
            )
            for system, own in by_system.items()
        ),
        comparisons=compare_systems(
            by_system[first], {name: by_system[name] for name in others}, leading
        ),
    )


def log_headline(evaluation: LogEvaluation, judged: Judged) -> dict[str, float | None]:
    """Return the first system's means of the headline, 0 to 1 with three digits."""
    scores = evaluation.systems[0].scores
    means = {name: scores[name].value for name in judged.headline}
    return {
        name: None if mean is None else round(mean, 3) for name, mean in means.items()
    }


def log_table(evaluation: LogEvaluation, judged: Judged, columns: int) -> str:
    """Return a table with a row for each system, at most `columns` wide.

    Scores are in percent, each with the ends of its 95 % interval.
    """
    return terminal_grid(_headline_rows(evaluation, judged), columns)


def log_markdown(title: str, evaluation: LogEvaluation, judged: Judged) -> str:
    """Return the headline, the paired differences, and every measure there is."""
    first, *_ = evaluation.systems
    compared = sum(map(len, evaluation.comparisons.values()))
    return "\n\n".join(
        (
            f"# {title}",
            grid(_headline_rows(evaluation, judged)),
            "In percent, in brackets the 95 % interval over clusters: cases of one "
            "session, or that ask nearly the same, are no independent ones. An answer "
            "that failed has the worst value.",
            "## Differences",
            "\n".join(
                verdict_line(first.system, other, found)
                for other, found in evaluation.comparisons.items()
            ),
            f"{first.system} minus each other, paired by case, in points. `Better` and "
            "`worse` are said only where p is below 0.05 after Holm's correction over "
            f"all {compared} comparisons:",
            grid(
                [
                    {"minus": other}
                    | {
                        judged.titles[name]: cell(each.difference)
                        for name, each in found.items()
                    }
                    for other, found in evaluation.comparisons.items()
                ]
            ),
            "## Every measure",
            measures_table(judged.measures, evaluation.systems) + "\n",
        )
    )


def write_log_report(
    folder: Path,
    title: str,
    evaluation: LogEvaluation,
    judged: Judged,
    answers: Iterable[LogAnswer],
    scores: Iterable[Score],
) -> None:
    """Fill a folder with every answer, score and metric, and the table."""
    write_jsonl(folder / "answers.jsonl", answers)
    write_jsonl(folder / "scores.jsonl", scores)
    write_json(folder / "metrics.json", evaluation.model_dump(mode="json"))
    text = log_markdown(title, evaluation, judged)
    (folder / "table.md").write_text(text, encoding="utf-8")


def mirror_log_report(
    run: TrackedRun,
    folder: Path,
    answers: Iterable[LogAnswer],
    metrics: Mapping[str, object],
) -> None:
    """Mirror metrics, the models that were asked and the figures of a report."""
    run.log_metrics(metrics)
    run.set_tags({f"model.{each.system}": each.model for each in answers if each.model})
    run.log_report(folder)


def _headline_rows(evaluation: LogEvaluation, judged: Judged) -> list[Row]:
    return [
        {"system": result.system, "n": str(result.n)}
        | {
            judged.titles[name]: cell(result.scores[name], judged.measures[name].high)
            for name in judged.headline
        }
        for result in evaluation.systems
    ]
