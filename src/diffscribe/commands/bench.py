"""Ask any models the cases of a file and compare their answers.

What the stage eval does with its samples, on any file of cases:

diffscribe bench data/sft/test.jsonl --model models/gguf/student-q8_0.gguf
diffscribe bench joco.jsonl --model a.gguf --model http://127.0.0.1:11434/v1#llama3.2:1b
diffscribe bench data/harvested.jsonl --model one/labeled.jsonl --model other.jsonl
diffscribe bench compare reports/bench/test reports/bench/other
diffscribe bench check joco.jsonl
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from diffscribe.asking.connect import Gguf, Remote
from diffscribe.commits.diff import read_changes
from diffscribe.commits.prompt import load_plan_prompts, load_prompts
from diffscribe.commits.student_prompt import CHARS_PER_TOKEN, load_student_prompts
from diffscribe.core.cli import INPUT, OUTPUT, Group, params_option, progress, say
from diffscribe.core.compare import compare_systems
from diffscribe.core.errors import InputError, LeakError, RecordError
from diffscribe.core.files import read_jsonl, whole_folder, write_json, write_jsonl
from diffscribe.core.params import (
    Params,
    check_address,
    check_variable,
    load_params,
    may_hold_key,
)
from diffscribe.core.records import Label, Plan, Score, SplitChange
from diffscribe.core.tables import cell, percent, terminal_grid
from diffscribe.core.tracking import tracked_run
from diffscribe.eval.ask import System, ask_all
from diffscribe.eval.case_files import read_case_file
from diffscribe.eval.cases import (
    Case,
    change_of,
    select,
    with_prompts,
    with_student_prompts,
)
from diffscribe.eval.controls import RULES, Control, read_labels
from diffscribe.eval.questions import Decoding
from diffscribe.eval.report import (
    log_evaluation,
    terminal_table,
    write_report,
)
from diffscribe.eval.scores import HEADLINE, SCORES, measures_of
from diffscribe.review.report_page import TARGET, write_page
from diffscribe.split.leaks import Benchmark, Leak, find_leaks

PROMPTS = Path("prompts")
REPORTS = Path("reports/bench")
CASES = "cases.jsonl"
STYLE = "style.json"
SETTINGS = "settings.json"
WRITTEN = frozenset(
    (
        *("ballots.jsonl", "index.html", "metrics.json", "predictions.jsonl"),
        *("scores.jsonl", "table.md", CASES, STYLE, SETTINGS),
        *("plots/confusion.json", "plots/grouping_by_commits.json"),
        "plots/reliability_by_diff_size.json",
    )
)
"""All files of a folder of reports; one that holds others is never replaced."""
MAX_PROMPT_CHARS = 40_000
ENDPOINT_SLOTS = 8
"""Requests open at once; an endpoint answers each as if it were alone."""


class _Bench(Group):
    """A group in which `bench CASES` stands for `bench run CASES`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Bench)
def bench_command() -> None:
    """Ask any models the cases of a file and compare their answers.

    `diffscribe bench CASES --model ...` is short for `diffscribe bench run CASES ...`.
    """


