"""The grammar, and the rules of Conventional Commits 1.0.0 on both sides of each."""

import pytest
from tests.support.growth import assert_linear

from diffscribe.commits.grammar import (
    TYPES,
    Footer,
    Header,
    Violation,
    format_header,
    parse_header,
    split_header,
    split_message,
    violation,
)
from diffscribe.core.records import PlannedCommit

HEADER = Violation.HEADER
BLANK = Violation.NO_BLANK_LINE
BREAKING = Violation.BREAKING_FOOTER


def fix(subject, scope=None, breaking=False):
    return Header("fix", scope, breaking, subject)


STRICT = {
    **{
        f"{kind}: add a thing": Header(kind, None, False, "add a thing")
        for kind in TYPES
    },
    "wip: it": Header("wip", None, False, "it"),
    "bug-fix: it": Header("bug-fix", None, False, "it"),
    "db2_x: it": Header("db2_x", None, False, "it"),
    "fEaT(API)!: it": Header("fEaT", "API", True, "it"),
    "fix!: it": fix("it", None, True),
    "fix(api)!: it": fix("it", "api", True),
    **{
        f"fix({scope}): it": fix("it", scope)
        for scope in (
            *("a", "1", "a-v2", "a_v2", "a/b", "a,b", "a, b", "a b", "src/a.py", "*"),
            *("@scope/pkg", "größe", "#12", "a:b", "a!", "app/[slug]"),
        )
    },
    **{
        f"fix: {subject}": fix(subject)
        for subject in (
            *("a: b", "(x)", "!", "#12", "BREAKING CHANGE", "修复", "✨ sparkle"),
            *("ends with a stop.", "Capitalised", "trailing space ", "long " * 40),
            "feat(api): add",
        )
    },
}
"""Within the rules; any noun is a type."""
LOOSE = {
    "fix:  it": fix("it"),
    "fix( a ): it": fix("it", "a"),
    "fix( a)!: it": fix("it", "a", True),
}
"""Read, though they break a rule."""
OTHER = [
    *("", " ", "fix", "fix it", "fix:", "fix: ", "fix:it", "fix:\tit", "fix:\n it"),
    *("fix : it", "fix. it", "fix; it", "fix - it", "fix\uff1a it", "fix\uff01: it"),
    *("fix(): it", "fix( ): it", "fix(a: it", "fix a): it", "fix(a)(b): it"),
    *("fix((a)): it", "fix(a(b)): it", "fix (a): it", "fix(a) : it", "fix(a):it"),
    *("fix(a) it", "fix[a]: it", "fix{a}: it", "fix<a>: it", "fix(a\nb): it"),
    *("fix!(a): it", "fix!!: it", "fix !: it", "fix! : it", "fix!:it", "fix!it"),
    *("fix(a)!!: it", "fix(a) !: it", "!: it", ": it", "(api): it", "(api)!: it"),
    *("bug fix: it", "feat/api: it", "feat.api: it", "feat,fix: it", "feat|fix: it"),
    *("BREAKING CHANGE: it", "[fix] it", "[fix]: it", "#12: it", "12: it", "-fix: it"),
    *("✨: it", ":sparkles: feat: add", "Merge branch 'main'", 'Revert "feat: add"'),
    *("Fixes #12", "```\nfix: it\n```", '"fix: it"', "So:\n\nfix: it"),
]


@pytest.mark.parametrize(("text", "parts"), STRICT.items())
def test_a_header_within_the_rules_is_taken_apart_and_put_together(text, parts):
    assert violation(text) is violation(f"{text}\n\n") is None
    assert split_header(text) == parts
    assert format_header(parts) == text
    kind, subject = parts.type.lower(), parts.subject.strip()
    ours = parts._replace(type=kind, subject=subject) if kind in TYPES else None
    assert parse_header(text) == parse_header(f" {text}\n") == ours


@pytest.mark.parametrize(("text", "parts"), LOOSE.items())
def test_a_header_with_more_spaces_breaks_a_rule_and_is_read(text, parts):
    assert violation(text) is HEADER
    assert parse_header(text) == parts


@pytest.mark.parametrize("text", OTHER)
def test_another_header_breaks_a_rule_and_is_none(text):
    assert violation(text) is HEADER
    assert parse_header(text) is None


@pytest.mark.parametrize("text", [" fix: it", "\n\nfix: it", "fix: it\nmore"])
def test_lines_around_a_header_break_a_rule(text):
    assert violation(text) is not None


