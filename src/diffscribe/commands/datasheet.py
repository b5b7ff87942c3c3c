"""The verb datasheet: what the data is, as a page and as a dataset card."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, say
from diffscribe.core.files import whole_file
from diffscribe.review.datasheet import card, gather, page


@click.command(cls=Command)
@click.argument("folder", type=INPUT, default=Path("data"))
@click.argument("counts", type=INPUT, default=Path("reports"))
@click.argument("report", type=OUTPUT, default=Path("reports/data/index.html"))
def datasheet_command(folder: Path, counts: Path, report: Path) -> None:
    """Show what the data is: one page without network, and a dataset card.

    The page goes to REPORT, the card to FOLDER/README.md; both are made of what the
    stages wrote to FOLDER and counted in COUNTS.
    """
    sheet = gather(folder, counts)
    for path, text in ((report, page(sheet)), (folder / "README.md", card(sheet))):
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
        say(f"datasheet: {path}")
