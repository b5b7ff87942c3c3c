"""The folder of a run: what lies in it, and when."""

import hashlib
import platform
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl, write_json, write_jsonl
from diffscribe.core.params import HouseParams
from diffscribe.eval.bench.journal import Journal
from diffscribe.eval.bench.run_records import Entry, Output, RunFile, Timing
from diffscribe.eval.bench.scoring import METRICS, write_scores
from diffscribe.eval.cases import Case

RUN = "run.json"
CASES = "cases.jsonl"
JOURNAL = "journal.jsonl"
ANSWERS = "answers.jsonl"
TIMINGS = "timings.jsonl"
MANIFEST = "manifest.json"
_NAME_DIGITS = 16


class Stored(NamedTuple):
    """A run as it lies on the disk, whole."""

    folder: Path
    run: RunFile
    cases: list[Case]
    outputs: list[Output]
    """One a case, in the order of the cases."""
    timings: list[Timing]


def prepare(runs: Path, run: RunFile, cases: Sequence[Case]) -> Path:
    """Return the folder of a run, with what it is and what it asks in it."""
    folder = runs / _name(run)
    for name, write in (
        (CASES, lambda path: write_jsonl(path, cases)),
        (RUN, lambda path: write_json(path, run.model_dump(mode="json"))),
    ):
        if not (folder / name).exists():
            write(folder / name)
    return folder


def known_entries(folder: Path, journal: Journal) -> dict[str, Entry]:
    """Return all answers by sample: of the run that was over, and since.

    Raises:
        RecordError: if answers and timings are of different samples.
    """
    entries: dict[str, Entry] = {}
    if (folder / ANSWERS).exists():
        outputs = list(read_jsonl(folder / ANSWERS, Output))
        timings = list(read_jsonl(folder / TIMINGS, Timing))
        if [each.sample_id for each in outputs] != [each.sample_id for each in timings]:
            raise RecordError(
                f"{folder}: {ANSWERS} and {TIMINGS} are of different samples; "
                "remove the folder and run again"
            )
        for output, timing in zip(outputs, timings, strict=True):
            entries[output.sample_id] = Entry(output=output, timing=timing)
    for entry in journal.entries:
        entries[entry.output.sample_id] = entry
    return entries


def finish(
    folder: Path,
    run: RunFile,
    cases: Sequence[Case],
    entries: Mapping[str, Entry],
    house: HouseParams,
) -> None:
    """Write all that a whole run has; the same again if it is done again."""
    ordered = [entries[case.id] for case in cases]
    # First: who finds answers needs their timings.
    write_jsonl(folder / TIMINGS, (each.timing for each in ordered))
    write_jsonl(folder / ANSWERS, (each.output for each in ordered))
    outputs = [each.output for each in ordered]
    write_scores(folder, run.system, cases, outputs, house)
    write_json(folder / MANIFEST, _manifest(folder.name, run, ordered))


def read_run(folder: Path) -> Stored:
    """Return a run that is over.

    Raises:
        InputError: if it is not there, or not over.
        RecordError: if a file of it does not fit.
    """
    run = read_run_file(folder)
    if not (folder / MANIFEST).exists():
        raise InputError(
            f"run '{folder.name}' is not over; give its 'bench.py run' again to go on"
        )
    cases = list(read_jsonl(folder / CASES, Case))
    outputs = list(read_jsonl(folder / ANSWERS, Output))
    timings = list(read_jsonl(folder / TIMINGS, Timing))
    if [each.id for each in cases] != [each.sample_id for each in outputs]:
        raise RecordError(
            f"{folder}: {CASES} and {ANSWERS} are of different samples; "
            "remove the folder and run again"
        )
    return Stored(folder, run, cases, outputs, timings)


