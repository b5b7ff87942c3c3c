import pytest
from tests.support.growth import assert_linear
from tests.support.style import style

from diffscribe.commits.style import (
    StyleRule,
    broken_rules,
    is_english,
    is_imperative,
    is_trivial,
)

HOUSE = style()
OTHER_TYPE, LONG_HEADER, FULL_STOP, CAPITALISED, TRIVIAL, _, MOOD, *_, LONG_LINE = (
    StyleRule
)


@pytest.mark.parametrize(
    ("message", "broken"),
    [
        ("fix: stop the leak", ()),
        ("fix(core)!: stop the leak", ()),
        ("wip: stop the leak", (OTHER_TYPE,)),
        ("Fix: stop the leak", (OTHER_TYPE,)),
        ("stop the leak", (OTHER_TYPE,)),
        ("", (OTHER_TYPE, TRIVIAL, MOOD)),
        ("fix: stop " + "x" * 62, ()),
        ("fix: stop " + "x" * 63, (LONG_HEADER,)),
        ("fix: stop the leak.", (FULL_STOP,)),
        ("fix: stop 修复。", (FULL_STOP,)),
        ("fix: Stop the leak", (CAPITALISED,)),
        ("fix: README says it", (MOOD,)),
        ("fix: leaks are stopped", (MOOD,)),
        ("fix: Stopped the leak.", (FULL_STOP, CAPITALISED, MOOD)),
        ("fix: stop the leak\n\n" + "word " * 19 + "endofs", (LONG_LINE,)),
        ("fix: stop the leak\n\n" + "word " * 19 + "ends", ()),
        ("fix: stop the leak\n\n" + "x" * 200, ()),
    ],
)
def test_the_broken_rules_are_named_in_their_order(message, broken):
    assert broken_rules(message, HOUSE) == broken


@pytest.mark.parametrize(
    ("fields", "message", "broken"),
    [
        ({"imperative": False}, "fix: leaks are stopped", ()),
        ({"lower_case": False}, "fix: Stop the leak", ()),
        ({"full_stop": True}, "fix: stop the leak.", ()),
        ({"types": ("feat",)}, "fix: stop the leak", (OTHER_TYPE,)),
        ({"english": True}, "fix: stop 修复登录页", (StyleRule.NOT_ENGLISH,)),
        ({"english": False}, "fix: stop 修复登录页", ()),
        ({"body": "required"}, "fix: stop the leak\n", (StyleRule.BODY_MISSING,)),
        ({"body": "required"}, "fix: stop the leak\n\nAt last.", ()),
        ({"body": "none"}, "fix: stop the leak\n", ()),
        ({"body": "none"}, "fix: stop the leak\n\nAt last.", (StyleRule.BODY_GIVEN,)),
        ({"max_line_chars": 7}, "fix: stop the leak\n\nAt last.", (LONG_LINE,)),
    ],
)
def test_each_setting_turns_its_rule(fields, message, broken):
    assert broken_rules(message, style(**fields)) == broken


@pytest.mark.parametrize("subject", ["écris le fichier", "über die mauer"])
def test_small_letters_beyond_ascii_are_small(subject):
    house = style(imperative=False)
    assert CAPITALISED not in broken_rules(f"fix: {subject}", house)
    assert CAPITALISED in broken_rules(f"fix: {subject.capitalize()}", house)


@pytest.mark.parametrize(
    "piece", ["a-", "A1-", "a/", "#", "(", "x ", "fix ", "https://"]
)
def test_a_long_message_takes_time_by_its_length(piece):
    def read(size):
        broken_rules(f"fix: {piece * size}\n\n{piece * size}", HOUSE)

    assert_linear(read, 10_000)


@pytest.mark.parametrize(
    "subject",
    [
        *("update README.md", "updated the readme file", "update changelog."),
        *("prepare version 0.2.0", "bump version to v1.2.3-SNAPSHOT"),
        *("modify Dockerfile", "update submodules", "fix typo", "fixes"),
        *("minor changes", "cleanup code", "WIP", "v1.2.0", "initial commit"),
        *("ABC-123", "fixes #12", "#1, #2", "closes GH-4"),
        *("update ValveTest.php", "Edited src/valve.c", "modify `valve.toml`"),
        *("add changelog entry", "sync schema", "fix lint", "go mod tidy", "add tests"),
        *("auto-update generated files", "apply clippy suggestions", "fix CI failure"),
        *("prepare for v2.0", "changelog update for 1.2", "fix failing tests on CI"),
        *("update README and docs", "v1.2.3-rc.1", "resolve 'valve is open'", "fix it"),
    ],
)
def test_a_subject_that_could_be_of_any_change_is_trivial(subject):
    assert is_trivial(subject)


@pytest.mark.parametrize(
    "subject",
    [
        *("update README with the installer's command", "bump version of the parser"),
        *("bump ruby to 2.6", "fix typo in the docs of Choice", "fix leak"),
        *("update Node.js", "delete valve.c", "update valve.c for new pumps"),
        *("add tests for valves", "upgrade lodash to v5", "add --json", "add `foo`"),
        *("update lock file format", "clean up temporary folders", "refactor parser"),
        *("test on Python 3.11", "fix ABC-123 by closing the file"),
    ],
)
def test_a_subject_that_names_what_it_is_about_is_not_trivial(subject):
    assert not is_trivial(subject)


@pytest.mark.parametrize(
    "text",
    [
        *("修复登录页面的错误", "исправить ошибку в парсере"),
        "ajoute une option pour les tests",
        "añade soporte para los ficheros de la red",
        "füge die Tests für den Parser und das Modul hinzu",
        "corrige o erro da função dos testes",
    ],
)
def test_other_languages_are_told(text):
    assert not is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        *("add die() to the parser", "support de and la locales in the menu"),
        *("read /usr/de/la/el/los.txt", "rename café to cafe", "exp: data status"),
        *("", "use the von Neumann neighbourhood", "修复 login page parser"),
    ],
)
def test_english_and_what_is_in_no_language_passes(text):
    assert is_english(text)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("add a test", True),
        ("Add a test", True),
        ("re-add the test", True),
        ("don't fail on empty params", True),
        ("re-enable colours", True),
        ("properly add a test", True),
        ("use-after-free in a test", False),
        ("added a test", False),
        ("adds a test", False),
        ("readme for examples", False),
        ("exp: add a test", False),
        ("error when a test is added", False),
        ("note on tests", False),
        ("note that tests are added", True),
        ("log messages of tests", False),
        ("log tests", True),
        ("test.py is gone", False),
        ("42", False),
        ("", False),
    ],
)
def test_a_verb_in_its_base_form_comes_first(subject, expected):
    assert is_imperative(subject) is expected
