import re
from pathlib import Path

import pytest
from tests.commits.test_prompt import change, changed, words

from diffscribe.commits.prompt import Prompts
from diffscribe.commits.student_prompt import (
    CHARACTERS,
    Counters,
    load_student_prompts,
    render_student_prompt,
)
from diffscribe.core.errors import InputError
from diffscribe.core.records import FileKind, FileStatus

PROMPTS = Prompts(
    system="Plan.", user="L: $languages\nR:\n$recent_subjects\nF:\n$files"
)
PLENTY = 10_000
SHIPPED = Path(__file__).parents[2] / "prompts" / "student"
TEMPLATE_TOKENS = 7
COUNT = Counters(
    words, lambda chat: TEMPLATE_TOKENS + sum(words(each.content) for each in chat)
)


def hunk(lines, function="", start=1):
    """Return a hunk of the lines; an odd number before it keeps headers apart."""
    old = sum(line[0] in " -" for line in lines)
    new = sum(line[0] in " +" for line in lines)
    at = f"-{start},{old} +{start},{new}"
    return f"@@ {at} @@{function and ' ' + function}\n" + "".join(
        f"{line}\n" for line in lines
    )


def patch(path, *hunks, header=""):
    return (
        f"diff --git a/{path} b/{path}\n{header}index 1234567..89abcde 100644\n"
        f"--- a/{path}\n+++ b/{path}\n{''.join(hunks)}"
    )


def shown(files, diff, max_tokens=PLENTY, context_lines=0, subjects=(), count=COUNT):
    asked = change(files, diff).model_copy(update={"recent_subjects": subjects})
    return render_student_prompt(
        asked, PROMPTS, max_tokens, context_lines, count, len(subjects)
    )


def listed(*args, **options):
    """Return the lines of files and hunks in the prompt."""
    rendered = shown(*args, **options)
    assert rendered is not None
    return rendered.messages[1].content.partition("\nF:\n")[2].split("\n")


def one_file(*hunks, path="a.py", **options):
    """Return the lines below the only file."""
    return listed([changed(path)], patch(path, *hunks), **options)[1:]


def test_files_and_hunks_are_numbered_and_changed_lines_are_shown_below_them():
    files = [
        changed("src/api.py", additions=3, deletions=1),
        changed("src/new.py", status=FileStatus.ADDED, additions=2),
        changed("docs/logo.png", is_binary=True),
    ]
    diff = patch(
        "src/api.py",
        hunk([" a", "-retries = 3", "+retries = 5", " b"], "class Client:"),
        hunk(["+    for attempt in range(5):", "+        self.try_once()"], start=40),
    ) + patch(
        "src/new.py",
        hunk(["+import os", "+", "+def new():"]),
        header="new file mode 100644\n",
    )
    rendered = render_student_prompt(
        change(files, diff).model_copy(
            update={
                "languages": ("Go", "Python"),
                "recent_subjects": ("fix: close the log", "feat: keep a log"),
            }
        ),
        PROMPTS,
        PLENTY,
        0,
        COUNT,
        1,
    )
    assert rendered is not None
    assert rendered.messages[0].content == "Plan."
    assert rendered.messages[1].content == (
        "L: Go, Python\nR:\n- fix: close the log\nF:\n"
        "1 M src/api.py +3 -1 @2\n"
        "@1 class Client:\n-retries = 3\n+retries = 5\n"
        "@2\n+for attempt in range(5):\n+self.try_once()\n"
        "2 A src/new.py +2\n+import os\n+def new():\n"
        "3 M docs/logo.png binary"
    )
    assert (rendered.hunks, rendered.cut_hunks, rendered.hidden) == (3, 0, frozenset())


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"status": FileStatus.DELETED, "deletions": 2}, "1 D a.py -2"),
        (
            {"path": "x/b.py", "old_path": "x/a.py", "status": "R"},
            "1 R x/{a.py => b.py}",
        ),
        ({"path": "y/a.py", "old_path": "x/a.py", "status": "R"}, "1 R {x => y}/a.py"),
        ({"path": "b", "old_path": "a", "status": "R"}, "1 R a => b"),
        ({"path": "x/y/a", "old_path": "x/a", "status": "R"}, "1 R x/{ => y}/a"),
        ({"kind": FileKind.SYMLINK, "additions": 1}, "1 M a.py symlink +1"),
        ({"path": "a\nb", "additions": 1}, '1 M "a\\nb" +1'),
        ({"path": 'say "a"'}, '1 M "say \\"a\\""'),
        ({"path": " a"}, '1 M " a"'),
        ({"path": "ä.py"}, "1 M ä.py"),
    ],
)
def test_the_line_of_a_file_says_all_that_is_known_of_it_once(fields, line):
    file = changed(**({"path": "a.py", "additions": 0} | fields))
    assert listed([file], "") == [line]


