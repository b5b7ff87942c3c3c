import pytest
from tests.support.planned import HOUSE, commit, make_case, plan
from tests.support.rows import make_curated, patch

from diffscribe.commits.plan import plan_problem, read_plan
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import (
    OriginalCommit,
    Plan,
    PlannedChange,
    PlannedCommit,
    SplitChange,
)
from diffscribe.eval.controls import (
    RULES,
    fit_controls,
    nearest,
    nearest_given,
    one_commit,
    original,
    per_directory,
    per_file,
    predict_control,
    read_planned,
)
from diffscribe.eval.scores import score

FILES = ("src/b.py", "docs/c.md", "src/a.py", "README.md", "src/deep/d.py")


def grouping(plan):
    return [(each.type, each.files) for each in plan.commits]


def test_one_commit_holds_every_file_junk_included(case):
    whole = one_commit(case("s", FILES, junk=("x.log",)))
    assert grouping(whole) == [("feat", (*FILES, "x.log"))]


@pytest.mark.parametrize(
    ("control", "code"),
    [
        (per_directory, [("src/b.py", "src/a.py"), ("src/deep/d.py",)]),
        (per_file, [("src/a.py",), ("src/b.py",), ("src/deep/d.py",)]),
    ],
)
def test_files_are_grouped_by_folder_or_not_at_all(case, control, code):
    docs = [("docs", ("README.md",)), ("docs", ("docs/c.md",))]
    assert grouping(control(case("s", FILES))) == [
        *docs,
        *(("feat", files) for files in code),
    ]


def test_a_control_answers_each_case_at_no_cost(case):
    predictions = predict_control("any", one_commit, [case("s"), case("t")])
    assert [(each.system, each.sample_id) for each in predictions] == [
        ("any", case_id) for case_id in ("s", "t")
    ]
    assert {(each.latency_s, each.completion_tokens) for each in predictions} == {
        (0.0, 0)
    }


@pytest.mark.parametrize("control", RULES.values())
def test_a_message_is_one_commit_of_every_file(control):
    asked = make_case(plan(commit("a.py b/c.md", "fix")), task="message")
    assert [each.files for each in control(asked).commits] == [("a.py", "b/c.md")]


def made(message, *files):
    return OriginalCommit(sha="1" * 40, message=message, files=files)


def test_original_is_the_history_with_its_whole_messages():
    history = (
        made("feat(api)!: add b\n\nIt was missing.\n\nCloses #3", "b.py", "gone.py"),
        made("Fix a typo in the docs", "a.md"),
    )
    asked = make_case(plan(commit("a.md b.py")), ("x.log",), originals=history)
    assert original(asked) == Plan(
        commits=(
            PlannedCommit(
                files=("b.py",),
                type="feat",
                scope="api",
                breaking=True,
                subject="add b",
                body="It was missing.",
            ),
            PlannedCommit(
                files=("a.md", "x.log"), type="docs", subject="Fix a typo in the docs"
            ),
        )
    )


def test_original_puts_a_file_of_two_commits_into_the_last():
    history = (made("fix: one", "a.py", "b.py"), made("feat: two", "b.py"))
    asked = make_case(plan(commit("a.py b.py")), originals=history)
    assert grouping(original(asked)) == [("fix", ("a.py",)), ("feat", ("b.py",))]


def test_original_splits_a_file_by_its_hunks():
    hunks = "".join(f"@@ -{at} +{at} @@\n-old\n+new\n" for at in (1, 11))
    diff = f"diff --git a/a.py b/a.py\nindex 1..2 100644\n{hunks}"
    history = tuple(
        made(f"fix: {n}", "a.py").model_copy(update={"hunks": {"a.py": (n,)}})
        for n in (2, 1)
    )
    target = plan(commit("a.py", hunks={"a.py": (1,)}), commit("a.py"))
    asked = make_case(target, files=("a.py",), diff=diff, originals=history)
    assert [dict(c.hunks) for c in original(asked).commits] == [
        {"a.py": (2,)},
        {"a.py": (1,)},
    ]


def test_original_without_a_history_is_one_commit():
    asked = make_case(originals=())
    assert original(asked) == one_commit(asked)


def trained(number, type_, subject, *lines, parent_id=None):
    path = f"src/m{number}.py"
    curated = make_curated(
        plan=plan(commit(path, type_, subject)),
        paths=(path,),
        head=f"h{number}",
        diff="".join(patch(path, line) for line in lines),
    )
    return SplitChange(**dict(curated), parent_id=parent_id, junk=())


