"""Runs as logs of inspect_ai, and its logs as runs; it need not be installed.

The JSON form of its log, version 2; `inspect log convert --to json` makes it of an
`.eval` file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, write_json
from diffscribe.core.params import HouseParams
from diffscribe.core.records import Score
from diffscribe.eval.bench.files import JOURNAL, Stored, finish, prepare
from diffscribe.eval.bench.formats import CaseFile
from diffscribe.eval.bench.journal import open_journal
from diffscribe.eval.bench.run_records import Entry, Identity, Output, RunFile, Timing
from diffscribe.eval.bench.scoring import SCORES_FILE, estimates
from diffscribe.eval.bench.solver import SOLVER, cases_digest, digest_of
from diffscribe.eval.cases import Case
from diffscribe.eval.score_format import message_of

NO_TIME = "1970-01-01T00:00:00+00:00"
"""Runs keep no date, and a log needs one."""
STOPS = {"length": "max_tokens"}
_NAMED = 3


def export_log(run: Stored, target: Path) -> int:
    """Write a run as a log and return how many samples it has.

    Raises:
        InputError: if the run has no scores.
        RecordError: if they do not fit.
    """
    scores = list(read_jsonl(run.folder / SCORES_FILE, Score))
    means = {name: each for name, each in estimates(scores).items() if each.n}
    samples = [
        _sample(case, output, timing, score)
        for case, output, timing, score in zip(
            run.cases, run.outputs, run.timings, scores, strict=True
        )
    ]
    write_json(
        target,
        {
            "version": 2,
            "status": "success",
            "eval": {
                "eval_id": run.folder.name,
                "run_id": run.folder.name,
                "task_id": run.folder.name,
                "created": NO_TIME,
                "task": "diffscribe",
                "model": run.run.system,
                "dataset": {
                    "name": run.run.case_file,
                    "samples": len(samples),
                    "sample_ids": [case.id for case in run.cases],
                },
                "config": {},
                "metadata": run.run.model_dump(mode="json"),
            },
            "results": {
                "total_samples": len(samples),
                "completed_samples": len(samples),
                "scores": [
                    {
                        "name": name,
                        "scorer": name,
                        "scored_samples": mean.n,
                        "metrics": {"mean": {"name": "mean", "value": mean.value}},
                    }
                    for name, mean in means.items()
                ],
            },
            "samples": samples,
        },
    )
    return len(samples)


def import_log(
    runs: Path, log: Path, case_file: CaseFile, case_name: str, house: HouseParams
) -> Path:
    """Return the folder of the run that a log amounts to, scored by our measures.

    Args:
        runs: where the folder goes.
        log: its samples have the ids of the cases; of several epochs the first counts.
        case_file: what was asked.
        case_name: the name of that file.
        house: what the scorers ask of a message.

    Raises:
        InputError: if there is no such log.
        RecordError: if it is none, or has other samples.
    """
    read = _read(log)
    first = {str(each.id): each for each in read.samples if each.epoch == 1}
    cases = case_file.cases
    if strange := sorted(first.keys() ^ {case.id for case in cases}):
        raise RecordError(
            f"{log}: {len(strange)} ids are only in the log or only in {case_name}, "
            f"such as {', '.join(strange[:_NAMED])}; name the file that was asked"
        )
    inputs = [(case.id, first[case.id].input) for case in cases]
    described = RunFile(
        identity=Identity(
            solver=SOLVER,
            cases_sha256=cases_digest(cases),
            requests_sha256=digest_of(inputs),
            model={"inspect_ai": read.eval.model, "created": read.eval.created},
        ),
        system=read.eval.model,
        case_file=case_name,
        case_format=case_file.format,
        cases=len(cases),
        settings={"log": log.name},
    )
    folder = prepare(runs, described, cases)
    with open_journal(folder / JOURNAL) as journal:
        entries = {case.id: _entry(case.id, first[case.id]) for case in cases}
        finish(folder, described, cases, entries, house)
        journal.remove()
    return folder


_Tokens = Annotated[int, Field(ge=0, lt=2**63)]


class _Usage(BaseModel):
    input_tokens: _Tokens = 0
    output_tokens: _Tokens = 0
    input_tokens_cache_read: _Tokens | None = None
    reasoning_tokens: _Tokens | None = None


class _Message(BaseModel):
    content: str | list[dict[str, Any]] = ""


class _Choice(BaseModel):
    message: _Message = _Message()
    stop_reason: str = ""


class _Output(BaseModel):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None


class _Error(BaseModel):
    message: str = "failed"


class _Sample(BaseModel):
    id: int | str
    epoch: int = 1
    input: Any = None
    output: _Output = _Output()
    error: _Error | None = None
    total_time: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class _Eval(BaseModel):
    model: str
    created: str = NO_TIME


class _Log(BaseModel):
    """What is needed of a log, however much more is in it."""

    eval: _Eval
    samples: list[_Sample]


def _read(log: Path) -> _Log:
    try:
        return _Log.model_validate_json(log.read_bytes())
    except OSError as error:
        raise InputError(
            f"log '{log}' cannot be read: {error.strerror}; name a log of inspect_ai"
        ) from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise RecordError(
            f"{log}: not a whole log of inspect_ai in JSON: {where} {problem['msg']}; "
            "'inspect log convert --to json' makes one of an .eval file"
        ) from error


def _entry(case_id: str, sample: _Sample) -> Entry:
    usage = sample.output.usage or _Usage()
    choice = sample.output.choices[0] if sample.output.choices else _Choice()
    content = choice.message.content
    if not isinstance(content, str):
        content = "".join(str(part.get("text", "")) for part in content)
    ours = {theirs: own for own, theirs in STOPS.items()}
    output = Output(
        sample_id=case_id,
        text=content.encode("utf-8", "replace").decode(),
        error=sample.error.message if sample.error else None,
        finish_reason=ours.get(choice.stop_reason, choice.stop_reason),
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens or 0,
        model=sample.output.model,
    )
    timing = Timing(
        sample_id=case_id,
        latency_s=sample.total_time or 0.0,
        cached_tokens=usage.input_tokens_cache_read or 0,
        session=1,
        done_s=0.0,
    )
    return Entry(output=output, timing=timing)


def _sample(
    case: Case, output: Output, timing: Timing, score: Score
) -> dict[str, object]:
    messages = [each.model_dump() for each in case.prompt]
    answer = {"role": "assistant", "content": output.text, "source": "generate"}
    stop = STOPS.get(output.finish_reason, output.finish_reason) or "unknown"
    tokens = {
        "input_tokens": output.prompt_tokens,
        "output_tokens": output.completion_tokens,
        "total_tokens": output.prompt_tokens + output.completion_tokens,
    }
    sample: dict[str, object] = {
        "id": case.id,
        "epoch": 1,
        "input": messages or case.diff,
        "target": _target(case),
        "messages": [*messages, answer],
        "output": {
            "model": output.model,
            "choices": [{"message": answer, "stop_reason": stop}],
            "usage": tokens,
        },
        "scores": _scores(score, output.text),
        "metadata": {"repo": case.repo, "task": case.task, "files": list(case.files)},
        "total_time": timing.latency_s,
    }
    if output.error is not None:
        error = {"message": output.error, "traceback": "", "traceback_ansi": ""}
        sample["error"] = error
    return sample


def _target(case: Case) -> str:
    if case.task == "plan":
        return plan_json(case.target)
    [commit] = case.target.commits
    return message_of(commit).strip()


def _scores(score: Score, answer: str) -> Mapping[str, object]:
    return {
        name: {
            "value": value,
            "answer": answer,
            "explanation": _words(score.findings.get(name, ())),
        }
        for name, value in score.values.items()
        if value is not None
    }


def _words(findings: Sequence[str]) -> str | None:
    return "; ".join(findings) or None