def test_a_change_of_the_mode_is_said():
    mode = "old mode 100644\nnew mode 100755\n"
    diff = f"diff --git a/a.sh b/a.sh\n{mode}"
    file = changed("a.sh", additions=0)
    assert listed([file], diff) == ["1 M a.sh mode 644 => 755"]


def test_hashes_and_index_lines_are_not_shown():
    digest, integrity = "89abcdef" * 5, "AbC1" * 20
    lines = [f"+commit {digest}", f"+sum sha512-{integrity}=="]
    assert one_file(hunk(lines)) == ["+commit 89abcde…", "+sum sha512-AbC1AbC…"]


def test_a_removed_line_stands_with_the_one_that_takes_its_place():
    lines = ["-import old", "-call(old)", "+import new", "+call(new)", "+more"]
    assert one_file(hunk(lines)) == [
        *("-import old", "+import new"),
        *("-call(old)", "+call(new)"),
        "+more",
    ]
    lines = ["-something else", "-was here", "+", "+def f():", "+pass"]
    assert one_file(hunk(lines)) == [line for line in lines if line != "+"]
    lines = ["-something else", "-was here", "+def f():", "+pass"]
    assert one_file(hunk(lines)) == lines


def test_an_indent_or_a_missing_line_feed_is_marked_as_no_other_change():
    lines = ["-call(a)", "+    call(a)"]
    assert one_file(hunk(lines)) == ["~call(a)"]
    lines = "-call(a)\n+call(a)\n\\ No newline at end of file\n"
    assert one_file(f"@@ -1 +1 @@\n{lines}") == ["~call(a)"]


def test_what_repeats_or_says_nothing_is_shown_only_if_a_hunk_has_nothing_else():
    lines = ["+x = 1", "+}", "+", "+x = 1", "+y = 2"]
    assert one_file(hunk(lines)) == ["+x = 1", "+y = 2"]
    assert one_file(hunk(["+}"]), hunk(["+x = 1"]), hunk(["+x = 1", "+"])) == [
        *("@1", "+}", "@2", "+x = 1", "@3", "+x = 1")
    ]


def test_of_long_lines_the_part_that_differs_is_shown():
    before, after = "word " * 60, " tail" * 60
    old, new = (f"{before}{middle}{after}" for middle in ("node 16", "node 18"))
    first, second = one_file(hunk([f"-{old}", f"+{new}"]))
    assert "node 16" in first
    assert "node 18" in second
    assert all(
        len(line) < 130 and line[1] == line[-1] == "…" for line in (first, second)
    )


def test_imports_come_last():
    lines = [
        "+import os",
        "+use std::io;",
        '+const a = require("a")',
        "+def f():",
        "+return 1",
    ]
    whole = one_file(hunk(lines))
    assert whole == lines
    seen = []
    for budget in range(25, 50):
        shown_lines = [
            line for line in one_file(hunk(lines), max_tokens=budget) if line[0] == "+"
        ]
        if shown_lines not in seen:
            seen.append(shown_lines)
    assert seen[:3] == [
        ["+def f():"],
        ["+def f():", "+return 1"],
        ["+import os", "+def f():", "+return 1"],
    ]


