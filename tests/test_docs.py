"""The pages show the repository as it is, and README the last evaluation."""

import json
import re
from pathlib import Path

import pytest
import readme

from diffscribe.commands.main import VERBS
from diffscribe.eval.metrics import evaluate
from diffscribe.eval.scores import score_all
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
HOUSE_PAGE = (ROOT / "docs" / "house.md").read_text()
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def cells(table):
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_readme_fits_on_three_screens():
    assert len(README.splitlines()) <= 150


def test_readme_shows_the_student_of_the_committed_metrics():
    committed = json.loads((ROOT / "metrics" / "eval.json").read_text())
    _, student, *_ = cells(readme.MARKED.search(README)[2])
    shown = [cell.split(" ")[0] for cell in student[1:-1]]
    assert shown == [f"{round(100 * committed[name])}" for name in readme.COLUMNS]


def test_table_of_readme_names_the_control_that_groups_best():
    right = plan(commit("a", "fix"), commit("b", "docs"))
    case = make_case(right, id="s1")
    plans = {
        "student-q8_0": plan(commit("a", "feat"), commit("b", "docs")),
        "base": None,
        "control-one-commit": plan(commit("a b", "fix")),
        "control-per-file": right,
        "control-original": right,
    }
    answers = [
        prediction(each, case_id="s1", system=system) for system, each in plans.items()
    ]
    scores = score_all([case], answers, HOUSE)
    evaluation = evaluate([case], scores, answers, {})
    titles = [row[0] for row in cells(readme.results(evaluation))]
    assert titles == [
        "system",
        "**student** (`student-q8_0`)",
        "its base (`base`)",
        "best control (`control-per-file`)",
        "the commits as people made them",
    ]


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
