"""Stage template: give a base that shows no tools a template that does."""

import os
import shutil
from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command
from diffscribe.core.files import whole_folder
from diffscribe.core.tracking import report
from diffscribe.tool_calls.template import give_template


@click.command(cls=Command)
@click.argument("template", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("model", type=OUTPUT)
@click.argument("details", type=OUTPUT)
def main(template: Path, base: Path, model: Path, details: Path) -> None:
    """Write BASE to MODEL, with TEMPLATE if its own shows no tools."""
    with whole_folder(model) as folder:
        # Weights are linked: a second copy of a large model would fill the disk.
        shutil.copytree(base, folder, copy_function=os.link, dirs_exist_ok=True)
        is_ours = give_template(folder, template)
    report(
        details,
        {"tool_template": "ours" if is_ours else "of the base"},
        "the base's template shows no tools; ours was written into it"
        if is_ours
        else "the base's own template shows tools",
    )


if __name__ == "__main__":
    main()
