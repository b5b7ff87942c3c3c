"""README shows the repository as it is."""

import json
import re
import subprocess
from pathlib import Path

import docs
import pytest

from diffscribe.commands.main import VERBS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()

in_checkout = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a git checkout: nothing to compare with"
)


def at_head(path):
    """The text of a committed file, or None if HEAD has no such file."""
    command = ["git", "show", f"HEAD:{path}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return shown.stdout if shown.returncode == 0 else None


def test_dag_is_current():
    assert docs.block_of(README, "dag") == docs.dag(), "run 'make docs'"


@in_checkout
def test_tree_is_current():
    assert docs.block_of(README, "tree") == docs.tree(), "run 'make docs'"


@in_checkout
def test_committed_result_table_shows_the_committed_metrics():
    """A repro on another machine changes the working tree, so HEAD is compared."""
    metrics = json.loads(at_head("metrics/eval.json"))
    block = docs.results(metrics)
    assert docs.block_of(at_head("README.md"), "results") == block, "run 'make docs'"


@in_checkout
def test_every_line_of_the_tree_has_a_phrase():
    bare = [line for line in docs.tree().splitlines()[1:-1] if len(line.split()) == 1]
    assert [line.strip() for line in bare] == ["src/"]


@pytest.fixture
def metrics():
    row = {"valid": 0.905, "valid_low": 0.8, "valid_high": 1.0}
    row |= {"type": 0.5, "type_low": 0.455, "type_high": 0.55}
    row |= dict.fromkeys(("ari", "ari_low", "ari_high"))
    row |= {"junk": 0.0, "junk_low": -0.001, "junk_high": 0.06}
    return {
        "n": 40,
        "n_junk": 12,
        "student": "student-q8_0",
        "difference": {"one_commit": row | {"type_low": -0.1}, "base-f16": row},
        "base-f16": row | {"tokens_per_s": 99.95, "size_mb": 16.04},
        "one_commit": row | {"tokens_per_s": None, "size_mb": None},
        "student-q4_k_m": row | {"tokens_per_s": 250.4, "size_mb": 5.0},
        "student-q8_0": row | {"tokens_per_s": 240.0, "size_mb": 9.0},
    }


def cells(table):
    lines = [line.split("|")[1:-1] for line in table.splitlines()]
    return [[cell.strip() for cell in line] for line in lines]


def test_results_order_students_by_size_and_controls_last(metrics):
    rows = cells(docs.results(metrics).split("\n\n")[0])
    assert rows[0][1:] == [*docs.SCORES.values(), *docs.SPEED_AND_SIZE.values()]
    scores = ["90 [80, 100]", "50 [46, 55]", "-", "0 [0, 6]"]
    assert rows[2] == ["student-q8_0", *scores, "240", "9.0"]
    assert [row[0] for row in rows[3:]] == ["student-q4_k_m", "base-f16", "one_commit"]
    assert rows[4][5:] == ["100.0", "16.0"]
    assert rows[5][5:] == ["-", "-"]


def test_results_tell_n_and_the_differences_with_their_sign(metrics):
    _, words, table = docs.results(metrics).split("\n\n")
    assert "n = 40 changes, of which 12 have junk. student-q8_0 minus each" in words
    rows = cells(table)
    assert [row[0] for row in rows] == ["minus", rows[1][0], "base-f16", "one_commit"]
    assert rows[3][1:] == ["90 [80, 100]", "50 [-10, 55]", "-", "0 [0, 6]"]


@pytest.mark.parametrize("key", ["n_junk", "difference"])
def test_metrics_of_an_older_version_are_refused_in_one_line(metrics, key):
    del metrics[key]
    with pytest.raises(SystemExit) as refused:
        docs.results(metrics)
    assert refused.value.code == (
        f"metrics/eval.json: no '{key}', so an older version wrote it; "
        "run 'make repro', then 'make docs' again"
    )


HOUSE = (ROOT / "docs" / "house.md").read_text()
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_every_path_and_name_of_the_house_exists():
    for path, name in re.findall(r"`(src/[\w/.]+)`(?: \(`(\w+)`\))?", HOUSE):
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
