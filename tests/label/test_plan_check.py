import pytest
from tests.support.style import STYLE, style

from diffscribe.commits.plan import PlanProblem
from diffscribe.commits.style import StyleRule
from diffscribe.core.records import FileStatus, Issue, Plan, PlannedCommit
from diffscribe.label.check import Flaw, FlawError, check_messages, check_plan

GOOD = {"files": ("a.py",), "type": "fix", "subject": "stop the leak"}


@pytest.fixture
def window(change):
    """Two files; the diff says `old acme/app b1` and `new acme/app b1`."""
    return change(("fix: x", ["a.py", "src/b.py"]))


def plan(*commits, gitignore=()):
    return Plan(
        commits=tuple(PlannedCommit(**{**GOOD, **each}) for each in commits),
        gitignore=gitignore,
    )


def both(**fields):
    """A plan of one commit that would be good but for the fields."""
    return plan({"files": ("a.py", "src/b.py"), **fields})


def flaw_of(answer, window, **fields):
    with pytest.raises(FlawError) as caught:
        check_plan(answer, window, style(**fields))
    assert "\n" not in str(caught.value)
    return caught.value.flaw, str(caught.value)


def test_a_plan_that_keeps_to_everything_is_accepted(window):
    check_plan(both(scope="io", body="Close `a.py` of acme/app."), window, STYLE)
    check_plan(plan({}, {"files": ("src/b.py",), "type": "docs"}), window, STYLE)
    new = [
        each.model_copy(update={"status": FileStatus.ADDED}) for each in window.files
    ]
    added = window.model_copy(update={"files": tuple(new)})
    check_plan(plan({}, gitignore=("/src/",)), added, STYLE)
    check_plan(plan(gitignore=("*.py",)), added, STYLE)


