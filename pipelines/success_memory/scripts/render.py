"""Stage render: turn episodes into pairs of a question and its answer."""

from collections.abc import Sequence
from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import read_jsonl, whole_folder, write_jsonl
from diffscribe.core.log_params import SuccessMemoryParams, load_log_params
from diffscribe.core.records import SPLITS, Message
from diffscribe.core.tracking import report
from diffscribe.doors.model_folder import encoder_counters, token_counters
from diffscribe.success_memory.curate import table_of
from diffscribe.success_memory.pairs import load_task_prompts, make_pairs
from diffscribe.success_memory.records import Episode


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("splits", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("sft", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    splits: Path,
    base: Path,
    sft: Path,
    details: Path,
    params: Path,
) -> None:
    """Write the pairs of SPLITS to SFT, as PROMPTS ask for them.

    BASE's tokenizer tells which are too long.
    """
    values = load_log_params(params, SuccessMemoryParams)
    section = values.render
    texts = load_task_prompts(prompts)
    is_causal = values.train.architecture == "causal"
    counters = token_counters if is_causal else encoder_counters
    count_text, count_chat = counters(base)

    def fits(prompt: Sequence[Message], answer: str) -> str:
        if count_chat(prompt) > section.max_prompt_tokens:
            return "prompt_too_long"
        is_long = count_text(answer) + 1 > section.max_answer_tokens
        return "answer_too_long" if is_long else ""

    counts = {}
    with whole_folder(sft) as folder:
        for name in SPLITS:
            episodes = read_jsonl(splits / f"{name}.jsonl", Episode)
            made = make_pairs(episodes, section.tasks, texts, fits)
            kind = {"base": values.train.architecture}
            samples = (each.model_copy(update=kind) for each in made.samples)
            write_jsonl(folder / f"{name}.jsonl", samples)
            counts[name] = table_of(made.counts)
    pairs = {
        name: sum(each.get("pairs", 0) for each in table.values())
        for name, table in counts.items()
    }
    shown = ", ".join(f"{number} {name}" for name, number in pairs.items())
    report(details, counts, f"{shown} pairs of {', '.join(section.tasks)}")


if __name__ == "__main__":
    main()
