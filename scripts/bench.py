"""Ask any model any cases, keep what it says, score it again and compare.

Usage: python scripts/bench.py run CASES --gguf models/gguf/student-q8_0.gguf
    (also: rescore, compare, page, votes, list, show, make-set, check: docs/bench.md)
"""

from diffscribe.core.cli import INPUT, OUTPUT, Stage, params_option, progress

from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from diffscribe.core.params import load_params

PROMPTS = Path("prompts")
SLICES = ("repository", "language", "type", "commits", "diff size")
BENCHMARKS = Path("data/benchmarks")


@click.group()
@click.option(
    "--runs", type=Path, default=Path("reports/bench"), show_default=True, help="Where."
)
@click.pass_context
def main(context: click.Context, runs: Path) -> None:
    """Work with the runs in a folder, a folder each."""
    context.obj = runs


@main.command(cls=Stage)
@click.argument("cases", type=INPUT)
@click.option("--gguf", type=Path, help="Serve this file with llama-server.")
@click.option("--base-url", help="Or ask this OpenAI-compatible endpoint ...")
@click.option("--model", help="... for this model.")
@click.option("--api-key-variable", help="The environment variable with its key.")
@click.option(
    "--changes",
    type=Path,
    help="The changes of CASES that are samples; else ../splits beside them.",
)
@click.option("--max-cases", type=click.IntRange(1), help="Draw so many, by their ids.")
@click.option(
    "--prompt",
    type=click.Choice(("own", "teacher", "student")),
    default="own",
    help="How plans are asked for: as the file does, else as a teacher is; or as "
    "one of these.",
    show_default=True,
)
@click.option("--schema/--no-schema", default=True, help="Hold plans to their schema.")
@click.option("--max-prompt-chars", type=click.IntRange(1), default=40_000)
@click.option("--max-tokens", type=click.IntRange(1), default=1024)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0)
@click.option("--reasoning-effort", help="Such as low, where the model knows it.")
@click.option("--seed", type=int, default=7)
@click.option("--context-tokens", type=click.IntRange(1), default=8192, help="GGUF.")
@click.option("--threads", type=click.IntRange(0), default=0, help="GGUF; 0: all.")
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    help="Samples in flight: 8 of an endpoint, 1 slot of a GGUF.",
)
@click.option("--timeout-s", type=click.FloatRange(0, min_open=True), default=300.0)
@click.option("--attempts", type=click.IntRange(1), default=4)
@click.option("--again", is_flag=True, help="Ask what failed for want of an answer.")
@params_option
@click.pass_obj
def run(runs: Path, /, cases: Path, params: Path, **options: Any) -> None:
    """Ask a model all CASES; give the same command again to go on after a kill."""
    from diffscribe.eval.bench.job import Options, job_of
    from diffscribe.eval.bench.run import run as run_job

    chosen = Options(**options)
    if (chosen.gguf is None) == (chosen.base_url is None or chosen.model is None):
        raise click.UsageError("give --gguf, or --base-url and --model")
    done = run_job(
        runs,
        job_of(cases, chosen),
        PROMPTS,
        load_params(params),
        lambda entries, total: progress(entries, "bench", total),
    )
    click.echo(
        f"bench: {done.known} answers known, {done.asked} asked, {done.failed} failed"
        + (" and count as such; --again asks them once more" if done.failed else "")
    )
    _show(done.folder)


@main.command(cls=Stage)
@click.argument("names", nargs=-1, metavar="RUN...")
@params_option
@click.pass_obj
def rescore(runs: Path, /, names: tuple[str, ...], params: Path) -> None:
    """Score what RUNs, or all of them, have stored; no model is asked."""
    from diffscribe.eval.bench.files import all_runs, find_run, rescore_run

    folders = [find_run(runs, name) for name in names] if names else all_runs(runs)
    house = load_params(params).eval.house
    for folder in folders:
        click.echo(f"rescore: {folder.name}: {rescore_run(folder, house)} outputs")


@main.command(cls=Stage)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--by", "kinds", multiple=True, type=click.Choice(SLICES))
@click.option("--score", "scores", multiple=True, help="Of slices; else the main ones.")
@click.option("--out", type=OUTPUT, help="Write all of it here too, as JSON.")
@click.pass_obj
def compare(
    runs: Path,
    /,
    first: str,
    second: str,
    kinds: tuple[str, ...],
    scores: tuple[str, ...],
    out: Path | None,
) -> None:
    """Compare runs A and B over the same cases, sample by sample."""
    from diffscribe.core.files import write_json
    from diffscribe.eval.bench.compare import compare as compared
    from diffscribe.eval.bench.duels import duels_table
    from diffscribe.eval.bench.files import find_run, read_run

    if scores and not kinds:
        raise click.UsageError("--score chooses what slices show; give --by too")
    ours, theirs = (read_run(find_run(runs, name)) for name in (first, second))
    comparison = compared(ours, theirs, scores)
    if out is not None:
        write_json(out, comparison.model_dump(mode="json"))
    click.echo(duels_table(comparison, kinds, get_terminal_size().columns))