@pytest.fixture(scope="module")
def controls():
    rows = [
        trained(0, "fix", "close the socket", "socket.close() when the peer is gone"),
        trained(1, "feat", "parse dates", "parsed = parse_date(text, locale)"),
        trained(2, "fix", "count from one", "number = index + 1"),
        trained(3, "perf", "not me", "parsed = parse_date(text, zone)", parent_id="1"),
    ]
    return fit_controls(
        rows, lambda case: PlannedChange(id="s", plan=per_file(case), given=case.target)
    )


def test_majority_type_is_that_of_most_training_commits(controls):
    asked = make_case(plan(commit("README.md docs/a.md", "docs")))
    assert grouping(controls["control-majority-type"](asked)) == [
        ("fix", ("README.md", "docs/a.md"))
    ]


def test_nearest_lends_the_message_of_the_most_similar_diff(controls):
    asked = make_case(diff=patch("lib/dates.py", "parsed = parse_date(text, zone)"))
    (lent,) = controls["control-nearest"](asked).commits
    assert (lent.type, lent.subject, lent.files) == ("feat", "parse dates", asked.files)


def test_of_the_near_the_best_bleu_wins():
    words = "one two three four five six seven eight"
    rows = [
        trained(0, "fix", "same words in another order", " ".join(words.split()[::-1])),
        trained(0, "feat", "same words in the same order but a few", words[:-6]),
    ]
    asked = make_case(diff=patch("src/m0.py", words))
    assert nearest(rows)(asked).commits[0].type == "feat"


def test_with_groups_given_each_gets_the_message_of_the_nearest_commit():
    both = plan(commit("a.py", "fix", "close it"), commit("b.md", "docs", "tell dates"))
    closing, dates = "socket.close() when the peer is gone", "parse_date(text, locale)"
    diff = patch("a.py", closing) + patch("b.md", dates)
    curated = make_curated(plan=both, paths=("a.py", "b.md"), diff=diff)
    row = SplitChange(**dict(curated), parent_id=None, junk=())
    hunk = f"@@ -9 +9 @@\n-old {dates}\n+new {dates}\n"
    target = plan(
        commit("c.py", "feat", hunks={"c.py": (1,)}),
        commit("c.py d.py", "feat", hunks={"c.py": (2,)}),
        gitignore=["*.log"],
    )
    asked = make_case(
        target,
        files=("c.py", "d.py"),
        diff=patch("c.py", closing) + hunk + patch("d.py", dates),
    )
    given = nearest_given([row])(asked)
    assert [(each.type, each.subject) for each in given.commits] == [
        ("fix", "close it"),
        ("docs", "tell dates"),
    ]
    assert [(each.files, each.hunks) for each in given.commits] == [
        (each.files, each.hunks) for each in target.commits
    ]
    assert given.gitignore == ("*.log",)
    without = nearest_given([])(asked)
    assert {each.subject for each in without.commits} == {"update files"}


def test_without_messages_to_lend_nearest_is_one_commit(case):
    pair = plan(commit("a.py", "fix"), commit("b.md", "docs"))
    curated = make_curated(plan=pair, paths=("a.py", "b.md"))
    row = SplitChange(**dict(curated), parent_id=None, junk=())
    assert nearest([row])(case("s")) == one_commit(case("s"))


def test_fitted_controls_give_valid_plans_and_the_same_again(controls, case):
    asked = [case("s", FILES, junk=("x.log",)), make_case(task="message")]

    def answers():
        return [p for each in controls.items() for p in predict_control(*each, asked)]

    predictions = answers()
    assert predictions == answers()
    assert len(predictions) == 2 * len(controls) == 14
    for each in predictions:
        files = next(one.files for one in asked if one.id == each.sample_id)
        assert plan_problem(each.plan, files) is None
        assert read_plan(each.text).record == each.plan
        if each.system in RULES and each.sample_id == "s":
            assert score(asked[0], each, HOUSE).values["junk"] == 0.0


def test_plans_that_were_made_before_are_found_by_case(case, tmp_path):
    path = tmp_path / "plans.jsonl"
    made = plan(commit("a.py b.md", "fix"))
    other = plan(commit("a.py"), commit("b.md"))
    write_jsonl(path, [PlannedChange(id="s", plan=made, given=other)])
    planned = read_planned(path)
    assert (planned(case("s")).plan, planned(case("s")).given) == (made, other)
    with pytest.raises(RecordError, match="no plan of the change t; run the stage"):
        planned(case("t"))
