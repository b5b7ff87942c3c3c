import pytest
from tests.support.growth import assert_linear

from diffscribe.commits.cleanup import (
    clean_body,
    clean_subject,
    is_cut,
    noise_in,
    prose_body,
    strip_marks,
    visible_text,
)

SUBJECTS = [
    ("", ""),
    ("add a thing", "add a thing"),
    ("Add a thing.", "add a thing"),
    ("Add a thing...", "add a thing"),
    ("Add  a\n thing", "add a thing"),
    ("Add valve (#12)", "add valve"),
    ("add foo (#1) (#2)", "add foo"),
    ("add foo (#1, #2)", "add foo"),
    ("add foo(#12)", "add foo"),
    ("add foo #12", "add foo"),
    ("add foo, fixes #12", "add foo"),
    ("add foo - closes #12", "add foo"),
    ("add foo; see #12 and #13", "add foo"),
    ("Add foo. Fixes ABC-12.", "add foo"),
    ("add foo (see #12 for details)", "add foo"),
    ("add foo as described in #12", "add foo"),
    ("add foo for issue acme/app#12", "add foo"),
    ("add foo [ABC-12]", "add foo"),
    ("ABC-123 Add foo", "add foo"),
    ("ABC-123: Add foo", "add foo"),
    ("#12: Add foo", "add foo"),
    ("(#12) Add foo", "add foo"),
    ("[ABC-123] Add foo", "add foo"),
    ("[api] Add foo", "add foo"),
    ("[api][v2] Add foo", "add foo"),
    ("[api]: Add foo", "add foo"),
    ("✨ Add foo", "add foo"),
    (":sparkles: Add foo", "add foo"),
    ("🐛🔥 add foo", "add foo"),
    ("♻️ add foo ✅", "add foo"),
    ("WIP: add foo [skip ci]", "add foo"),
    ("Fix #12: crash on start", "crash on start"),
    ("add foo https://github.com/a/b/issues/3", "add foo"),
    ("add foo (https://github.com/a/b/pull/3)", "add foo"),
    ("add foo from a@b.co", "add foo"),
    ("add foo <a@b.co>", "add foo"),
    ("undo the valve of 97b300c1", "undo the valve"),
    ("restore foo from commit 97b300c", "restore foo"),
    ("open the valve as following up #17402", "open the valve"),
    # What is left would be no sentence, or fit any change.
    ("changelog for #1827", ""),
    ("test case for #66", ""),
    ("add a valve after #12", ""),
    ("add a test after 3e312c0", ""),
    ("undo 97b300c1", ""),
    ("add a note about #12", ""),
    ("fix a leak introduced by #12 (#13)", ""),
    ("address feedback on #12", ""),
    ("close valves, better fix for #12", ""),
    ("fix the leak introduced (#12)", "fix the leak introduced"),
    # Nothing readable is left.
    ("#12", ""),
    ("fix #12", ""),
    ("Fix the bug in #12", ""),
    ("fix #12 by caching", ""),
    ("use the #12 approach", ""),
    ("since ABC-1 broke it, add foo", ""),
    ("see https://github.com/a/b/issues/3", ""),
    ("✨", ""),
    # What only looks like a reference or a mark stays.
    ("decode UTF-8", "decode UTF-8"),
    ("hash with SHA-256", "hash with SHA-256"),
    ("follow RFC-9110 and PEP-8", "follow RFC-9110 and PEP-8"),
    ("read UTF-16 and CSS-3 selectors", "read UTF-16 and CSS-3 selectors"),
    ("pin foo to v0.0.0-2026-73592393e1ad", "pin foo to v0.0.0-2026-73592393e1ad"),
    ("fix CVE-2024-1234", "fix CVE-2024-1234"),
    ("support C# and F#10", "support C# and F#10"),
    ("use #include once", "use #include once"),
    ("bump foo@1.2.3", "bump foo@1.2.3"),
    ("call foo() and bar[0]", "call foo() and bar[0]"),
    ("accept []", "accept []"),
    ("--verbose prints more", "--verbose prints more"),
    ("link https://example.org/docs", "link https://example.org/docs"),
    ("add an arrow → here", "add an arrow → here"),
    ("keep `Foo.` in text", "keep `Foo.` in text"),
    ("say e.g. this", "say e.g. this"),
    ("map a: b", "map a: b"),
    ("support 12345678 and deadbeef", "support 12345678 and deadbeef"),
    # Capitals.
    ("README is new", "README is new"),
    ("HTTPServer is gone", "HTTPServer is gone"),
    ("FooBar is gone", "FooBar is gone"),
    ("Foo.bar is gone", "Foo.bar is gone"),
    ("Foo() is gone", "Foo() is gone"),
    ("Python 3.12 works", "Python 3.12 works"),
    ("A new start", "a new start"),
    ("I/O is async", "I/O is async"),
    ("Don't crash", "don't crash"),
    ("Re-enable it", "re-enable it"),
    ("Änderung", "Änderung"),
    ("修复 #12", "修复"),
]