@main.command(cls=Stage)
@click.argument("files", type=INPUT, nargs=-1, required=True)
def votes(files: tuple[Path, ...]) -> None:
    """Tell who is preferred by the votes that the page of eval exported."""
    from diffscribe.review.votes import votes_report

    click.echo(votes_report(files))


@main.command(cls=Stage)
@click.argument("names", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--out", type=OUTPUT, default=Path("reports/side-by-side.html"), show_default=True
)
@click.option("--cases", type=click.IntRange(1), default=24, show_default=True)
@params_option
@click.pass_obj
def page(
    runs: Path, /, names: tuple[str, ...], out: Path, cases: int, params: Path
) -> None:
    """Show RUNs over the same cases side by side; vote on so many CASES of them."""
    from diffscribe.eval.bench.files import find_run, read_run
    from diffscribe.eval.bench.runs_page import write_runs_page

    stored = [read_run(find_run(runs, name)) for name in names]
    ballots = write_runs_page(stored, out, cases, load_params(params).eval.house)
    click.echo(f"page: {len(stored)} runs, {ballots} pairs to vote on: {out}")


@main.command("list", cls=Stage)
@click.pass_obj
def list_(runs: Path) -> None:
    """Show all runs, one a line."""
    from diffscribe.eval.bench.tables import runs_table

    click.echo(runs_table(runs, get_terminal_size().columns))


@main.command(cls=Stage)
@click.argument("name", metavar="RUN")
@click.pass_obj
def show(runs: Path, name: str) -> None:
    """Show what RUN is and all its scores; the beginning of its name will do."""
    from diffscribe.eval.bench.files import find_run

    _show(find_run(runs, name))


@main.command("to-inspect", cls=Stage)
@click.argument("name", metavar="RUN")
@click.argument("log", type=OUTPUT)
@click.pass_obj
def to_inspect(runs: Path, /, name: str, log: Path) -> None:
    """Write RUN to LOG, the JSON that inspect_ai reads and shows."""
    from diffscribe.eval.bench.files import find_run, read_run
    from diffscribe.eval.bench.inspect_log import export_log

    samples = export_log(read_run(find_run(runs, name)), log)
    click.echo(f"to-inspect: {samples} samples in {log}")


@main.command("from-inspect", cls=Stage)
@click.argument("log", type=INPUT)
@click.argument("cases", type=INPUT)
@params_option
@click.pass_obj
def from_inspect(runs: Path, /, log: Path, cases: Path, params: Path) -> None:
    """Make a run of what inspect_ai's LOG says to CASES, whose ids it has."""
    from diffscribe.eval.bench.formats import read_case_file
    from diffscribe.eval.bench.inspect_log import import_log

    house = load_params(params).eval.house
    _show(import_log(runs, log, read_case_file(cases), cases.name, house))


@main.command("make-set", cls=Stage)
@click.argument("kind", type=click.Choice(("format", "content", "plans")))
@click.argument("source")
@click.argument("folder", type=OUTPUT)
@click.option("--cases", "n", type=click.IntRange(1), default=100, show_default=True)
@click.option("--author", "authors", multiple=True, help="Part of a name or e-mail.")
@click.option("--seed", type=int, default=7, show_default=True)
@params_option
def make_set(folder: Path, params: Path, **request: Any) -> None:
    """Draw a benchmark of the history of SOURCE, a repository or bundle, to FOLDER."""
    from diffscribe.eval.bench.sets import SetRequest
    from diffscribe.eval.bench.sets import make_set as made

    if request["kind"] == "content" and not request["authors"]:
        raise click.UsageError("content is drawn by author; give --author, also twice")
    section = load_params(params).harvest
    done = made(SetRequest(**request), folder, section, progress)
    click.echo(f"make-set: {done.cases} of {done.fitting} changes that fit: {folder}")


@main.command(cls=Stage)
@click.argument("files", type=INPUT, nargs=-1, metavar="CASES...")
@click.option("--splits", type=INPUT, default=Path("data/splits"), show_default=True)
@params_option
def check(files: tuple[Path, ...], splits: Path, params: Path) -> None:
    """Fail if train or validation know a case of CASES, or of data/benchmarks."""
    from diffscribe.eval.bench.contamination import (
        case_files,
        find_contamination,
        refuse_contamination,
    )

    is_whole = load_params(params).split.by == "repository"
    found = {
        file: find_contamination(file, splits, is_whole)
        for file in files or case_files(BENCHMARKS)
    }
    if not found:
        click.echo(f"check: no set in {BENCHMARKS}; 'bench.py make-set' draws one")
    for file, leaks in found.items():
        click.echo(f"check: {file}: {len(leaks)} rows of the splits know a case of it")
    for file, leaks in found.items():
        refuse_contamination(leaks, file)


def _show(folder: Path) -> None:
    from diffscribe.eval.bench.tables import run_table

    click.echo(run_table(folder, get_terminal_size().columns))


if __name__ == "__main__":
    main()
