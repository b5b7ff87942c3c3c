"""Stage render: turn changes into chat samples within the token budget."""

from collections import Counter
from pathlib import Path

import click

from diffscribe.commits.diff import read_changes
from diffscribe.commits.student_prompt import Counters, load_student_prompts
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import whole_folder, write_json, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import SPLITS, SplitChange
from diffscribe.core.tracking import Statistics, report
from diffscribe.doors.model_folder import token_counters
from diffscribe.render.render import lone_commits, render_changes


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("splits", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("sft", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    splits: Path,
    base: Path,
    sft: Path,
    details: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Write to SFT the chat samples of SPLITS, counted by BASE's tokenizer."""
    values = load_params(params)
    section, style = values.render, values.style.message
    shown = load_student_prompts(prompts, section.answer, style)
    count = Counters(*token_counters(base))
    figures = {}
    processed: Counter[str] = Counter()
    kept: dict[str, Counter[str]] = {}
    only_plans = section.model_copy(update={"message_fraction": 0.0})
    with whole_folder(sft) as folder:
        for split in SPLITS:
            rows = splits / f"{split}.jsonl"
            changes = progress(read_changes(rows, SplitChange), f"render {split}")
            # Messages are beside plans to learn from; what is measured is one task.
            here = section if split == "train" else only_plans
            lone = set()
            if here.message_fraction:
                lone = lone_commits(read_changes(rows, SplitChange))
            rendered = render_changes(changes, shown, count, here, style, lone)
            samples = [each.sample for each in rendered.fitted]
            write_jsonl(folder / f"{split}.jsonl", samples)
            figures[split] = rendered.metrics()
            processed += rendered.processed
            kept[split] = rendered.approved()
    approved = sum(kept.values(), Counter())
    statistics = Statistics({"processed": processed, "approved": approved, **kept})
    write_json(metrics, {"samples": kept["train"].total()})
    report(
        details,
        figures,
        ", ".join(f"{split} {kept[split].total()}" for split in SPLITS),
        statistics,
    )


if __name__ == "__main__":
    main()