@pytest.mark.parametrize(("subject", "expected"), SUBJECTS)
def test_a_subject_says_only_what_was_changed(subject, expected):
    assert clean_subject(subject) == expected


@pytest.mark.parametrize("subject", [cleaned for _, cleaned in SUBJECTS])
def test_a_clean_subject_stays_as_it_is(subject):
    assert clean_subject(subject) == subject


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("✨ feat: Add #1", "feat: Add #1"),
        (":bug: fix(api): x", "fix(api): x"),
        ("[ABC-1] feat: x", "feat: x"),
        ("ABC-1: feat: x", "feat: x"),
        ("feat: x", "feat: x"),
        ("-Fixed a leak", "Fixed a leak"),
        ("* stop it", "stop it"),
        ("- - • x", "x"),
        ("--verbose is gone", "--verbose is gone"),
        ("-X is a flag", "-X is a flag"),
        ("*.py is read", "*.py is read"),
        ("[x](y) z", "[x](y) z"),
        ("[lost]", ""),
    ],
)
def test_marks_hide_no_conventional_header(header, expected):
    assert strip_marks(header) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", ""),
        ("Because.\nTwice.", "Because.\nTwice."),
        ("One.\r\n\r\nTwo.", "One.\n\nTwo."),
        ("One.\n\n\n\nTwo.", "One.\n\nTwo."),
        ("One (see #12).\nTwo.", "One.\nTwo."),
        ("One. See #12 for more. Two.", "One. Two."),
        ("One.\nAs ABC-12 says,\nit is so. Two.", "One. Two."),
        ("- one\n- fixes #12\n- three", "- one\n- three"),
        ("- one\n  goes on\n- #12\n  goes on", "- one\n  goes on"),
        ("Fixes #12", ""),
        ("One. Closes gh-12", "One."),
        ("It is in valve-gh-12.", "It is in valve-gh-12."),
        ("Why:\n\n- #12", ""),
        ("One.\nSigned-off-by: A <a@b.co>\nTwo.", "One.\nTwo."),
        ("One.\n\nChange-Id: I12ab", "One."),
        ("This reverts commit 0123456789abcdef.", ""),
        ("It was commit 0123abc that did it. One.", "One."),
        ("It was lost in 97b300c. One.", "One."),
        ("One.\n(cherry picked from commit 0123abc)", "One."),
        ("One.\n\n```sh\n$ run\n```\n\nTwo.", "One.\n\nTwo."),
        ("One. Run it like:\n\n```sh\n$ run\n```\n\nTwo.", "One.\n\nTwo."),
        ("One.\n\n```\nnever closed", "One."),
        ("<!-- template -->\n## What\n\nOne.\n\n- [x] tested", "One."),
        ("One.\n---------\nTwo.", "One.\nTwo."),
        ("One.\n\n## \n\nTwo.", "One."),
        ("Write to a@b.co. One.", "One."),
        ("Use UTF-8 in foo() [0].", "Use UTF-8 in foo() [0]."),
        ("BREAKING CHANGE: foo is gone", "BREAKING CHANGE: foo is gone"),
    ],
)
def test_a_body_keeps_only_what_is_about_the_change(body, expected):
    assert clean_body(body) == expected
    assert clean_body(expected) == expected


@pytest.mark.parametrize(
    "footer",
    [
        "\U0001f916 Generated with [Claude Code](https://claude.com/claude-code)",
        "Generated with Codex CLI",
        "Co-Authored-By: Claude <noreply@example.org>",
        "Assisted-by: Gemini",
        "Written by GPT-5 in Cursor",
        "<details>\n<summary>Notes</summary>\n\n- one\n</details>",
        "## Test plan\n\nRan it on a pump.",
        "**Checklist:**\n\n- [x] docs",
        "CO-AUTHORED-BY: Cursor Agent <a@b.co>",
        "co-authored by: Copilot <a@b.co>",
        "Made-with: Cursor",
        "Claude-Session: https://example.org/session_1",
        "This commit message was generated by Gemini.",
        "# Please enter the commit message\n#\tsrc/a.ts",
        "# ------ >8 ------\ndiff --git a/x b/x\n--- a/x\n+++ b/x",
        "@@ -1,3 +1,3 @@ def f():\n-old\n+new",
        "Squashed commit of the following:\n\ncommit 12\n\n    feat: add it",
        "See merge request a/b!12",
        "Reviewed By: Ann",
        "- [Notes](https://example.org/notes)\n- https://example.org/x",
        "<img src=x>",
    ],
)
def test_what_tools_and_templates_add_is_no_body(footer):
    assert clean_body(f"It closes at once.\n\n{footer}") == "It closes at once."
    assert clean_body(f"{footer}\n") == ""


