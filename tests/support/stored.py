"""Runs of the bench as they are stored, made to measure."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from diffscribe.core.params import load_params
from diffscribe.eval.bench.files import Stored, finish, prepare, read_run
from diffscribe.eval.bench.run_records import Entry, Identity, Output, RunFile, Timing
from diffscribe.eval.bench.solver import cases_digest
from diffscribe.eval.cases import Case

HOUSE = load_params(Path(__file__).parents[2] / "params.yaml").eval.house


def make_entry(case_id: str, text: str, error: str | None = None) -> Entry:
    """Return an answer of five tokens in half a second."""
    output = Output(
        sample_id=case_id,
        text=text,
        error=error,
        finish_reason="stop",
        prompt_tokens=9,
        completion_tokens=5,
        reasoning_tokens=0,
        model="m",
    )
    timing = Timing(
        sample_id=case_id, latency_s=0.5, cached_tokens=0, session=1, done_s=1.0
    )
    return Entry(output=output, timing=timing)


def store_run(
    runs: Path,
    system: str,
    cases: Sequence[Case],
    entries: Iterable[Entry],
    prompt: str = "own",
) -> Stored:
    """Return a run that is over; system and prompt tell it from others."""
    run = RunFile(
        identity=Identity(
            solver=1,
            cases_sha256=cases_digest(cases),
            requests_sha256=prompt,
            model={"model": system},
        ),
        system=system,
        case_file="cases.jsonl",
        case_format="diffscribe cases",
        cases=len(cases),
        settings={"prompt": prompt},
    )
    folder = prepare(runs, run, cases)
    by_id = {each.output.sample_id: each for each in entries}
    finish(folder, run, cases, by_id, HOUSE)
    return read_run(folder)
