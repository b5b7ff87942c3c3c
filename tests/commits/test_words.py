import pytest

from diffscribe.commits.words import content_words, imperative_form


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("added a valve", "add a valve"),
        ("types of errors", "types of errors"),
        ("missing link", "missing link"),
        ("deleted files are shown", "deleted files are shown"),
        ("support for pumps", "support pumps"),
        ("support of pumps", "support pumps"),
        ("support for", "support for"),
        ("supports for pumps", "supports for pumps"),
        ("adding a valve and fixing pumps", "add a valve and fix pumps"),
        ("fixed and improved pumps", "fix and improve pumps"),
        ("added merged and fixed valves", "add merged and fixed valves"),
        ("added valves and fixing pumps", "add valves and fixing pumps"),
        ("fix the valve and added ones", "fix the valve and added ones"),
    ],
)
def test_the_first_verb_gets_its_base_form(subject, expected):
    assert imperative_form(subject) == expected


def test_content_words_are_those_that_few_texts_have():
    text = "Fixed: the pumps have been leaking, as `leap_second` does."
    assert content_words(text) == {"pump", "leak", "leap_second"}