@pytest.mark.parametrize(
    ("answer", "flaw", "words"),
    [
        (plan({}, {"files": ()}), PlanProblem.EMPTY_COMMIT, "a commit has no files"),
        (both(type="feature"), PlanProblem.UNKNOWN_TYPE, "there is no type `feature`"),
        (both(subject=" "), PlanProblem.EMPTY_SUBJECT, "a commit has no subject"),
        (
            plan({"files": ("a.py", "c.py")}),
            PlanProblem.UNKNOWN_PATH,
            "no files `c.py`",
        ),
        (plan({}, {}), PlanProblem.DUPLICATE_PATH, "in more than one place: `a.py`"),
        (plan(gitignore=("*",)), PlanProblem.IGNORES_EVERYTHING, "match every file"),
        (
            plan({}, gitignore=("*.py",)),
            PlanProblem.IGNORES_COMMITTED_PATH,
            "both in a commit and ignored by gitignore: `a.py`",
        ),
        (plan({}), PlanProblem.MISSING_PATH, "no gitignore pattern: `src/b.py`"),
        (
            both(issues=(Issue(path="c.py", message="odd"),)),
            Flaw.UNKNOWN_ISSUE_PATH,
            "`c.py`",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(answer, flaw, words, window):
    found, said = flaw_of(answer, window)
    assert found == flaw
    assert words in said


@pytest.mark.parametrize(
    ("fields", "flaw", "words"),
    [
        ({"subject": "stop\nthe leak"}, Flaw.NOT_CONVENTIONAL, "on one line"),
        ({"scope": "a)b"}, Flaw.NOT_CONVENTIONAL, "'fix(a)b): stop the leak'"),
        ({"subject": "fix: stop the leak"}, Flaw.REPEATED_TYPE, "repeats a type"),
        (
            {"subject": "stop " + "x" * 63},
            StyleRule.LONG_HEADER,
            "73 characters; at most 72",
        ),
        ({"subject": "stop the leak."}, StyleRule.FULL_STOP, "ends with a full stop"),
        ({"subject": "update code"}, StyleRule.TRIVIAL_MESSAGE, "says nothing"),
        ({"subject": "#12"}, StyleRule.TRIVIAL_MESSAGE, "says nothing"),
        (
            {"subject": "repariere das Leck und die Pumpe"},
            StyleRule.NOT_ENGLISH,
            "English",
        ),
        ({"subject": "stopped the leak"}, StyleRule.NOT_IMPERATIVE, "imperative"),
        ({"subject": "Stop the leak"}, StyleRule.CAPITALISED, "a capital letter"),
        ({"body": "x " * 60}, StyleRule.LONG_LINE, "more than 100 characters"),
        ({"body": "So:\n```\nx\n```"}, Flaw.FENCE, "a code fence"),
        (
            {"body": "BREAKING CHANGE: it is gone"},
            Flaw.NOT_CONVENTIONAL,
            "and `breaking` is false",
        ),
        (
            {"breaking": True, "body": "Why.\nBREAKING CHANGE: it is gone"},
            Flaw.NOT_CONVENTIONAL,
            "does not stand behind `BREAKING CHANGE: `",
        ),
        ({"subject": "stop\u202e the leak"}, Flaw.NOISE, "that no one sees"),
        ({"body": "Why.\n# On branch main"}, Flaw.NOISE, "takes for a comment"),
        ({"body": "diff --git a/x b/x\n--- a/x"}, Flaw.NOISE, "lines of a diff"),
        ({"body": "\U0001f916 Generated with [Claude"}, Flaw.NOISE, "what a tool says"),
        ({"body": "<details>\nWhy.\n</details>"}, Flaw.NOISE, "holds HTML"),
        ({"body": "- [x] tested"}, Flaw.NOISE, "what hosts add"),
        ({"body": "See:\n- https://a.org/b"}, Flaw.NOISE, "a line that is a link"),
        ({"body": "Drop <secret:aws-key:1>."}, Flaw.PLACEHOLDER, "<secret:aws-key:1>"),
        ({"body": "Signed-off-by: Ann <a@b.c>"}, Flaw.PERSON, "leave people out"),
        ({"body": "Ask ann@corp.de first."}, Flaw.PERSON, "leave people out"),
        ({"subject": "stop the leak (#12)"}, Flaw.REFERENCE, "does not hold `#12`"),
        ({"body": "See JIRA-77."}, Flaw.REFERENCE, "`JIRA-77`"),
        ({"body": "Use read_all() here."}, Flaw.UNGROUNDED, "not show `read_all()`"),
    ],
)
def test_words_that_do_not_fit_are_told_to_the_model(fields, flaw, words, window):
    found, said = flaw_of(both(**fields), window)
    assert found == flaw
    assert words in said


def test_a_header_may_be_as_long_as_the_rules_say(window):
    check_plan(both(subject="stop " + "x" * 62), window, STYLE)


def test_a_body_is_missed_only_where_it_is_required(window):
    check_plan(both(), window, STYLE)
    for answer in (both(), both(body=" \n")):
        flaw, _ = flaw_of(answer, window, body="required")
        assert flaw == StyleRule.BODY_MISSING


def test_any_verb_form_passes_where_the_rules_do_not_ask_for_one(window):
    check_plan(both(subject="stopped the leak"), window, style(imperative=False))


def test_a_reference_that_the_change_holds_may_be_named(change):
    window = change(("fix: x", ["a.py"]), diff="+# see #12 and RFC-123, #345\n")
    (commit,) = plan({"body": "As #12 says."}).commits
    check_messages((commit,), window, STYLE)
    for other in ("#1", "#34", "#3456"):
        with pytest.raises(FlawError, match="does not hold"):
            check_messages(plan({"body": f"As {other} says."}).commits, window, STYLE)


@pytest.mark.parametrize(("share", "passes"), [(0.5, True), (0.51, False)])
def test_the_share_of_grounded_names_decides_on_both_sides(share, passes, window):
    answer = both(body="From a.py to `zeta_b`.")
    if passes:
        check_plan(answer, window, style(min_grounded_share=share))
    else:
        assert flaw_of(answer, window, min_grounded_share=share)[0] == Flaw.UNGROUNDED


def test_of_many_paths_only_the_first_are_shown(change):
    window = change(("fix: x", [f"f{number:02}.py" for number in range(12)]))
    _, said = flaw_of(plan({"files": ("f00.py",)}), window)
    assert said.endswith("`f08.py` and 3 more")