def test_a_heading_stands_once_for_neighbours_and_not_for_prose():
    hunks = hunk(["+a"], "def f():"), hunk(["+b"], "def f():"), hunk(["+c"], "def g():")
    assert one_file(*hunks) == ["@1 def f():", "+a", "@2", "+b", "@3 def g():", "+c"]
    assert one_file(*hunks, path="a.md") == ["@1", "+a", "@2", "+b", "@3", "+c"]


def test_hunks_of_a_new_file_have_no_numbers():
    diff = patch("a", hunk(["+a"]), hunk(["+b"]), header="new file mode 100644\n")
    file = changed("a", status=FileStatus.ADDED, additions=2)
    assert listed([file], diff) == ["1 A a +2", "+a", "+b"]


def test_unchanged_lines_come_after_all_changed_ones():
    lines = [" one", " two", "-old", "+new", " three", " }", " four"]
    assert one_file(hunk(lines)) == ["-old", "+new"]
    assert one_file(hunk(lines), context_lines=1) == [" two", "-old", "+new", " three"]
    seen = set()
    for budget in range(25, 50):
        text = one_file(hunk(lines), context_lines=2, max_tokens=budget)
        context = [line for line in text if line[0] == " "]
        assert not context or {"-old", "+new"} <= {*text}
        seen.add(len(context))
    assert seen == {0, 1, 2, 3}


def many(names, hunks=3, lines=6):
    files = [changed(name, additions=hunks * lines) for name in names]
    diff = "".join(
        patch(
            name,
            *(
                hunk(
                    [f"+{name} hunk{at} line{row}" for row in range(lines)], f"f{at}()"
                )
                for at in range(hunks)
            ),
        )
        for name in names
    )
    return files, diff


def lines_of_files(text_lines):
    """Return how many changed lines each file shows."""
    counts = []
    for line in text_lines:
        if re.match(r"\d+ [AMDRT] ", line):
            counts.append(0)
        elif line[0] in "+-~":
            counts[-1] += 1
    return counts


def test_every_budget_is_kept_with_the_template_and_no_file_is_hidden_for_another():
    files, diff = many([f"src/file{number}.py" for number in range(4)])
    whole = shown(files, diff)
    assert whole is not None
    whole_tokens = COUNT.prompt(whole.messages)
    seen = set()
    for budget in range(1, whole_tokens + 20):
        rendered = shown(files, diff, budget)
        if rendered is None:
            continue
        assert COUNT.prompt(rendered.messages) <= budget
        counts = lines_of_files(listed(files, diff, budget))
        assert len(counts) == 4
        assert max(counts) - min(counts) <= 2
        assert sum(not each for each in counts) == len(rendered.hidden)
        seen.add(sum(counts))
    assert {0, 4, 72} <= seen
    assert len(seen) > 40
    assert rendered == whole


def test_a_cut_inside_of_a_hunk_says_how_many_changed_lines_are_missing():
    files, diff = many(["a.py", "b.py"], hunks=2, lines=8)
    for budget in range(60, 200, 7):
        lines = listed(files, diff, budget)
        counts = lines_of_files(lines)
        missing = [int(line[3:]) for line in lines if line.startswith("...")]
        assert sum(counts) + sum(missing) == 32


def test_source_is_shown_before_prose_and_prose_before_lock_files():
    names = ["README.md", "src/a.py", "uv.lock"]
    files, diff = many(names, hunks=1, lines=30)
    for budget in (120, 160, 200):
        prose, source, lock = lines_of_files(listed(files, diff, budget))
        assert source > prose > lock > 0


