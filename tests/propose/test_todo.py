"""The todo: what is written is read back, and what cannot be read is explained."""

from collections import Counter
from random import Random

import pytest
from tests.support.drafts import CHANGE, DRAFT, is_harmless, random_change, random_draft

from diffscribe.commits.units import units_of
from diffscribe.propose.draft import draft_problem
from diffscribe.propose.todo import TodoError, explain, print_todo, read_todo

TODO = """\
commit fix(m): mend #12
  | Why.
  |
  |   - a point
  hunk 1 src/m.py  # line 1: def f1():
    # -old 1
    # +new 1
  hunk 3 src/m.py  # line 80: def f80():
    # -old 80
    # +new 80
  file "a b.py"    # M +1 -1

commit refactor: name it
  file new.py      # R, from old.py

leave  # stays in the working tree
  hunk 2 src/m.py  # line 40: def f40():
    # -old 40
    # +new 40

ignore *.log       # app.log

# Save and close"""


def test_the_todo_is_a_text_that_a_person_can_read():
    assert print_todo(DRAFT, CHANGE).startswith(TODO)


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
    for seed in range(2000):
        random = Random(seed)
        change = random_change(random)
        draft = random_draft(random, change)
        files = {each.path: each for each in units_of(change.files, change.diff)}
        if draft_problem(draft, files.values(), types_of(draft)) is not None:
            # A name that no pattern can hold was drawn as junk.
            continue
        todo = print_todo(draft, change)
        assert read_todo(todo, change) == draft, seed
        assert read_todo(todo.replace("\n", "\r\n"), change) == draft, seed
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
            assert draft_problem(read, files.values(), types_of(read)) is None, seed
            assert {*units_in(read, files).values()} <= {1}, seed
    assert seen["read back"] > 1900
    assert min(seen.values()) > 300, seen


def types_of(draft):
    return {"fix", *(each.type for each in draft.plan.commits)}


PROBLEMS = """\
file new.py
commit feat: split the reader
fil new.py
file src/n.py  # a remark
file old.py
file a b.py
file "a b.py
file src/m.py
hunk 2 src/m.py
hunk 4 src/m.py
hunk x src/m.py
hunk 2 new.py
ignore *
ignore "a\\nb"
ignore src/
commit
  Why it is split.
commit docs: say how
leave out
| text
issue
""".splitlines()
EXPLAINED = {
    1: "no commit stands above; move this below one",
    3: "no line begins with fil, but with commit, file, hunk, leave, ignore, issue, | "
    "for a message or # for a remark",
    4: "nothing changed in src/n.py; did you mean src/m.py?",
    5: "nothing changed in old.py; did you mean new.py?",
    6: "b.py is too much; a name with blanks needs quotes around it, a remark begins "
    "with #",
    7: "write a name; one with blanks or quotes needs quotes around it",
    9: "hunk 2 of src/m.py is in line 8 already; delete one of the two",
    10: "src/m.py has hunks 1 to 3; write hunk NUMBER NAME or file NAME",
    11: "src/m.py has hunks 1 to 3; write hunk NUMBER NAME or file NAME",
    12: "new.py has only one part; write hunk NUMBER NAME or file NAME",
    13: "the pattern would ignore everything; narrow it",
    14: "a pattern is one line without control characters",
    15: "the pattern ignores src/m.py, which is in line 8; delete one of the two",
    16: "write the message behind the word commit",
    17: "no line begins with Why, but with commit, file, hunk, leave, ignore, issue, | "
    "for a message or # for a remark",
    18: "nothing is in this commit; move a file below it or delete it",
    19: "out is too much; a name with blanks needs quotes around it, a remark begins "
    "with #",
    20: "what is left out has no message; move it to a commit",
    21: "write a name; one with blanks or quotes needs quotes around it",
}


def test_all_lines_that_cannot_be_read_are_explained_at_once():
    text = "\n".join(PROBLEMS)
    with pytest.raises(TodoError) as caught:
        read_todo(text, CHANGE)
    assert dict(caught.value.problems) == EXPLAINED
    explained = explain(text, caught.value).split("\n")
    assert explained[:4] == [f"#! {EXPLAINED[1]}", *PROBLEMS[:2], f"#! {EXPLAINED[3]}"]
    assert explained[-2:] == [f"#! {EXPLAINED[21]}", "issue"]


def edited(*replaced):
    text = print_todo(DRAFT, CHANGE)
    for old, new in replaced:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return read_todo(text, CHANGE)


def test_a_commit_without_its_line_joins_the_one_above():
    commit, *others = edited(
        ("commit refactor: name it\n", "| And a name.\n"), ("\n  hunk 2", "\n# ")
    ).plan.commits
    assert others == []
    assert commit.files == ("src/m.py", "a b.py", "new.py")
    assert commit.body == f"{DRAFT.plan.commits[0].body}\n\nAnd a name."


def test_a_new_line_splits_a_commit_and_any_header_is_taken():
    first, new, last = edited(
        ("  hunk 3", 'commit Update "things": now\nhunk 3')
    ).plan.commits
    assert (first.hunks, new.hunks) == ({"src/m.py": (1,)}, {"src/m.py": (3,)})
    assert (first.files, new.files) == (("src/m.py",), ("src/m.py", "a b.py"))
    assert (new.type, new.subject) == ("", 'Update "things": now')
    assert last == DRAFT.plan.commits[1]


def test_hunks_that_come_together_are_a_whole_file():
    above = ("\ncommit refactor", "\n# "), ("\nleave", "\n# ")
    (commit,) = edited(*above).plan.commits
    assert (commit.files, commit.hunks) == (("src/m.py", "a b.py", "new.py"), {})


def test_what_no_line_names_stays_in_the_working_tree():
    draft = edited(
        ("\n  file new", "\n# "), ("\ncommit r", "\n# "), ("\nignore", "\n#")
    )
    assert draft.left_out == {"src/m.py": (2,), "new.py": (), "app.log": ()}
    nothing = read_todo("", CHANGE)
    assert nothing.plan.commits == ()
    assert nothing.left_out.keys() == {each.path for each in CHANGE.files}