def test_what_no_one_sees_is_left_out():
    hidden = "\x00\x07\x1b[1;31m\u202e\u2066\u200b\ufeff\xad\U000e0041"
    assert visible_text(f"fix:{hidden} close it\r\n\r\nOne.\r") == (
        "fix: close it\n\nOne.\n"
    )
    assert visible_text("é 語 \U0001f468\u200d\U0001f469\t") == (
        "é 語 \U0001f468\u200d\U0001f469\t"
    )


def test_a_link_in_a_subject_is_its_words():
    assert clean_subject("close [the valve](https://a.org/x)") == "close the valve"


def test_sections_about_the_change_stay_without_their_headings():
    body = "## Summary\n\nIt closes.\n\n## How it was tested\n\nBy hand."
    assert clean_body(body) == "It closes."


@pytest.mark.parametrize(
    "body",
    [
        "The valve stayed open after a leap second, since time went back.",
        "- close the valve at once\n- say so in the log of a leap second",
        "Machine-readable output goes to pumps without a terminal.",
        "Close pumps by default, as terminals and readers do (unless told)",
    ],
)
def test_prose_about_the_change_is_a_body(body):
    assert prose_body(body, "close it") == body


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Too short.",
        "* close the valve at once\n* fix the lint of pumps",
        "- fix(valve): close it at once\n- docs: tell of pumps",
        "I was doing the tutorial and the valve stayed open.",
        "We\u2019ve had an open valve for two days by now.",
        "Feel free to close it if the valve does not fit.",
        "This PR closes the valve when time goes back.",
        "The valve is described at https://example.org/valve too.",
        "Thanks to @ann the valve closes when time goes back.",
        "Updates from OwlBot post-processor for the valve.",
        "Homebrew 5.1\n()\nscrubs the valve of the pump",
        "which closes the valve when time goes back.",
        "> the valve is open\n\nNo longer, by any means.",
        "| valve | state |\n|---|---|\n| one | open |",
        "Close the valve at last.",
        "Print machine-readable output.",
        "The valve stayed open after a leap second, since time went",
        "The valve looks like a pump of the terminal after a leap second.",
        "The valve of the terminal closes after a leap second!",
        "Apparently the valve of the terminal closes after a leap second.",
        "The valve of the terminal closes after a leap second \U0001f389.",
        "A page about valves. " * 40,
        "0x7f 0x80 0x81 [ 12 ] { 34 } => 56 %% == 78 :: 9",
    ],
)
def test_what_is_no_prose_about_the_change_is_no_body(body):
    assert prose_body(body, "close the valve at last") == ""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("close the valve when its pu\u2026 (#12)", True),
        ("close the valve when its...", True),
        ("close the valve...(#12)", True),
        ("spread ...args over the valve", False),
        ("close the valve.", False),
    ],
)
def test_a_header_that_a_host_cut_is_told(header, expected):
    assert is_cut(header) is expected


def test_a_paragraph_that_lost_a_sentence_is_wrapped_at_72_columns():
    body = "word " * 30 + "end. See #12. " + "More " * 30 + "end."
    lines = clean_body(body).split("\n")
    assert len(lines) == 5
    assert max(map(len, lines)) <= 72
    assert " ".join(lines) == "word " * 30 + "end. " + "More " * 30 + "end."


def test_wrapping_breaks_no_word():
    body = "See #1. " + "Wrap " * 13 + "well-known-words " + "x" * 80
    assert clean_body(body).split("\n")[1:] == ["well-known-words", "x" * 80]


@pytest.mark.parametrize(
    "piece",
    [
        *("(", "[", "in ", "fixes ", "#", "a@", "```\n", ":a", "_a", "a-", "A1-", "a/"),
        *("## a\n", "**aaa**\n", "<details>", "- ", "a ", "* ", "\n#", "a's "),
        *(
            "\x1b[",
            "1.",
            "A-",
            "<a",
            "this ",
            "@@ ",
            "](",
            "#1 ",
            "(#1 ",
            "http://",
            "http://a/issues/",
            "🎉",
            " ",
            "\n",
            "a@b.",
            "a1",
        ),
    ],
)
@pytest.mark.parametrize("around", ["{}", "x{}y", "({}"])
def test_a_hostile_message_takes_time_by_its_length(piece, around):
    def clean(size):
        text = around.format((piece * size)[:size])
        strip_marks(text)
        noise_in(visible_text(text))
        clean_subject(text)
        prose_body(clean_body(text), "add a valve")

    assert_linear(clean, 10_000)
