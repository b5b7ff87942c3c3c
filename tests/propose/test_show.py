"""A draft on a terminal and as JSON."""

import json
from random import Random

import click
import pytest
from tests.support.drafts import CHANGE, DRAFT, is_harmless, random_change, random_draft
from wcwidth import width

from diffscribe.commits.grammar import format_header
from diffscribe.propose.show import draft_json, show_draft
from diffscribe.propose.spelling import safe_text, spell_name

SHOWN = """\
1  fix(m): mend #12
   Why.

     - a point

   M  src/m.py  +2  -2
      hunk 1 of 3, line 1: def f1():
         -old 1
      hunk 3 of 3, line 80: def f80():
         -old 80
   M  "a b.py"  +1  -1

2  refactor: name it
   no model worded this

   R  new.py
      from old.py

.gitignore
   *.log  for app.log

left out, stays in the working tree
   M  src/m.py  +1  -1
      hunk 2 of 3, line 40: def f40():
         -old 40
"""


def test_a_draft_is_shown_as_numbered_commits_junk_and_what_is_left_out():
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
    made = json.loads(draft_json(DRAFT, CHANGE, {"made_by": "a-model"}))
    m = {"path": "src/m.py", "old_path": None, "status": "M"}
    assert made == {
        "version": 1,
        "made_by": "a-model",
        "commits": [
            {
                "message": "fix(m): mend #12\n\nWhy.\n\n  - a point",
                "type": "fix",
                "scope": "m",
                "breaking": False,
                "subject": "mend #12",
                "body": "Why.\n\n  - a point",
                "issues": [],
                "files": [
                    m | {"additions": 2, "deletions": 2, "hunks": [1, 3]},
                    {
                        "path": "a b.py",
                        "old_path": None,
                        "status": "M",
                        "additions": 1,
                        "deletions": 1,
                        "hunks": [],
                    },
                ],
            },
            {
                "message": "refactor: name it",
                "type": "refactor",
                "scope": None,
                "breaking": False,
                "subject": "name it",
                "body": "",
                "issues": [],
                "files": [
                    {
                        "path": "new.py",
                        "old_path": "old.py",
                        "status": "R",
                        "additions": 0,
                        "deletions": 0,
                        "hunks": [],
                    }
                ],
            },
        ],
        "gitignore": [{"pattern": "*.log", "files": ["app.log"]}],
        "left_out": [m | {"additions": 1, "deletions": 1, "hunks": [2]}],
    }
    for seed in range(100):
        random = Random(seed)
        change = random_change(random)
        text = draft_json(random_draft(random, change), change, {})
        assert text.isascii(), seed
        assert not {*text} & {"\x7f", "\x1b"}, seed