@bench_command.command("run")
@click.argument("cases", type=INPUT)
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    help="A GGUF file, an endpoint with its model as URL#MODEL, a JSONL file of "
    "labeled changes, or a control such as control-one-commit. Give more to compare "
    "the first with them.",
)
@click.option("--reports", type=OUTPUT, help="Folder; else reports/bench/NAME.")
@click.option("--max-cases", type=click.IntRange(1), help="Ask only this many, by id.")
@click.option(
    "--prompt",
    type=click.Choice(("own", "teacher", "student")),
    default="own",
    show_default=True,
    help="The case's own, or else the one for untrained models; or always that for "
    "plans; or always the student's, as params say.",
)
@click.option(
    "--schema/--no-schema", default=True, help="Hold plans to schema or grammar."
)
@click.option(
    "--max-prompt-chars",
    type=click.IntRange(1),
    help="Cut the diff in a prompt that is made here to fit: else 40000, or for the "
    "student what render.max_prompt_tokens are.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="The most tokens of an answer.",
)
@click.option(
    "--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True
)
@click.option("--reasoning-effort", help="Such as low, if the model knows it.")
@click.option(
    "--context-tokens",
    type=click.IntRange(1),
    default=8192,
    show_default=True,
    help="Room for prompt and answer of a GGUF.",
)
@click.option(
    "--slots",
    type=click.IntRange(1),
    help="Requests open at once: else 1 for a GGUF and 8 for an endpoint.",
)
@click.option(
    "--api-key-variable",
    callback=lambda _, __, value: _variable(value),
    help="Environment variable with the key.",
)
@click.option("--only-score", is_flag=True, help="Use known answers; ask no model.")
@params_option
def bench_run(cases: Path, params: Path, reports: Path | None, **options: Any) -> None:
    """Ask each model all CASES and write a folder of reports.

    Answers are kept in the ledger, so the same command again asks only those questions
    that got no answer, and computes every score anew.
    """
    values = load_params(params)
    section = values.eval
    models = _models(options, section.threads)
    folder = reports or REPORTS / cases.stem
    if Path.cwd().is_relative_to(folder.resolve()):
        raise InputError(
            f"--reports {folder} is the current folder or above it, and would be "
            "replaced as a whole; name a folder in it"
        )
    if foreign := _foreign_file(folder):
        raise InputError(
            f"--reports {folder} holds {foreign}, which no bench wrote; the folder "
            "would be replaced as a whole, so name a new one or one of an earlier bench"
        )
    form, read, left_out = read_case_file(cases)
    if not read:
        raise RecordError(
            f"{cases}: every row has a private key, or more secrets than can be "
            "replaced; name other cases"
        )
    chosen = select(read, options["max_cases"] or len(read), section.seed)
    if not chosen:
        raise RecordError(f"{cases}: every change has more variants than --max-cases")
    asked = _with_prompts(chosen, values, options)
    decoding = Decoding(
        max_tokens=options["max_tokens"],
        seed=section.seed,
        temperature=options["temperature"],
        with_schema=options["schema"],
        with_bodies=values.style.body != "none",
        reasoning_effort=options["reasoning_effort"],
    )
    settings = {"cases": cases.name, "format": form, "n": len(asked), **options}
    systems = [System(name, model, asked) for name, model in models.items()]
    others = list(models)[1:]
    with tracked_run("bench", values, settings) as run:
        evaluated = ask_all(
            *(systems, asked, decoding, values.style, progress, others),
            known_only=options["only_score"],
        )
        with whole_folder(folder) as partial:
            partial.chmod(0o700)
            write_report(partial, evaluated)
            write_page(partial, evaluated, section.page_samples, others)
            write_jsonl(partial / CASES, asked)
            write_json(partial / STYLE, values.style.model_dump(mode="json"))
            write_json(partial / SETTINGS, settings)
        means = {
            each.system: {name: each.scores[name].value for name in each.scores}
            for each in evaluated.evaluation.systems
        }
        log_evaluation(run, folder, evaluated, means)
    unanswered = Counter(
        p.system for p in evaluated.predictions if p.model and not p.latency_s
    )
    for name, number in unanswered.items():
        say(f"bench: {name} gave no answer to {number} of {len(asked)} cases")
    if left_out:
        say(f"bench: {left_out} cases left out: secrets that stay here")
    say(terminal_table(evaluated.evaluation, get_terminal_size().columns))
    say(f"bench: {len(asked)} cases of {cases} ({form}): {folder}")


