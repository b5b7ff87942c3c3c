"""Find cases of a benchmark in what a model learned from."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from diffscribe.core.errors import InputError, LeakError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Label, Plan, SplitChange
from diffscribe.eval.bench.formats import read_case_file
from diffscribe.eval.cases import Case, change_of
from diffscribe.split.leaks import Benchmark, Leak, find_leaks

LEARNED = ("train", "validation")
"""What a model is fitted to, and what it is chosen by."""
BENCHMARK = "benchmark"
_NAMED = 5


def find_contamination(
    case_file: Path, splits: Path, whole_repositories: bool
) -> list[Leak]:
    """Return what a case file shares with the splits, with the rows of these.

    Args:
        case_file: of any format that can be run.
        splits: the folder that the stage split writes.
        whole_repositories: whether a repository of both is a leak, too.

    Raises:
        InputError: if there is no split, or no case file.
        RecordError: if a line of one does not fit.
    """
    learned = {
        split: list(read_jsonl(path, SplitChange))
        for split in LEARNED
        if (path := splits / f"{split}.jsonl").exists()
    }
    if not learned:
        raise InputError(f"no split in '{splits}'; run the stage split first")
    rows = [_row(case) for case in read_case_file(case_file).cases]
    nothing = Benchmark(frozenset(), frozenset())
    # One by one: of a row that two later ones resemble only one is named.
    return [
        leak
        for split, changes in learned.items()
        for leak in find_leaks(
            {split: changes, BENCHMARK: rows}, nothing, whole_repositories
        )
    ]


def refuse_contamination(leaks: Sequence[Leak], case_file: Path) -> None:
    """Fail if there is any.

    Raises:
        LeakError: with the number of each kind, and the first rows by name.
    """
    if not leaks:
        return
    counts = Counter(leak.kind.value for leak in leaks)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    named = "; ".join(
        f"{leak.kind} of {leak.split} row {leak.id} and case {leak.other_id}"
        for leak in leaks[:_NAMED]
    )
    more = f"; and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
    raise LeakError(
        f"{case_file}: the splits know what it asks: {kinds}: {named}{more}; put its "
        "repository or commits into split.benchmarks and run split again, or draw "
        "another set"
    )


def case_files(sets: Path) -> list[Path]:
    """Return the case files of all benchmark sets in a folder, by name."""
    return sorted(sets.glob("*/cases.jsonl"))


def _row(case: Case) -> SplitChange:
    """Return as much of a split's row as tells where a case comes from."""
    return SplitChange(
        **dict(change_of(case)),
        label=_NO_LABEL,
        cluster=case.id,
        parent_id=case.parent_id,
        junk=case.junk,
    )


_NO_LABEL = Label(
    plan=Plan(commits=()),
    source="history",
    teacher=None,
    prompt_sha256=None,
    usage=None,
    ratings={},
)
