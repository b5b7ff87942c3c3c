import random
import string

import pytest
from tests.support.growth import assert_linear
from tests.support.seeds import for_seeds

from diffscribe.commits.answer import (
    canonical_plan,
    first_line_of,
    read_plan_lines,
    write_plan_lines,
)
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import junk_patterns
from diffscribe.commits.plan import LIMITS, MAX_CHARS, plan_problem
from diffscribe.commits.units import FileUnits, PlanLinesError
from diffscribe.core.records import Issue, Plan, PlannedCommit

FILES = [
    FileUnits("api.py", 1, False),
    FileUnits("retry.py", 2, False),
    FileUnits("README.md", 1, False),
    FileUnits("cli.py", 3, False),
    FileUnits("run.log"),
]
ANSWER = """1 1 2 (1 3 3) -
feat(api): retry requests that time out

The client gives up after five attempts.
%%
docs: tell how retries work
%%
fix(cli)!: close the log

- %%
%%%

BREAKING CHANGE: the log is closed"""
PLAN = Plan(
    commits=(
        PlannedCommit(
            files=("api.py", "retry.py", "cli.py"),
            hunks={"cli.py": (1,)},
            type="feat",
            scope="api",
            subject="retry requests that time out",
            body="The client gives up after five attempts.",
        ),
        PlannedCommit(
            files=("README.md",), type="docs", subject="tell how retries work"
        ),
        PlannedCommit(
            files=("cli.py",),
            hunks={"cli.py": (2, 3)},
            type="fix",
            scope="cli",
            breaking=True,
            subject="close the log",
            body="- %%\n%%\n\nBREAKING CHANGE: the log is closed",
        ),
    ),
    gitignore=("*.log",),
)


def test_a_plan_is_written_and_read():
    assert write_plan_lines(PLAN, FILES) == ANSWER
    assert read_plan_lines(ANSWER, FILES) == (PLAN, None, False)
    assert first_line_of(PLAN, FILES) == "1 1 2 (1 3 3) -"
    with pytest.raises(PlanLinesError, match="3 commits; at most 2 can be written"):
        first_line_of(PLAN, FILES, LIMITS._replace(commits=2))
    assert plan_problem(PLAN, FILES) is None


def test_every_spelling_of_a_plan_has_one_canonical_form():
    first, second, third = PLAN.commits
    odd = Plan(
        commits=(
            third.model_copy(
                update={
                    "hunks": {"cli.py": (3, 2)},
                    "subject": " close\tthe \x00 log\n",
                    "body": "\r\n- %% \r%%\n\n\n\nBREAKING CHANGE: the log is closed\v",
                    "issues": (Issue(path="cli.py", message="m"),),
                }
            ),
            second,
            first.model_copy(
                update={
                    "files": ("cli.py", "retry.py", "api.py"),
                    "hunks": {"cli.py": (1,), "retry.py": (2, 1)},
                }
            ),
        ),
        gitignore=("run.*",),
    )
    assert canonical_plan(odd, FILES) == PLAN
    assert canonical_plan(PLAN, FILES) == PLAN
    assert write_plan_lines(odd, FILES) == ANSWER


def test_a_plain_message_begins_with_a_capital_and_has_no_type():
    answer = write_plan_lines(PLAN, FILES, "plain")
    assert answer.split("\n")[1] == "Retry requests that time out"
    plan, problem, is_repaired = read_plan_lines(answer, FILES, "plain")
    assert (problem, is_repaired) == (None, False)
    assert plan == canonical_plan(PLAN, FILES, "plain")
    assert {(each.type, each.scope) for each in plan.commits} == {("", None)}
    assert read_plan_lines(answer.replace("Retry", "retry"), FILES, "plain").is_repaired


@pytest.mark.parametrize(
    "odd",
    [
        f"\n{ANSWER}\n",
        ANSWER.replace("\n", "\r\n"),
        ANSWER.replace("1 1 2 (", "1 (1 1)  2("),
        ANSWER.replace("feat(", "Feat("),
        ANSWER.replace("docs: ", "docs:  "),
        ANSWER.replace("\n%%\ndocs", "\n\n%% \n\ndocs"),
        ANSWER.replace("attempts.", "attempts. \x07"),
    ],
)
def test_an_odd_spelling_with_one_meaning_is_repaired(odd):
    assert read_plan_lines(odd, FILES) == (PLAN, None, True)


