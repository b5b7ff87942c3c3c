"""What the pages say of the repository is so."""

import json
import re
from pathlib import Path

import docs
import pytest

from diffscribe.commands.main import VERBS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
HOUSE_PAGE = (ROOT / "docs" / "house.md").read_text()
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_readme_fits_on_three_screens():
    assert len(README.splitlines()) <= 175


def test_readme_shows_the_student_of_the_committed_metrics():
    committed = json.loads((ROOT / "metrics" / "eval.json").read_text())
    table, _ = README.split("<!-- /results -->")
    (line,) = re.findall(r"^\| student.*$", table, re.MULTILINE)
    shown = [cell.split()[0] for cell in line.split("|")[2:-1]]
    assert shown == [f"{round(100 * committed[name])}" for name in docs.COLUMNS]


def test_every_path_and_name_of_the_house_exists():
    for path, name in re.findall(r"`(src/[\w/.]+)`(?: \(`(\w+)`\))?", HOUSE_PAGE):
        text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
        assert (ROOT / path).exists(), path
        assert not name or re.search(rf"^(def|class) {name}\b", text, re.M), name


def test_every_verb_is_on_the_page_of_commands():
    for verb, words in VERBS.items():
        assert f"| `{verb}` | {words} |" in COMMANDS_PAGE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text())
    for target, anchor in links:
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            assert anchor[1:] in anchors(path), f"{target}{anchor}"


def anchors(path):
    """The ids that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
