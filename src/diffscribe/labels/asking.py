"""What becomes of changes, by their history alone or with the models of params."""

from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

from diffscribe.jsonl import read_jsonl
from diffscribe.labels.connection import ROWS_PER_SLOT, connected
from diffscribe.labels.label import labeled_change, recorded
from diffscribe.labels.outcome import Outcome
from diffscribe.params import LabelParams
from diffscribe.records import Change, Label
from diffscribe.tracking import TrackedRun


def outcomes(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    run: TrackedRun,
    show: Callable[[str], None],
) -> Generator[Outcome]:
    """Yield what becomes of each change, in order.

    Args:
        changes: those of `harvested`, drawn as they are needed.
        harvested: where the changes of the gate are read from before all others.
        prompts: the folder of the teacher's; not read if no model is asked.
        params: who labels, and how.
        run: where it is traced, and told what asking took.
        show: told after each change what was asked and what it cost.

    Raises:
        ParamsError: if the key is missing, or a private change would be sent away.
        GateError: if too few labels of the gate's changes were accepted.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    if not params.asks:
        return recorded(changes, params)
    return _asked(changes, harvested, prompts, params, run, show)


def _asked(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    run: TrackedRun,
    show: Callable[[str], None],
) -> Generator[Outcome]:
    from diffscribe.labels.labeler import Labeler
    from diffscribe.labels.prompts import load_teacher_prompts
    from diffscribe.llm.in_order import in_order

    texts = load_teacher_prompts(prompts, params.rules)
    window = ROWS_PER_SLOT * params.teacher.concurrency
    with connected(params, run) as connection:
        labeler = Labeler(connection.ask, texts, params)

        def labeled(rows: Iterable[Change]) -> Iterator[Outcome]:
            for outcome in in_order(labeler.label, rows, window, connection.close):
                show(connection.line())
                yield outcome

        if params.require_gate and row_count(harvested) > params.gate_rows:
            sample = _gate_sample(harvested, params.gate_rows)
            connection.bring(labeler, lambda: sample, show)
            _pass_gate(labeled(sample), params)
        connection.bring(labeler, lambda: read_jsonl(harvested, Change), show)
        yield from labeled(changes)


def _gate_sample(harvested: Path, rows: int) -> list[Change]:
    from diffscribe.gate.sample import drawn

    ids = drawn(read_jsonl(harvested, Change), rows)
    return [each for each in read_jsonl(harvested, Change) if each.id in ids]


def _pass_gate(sample: Iterable[Outcome], params: LabelParams) -> None:
    from diffscribe.gate.acceptance import require

    labels = [
        labeled_change(each.change, each.result)
        for each in sample
        if isinstance(each.result, Label)
    ]
    require(labels, params.gate_threshold)


def row_count(path: Path) -> int:
    """Return how many lines a file has; 0 if it cannot be read."""
    try:
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0