MESSAGES = ANSWER.partition("\n")[2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1 ends after 0 of 5 files"),
        ("1 1 2 1", "line 1 ends after 4 of 5 files"),
        ("1 1 1 1 1 1", "line 1 has more than the 5 entries it should"),
        ("1 1 1 1 1)", "line 1 has more than the 5 entries it should"),
        ("1 1 3 1 1", "line 1, file 3: commit 3 comes before commit 2"),
        ("2 1 1 1 1", "line 1, file 1: commit 2 comes before commit 1"),
        ("0 1 1 1 1", "line 1, file 1: '0' is no number of a commit"),
        ("1 1 -1 1 1", "line 1, file 3: '-1' is no number of a commit"),
        ("\uff11 1 1 1 1", "line 1, file 1: '\\uff11' is no number of a commit"),
        ("{" * 500, f"line 1, file 1: '{'{' * 40}' is no number of a commit"),
        ("1 1 - 1 1", "line 1, file 3 is not new, so it cannot be junk"),
        ("1 1 1 (1 2) -", "line 1, file 4: 2 numbers in brackets for 3 hunks"),
        ("1 1 (1 2) 1 -", "line 1, file 3: 2 numbers in brackets for 1 hunks"),
        ("1 1 1 (1 - 2) -", "line 1, file 4: '-' is no number of a commit"),
        ("1 1 1 () -", "line 1, file 4: the brackets are empty or not closed"),
        ("1 1 1 (1 2 2", "line 1, file 4: the brackets are empty or not closed"),
        ("1 1 1 1 -", "0 messages for 1 commits"),
        ("1 1 1 1 -\nfix: a\n%%\nfix: b", "2 messages for 1 commits"),
        ("1 1 1 1 -\nfix: a\n%%", "message 2 begins with no `type(scope): subject`"),
        ("1 1 1 1 -\nstop it", "message 1 begins with no `type(scope): subject`"),
        ("1 1 1 1 -\nwip: a", "message 1 begins with no `type(scope): subject`"),
        ("1 1 1 1 -\nfix: a\nb", "message 1: the line below its header is not blank"),
        ('{"commits":[]}', "line 1, file 1: '{\"commits\":[]}' is no number"),
        ("1" * (MAX_CHARS + 1), f"the answer is longer than {MAX_CHARS} characters"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(text, problem):
    found = read_plan_lines(text, FILES)
    assert found.record is None
    assert found.problem.startswith(problem)
    assert "\n" not in found.problem
    assert len(found.problem) < 100


def test_a_plain_message_may_not_be_empty():
    found = read_plan_lines("1 1 1 1 -\n%%\nA", FILES, "plain")
    assert found.problem == "message 1 is empty"


def test_if_all_is_junk_no_message_follows():
    files = [FileUnits("a.log"), FileUnits("b.log")]
    plan = Plan(commits=(), gitignore=("*.log",))
    assert write_plan_lines(plan, files) == "- -"
    assert read_plan_lines("- -", files) == (plan, None, False)
    assert read_plan_lines("- -\nfix: a", files).problem == "1 messages for 0 commits"


def commit(*files, subject="stop the leak", **fields):
    return PlannedCommit(files=files, type="fix", subject=subject, **fields)


ONE = [FileUnits("a.py")]


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (Plan(commits=()), "the plan does not fit the change: missing_path"),
        (Plan(commits=(commit("a.py", subject="\x00"),)), ".*: empty_subject"),
        (Plan(commits=(commit("a.py", subject="x" * 101),)), "message 1: the subject"),
        (
            Plan(commits=(commit("a.py", scope="x" * 41),)),
            "message 1: the scope has over",
        ),
        (
            Plan(commits=(commit("a.py", scope="f(x)"),)),
            "message 1: the scope has brackets",
        ),
        (Plan(commits=(commit("a.py", body="a\n" * 25),)), "bodies of 25 lines"),
        (Plan(commits=(commit("a.py", body="x" * 101),)), "a word of a body has over"),
    ],
)
def test_a_plan_that_the_lines_cannot_hold_is_refused(plan, problem):
    with pytest.raises(PlanLinesError, match=problem):
        write_plan_lines(plan, ONE)


