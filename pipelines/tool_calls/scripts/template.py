"""Part of stage base: give a base that shows no tools a template that does."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command
from diffscribe.core.tracking import report
from diffscribe.tool_calls.template import give_template


@click.command(cls=Command)
@click.argument("template", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("details", type=OUTPUT)
def main(template: Path, base: Path, details: Path) -> None:
    """Write TEMPLATE into the folder BASE, if its own shows no tools."""
    is_ours = give_template(base, template)
    report(
        details,
        {"tool_template": "ours" if is_ours else "of the base"},
        "the base's template shows no tools; ours was written into it"
        if is_ours
        else "the base's own template shows tools",
    )


if __name__ == "__main__":
    main()
