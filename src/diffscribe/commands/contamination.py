"""Find the cases of a benchmark in the rows that a model learned from."""

from collections import Counter
from pathlib import Path

from diffscribe.core.errors import InputError, LeakError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Label, Plan, SplitChange
from diffscribe.eval.case_files import read_case_file
from diffscribe.eval.cases import Case, change_of
from diffscribe.split.leaks import Benchmark, Leak, find_leaks

LEARNED = ("train", "validation")
"""The splits that a model is fitted to and chosen by."""
_CASES = "cases"
_NAMED = 5
_NO_BENCHMARK = Benchmark(frozenset(), frozenset())
_NO_LABEL = Label(
    plan=Plan(commits=()),
    source="history",
    teacher=None,
    prompt_sha256=None,
    usage=None,
    ratings={},
)


def find_contamination(
    case_file: Path, splits: Path, whole_repositories: bool
) -> list[Leak]:
    """Return what rows of the splits share with a case file.

    Args:
        case_file: in any format that can be asked.
        splits: the folder that the stage split writes.
        whole_repositories: whether a repository in both is a leak too.

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
    # find_leaks names one later row for each row, so each split is compared alone.
    return [
        leak
        for split, changes in learned.items()
        for leak in find_leaks(
            {split: changes, _CASES: rows}, _NO_BENCHMARK, whole_repositories
        )
    ]


def refuse_contamination(leaks: list[Leak], case_file: Path) -> None:
    """Raise LeakError with the number of each kind and the first rows, if there is any.

    Raises:
        LeakError: if a row of the splits gives away a case.
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
        f"{case_file}: the splits know its cases: {kinds}: {named}{more}; put its "
        "repository or commits into split.benchmarks and run the stage split again, or "
        "measure with other cases"
    )


def _row(case: Case) -> SplitChange:
    """Return a case as a row of a split, whose label find_leaks does not read."""
    return SplitChange(
        **dict(change_of(case)),
        label=_NO_LABEL,
        cluster=case.id,
        parent_id=case.parent_id,
        junk=case.junk,
    )