def test_a_planned_commit_has_a_header():
    commit = PlannedCommit(
        files=("a",), type="feat", scope="api", breaking=True, subject="drop v1"
    )
    assert format_header(commit) == "feat(api)!: drop v1"


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("", ("", "", ())),
        ("fix: it", ("fix: it", "", ())),
        ("fix: it\n\nBecause.\n\nTwice.\n", ("fix: it", "Because.\n\nTwice.", ())),
        ("fix: it\r\n\r\nBecause.", ("fix: it", "Because.", ())),
        ("fix: a header\nthat wraps\n\nbody", ("fix: a header that wraps", "body", ())),
        ("fix: it\n- a\n- b", ("fix: it", "- a\n- b", ())),
        (
            "fix: it\nSigned-off-by: A <a@b.c>",
            ("fix: it", "", (Footer("Signed-off-by", "A <a@b.c>"),)),
        ),
        (
            "fix: it\n\nWhy.\n\nFixes #12\nReviewed-by: B",
            ("fix: it", "Why.", (Footer("Fixes", "#12"), Footer("Reviewed-by", "B"))),
        ),
        (
            "fix: it\n\nCloses: acme/app#12, #13",
            ("fix: it", "", (Footer("Closes", "acme/app#12, #13"),)),
        ),
        ("fix: it\n\nFix: the other.", ("fix: it", "Fix: the other.", ())),
        ("fix: it\n\nNote: slow.", ("fix: it", "Note: slow.", ())),
        (
            "fix: it\n\nFixes #1 for lists\nof one.",
            ("fix: it", "Fixes #1 for lists\nof one.", ()),
        ),
        ("fix: it\n\n(cherry picked from commit 1234567)", ("fix: it", "", ())),
        (
            "fix: it\n\nBREAKING CHANGE: the old\nname is gone\n\nRefs: #3",
            (
                "fix: it",
                "",
                (
                    Footer("BREAKING CHANGE", "the old\nname is gone"),
                    Footer("Refs", "#3"),
                ),
            ),
        ),
        (
            "fix: it\n\nRefs: #3\n\nA last paragraph.",
            ("fix: it", "Refs: #3\n\nA last paragraph.", ()),
        ),
    ],
)
def test_a_message_is_taken_apart(message, parts):
    assert split_message(message) == parts


@pytest.mark.parametrize(
    ("footer", "notes"),
    [
        ("BREAKING CHANGE: a", ("a",)),
        ("BREAKING-CHANGE: a", ("a",)),
        ("BREAKING CHANGE:\na", ("a",)),
        ("breaking change: a", ()),
        ("BREAKING CHANGES: a", ()),
        ("Reviewed-by: a", ()),
    ],
)
def test_breaking_notes_are_only_the_footers_of_the_specification(footer, notes):
    assert split_message(f"fix: it\n\n{footer}").breaking_notes == notes


def test_a_scope_that_never_ends_takes_time_by_its_length():
    assert_linear(lambda size: parse_header("fix(" + "a " * size), 10_000)


MESSAGES = [
    ("fix: it\n\nBecause.", None),
    ("fix: it\n\nBecause.\n\nTwice.\n\n\nAnd free-form.", None),
    ("fix: it\nBecause.", BLANK),
    ("fix: it\n \nBecause.", BLANK),
    ("fix: it\n\n\nBecause.", BLANK),
    ("fix: it\nReviewed-by: Z", BLANK),
    ("fix: it\nBREAKING CHANGE: a", BLANK),
    ("fix: it\n- a list", BLANK),
    ("fix: it\n\n- a list\n- of two", None),
    ("fix: it\n\nReviewed-by: Z", None),
    ("fix: it\n\nReviewed-by: Z\nRefs: #123", None),
    ("fix: it\n\nWhy.\n\nReviewed-by: Z\nRefs #133", None),
    ("fix: it\n\nFixes #12", None),
    ("fix: it\n\nCloses #1, #2", None),
    ("fix: it\n\nReviewed by Z", None),
    ("fix: it\n\nNote: prose that looks like a footer", None),
    ("feat: it\n\nBREAKING CHANGE: `extends` means another thing", None),
    ("feat: it\n\nBREAKING-CHANGE: a", None),
    ("feat!: it\n\nBREAKING CHANGE: a", None),
    ("feat: it\n\nWhy.\n\nBREAKING CHANGE: a\nthat wraps\n\nand goes on", None),
    ("feat: it\n\nWhy.\n\nReviewed-by: Z\nBREAKING CHANGE: a", None),
    ("feat: it\n\nWhy.\n\nRefs #1\nBREAKING CHANGE: a\nReviewed-by: Z", None),
    ("feat: it\n\nBREAKING CHANGE: a\n\nBREAKING CHANGE: b", None),
    ("feat: it\n\nThis is a BREAKING CHANGE: mid-sentence prose", None),
    ("feat: it\n\nBREAKING CHANGES are listed below", None),
    ("feat: it\n\nbreaking changes: a list in prose", None),
    ("feat: it\n\nbreaking change: a", BREAKING),
    ("feat: it\n\nBreaking Change: a", BREAKING),
    ("feat: it\n\nbreaking-change: a", BREAKING),
    ("feat: it\n\nBREAKING CHANGE:a", BREAKING),
    ("feat: it\n\nBREAKING CHANGE:", BREAKING),
    ("feat: it\n\nBREAKING CHANGE: ", BREAKING),
    ("feat: it\n\nBREAKING CHANGE:\na", BREAKING),
    ("feat: it\n\nBREAKING CHANGE #12", BREAKING),
    ("feat: it\n\nBREAKING-CHANGE #12", BREAKING),
    ("feat: it\n\nWhy.\nBREAKING CHANGE: a", BREAKING),
    ("feat: it\n\n- a list\nBREAKING CHANGE: a", BREAKING),
]


@pytest.mark.parametrize(("message", "broken"), MESSAGES)
def test_bodies_and_footers(message, broken):
    assert violation(message) is broken


def test_many_breaking_lines_take_time_by_their_number():
    def read(count):
        assert violation("fix: a\n\n" + "BREAKING CHANGE: x\n" * count) is None

    assert_linear(read, 5_000)
