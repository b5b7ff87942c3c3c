"""The todo: what is written is read back, and what cannot be read is explained."""

import re
from collections import Counter
from random import Random

import pytest
from tests.support.drafts import (
    CHANGE,
    DRAFT,
    HOUSE_TYPES,
    PAGE,
    is_harmless,
    random_change,
    random_draft,
)

from diffscribe.commits.units import units_of
from diffscribe.propose.draft import draft_problem
from diffscribe.propose.todo import TodoError, explain, print_todo, read_todo

_, TODO = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_todo_is_written_as_the_page_says():
    todo, _, remarks = print_todo(DRAFT, CHANGE).partition("\n# Save and close")
    assert todo == TODO
    assert all(line.startswith("#") for line in remarks.splitlines()[1:])


ANY_TYPE = (*HOUSE_TYPES, "")


def units_in(draft, files):
    """Each unit of what a draft commits or leaves out."""
    parts = [
        *(dict.fromkeys(each.files, ()) | each.hunks for each in draft.plan.commits),
        draft.left_out,
    ]
    return Counter(
        (path, number)
        for part in parts
        for path, numbers in part.items()
        for number in numbers or range(1, files[path].hunks + 1)
    )


def torn(random, todo):
    """The text with a few lines moved, deleted, doubled, cut or mistyped."""
    lines = todo.split("\n")
    for _ in range(random.randint(1, 4)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        line = lines.pop(at)
        match random.randrange(6):
            case 0:
                pass
            case 1 | 2:
                lines.insert(other, line)
            case 3:
                lines[at:at] = [line, line]
            case 4:
                lines.insert(at, line[random.randint(0, 9) :])
            case 5:
                letters = random.choices('x" |#\\1*\x1b\r\U0010ffe4', k=3)
                cut = random.randint(0, len(line))
                lines.insert(at, line[:cut] + "".join(letters) + line[cut:])
        lines = lines or [""]
    return "\n".join(lines)


def test_every_draft_is_read_back_and_no_edit_loses_a_unit():
    seen = Counter()
    for seed in range(1000):
        random = Random(seed)
        change = random_change(random)
        draft = random_draft(random, change)
        files = {each.path: each for each in units_of(change.files, change.diff)}
        if draft_problem(draft, files.values(), ANY_TYPE) is not None:
            # A name that no pattern can hold was drawn as junk.
            continue
        todo = print_todo(draft, change)
        for text in (todo, "\ufeff" + todo.replace("\n", "\r\n")):
            assert read_todo(text, change, HOUSE_TYPES) == draft, seed
        assert is_harmless(todo), seed
        seen["read back"] += 1
        seen["with junk"] += bool(draft.plan.gitignore)
        seen["left out"] += bool(draft.left_out)
        seen["split"] += any(each.hunks for each in draft.plan.commits)
        edited = torn(random, todo)
        try:
            read = read_todo(edited, change)
        except TodoError as error:
            seen["refused"] += 1
            lines = edited.split("\n")
            assert all(1 <= line <= len(lines) for line, _ in error.problems), seed
            assert is_harmless(str(error)), seed
            explained = explain(explain(edited, error), error)
            unmarked = [
                each for each in explained.split("\n") if not each.startswith("#! ")
            ]
            assert unmarked == lines, seed
        else:
            seen["taken"] += 1
            assert draft_problem(read, files.values(), ANY_TYPE) is None, seed
            assert {*units_in(read, files).values()} <= {1}, seed
    assert seen["read back"] > 950
    assert min(seen.values()) > 150, seen


PROBLEMS = """\
file src/store.py
commit feat: split the reader
fil src/store.py
file src/clent.py  # a remark
file src/db.py
file docs/how to.md
file "docs/how to.md
file src/client.py
hunk 2 src/client.py
hunk 4 src/client.py
hunk x src/client.py
hunk 2 src/store.py
ignore *
ignore "a\\nb"
ignore src/
commit
  Why it is split.
commit docs: say how
leave out
| text
file
commit "a\\000b"
""".splitlines()
EXPLAINED = {
    1: "no commit stands above; move this below one",
    3: "no line begins with fil, but with commit, file, hunk, leave, ignore, issue, | "
    "for a message or # for a remark",
    4: "nothing changed in src/clent.py; did you mean src/client.py?",
    5: "nothing changed in src/db.py; did you mean src/store.py?",
    6: "to.md is too much; a name with blanks needs quotes around it, a remark begins "
    "with #",
    7: "write a name; one with blanks or quotes needs quotes around it",
    9: "hunk 2 of src/client.py is in line 8 already; delete one of the two",
    10: "src/client.py has hunks 1 to 3; write hunk NUMBER NAME or file NAME",
    11: "src/client.py has hunks 1 to 3; write hunk NUMBER NAME or file NAME",
    12: "src/store.py has only one part; write hunk NUMBER NAME or file NAME",
    13: "the pattern would ignore everything; narrow it",
    14: "a pattern is one line without control characters",
    15: "it ignores src/client.py, which is in line 8; delete one of the two",
    16: "write the message behind the word commit",
    17: "no line begins with Why, but with commit, file, hunk, leave, ignore, issue, | "
    "for a message or # for a remark",
    18: "nothing is in this commit; move a file below it or delete it",
    19: "out is too much; a name with blanks needs quotes around it, a remark begins "
    "with #",
    20: "what is left out has no message and no issues; move the line to a commit, or "
    "delete it",
    21: "write a name; one with blanks or quotes needs quotes around it",
    22: "git refuses NUL in a message; take it out",
}


def test_all_lines_that_cannot_be_read_are_explained_at_once():
    text = "\n".join(PROBLEMS)
    with pytest.raises(TodoError) as caught:
        read_todo(text, CHANGE)
    assert caught.value.problems == tuple(EXPLAINED.items())
    explained = explain(text, caught.value).split("\n")
    assert explained[:4] == [f"#! {EXPLAINED[1]}", *PROBLEMS[:2], f"#! {EXPLAINED[3]}"]
    assert explained[-2:] == [f"#! {EXPLAINED[22]}", PROBLEMS[-1]]


def test_a_secret_file_is_in_no_commit_but_may_be_left_out():
    todo = print_todo(DRAFT, CHANGE)
    with pytest.raises(TodoError, match=r"line 15: src/store\.py is a file of keys"):
        read_todo(todo, CHANGE, secret={"src/store.py"})
    left = todo.replace("\ncommit refactor", "\nleave # ")
    draft = read_todo(left, CHANGE, secret={"src/store.py"})
    assert draft.left_out == {"src/client.py": (2,), "src/store.py": ()}


def edited(*replaced):
    text = print_todo(DRAFT, CHANGE)
    for old, new in replaced:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return read_todo(text, CHANGE)


def test_a_commit_without_its_line_joins_the_one_above():
    header = "commit refactor: name the store after what it does"
    (commit,) = edited((header, "| And a name."), ("\n  hunk 2", "\n# ")).plan.commits
    assert commit.files == ("src/client.py", "docs/how to.md", "src/store.py")
    assert commit.body == f"{DRAFT.plan.commits[0].body}\n\nAnd a name."


@pytest.mark.parametrize("header", ['Update "things": now', "printer: fix it #12"])
def test_a_new_line_splits_a_commit_and_any_header_is_taken(header):
    moved = ("\n  hunk 3", "\n  hunk 3 src/client.py\n  hunk 2 src/client.py #")
    new_line = ("\n  hunk 3", f"\ncommit {header}\nhunk 3")
    first, new, last = edited(("\n  hunk 2", "\n# "), moved, new_line).plan.commits
    assert first.hunks == {"src/client.py": (1,)}
    assert new.hunks == {"src/client.py": (2, 3)}
    assert first.files == ("src/client.py",)
    assert new.files == ("src/client.py", "docs/how to.md")
    assert (new.type, new.subject) == ("", header)
    assert last == DRAFT.plan.commits[1]


def test_hunks_that_come_together_are_a_whole_file():
    above = ("\ncommit refactor", "\n# "), ("\nleave", "\n# ")
    (commit,) = edited(*above).plan.commits
    assert commit.files == ("src/client.py", "docs/how to.md", "src/store.py")
    assert commit.hunks == {}


def test_what_no_line_names_stays_in_the_working_tree():
    named = ("\n  file src", "\ncommit refactor", "\nignore")
    draft = edited(*((each, "\n# ") for each in named))
    rest = {"src/client.py": (2,), "src/store.py": (), "debug.log": ()}
    assert draft.left_out == rest
    nothing = read_todo("", CHANGE)
    assert nothing.plan.commits == ()
    assert nothing.left_out.keys() == {each.path for each in CHANGE.files}
