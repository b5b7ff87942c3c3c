"""The rules of Conventional Commits 1.0.0, one by one, on both sides of each."""

import time

import pytest

from diffscribe.commits.grammar import Violation, violation

HEADER = Violation.HEADER
BLANK = Violation.NO_BLANK_LINE
BREAKING = Violation.BREAKING_FOOTER

HEADERS = [
    "feat: add a thing",
    "fix: stop the leak",
    "docs: correct spelling of CHANGELOG",
    "build: pin zlib",
    "chore: drop Node 6",
    "ci: cache wheels",
    "style: sort imports",
    "refactor: split the parser",
    "perf: read once",
    "test: cover the edge",
    "revert: let us never speak of it",
    "wip: half a thing",
    "improvement: any noun is a type",
    "bug-fix: a noun with a hyphen",
    "db2: a noun with a digit",
    "my_type: a noun with an underscore",
    "FEAT: in capitals",
    "Fix: capitalised",
    "fEaT(API)!: mixed",
    "feat(lang): add Polish language",
    "feat(api): add",
    "feat(api-v2): add",
    "feat(api_v2): add",
    "feat(core/http): scope with a slash",
    "feat(core,http): scope with a comma",
    "feat(core, http): scope with a comma and a space",
    "feat(@scope/package): scope of npm",
    "feat(src/a.py): scope with a dot",
    "feat(*): scope of everything",
    "feat(größe): scope outside ASCII",
    "feat(a b): scope of two words",
    "feat(#12): scope with a number sign",
    "feat(a:b): scope with a colon",
    "feat(a!): scope with a mark",
    "feat(1): scope of a digit",
    "feat!: breaking",
    "feat(api)!: breaking with a scope",
    "chore!: drop support for Node 6",
    "refactor(runtime)!: breaking without being a feature",
    "fix: a: b",
    "fix: (x)",
    "fix: !",
    "fix: #12",
    "fix: BREAKING CHANGE",
    "fix: 修复",
    "fix: ✨ sparkle",
    "fix: ends with a full stop.",
    "fix: Capitalised",
    "fix: trailing space ",
    "fix: " + "long " * 40,
    "revert: feat(api): add",
    "fix: it\n",
    "fix: it\n\n",
]
NO_HEADERS = [
    "",
    " ",
    "\n\nfix: it",
    " fix: it",
    "fix",
    "fix it",
    "fix:",
    "fix: ",
    "fix:  two spaces",
    "fix:it",
    "fix:\tit",
    "fix:\n it",
    "fix : it",
    "fix. it",
    "fix; it",
    "fix - it",
    "fix\uff1a it",
    "fix\uff01: it",
    "fix(): it",
    "fix( ): it",
    "fix( a): it",
    "fix(a ): it",
    "fix(a: it",
    "fix a): it",
    "fix(a)(b): it",
    "fix((a)): it",
    "fix(a(b)): it",
    "fix (a): it",
    "fix(a) : it",
    "fix(a):it",
    "fix(a) it",
    "fix[a]: it",
    "fix{a}: it",
    "fix<a>: it",
    "fix(a\nb): it",
    "fix!(a): it",
    "fix!!: it",
    "fix !: it",
    "fix! : it",
    "fix!:it",
    "fix!it",
    "fix(a)!!: it",
    "fix(a) !: it",
    "!: it",
    ": it",
    "(api): it",
    "(api)!: it",
    "bug fix: it",
    "feat/api: it",
    "feat.api: it",
    "feat,fix: it",
    "feat|fix: it",
    "BREAKING CHANGE: it",
    "[fix] it",
    "[fix]: it",
    "#12: it",
    "12: it",
    "-fix: it",
    "✨: it",
    ":sparkles: feat: add",
    "✨ feat: add",
    "Merge branch 'main'",
    'Revert "feat: add"',
    "Fixes #12",
    "```\nfix: it\n```",
    '"fix: it"',
    "Here is the message:\n\nfix: it",
]
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


@pytest.mark.parametrize("message", HEADERS)
def test_a_header_within_the_rules(message):
    assert violation(message) is None


@pytest.mark.parametrize("message", NO_HEADERS)
def test_a_header_that_breaks_a_rule(message):
    assert violation(message) is HEADER


@pytest.mark.parametrize(("message", "broken"), MESSAGES)
def test_bodies_and_footers(message, broken):
    assert violation(message) is broken


def test_the_table_is_long_enough():
    rows = {*HEADERS, *NO_HEADERS, *(message for message, _ in MESSAGES)}
    assert len(rows) == len(HEADERS) + len(NO_HEADERS) + len(MESSAGES) >= 120


def test_many_breaking_lines_take_time_by_their_number():
    started = time.process_time()
    assert violation("fix: a\n\n" + "BREAKING CHANGE: x\n" * 50_000) is None
    assert time.process_time() - started < 2
