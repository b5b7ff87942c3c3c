"""Stage render: spell interactions as the base's template does, within the budget."""

from pathlib import Path

import click

from diffscribe.commits.prompt import read_prompt
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import read_jsonl, whole_folder, write_jsonl
from diffscribe.core.log_params import ToolCallsParams, load_log_params
from diffscribe.core.records import SPLITS
from diffscribe.core.tracking import report
from diffscribe.tool_calls.records import ChatQuestion, SplitInteraction
from diffscribe.tool_calls.render import halves, render_split
from diffscribe.tool_calls.template import ChatTemplate


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("splits", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("sft", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(
    prompts: Path, splits: Path, base: Path, sft: Path, details: Path, params: Path
) -> None:
    """Write to SFT a sample for each turn of SPLITS that is learned.

    A sample of a question that no tool answers is among them.
    """
    values = load_log_params(params, ToolCallsParams)
    template = ChatTemplate(base)
    system = read_prompt(prompts / "system.md", ()).strip()
    no_tool = read_prompt(prompts / "no_tool.md", ()).strip()
    chats = read_jsonl(prompts / "chat.jsonl", ChatQuestion)
    to_learn, to_measure = halves(chats, values.seed)
    of_split = {"train": to_learn, "test": to_measure}
    figures, sizes = {}, []
    with whole_folder(sft) as folder:
        for name in SPLITS:
            rows = list(read_jsonl(splits / f"{name}.jsonl", SplitInteraction))
            asked = of_split.get(name, [])
            rendered = render_split(
                *(rows, asked, system, no_tool, template, values.render, values.seed)
            )
            write_jsonl(folder / f"{name}.jsonl", rendered.samples)
            figures[name] = rendered.metrics()
            sizes.append(f"{name} {len(rendered.samples)}")
    report(details, figures, ", ".join(sizes))


if __name__ == "__main__":
    main()
