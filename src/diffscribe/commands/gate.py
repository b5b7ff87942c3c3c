"""The verb gate: draw changes, show their labels, record votes."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Group, params_option, say
from diffscribe.core.files import write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Change
from diffscribe.label.gate import sampled
from diffscribe.review.gate import accept_votes, write_sample_page

REPORT = Path("reports/gate")

rows_option = click.option(
    "--rows", type=click.IntRange(min=1), help="How many; else params' label.gate_rows."
)


@click.group(cls=Group)
def gate_command() -> None:
    """Put a sample of labels before a person, and record the votes."""


@gate_command.command("draw")
@click.argument("harvested", type=INPUT, default=Path("data/harvested.jsonl"))
@click.argument("sample", type=OUTPUT, default=REPORT / "harvested.jsonl")
@rows_option
@params_option
def gate_draw(harvested: Path, sample: Path, rows: int | None, params: Path) -> None:
    """Write to SAMPLE a stratified sample of the changes of HARVESTED.

    Defaults are data/harvested.jsonl and reports/gate/harvested.jsonl.
    """
    count = write_jsonl(sample, sampled(harvested, _count(rows, params), Change))
    say(f"gate: {count} changes drawn to {sample}")


@gate_command.command("show")
@click.argument("labeled", type=INPUT, default=Path("data/labeled.jsonl"))
@click.argument("report", type=OUTPUT, default=REPORT)
@rows_option
@params_option
def gate_show(labeled: Path, report: Path, rows: int | None, params: Path) -> None:
    """Write REPORT/index.html, a page to vote on a sample of LABELED.

    Defaults are data/labeled.jsonl and reports/gate.
    """
    say(f"gate: {write_sample_page(labeled, report, _count(rows, params))}")
    say(f"gate: open {report / 'index.html'}")


@gate_command.command("accept")
@click.argument("file", type=OUTPUT, default=Path())
@click.argument("report", type=OUTPUT, default=REPORT)
def gate_accept(file: Path, report: Path) -> None:
    """Add the votes of FILE to REPORT/votes.jsonl.

    FILE is the votes.json of a page, REPORT is reports/gate by default. Only votes
    on labels that the page in REPORT shows are recorded.
    """
    if file == Path():
        raise click.UsageError(
            f"name the file of votes, which {report / 'index.html'} exports with the "
            "key e"
        )
    for line in accept_votes(file, report):
        say(f"gate: {line}")


def _count(rows: int | None, params: Path) -> int:
    return rows or load_params(params).label.gate_rows
