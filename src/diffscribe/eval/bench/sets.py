"""Benchmark sets of real histories, each with what it was drawn from and how."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_folder, write_json, write_jsonl
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.core.records import Change
from diffscribe.doors.repository import find_sources, open_source
from diffscribe.eval.answers import plan_of_message
from diffscribe.eval.bench.own import case_of_change
from diffscribe.eval.cases import Case
from diffscribe.harvest.harvest import harvest
from diffscribe.harvest.presets import with_preset
from diffscribe.harvest.tally import Tally

SetKind = Literal["format", "content", "plans"]
KINDS: tuple[SetKind, ...] = get_args(SetKind)
CASES = "cases.jsonl"
COMMITS = "commits.txt"
MANIFEST = "manifest.json"

Watch = Callable[[Iterable[Any], str, int], Iterable[Any]]
"""As harvest takes it."""


class SetRequest(NamedTuple):
    """Which set is wanted."""

    kind: SetKind
    """`format`: messages of conventional commits. `content`: messages of any form.
    `plans`: commits that were made apart, as one change to take apart again."""
    source: str
    """A repository or bundle."""
    n: int
    """So many cases, drawn by their ids; fewer if there are no more."""
    authors: tuple[str, ...]
    """Parts of names or e-mails, one of which an author has; empty: anyone."""
    seed: int


class MadeSet(NamedTuple):
    """What was made."""

    cases: int
    fitting: int
    """Changes of the history that fit; the cases are drawn from them."""


def make_set(
    request: SetRequest, folder: Path, params: HarvestParams, watch: Watch
) -> MadeSet:
    """Write a set: its cases, a manifest, and the list of commits for a split.

    Args:
        request: which.
        folder: what was in it is replaced.
        params: of the stage harvest; the request replaces sources and windows, all
            other limits hold.
        watch: a progress bar.

    Raises:
        SourceError: if the source cannot be read, or nothing in it fits.
    """
    wanted = _params(request, params)
    tally = Tally()
    lines = harvest(wanted, tally, watch)
    changes = sorted(
        (
            change
            for change in map(Change.model_validate_json, lines)
            if _fits(change, request.kind)
        ),
        key=lambda change: _digest(change.id, request.seed),
    )
    drawn = sorted(changes[: request.n], key=lambda change: change.id)
    if not drawn:
        raise SourceError(
            f"{request.source}: no change fits a set of the kind {request.kind}; "
            "name another repository or author, or raise harvest's limits in params"
        )
    cases = [_case(change, request.kind) for change in drawn]
    shas = sorted({commit.sha for change in drawn for commit in change.commits})
    with whole_folder(folder) as partial:
        write_jsonl(partial / CASES, cases)
        title = f"# {folder.name}: {len(cases)} cases of {cases[0].repo}"
        (partial / COMMITS).write_text("\n".join([title, *shas, ""]), encoding="utf-8")
        made = _manifest(request, wanted, tally, cases, len(changes))
        write_json(partial / MANIFEST, made)
    return MadeSet(len(cases), len(changes))


def _params(request: SetRequest, params: HarvestParams) -> HarvestParams:
    settings = params.source_defaults.model_copy(update={"authors": request.authors})
    source = SourceParams(**settings.model_dump(), path=request.source)
    update: dict[str, Any] = {
        "sources": (source,),
        "on_bad_source": "stop",
        "preset": "joco" if request.kind == "format" else None,
        "windows": "overlapping",
        "max_window_commits": 1,
        "windows_per_commit": 1.0,
        "composites_per_commit": 0.0,
        "max_changes": None,
        "max_per_repo": None,
        "max_per_author": None,
    }
    if request.kind == "plans":
        update |= {
            "max_window_commits": max(2, params.max_window_commits),
            # Next to no windows of neighbours: composites are what is wanted.
            "windows_per_commit": 1e-9,
            "composites_per_commit": 1.0,
        }
    return with_preset(params.model_copy(update=update))


def _fits(change: Change, kind: SetKind) -> bool:
    return len(change.commits) > 1 if kind == "plans" else bool(_message(change))


def _message(change: Change) -> str:
    """Return what its one author wrote; empty if that is nothing."""
    return change.commits[0].message.strip()


def _case(change: Change, kind: SetKind) -> Case:
    case = case_of_change(change.model_dump(mode="json"))
    if kind == "plans":
        return case
    target = plan_of_message(_message(change), case.files)
    return case.model_copy(update={"task": "message", "target": target})


def _digest(change_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{change_id}".encode()).digest()


def _manifest(
    request: SetRequest,
    params: HarvestParams,
    tally: Tally,
    cases: list[Case],
    fitting: int,
) -> dict[str, Any]:
    """Return where a set comes from; nothing in it is of this machine."""
    filters = params.model_dump(
        mode="json", exclude={"sources", "source_defaults", "clones", "workers"}
    )
    return {
        "kind": request.kind,
        "repository": cases[0].repo,
        "sha": _head(params),
        "cases": len(cases),
        "fitting": fitting,
        "seed": request.seed,
        "authors": list(request.authors),
        "filters": filters,
        "history": tally.metrics(params),
    }


def _head(params: HarvestParams) -> str:
    def bad(error: SourceError) -> None:
        raise error

    with open_source(find_sources(params, bad).kept[0]) as opened:
        return opened.head
