"""The verb judge: a model votes on the pairs of plans that people vote on."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, say
from diffscribe.core.files import write_json
from diffscribe.core.params import load_params
from diffscribe.review.judge import judge
from diffscribe.review.votes import votes_report


@click.command(cls=Command)
@click.argument("prompts", type=INPUT, default=Path("prompts/judge"))
@click.argument("splits", type=INPUT, default=Path("data/splits"))
@click.argument("test", type=INPUT, default=Path("data/sft/test.jsonl"))
@click.argument("reports", type=INPUT, default=Path("reports/eval"))
@click.argument("votes", type=OUTPUT, default=Path("reports/judge/votes.json"))
@click.option("--model", help="At label.teacher.base_url; else label.teacher.model.")
@params_option
def judge_command(
    prompts: Path,
    splits: Path,
    test: Path,
    reports: Path,
    votes: Path,
    model: str | None,
    params: Path,
) -> None:
    """Have a model vote on the pairs of plans of an evaluation.

    The votes on REPORTS/ballots.jsonl go to VOTES, for `diffscribe votes`. Each pair
    is asked about in both orders; where the answers differ, it is a tie.
    """
    section = load_params(params).label
    name = model or section.teacher.model
    judged = judge(reports, splits, test, prompts, name, section)
    write_json(votes, judged.votes.model_dump(mode="json"))
    say(votes_report([votes]))
    say(f"judge: {judged}")
