import pytest
from tests.support.growth import assert_linear
from tests.support.style import style

from diffscribe.commits.lesson import (
    LessonReason,
    clean_commit,
    no_lesson,
    subject_template,
)
from diffscribe.commits.style import StyleRule

HOUSE, MANY = style(headers="as_written"), style(headers="by_paths")
PATHS = ("src/valve/close.py",)


def learned(message, paths=PATHS, house=None, nonconventional="guess"):
    found = clean_commit(message, paths, house or style(), nonconventional)
    if isinstance(found, LessonReason):
        return found
    return (found.type, found.scope, found.subject, found.body)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('Revert "feat: add a valve"', LessonReason.REVERT),
        ("revert: add a valve", LessonReason.REVERT),
        ('chore: revert "feat: add a valve"', LessonReason.REVERT),
        ("fix: undo\n\nThis reverts commit 0123abc.", LessonReason.REVERT),
        ("fix: close the valve when its pu\u2026 (#3)", LessonReason.CUT_SUBJECT),
        ("fix: close the valve when\n\n\u2026it opens", LessonReason.CUT_SUBJECT),
        ("fix: run go fix ./...", None),
        ("fix: changelog for #12", LessonReason.EMPTY_SUBJECT),
        ("#12", LessonReason.EMPTY_SUBJECT),
        ("", LessonReason.EMPTY_SUBJECT),
        ("fix: the valve is open", StyleRule.NOT_IMPERATIVE),
        ("fix: update docs", StyleRule.TRIVIAL_MESSAGE),
        ("fix: Resolve 'the valve is open'", StyleRule.TRIVIAL_MESSAGE),
        ("fix: close " + "the valve " * 8, StyleRule.LONG_HEADER),
        ("fix: close the valve at once", None),
        ("fix: added a valve (#3)", None),
        ("fix: properly close the valve", None),
        ("fix: deleted valves are shown", StyleRule.NOT_IMPERATIVE),
        ("fix: close the valve\n\n* x\n\nThis reverts commit 0123abc.", None),
    ],
)
def test_a_message_teaches_nothing_for_a_reason(message, reason):
    assert no_lesson(message, PATHS, style(), "guess") == reason


@pytest.mark.parametrize(
    "subject",
    [
        *("clean up the valve", "refactor pump", "improve pump speed"),
        *("fix a pump issue", "resolve the pump close problem"),
        *("skip some more tests of pumps", "close pumps for misc fixes"),
        *("update the valve page", "tweak closing of valves", "fix crash in valve"),
        *("rework `valve` function", "Cleanup the valve logic"),
    ],
)
def test_a_subject_that_says_no_more_than_its_paths_is_vague(subject):
    assert learned(f"fix: {subject}") == LessonReason.VAGUE_SUBJECT


@pytest.mark.parametrize(
    "subject",
    [
        *(
            "clean up `pump`",
            "refactor pump to be a valve",
            "improve speed of the pump",
        ),
        *("fix the issue of a pump without valve", "close some valves"),
        *("update the valve page for pumps", "fix crash when a valve is closed"),
        *("fix spelling of valve", "update valve to 2.0", "close the valve"),
        *("update the pump page", "fix valve \u00fcberlauf"),
    ],
)
def test_a_subject_that_says_more_than_its_paths_is_not_vague(subject):
    assert learned(f"fix: {subject}")[2] == subject


@pytest.mark.parametrize(
    ("subject", "is_vague"),
    [
        *[("fix the broken paths", True), ("add a unit test", True)],
        *[("fix typo and indentation", True), ("update benchmarks", True)],
        *[("fix the paths of pumps", False), ("add `unitTest`", False)],
        *[("fix unit-test", False), ("increase test coverage", False)],
    ],
)
def test_a_subject_of_words_for_any_project_is_vague(subject, is_vague):
    found = learned(f"fix: {subject}")
    assert (found == LessonReason.VAGUE_SUBJECT) is is_vague


@pytest.mark.parametrize(
    ("subject", "is_careless"),
    [
        *[("close our valve", True), ("close it as we said", True)],
        *[("close what I opened", True), ("close the the valve", True)],
        *[("close `my.valve`", False), ("open US valves", False)],
        *[("close valve I", False), ("close a long long valve", False)],
        *[("close valve valve.py", False), ("close we-valves", False)],
    ],
)
def test_a_subject_about_people_or_with_a_word_twice_is_careless(subject, is_careless):
    found = learned(f"fix: {subject}")
    assert (found == LessonReason.CARELESS_SUBJECT) is is_careless


@pytest.mark.parametrize(
    "paths", [("CHANGELOG.md",), ("docs/changes/12.md", "HISTORY.rst"), ("web/NEWS",)]
)
def test_a_commit_of_change_logs_alone_teaches_nothing(paths):
    assert learned("docs: add the valve", paths) == LessonReason.CHANGE_LOG
    assert learned("docs: add the valve", (*paths, "newsletter.md"))[0] == "docs"


