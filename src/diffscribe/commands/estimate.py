"""Estimate what labeling would ask and cost, for each teacher of the price table."""

from pathlib import Path

import click

from diffscribe.commits.diff import read_changes
from diffscribe.core.cli import INPUT, Command, params_option, progress, say


@click.command(cls=Command)
@click.argument("harvested", type=INPUT, default=Path("data/harvested.jsonl"))
@click.argument("prompts", type=INPUT, default=Path("prompts/teacher"))
@params_option
def estimate_command(harvested: Path, prompts: Path, params: Path) -> None:
    """Estimate what labeling would ask and cost, for each teacher of the price table.

    Rows, requests, tokens, cost and time of labeling HARVESTED with PROMPTS. Nothing is
    sent, and answers that the ledger knows are not counted.
    """
    from diffscribe.asking.ledger import Ledger, ledger_path
    from diffscribe.asking.upkeep import totals
    from diffscribe.commits.prompt import load_teacher_prompts
    from diffscribe.core.params import load_params
    from diffscribe.core.records import Change
    from diffscribe.label.estimate import estimate_labeling, estimate_table, teachers

    values = load_params(params)
    section = values.label
    texts = load_teacher_prompts(prompts, values.style)
    estimates = []
    with Ledger(ledger_path()) as ledger:
        sums = totals(ledger_path())
        for each in teachers(section):
            changes = progress(read_changes(harvested, Change), each.teacher.model)
            estimates.append(estimate_labeling(changes, texts, each, ledger, sums))
    say(estimate_table(estimates))
    if not section.asks:
        say("label.source is history, which asks no model: this is for teacher")