def read_run_file(folder: Path) -> RunFile:
    """Return what a run is.

    Raises:
        InputError: if there is no such run.
        RecordError: if run.json does not fit.
    """
    try:
        return RunFile.model_validate_json((folder / RUN).read_bytes())
    except OSError as error:
        raise InputError(
            f"no run in '{folder}': {error.strerror}; 'bench.py list' shows all"
        ) from error
    except ValidationError as error:
        raise RecordError(
            f"{folder / RUN}: not the file of a run; remove the folder and run again"
        ) from error


def read_metrics(folder: Path) -> Any:
    """Return metrics.json of a run.

    Raises:
        InputError: if it is not there, or broken.
    """
    return _document(folder / METRICS, {"scores", "house"})


def read_manifest(folder: Path) -> Any:
    """Return manifest.json of a run.

    Raises:
        InputError: if it is not there, or broken.
    """
    return _document(folder / MANIFEST, {"models", "tokens", "versions"})


def _document(path: Path, needed: Set[str]) -> Any:
    """Return an object that has at least these keys."""
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        problem = str(error)
    else:
        if isinstance(document, dict) and needed <= document.keys():
            return document
        problem = f"it is to have {', '.join(sorted(needed))}"
    raise InputError(
        f"{path} cannot be read: {problem}; 'bench.py rescore' writes metrics again, "
        "'bench.py run' all of it"
    )


def rescore_run(folder: Path, house: HouseParams) -> int:
    """Score a run again and return how many outputs it has.

    Raises:
        InputError: if there is no such run, or it is not over.
    """
    stored = read_run(folder)
    write_scores(folder, stored.run.system, stored.cases, stored.outputs, house)
    return len(stored.outputs)


def all_runs(runs: Path) -> list[Path]:
    """Return the folders of all runs that are over, by name."""
    return [path.parent for path in sorted(runs.glob(f"*/{MANIFEST}"))]


def find_run(runs: Path, name: str) -> Path:
    """Return the folder of a run by its name, the beginning of it, or a path.

    Raises:
        InputError: if there is none, or more than one.
    """
    if (Path(name) / RUN).is_file():
        return Path(name)
    folders = [path.parent for path in sorted(runs.glob(f"*/{RUN}"))]
    named = [folder for folder in folders if name and folder.name.startswith(name)]
    if len(named) == 1:
        return named[0]
    problem = "more than one run begins so" if named else f"no such run in '{runs}'"
    raise InputError(f"run '{name}': {problem}; 'bench.py list' shows all")


def _name(run: RunFile) -> str:
    identity = orjson.dumps(
        run.identity.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(identity).hexdigest()[:_NAME_DIGITS]


def _manifest(name: str, run: RunFile, entries: Sequence[Entry]) -> dict[str, object]:
    """Return what is said of a run; times and versions may differ in the next."""
    import numpy as np

    outputs = [each.output for each in entries]
    timings = [each.timing for each in entries]
    latencies_s = [each.latency_s for each in timings]
    ends_s: dict[int, float] = {}
    for each in timings:
        ends_s[each.session] = max(each.done_s, ends_s.get(each.session, 0.0))
    wall_s = sum(ends_s.values())
    completion_tokens = sum(each.completion_tokens for each in outputs)
    p50_s, p95_s = (float(each) for each in np.quantile(latencies_s, (0.5, 0.95)))
    return {
        "run": name,
        "system": run.system,
        "models": dict(sorted(Counter(each.model for each in outputs).items())),
        "samples": len(outputs),
        "failed": sum(each.error is not None for each in outputs),
        "tokens": {
            "prompt": sum(each.prompt_tokens for each in outputs),
            "cached": sum(each.cached_tokens for each in timings),
            "completion": completion_tokens,
            "reasoning": sum(each.reasoning_tokens for each in outputs),
        },
        "sessions": len(ends_s),
        "wall_s": wall_s,
        "tokens_per_s": completion_tokens / wall_s if wall_s else None,
        "latency_p50_s": p50_s,
        "latency_p95_s": p95_s,
        "versions": {
            "python": platform.python_version(),
            **{each: version(each) for each in ("diffscribe", "numpy", "openai")},
        },
    }