def test_without_a_type_there_may_be_no_lesson():
    assert learned("Close the valve", nonconventional="reject") == (
        LessonReason.NONCONVENTIONAL
    )
    assert learned("Fix the valve of pumps")[0] == "fix"
    assert learned("Fix the spelling of valve")[0] == "docs"
    assert learned("Add a docstring for pumps")[0] == "docs"
    assert learned("Fix the lint of pumps") == LessonReason.UNSURE_TYPE
    assert learned("Fix the valve of lint/pumps and `style`")[0] == "fix"
    assert learned("Tell of valves", ("README.md",))[0] == "docs"
    assert learned("Valve and pump", ("src/a.zig", "x")) == LessonReason.UNSURE_TYPE
    plain = learned("Valve and pump", ("src/a.zig", "x"), style(message="plain"))
    assert plain[2] == "valve and pump"


@pytest.mark.parametrize(
    ("subject", "type_"),
    [
        ("Avoid a crash of Valve in pumps", "fix"),
        ("Add a crash guard to the pump when it is null", "fix"),
        ("Merge broken valves when they are open", "fix"),
        ("Merge valves when they are open", LessonReason.UNSURE_TYPE),
    ],
)
def test_what_is_new_or_moved_is_a_fix_only_with_a_word_of_a_fault(subject, type_):
    found = learned(subject)
    assert (found if isinstance(found, LessonReason) else found[0]) == type_


@pytest.mark.parametrize(
    ("message", "paths", "by_paths", "as_written"),
    [
        ("fix(ci): pin it", (".github/workflows/a.yml",), ("ci", None), ("fix", "ci")),
        ("build: pin it", ("package.json",), ("chore", None), ("build", None)),
        ("fix(valve): pin it", PATHS, ("fix", "valve"), ("fix", "valve")),
        ("fix(pump): pin it", PATHS, ("fix", None), ("fix", "pump")),
        ("fix: valve: pin it", PATHS, ("fix", "valve"), ("fix", "valve")),
    ],
)
def test_headers_are_by_paths_or_as_written(message, paths, by_paths, as_written):
    assert learned(message, paths, MANY)[:2] == by_paths
    assert learned(message, paths, HOUSE)[:2] == as_written


def test_a_scope_that_makes_the_header_too_long_is_left_out():
    rest = "x" * 54
    assert learned(f"fix(valve): add {rest}")[1] == "valve"
    assert learned(f"fix(valve): add {rest}xxxx")[1] is None


def test_a_bad_body_is_left_out_and_what_breaks_stays():
    message = (
        "feat: rename the flag\n\n* one\n* two\n\n"
        "BREAKING CHANGE: The flag is --out, as we\nagreed in #4.\n\n"
        "The old one fails.\n\nReviewed-by: Ann <ann@example.org>"
    )
    commit = clean_commit(message, PATHS, style(), "reject")
    assert commit.breaking
    assert commit.body == (
        "BREAKING CHANGE: The flag is --out, as we\nagreed in #4.\nThe old one fails."
    )
    bare = clean_commit(message, PATHS, style(body="none"), "reject")
    assert bare == commit.model_copy(update={"body": ""})


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        ("It is --out.\n\nRun:\n\n```sh\nvalve --out\n```\n\nEnd.", "It is --out."),
        ("It is --out. See https://example.org/out. Old\nfails.", "It is --out."),
        ("It is --out.\n\n" + "A guide of pages. " * 40, "It is --out."),
        ("It is --out.\n\nRun it.", "It is --out.\nRun it."),
        ("https://example.org/out", ""),
    ],
)
def test_of_a_guide_for_what_breaks_the_first_sentence_stays(note, kept):
    commit = clean_commit(
        f"feat: add a flag\n\nBREAKING CHANGE: {note}", PATHS, style(), "reject"
    )
    assert commit.breaking
    assert commit.body == (f"BREAKING CHANGE: {kept}" if kept else "")


@pytest.mark.parametrize(
    "body",
    [
        "It repeats the long\nBREAKING CHANGES footers of the notes.",
        "The parser passes over\nBREAKING CHANGE: in a body.",
        "breaking change: the flag is --out",
    ],
)
def test_prose_about_breaking_changes_breaks_nothing(body):
    assert not clean_commit(
        f"docs: tell it all\n\n{body}", (), HOUSE, "reject"
    ).breaking


def test_subjects_of_one_template_differ_in_numbers_alone():
    templates = {
        subject_template("chore: pin valve to v1.2.3 (#4)"),
        subject_template("build(deps): Pin valve to v2.0"),
        subject_template("pin valve to 17"),
    }
    assert templates == {"pin valve to vN", "pin valve to N"}


@pytest.mark.parametrize("piece", ["a\n\n", "# ", "<details>", "- a\n", "[a] ", "x: "])
def test_a_hostile_message_takes_time_by_its_length(piece):
    def read(size):
        text = (piece * size)[:size]
        no_lesson(f"fix: add a valve\n\n{text}", PATHS, style(), "guess")
        no_lesson(text, PATHS, style(), "guess")

    assert_linear(read, 15_000)
