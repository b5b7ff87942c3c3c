"""A draft on a terminal and as JSON."""

import json
import re
from random import Random

import click
import pytest
from tests.support.drafts import (
    CHANGE,
    DRAFT,
    PAGE,
    is_harmless,
    random_change,
    random_draft,
)
from wcwidth import width

from diffscribe.commits.grammar import format_header
from diffscribe.propose.show import draft_json, show_draft
from diffscribe.propose.spelling import safe_text, spell_name

SHOWN, _ = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_a_draft_is_shown_as_the_page_says():
    assert show_draft(DRAFT, CHANGE, generated={2}) == SHOWN


def squeezed(text):
    """The text without the blanks at which lines are broken."""
    return "".join(text.split())


@pytest.mark.parametrize("columns", [40, 80, 1000])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut_or_drives_it(columns):
    for seed in range(300):
        random = Random(seed)
        change = random_change(random)
        draft = random_draft(random, change)
        shown = show_draft(draft, change, columns)
        assert is_harmless(shown), seed
        assert max(map(width, shown.split("\n"))) <= columns, seed
        coloured = show_draft(draft, change, columns, is_coloured=True)
        assert click.unstyle(coloured) == shown, seed
        for commit in draft.plan.commits:
            for line in (format_header(commit), *commit.body.split("\n")):
                text = squeezed(safe_text(line.expandtabs(4)))
                assert text in squeezed(shown), seed
        if columns == 1000:
            for file in change.files:
                is_junk = file.path not in {*draft.left_out}.union(
                    *(each.files for each in draft.plan.commits)
                )
                assert is_junk or spell_name(file.path) in shown, seed


def test_json_says_the_same_in_ascii():
    client = {"path": "src/client.py", "old_path": None, "status": "M"}
    page = {"path": "docs/how to.md", "old_path": None, "status": "M"}
    store = {"path": "src/store.py", "old_path": "src/db.py", "status": "R"}
    subjects = [each.subject for each in DRAFT.plan.commits]
    body = "The handle leaked when a request failed.\n\nCloses #12"
    assert json.loads(draft_json(DRAFT, CHANGE, {"made_by": "a-model"})) == {
        "version": 1,
        "made_by": "a-model",
        "commits": [
            {
                "message": f"fix(client): {subjects[0]}\n\n{body}",
                "type": "fix",
                "scope": "client",
                "breaking": False,
                "subject": subjects[0],
                "body": body,
                "issues": [{"path": "src/client.py", "message": "prints all it sends"}],
                "files": [
                    client | {"additions": 2, "deletions": 2, "hunks": [1, 3]},
                    page | {"additions": 1, "deletions": 1, "hunks": []},
                ],
            },
            {
                "message": f"refactor: {subjects[1]}",
                "type": "refactor",
                "scope": None,
                "breaking": False,
                "subject": subjects[1],
                "body": "",
                "issues": [],
                "files": [store | {"additions": 0, "deletions": 0, "hunks": []}],
            },
        ],
        "gitignore": [{"pattern": "*.log", "files": ["debug.log"]}],
        "left_out": [client | {"additions": 1, "deletions": 1, "hunks": [2]}],
    }
    for seed in range(100):
        random = Random(seed)
        change = random_change(random)
        text = draft_json(random_draft(random, change), change, {})
        assert text.isascii(), seed
        assert not {*text} & {"\x7f", "\x1b"}, seed