def _variable(name: str | None) -> str | None:
    try:
        return name and check_variable(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _foreign_file(folder: Path) -> Path | None:
    """Return a file at or below a path that no bench wrote, or None.

    The names of a bench's files count only where all that it alone writes are there.
    """
    is_of_bench = all((folder / name).is_file() for name in (CASES, STYLE, SETTINGS))
    known = WRITTEN if is_of_bench else frozenset[str]()
    for path in (folder, *folder.rglob("*")):
        is_file = path.is_symlink() or path.is_file()
        if is_file and path.relative_to(folder).as_posix() not in known:
            return path
    return None


def _models(
    options: Mapping[str, Any], threads: int
) -> dict[str, Gguf | Remote | Control]:
    """Return the models of --model by the names of their rows."""
    found: dict[str, Gguf | Remote | Control] = {}
    for text in options["models"]:
        name, model = _model(text, options, threads)
        problem = ""
        if text not in RULES and (name == TARGET or name.startswith("control-")):
            problem = (
                f"{TARGET} and control-... are names of other rows; the controls are "
                f"{', '.join(RULES)}"
            )
        elif name in found:
            problem = f"a row is called {name} already"
        if problem:
            raise click.UsageError(f"--model {text}: {problem}")
        found[name] = model
    return found


def _model(
    text: str, options: Mapping[str, Any], threads: int
) -> tuple[str, Gguf | Remote | Control]:
    if text in RULES:
        return text, RULES[text]
    if "://" not in text:
        path, slots = Path(text), options["slots"] or 1
        if not path.is_file():
            raise click.UsageError(
                f"--model {text}: no such file; name a GGUF file, an endpoint as "
                f"URL#MODEL, labeled changes, or a control: {', '.join(RULES)}"
            )
        if path.suffix == ".jsonl":
            return path.stem, read_labels(path)
        return path.stem, Gguf(path, options["context_tokens"], threads, slots)
    url, _, name = text.partition("#")
    try:
        check_address(url)
    except ValueError as error:
        shown = "URL#MODEL" if may_hold_key(text) else text
        raise click.UsageError(f"--model {shown}: {error}") from error
    if not name:
        raise click.UsageError(f"--model {text}: add the model, as {url}#MODEL")
    slots = options["slots"] or ENDPOINT_SLOTS
    key = options["api_key_variable"]
    return name, Remote(url, name, key, concurrency=slots, is_measured=True)


def _with_prompts(
    cases: Sequence[Case], values: Params, options: Mapping[str, Any]
) -> list[Case]:
    """Return the cases with the prompts that --prompt asks for."""
    kind, max_chars = options["prompt"], options["max_prompt_chars"]
    if kind == "student":
        style, section = values.style.message, values.render
        max_chars = max_chars or int(CHARS_PER_TOKEN * section.max_prompt_tokens)
        words = load_student_prompts(PROMPTS / "student", section.answer, style)
        return with_student_prompts(cases, words, max_chars, section, style)
    max_chars = max_chars or MAX_PROMPT_CHARS
    texts = {
        "message": load_prompts(PROMPTS / "message"),
        "plan": load_plan_prompts(PROMPTS / "teacher", values.style),
    }
    keep = ("plan", "message") if kind == "own" else ("message",)
    return with_prompts(cases, texts, max_chars, keep)


@bench_command.command("compare")
@click.argument("first", type=INPUT, metavar="A")
@click.argument("second", type=INPUT, metavar="B")
@click.option("--measure", "measures", multiple=True, type=click.Choice([*SCORES]))
def bench_compare(first: Path, second: Path, measures: tuple[str, ...]) -> None:
    """Compare the report folders A and B, case by case.

    The first system of each is compared, by the main measures unless some are named.
    """
    names = measures or HEADLINE
    ours, theirs = _first_system(first, names), _first_system(second, names)
    _refuse_incomparable(first, second, ours, theirs)
    found = compare_systems(ours, {"B": theirs}, measures_of(names))["B"]
    for letter, scores in (("A", ours), ("B", theirs)):
        say(f"{letter}: {scores[0].system}, {len(scores)} cases")
    rows = [
        {
            "measure": name,
            "A %": percent(each.first),
            "B %": percent(each.second),
            "A-B": cell(each.difference),
            "wins/losses/ties": f"{each.wins}/{each.losses}/{each.ties}",
            "p (Holm)": f"{each.p_holm:.3f}",
            "A is": each.verdict,
        }
        for name, each in found.items()
    ]
    say(terminal_grid(rows, get_terminal_size().columns))


def _first_system(folder: Path, names: Sequence[str]) -> list[Score]:
    """Return the scores of the system that a report is about."""
    scores = list(read_jsonl(folder / "scores.jsonl", Score))
    own = [each for each in scores if each.system == scores[0].system]
    if not own or not all(set(names) <= each.values.keys() for each in own):
        raise RecordError(
            f"{folder}: its scores lack {' or '.join(names)}; give its command again, "
            "which asks no known question twice"
        )
    return own


def _refuse_incomparable(
    first: Path, second: Path, ours: Sequence[Score], theirs: Sequence[Score]
) -> None:
    """Refuse reports over cases that differ, or by other rules of style."""
    mine, others = ({each.sample_id for each in scores} for scores in (ours, theirs))
    problem = ""
    if mine != others:
        problem = (
            f"other cases: {len(mine - others)} are only in the first and "
            f"{len(others - mine)} only in the second, such as {min(mine ^ others)}"
        )
    for name, what in ((CASES, "other cases"), (STYLE, "other rules of style")):
        paths = [folder / name for folder in (first, second)]
        # The stage eval keeps neither file in its reports.
        if not problem and all(path.is_file() for path in paths):
            one, other = (path.read_bytes() for path in paths)
            problem = what if one != other else ""
    if problem:
        raise RecordError(
            f"{first} and {second} are of {problem}; give both commands again over one "
            "file, which asks no known question twice"
        )


@bench_command.command("check")
@click.argument("files", type=INPUT, nargs=-1, required=True, metavar="CASES...")
@click.option("--splits", type=INPUT, default=Path("data/splits"), show_default=True)
@params_option
def bench_check(files: tuple[Path, ...], splits: Path, params: Path) -> None:
    """Fail if the splits train or validation know a case of CASES."""
    is_whole = load_params(params).split.by == "repository"
    found = {file: find_contamination(file, splits, is_whole) for file in files}
    for file, leaks in found.items():
        say(f"bench: {file}: {len(leaks)} rows of the splits know a case of it")
    for file, leaks in found.items():
        _refuse_contamination(file, leaks)


def find_contamination(
    cases: Path, splits: Path, whole_repositories: bool
) -> list[Leak]:
    """Return what rows of the splits train and validation share with a case file.

    Raises:
        InputError: if there is no split, or no case file.
        RecordError: if a line of one does not fit.
    """
    paths = [splits / f"{split}.jsonl" for split in ("train", "validation")]
    if not any(path.exists() for path in paths):
        raise InputError(f"no split in '{splits}'; run the stage split first")
    # find_leaks reads no label.
    label = Label(plan=Plan(commits=()), source="history")
    rows = [
        SplitChange(
            **dict(change_of(case)),
            label=label,
            cluster=case.id,
            parent_id=case.parent_id,
            junk=case.junk,
        )
        for case in read_case_file(cases).cases
    ]
    nothing = Benchmark(frozenset(), frozenset())
    # find_leaks names one later row for each row, so each split is compared alone.
    return [
        leak
        for path in paths
        if path.exists()
        for leak in find_leaks(
            {path.stem: list(read_changes(path, SplitChange)), "cases": rows},
            nothing,
            whole_repositories,
        )
    ]


def _refuse_contamination(cases: Path, leaks: Sequence[Leak]) -> None:
    """Refuse a case file that shares anything."""
    if leaks:
        counts = Counter(leak.kind.value for leak in leaks)
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
        first = leaks[0]
        raise LeakError(
            f"{cases}: the splits know its cases: {kinds}, such as {first.kind} of "
            f"{first.split} row {first.id} and case {first.other_id}; put its "
            "repository or commits into split.benchmarks and run the stage split "
            "again, or measure with other cases"
        )
