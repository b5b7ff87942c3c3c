"""Ask any model any cases, keep what it says, score it again and compare.

Usage: python scripts/bench.py run CASES --gguf models/gguf/student-q8_0.gguf
    (also: rescore, compare, list, show; docs/evaluation.md has the case files)
"""

from diffscribe.cli import INPUT, Stage, params_option, progress

from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from diffscribe.params import load_params

PROMPTS = Path("prompts")


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
    from diffscribe.evaluation.bench.job import Options, job_of
    from diffscribe.evaluation.bench.run import run as run_job

    chosen = Options(**options)
    if (chosen.gguf is None) == (chosen.base_url is None or chosen.model is None):
        raise click.UsageError("give --gguf, or --base-url and --model")
    values = load_params(params)
    done = run_job(
        runs,
        job_of(cases, chosen),
        PROMPTS,
        values.label.rules,
        lambda entries, total: progress(entries, "bench", total),
    )
    click.echo(
        f"bench: {done.known} answers known, {done.asked} asked, {done.failed} failed"
    )
    _show(done.folder)


@main.command(cls=Stage)
@click.argument("names", nargs=-1, metavar="RUN...")
@click.pass_obj
def rescore(runs: Path, names: tuple[str, ...]) -> None:
    """Score what RUNs, or all of them, have stored; no model is asked."""
    from diffscribe.evaluation.bench.files import all_runs, find_run, rescore_run

    folders = [find_run(runs, name) for name in names] if names else all_runs(runs)
    for folder in folders:
        click.echo(f"rescore: {folder.name}: {rescore_run(folder)} outputs")


@main.command("list", cls=Stage)
@click.pass_obj
def list_(runs: Path) -> None:
    """Show all runs, one a line."""
    from diffscribe.evaluation.bench.tables import runs_table

    click.echo(runs_table(runs, get_terminal_size().columns))


@main.command(cls=Stage)
@click.argument("name", metavar="RUN")
@click.pass_obj
def show(runs: Path, name: str) -> None:
    """Show what RUN is and all its scores; the beginning of its name will do."""
    from diffscribe.evaluation.bench.files import find_run

    _show(find_run(runs, name))


def _show(folder: Path) -> None:
    from diffscribe.evaluation.bench.tables import run_table

    click.echo(run_table(folder, get_terminal_size().columns))


if __name__ == "__main__":
    main()