def test_a_first_line_that_is_too_long_is_cut_so_that_every_file_shows_one():
    names = [f"f{number}.py" for number in range(6)]
    files = [changed(name) for name in names]
    diff = "".join(patch(name, hunk(["+" + "x" * 100])) for name in names)
    whole = shown(files, diff, count=CHARACTERS)
    assert whole is not None
    budget = CHARACTERS.prompt(whole.messages) - 300
    rendered = shown(files, diff, budget, count=CHARACTERS)
    assert rendered is not None
    assert rendered.hidden == frozenset()
    assert len(rendered.messages[1].content) > budget - 150


def test_long_lists_of_files_lose_the_beginning_of_their_paths_then_all():
    names = [f"packages/deep/folder/of/things/file{number}.py" for number in range(9)]
    files, diff = many(names, hunks=1, lines=1)
    fits = shown(files, diff, 500, count=CHARACTERS)
    assert fits is not None
    text = fits.messages[1].content
    assert text.count("packages/deep/folder/of") < 9
    assert re.search(r"^9 M …\S*file8.py \+1$", text, re.MULTILINE)
    assert shown(files, diff, 120, count=CHARACTERS) is None


def test_recent_subjects_take_a_share_of_the_budget_newest_first():
    subjects = [f"fix: the number{number} of them" for number in range(50)]
    text = shown([changed("a.py")], "", 400, subjects=subjects).messages[1].content
    assert text.count("- fix: the number") == 8
    assert "number0 " in text
    text = shown([changed("a.py")], "", subjects=["a\nb" * 90]).messages[1].content
    assert f"R:\n- {'a b' * 24}…\nF:" in text
    assert "R:\nnone\nF:" in shown([changed("a.py")], "").messages[1].content


def test_dollars_special_tokens_and_line_breaks_in_a_diff_are_text():
    lines = ["+$files $diff", "+<|im_end|>", "+a\x0bb\u2028c\r"]
    assert one_file(hunk(lines)) == ["+$files $diff", "+< |im_end|>", "+a b c"]
    files, diff = many(["a.py"])
    diff = diff.replace("line", "<|im_end|><|im_start|>")
    for budget in range(300, 1500, 50):
        rendered = shown(files, diff, budget, count=CHARACTERS)
        assert rendered is None or CHARACTERS.prompt(rendered.messages) <= budget


def test_a_file_that_changes_its_type_shows_both_patches():
    diff = (
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n"
        "@@ -1 +0,0 @@\n-old\n"
        "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n"
        "@@ -0,0 +1 @@\n+target\n"
    )
    file = changed(
        "x", status=FileStatus.TYPE_CHANGED, kind=FileKind.SYMLINK, deletions=1
    )
    assert listed([file], diff) == ["1 T x symlink +1 -1", "-old", "+target"]


def test_the_shipped_prompts_tell_how_to_answer():
    lines, other = (
        load_student_prompts(SHIPPED, answer) for answer in ("lines", "json")
    )
    assert "%%" in lines.plan.system
    assert "JSON" in other.plan.system
    assert lines.plan.user == other.plan.user == lines.message.user
    assert lines.message == other.message


@pytest.mark.parametrize("style", ["conventional", "plain"])
def test_the_shipped_prompts_tell_the_style_of_messages(style):
    shown = load_student_prompts(SHIPPED, "lines", style)
    assert f" {style} commits. " in shown.plan.system
    assert f" {style} commit message " in shown.message.system


@pytest.mark.parametrize("user", ["$files $diff", "costs 5 $"])
def test_an_unknown_variable_is_named(tmp_path, user):
    (tmp_path / "system.md").write_text("Plan. $answer")
    (tmp_path / "json.md").write_text("JSON.")
    (tmp_path / "message.md").write_text("Name it.")
    (tmp_path / "user.md").write_text(user)
    with pytest.raises(
        InputError, match=r"only \$files, \$languages, \$recent_subjects"
    ):
        load_student_prompts(tmp_path, "json")
