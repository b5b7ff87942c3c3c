"""Ask what a run has not asked yet, and finish it when all is answered."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from diffscribe.asking.ask import in_order
from diffscribe.core.params import Params
from diffscribe.doors.endpoint import Endpoint
from diffscribe.doors.reply import Answer, AnswerError, RefusalError
from diffscribe.eval.bench.files import JOURNAL, finish, known_entries, prepare
from diffscribe.eval.bench.formats import CaseFile
from diffscribe.eval.bench.journal import Journal, open_journal
from diffscribe.eval.bench.models import (
    Model,
    Patience,
    identity_of,
    name_of,
    opened,
    system_of,
)
from diffscribe.eval.bench.run_records import Entry, Identity, Output, RunFile, Timing
from diffscribe.eval.bench.solver import (
    SOLVER,
    Asking,
    Question,
    cases_digest,
    questions,
    requests_digest,
)
from diffscribe.eval.cases import TOO_LONG

ROWS_PER_SLOT = 4

Watch = Callable[[Iterable[Entry], int], Iterable[Entry]]
"""Gets the answers as they come and their number, and gives them back: a bar."""


class Job(NamedTuple):
    """What is to be run."""

    case_file: CaseFile
    case_name: str
    model: Model
    patience: Patience
    asking: Asking
    asks_failed_again: bool
    """Whether requests without an answer are sent again, if the run was over."""


class Done(NamedTuple):
    """What became of a run."""

    folder: Path
    known: int
    """Answers that were there."""
    asked: int
    failed: int
    """Samples of all that have no answer."""


def run(runs: Path, job: Job, prompts: Path, params: Params, watch: Watch) -> Done:
    """Ask a model all cases it has not answered in this run, and write the run.

    The folder below `runs` is named by all that decides the answers. Each answer
    is on the disk before it counts; who is killed loses those that were open.

    Raises:
        InputError: if the model or a prompt cannot be read.
        RecordError: if a file of the run was changed by hand.
        StorageError: if the run cannot be written, or another process is on it.
        ToolError: if the endpoint cannot be used; all answers so far are kept.
    """
    cases = job.case_file.cases
    asked = questions(
        cases, name_of(job.model), job.asking, prompts, params.label.rules
    )
    identity = Identity(
        solver=SOLVER,
        cases_sha256=cases_digest(cases),
        requests_sha256=requests_digest(asked),
        model=identity_of(job.model, job.patience),
    )
    described = RunFile(
        identity=identity,
        system=system_of(job.model),
        case_file=job.case_name,
        case_format=job.case_file.format,
        cases=len(cases),
        settings=job.asking._asdict(),
    )
    folder = prepare(runs, described, cases)
    with open_journal(folder / JOURNAL) as journal:
        entries = known_entries(folder, journal)
        session = 1 + max((each.timing.session for each in entries.values()), default=0)
        if job.asks_failed_again:
            entries = {key: each for key, each in entries.items() if _answered(each)}
        known = len(entries)
        waiting = [each for each in asked if each.case.id not in entries]
        if waiting:
            with closing(_answers(waiting, job, journal, session)) as answers:
                for entry in watch(answers, len(waiting)):
                    entries[entry.output.sample_id] = entry
        finish(folder, described, cases, entries, params.eval.house)
        journal.remove()
    failed = sum(not _answered(each) for each in entries.values())
    return Done(folder, known, len(waiting), failed)


def _answered(entry: Entry) -> bool:
    return entry.output.error is None


def _answers(
    asked: Sequence[Question], job: Job, journal: Journal, session: int
) -> Generator[Entry, None, None]:
    """Yield the answers in order; each is in the journal as soon as it is there."""
    with opened(job.model, job.patience) as endpoint:
        started = time.perf_counter()

        async def ask(question: Question) -> Entry:
            output, latency_s, cached_tokens = await _asked(endpoint, question)
            timing = Timing(
                sample_id=output.sample_id,
                latency_s=latency_s,
                cached_tokens=cached_tokens,
                session=session,
                done_s=time.perf_counter() - started,
            )
            entry = Entry(output=output, timing=timing)
            journal.append(entry)
            return entry

        window = ROWS_PER_SLOT * job.patience.concurrency
        yield from in_order(ask, asked, window, endpoint.close)


async def _asked(endpoint: Endpoint, question: Question) -> tuple[Output, float, int]:
    """Return the output, how long it took, and the cached tokens of the prompt."""
    case_id, request = question.case.id, question.request
    if request is None:
        return _without(case_id, TOO_LONG), 0.0, 0
    started = time.perf_counter()
    try:
        answer = await endpoint.ask(request)
    except RefusalError as error:
        # What is compared is asked the same way, and a refusal is a result.
        return _without(case_id, error.words), time.perf_counter() - started, 0
    except AnswerError as error:
        return _without(case_id, str(error)), time.perf_counter() - started, 0
    return _output(case_id, answer), answer.latency_s, answer.usage.cached_tokens


def _without(case_id: str, error: str) -> Output:
    return Output(
        sample_id=case_id,
        text="",
        error=error,
        finish_reason="",
        prompt_tokens=0,
        completion_tokens=0,
        reasoning_tokens=0,
        model="",
    )


def _output(case_id: str, answer: Answer) -> Output:
    return Output(
        sample_id=case_id,
        # Halves of surrogates are in no file.
        text=answer.text.encode("utf-8", "replace").decode(),
        error=None,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        reasoning_tokens=answer.usage.reasoning_tokens,
        model=answer.model,
    )
