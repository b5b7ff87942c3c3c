"""Tell what labeling would ask and cost, for each teacher of the price table.

Usage: python scripts/label_estimate.py prompts/teacher data/harvested.jsonl
"""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, Command, params_option, progress
from diffscribe.core.files import read_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Change


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("harvested", type=INPUT)
@params_option
def main(prompts: Path, harvested: Path, params: Path) -> None:
    """Print rows, requests, tokens, cost and time of labeling HARVESTED.

    Nothing is sent, and what the ledger knows is not counted.
    """
    from diffscribe.asking.ledger import Ledger, ledger_path, means
    from diffscribe.commits.prompt import load_teacher_prompts
    from diffscribe.label.estimate import estimate, table, teachers

    section = load_params(params).label
    texts = load_teacher_prompts(prompts, section.rules)
    estimates = []
    with Ledger(ledger_path()) as ledger:
        measured = means(ledger_path())
        for each in teachers(section):
            changes = progress(read_jsonl(harvested, Change), each.teacher.model)
            estimates.append(estimate(changes, texts, each, ledger, measured))
    click.echo(table(estimates))
    if not section.asks:
        click.echo("label.source is history, which asks nobody: this is for teacher")


if __name__ == "__main__":
    main()