def test_a_plan_of_many_commits_is_read_and_not_written():
    files = [FileUnits(f"{at}.py") for at in range(13)]
    plan = Plan(commits=tuple(commit(each.path) for each in files))
    with pytest.raises(PlanLinesError, match="13 commits; at most 12 can be written"):
        write_plan_lines(plan, files)
    numbers = " ".join(map(str, range(1, 14)))
    text = f"{numbers}\n" + "\n%%\n".join(["fix: stop the leak"] * 13)
    assert read_plan_lines(text, files) == (plan, None, False)


PIECES = [
    *string.printable,
    *"%%%%\n\n\n    ",
    "%%\n",
    "é漢🎉",
    "\u2028",
    "\u3000",
    "\x85",
]


@for_seeds(200)
def test_a_body_of_any_text_is_read_back_in_its_canonical_form(seed):
    draw = random.Random(seed)
    body = "".join(draw.choices(PIECES, k=draw.randint(0, 150)))
    plan = Plan(commits=(commit("a.py", body=body), commit("b.py", body=f"{body}x")))
    files = [*ONE, FileUnits("b.py")]
    canonical = canonical_plan(plan, files)
    assert canonical_plan(canonical, files) == canonical
    limits = LIMITS._replace(body_lines=1000)
    text = write_plan_lines(plan, files, limits=limits)
    assert read_plan_lines(text, files) == (canonical, None, False)
    kept = "".join(canonical.commits[0].body.split())
    assert kept == "".join(
        each
        for each in body
        if each.isprintable() and each != " " and not each.isspace()
    )


def test_long_lines_of_a_body_are_wrapped():
    body = " ".join(["word"] * 60)
    plan = Plan(commits=(commit("a.py", body=body),))
    lines = canonical_plan(plan, ONE).commits[0].body.split("\n")
    assert max(map(len, lines)) <= 72
    assert " ".join(lines) == body


@pytest.mark.parametrize(
    ("junk", "committed", "patterns"),
    [
        (["x/.DS_Store", ".DS_Store"], ["a.py"], (".DS_Store",)),
        (["app.log"], ["kept.log"], ("/app.log",)),
        (["target/debug/a.d", "b.rs.bk"], ["a.rs"], ("*.rs.bk", "target/")),
        (["notes (1)[x]*.tx?"], ["a"], (r"/notes\ (1)\[x]\*.tx\?",)),
        (["#a", "b/!c"], ["a"], ("/#a", "/b/!c")),
        ([], ["a"], ()),
    ],
)
def test_patterns_follow_from_the_junk(junk, committed, patterns):
    assert junk_patterns(junk, committed) == patterns
    assert ignored(patterns, [*junk, *committed]) == {*junk}


@for_seeds(50)
def test_a_pattern_leaves_out_its_file_alone_whatever_it_is_called(seed):
    draw = random.Random(seed)
    names = {
        "".join(draw.choices("ab/.*?[]!#\\ é~", k=draw.randint(1, 6))).strip("/")
        for _ in range(8)
    }
    paths = sorted(each for each in names if each and "//" not in each)
    tops = {each.split("/")[0] for each in paths if "/" in each}
    paths = [each for each in paths if each not in tops and "." not in each.split("/")]
    junk, committed = paths[::2], paths[1::2]
    assert ignored(junk_patterns(junk, committed), paths) == {*junk}


HOSTILE = [
    "1 ",
    "(",
    "()",
    "(1 ",
    "-",
    "%%\n",
    "\n",
    "1 1 1 1 -\n",
    " ",
    "fix: ",
    "fix(",
    "%",
    "a\n\n",
    "\x0b",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("head", ["", "1 1 1 1 -\nfix: a\n\n"])
def test_hostile_answers_take_time_by_their_length(head, piece):
    def read(size):
        read_plan_lines((head + piece * size)[:size], FILES)

    assert_linear(read, MAX_CHARS // 16)
