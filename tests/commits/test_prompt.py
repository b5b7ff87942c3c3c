import re

import pytest

from diffscribe.commits.prompt import Prompts, file_line, load_prompts, render_prompt
from diffscribe.core.errors import InputError
from diffscribe.core.records import Change, FileChange, FileStatus

PROMPTS = Prompts(system="Plan.", user="F:\n$files\nI: $gitignore\nD:\n$diff")
PLENTY = 10_000


def words(text):
    return len(re.findall(r"\S+|\n", text))


def hunk(number, lines=1):
    body = "".join(f"+line {number}\n" for _ in range(lines))
    return f"@@ -{number},0 +{number},{lines} @@ def f{number}():\n{body}"


def patch(path, *hunks):
    names = f"a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    return f"diff --git {names}{''.join(hunks)}"


def changed(path, **fields):
    values = {
        "path": path,
        "old_path": None,
        "status": FileStatus.MODIFIED,
        "additions": 1,
        "deletions": 0,
        "is_binary": False,
    }
    return FileChange(**(values | fields))


def change(files, diff, gitignore=()):
    return Change(
        id="1",
        repo="r",
        base="b",
        head="h",
        committed_at="2024-01-01T00:00:00Z",
        languages=(),
        files=tuple(files),
        diff=diff,
        commits=(),
        gitignore=gitignore,
        license=None,
    )


def user_text(subject, max_tokens=PLENTY):
    rendered = render_prompt(subject, PROMPTS, max_tokens, 3, words)
    assert rendered is not None
    return rendered.messages[1].content


def test_shows_files_patterns_and_hunks_without_line_numbers():
    subject = change([changed("a.py")], patch("a.py", hunk(3)), ("*.pyc", "dist/"))
    assert user_text(subject) == (
        "F:\nM a.py +1 -0\nI: *.pyc dist/\nD:\n=== a.py\n@@ def f3():\n+line 3"
    )


def test_the_system_text_comes_first():
    rendered = render_prompt(change([], ""), PROMPTS, PLENTY, 3, words)
    assert rendered is not None
    assert [each.role for each in rendered.messages] == ["system", "user"]
    assert rendered.messages[0].content == "Plan."


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"status": FileStatus.ADDED, "additions": 4}, "A a.py +4 -0"),
        ({"status": FileStatus.DELETED, "deletions": 2}, "D a.py +1 -2"),
        ({"status": FileStatus.RENAMED, "old_path": "b.py"}, "R b.py => a.py +1 -0"),
        ({"is_binary": True}, "M a.py binary"),
        (
            {"old_mode": "100644", "mode": "100755"},
            "M a.py +1 -0 mode 100644 => 100755",
        ),
        ({"path": "a\nM b.py"}, r'M "a\nM b.py" +1 -0'),
    ],
)
def test_a_line_of_the_file_list_says_what_happened(fields, line):
    assert file_line(changed(**{"path": "a.py", **fields})) == line


def test_dollars_in_a_diff_are_no_variables():
    subject = change([changed("$diff")], patch("$diff", "@@ -1 +1 @@\n-$files\n+$x\n"))
    assert "=== $diff\n@@\n-$files\n+$x" in user_text(subject)


def test_every_budget_is_kept_and_every_name_stays():
    files = [changed(f"f{number}.py") for number in range(4)]
    diff = "".join(patch(each.path, hunk(1, 5), hunk(50, 5)) for each in files)
    subject = change(files, diff)
    whole = words(user_text(subject)) + words(PROMPTS.system)
    shown = set()
    for budget in range(1, whole + 60):
        rendered = render_prompt(subject, PROMPTS, budget, 3, words)
        if rendered is None:
            continue
        total = sum(words(each.content) for each in rendered.messages)
        assert total <= budget
        assert all(f"M {each.path}" in rendered.messages[1].content for each in files)
        shown.add(rendered.hunks - rendered.cut_hunks)
    assert shown == set(range(9))


def test_the_file_list_alone_decides_whether_a_change_fits():
    files = [changed(f"f{number}.py") for number in range(50)]
    assert render_prompt(change(files, ""), PROMPTS, 60, 3, words) is None


def test_source_is_kept_before_prose_and_prose_before_lock_files():
    names = ["README.md", "src/a.py", "uv.lock"]
    diff = "".join(patch(name, hunk(1, 12)) for name in names)
    subject = change([changed(name) for name in names], diff)
    texts = []
    for budget in (90, 125, 180):
        rendered = render_prompt(subject, PROMPTS, budget, 3, words)
        assert rendered is not None
        sections = rendered.messages[1].content.split("=== ")[1:]
        texts.append([s.splitlines()[0] for s in sections if "+line" in s])
    assert texts == [["src/a.py"], ["README.md", "src/a.py"], names]


def test_each_file_shows_its_first_hunk_before_any_second_one():
    diff = patch("a.py", hunk(1, 8), hunk(50, 8)) + patch("b.py", hunk(1, 8))
    subject = change([changed("a.py"), changed("b.py")], diff)
    rendered = render_prompt(subject, PROMPTS, 100, 3, words)
    assert rendered is not None
    assert rendered.cut_hunks == 1
    assert rendered.messages[1].content.endswith(
        "(1 more hunk)\n=== b.py\n@@ def f1():\n" + "\n".join(["+line 1"] * 8)
    )


def test_long_lists_of_patterns_are_cut_and_counted():
    patterns = tuple(f"p{number}" for number in range(100))
    text = user_text(change([], "", patterns), 100)
    assert "I: p0 p1 p2 p3 p4 p5 p6 p7 p8 p9 (90 more)" in text


def test_a_file_that_changes_its_type_shows_both_patches():
    diff = (
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n"
        "@@ -1 +0,0 @@\n-old\n"
        "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n"
        "@@ -0,0 +1 @@\n+target\n"
    )
    subject = change([changed("x", status=FileStatus.TYPE_CHANGED)], diff)
    assert user_text(subject).endswith("=== x\n@@\n-old\n@@\n+target")


@pytest.mark.parametrize(
    ("context_lines", "shown"),
    [
        (0, "-old\n+new\n\\ No newline at end of file"),
        (1, " b\n-old\n+new\n\\ No newline at end of file"),
        (3, " a\n b\n-old\n+new\n\\ No newline at end of file"),
    ],
)
def test_context_is_cut_but_never_what_belongs_to_a_change(context_lines, shown):
    lines = " a\n b\n-old\n+new\n\\ No newline at end of file\n"
    subject = change([changed("x")], patch("x", f"@@ -1,3 +1,3 @@\n{lines}"))
    rendered = render_prompt(subject, PROMPTS, PLENTY, context_lines, words)
    assert rendered is not None
    assert rendered.messages[1].content.endswith(f"=== x\n@@\n{shown}")


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (None, "cannot be read: [Errno 2] No such file or directory"),
        (b"\xff", "cannot be read: 'utf-8' codec can't decode byte 0xff"),
        (b"$files $diffs", "only $diff, $files, $gitignore can be filled in; write"),
        (b"costs 5 $", "only $diff, $files, $gitignore can be filled in; write"),
    ],
)
def test_an_unusable_prompt_is_named(tmp_path, user, reason):
    (tmp_path / "system.md").write_text("Split the change.")
    if user is not None:
        (tmp_path / "user.md").write_bytes(user)
    with pytest.raises(InputError) as caught:
        load_prompts(tmp_path)
    assert f"{tmp_path / 'user.md'}" in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
