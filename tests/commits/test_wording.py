import pytest

from diffscribe.commits.style import (
    WordingProblem,
    is_english,
    is_imperative,
    wording_problem,
)
from diffscribe.core.records import PlannedCommit


def problem(subject, body="", english_only=True, imperative_only=False):
    commit = PlannedCommit(files=("a",), type="fix", subject=subject, body=body)
    return wording_problem(commit, english_only, imperative_only)


@pytest.mark.parametrize(
    "subject",
    [
        "update README.md",
        "updated the readme file",
        "update changelog.",
        "prepare version 0.2.0",
        "bump version to v1.2.3-SNAPSHOT",
        "modify Dockerfile",
        "update submodules",
        "fix typo",
        "fixes",
        "minor changes",
        "cleanup code",
        "WIP",
        "v1.2.0",
        "initial commit",
    ],
)
def test_a_subject_that_could_be_of_any_change_is_trivial(subject):
    assert problem(subject) == WordingProblem.TRIVIAL_MESSAGE


@pytest.mark.parametrize(
    "subject",
    [
        "update README with the new install command",
        "bump version of the parser",
        "bump ruby to 2.6",
        "fix typo in the docs of Choice",
        "fix leak",
        "update lock file format",
        "clean up temporary folders",
        "refactor parser",
        "test on Python 3.11",
    ],
)
def test_a_subject_that_names_what_it_is_about_is_not_trivial(subject):
    assert problem(subject) is None


@pytest.mark.parametrize("subject", ["ABC-123", "fixes #12", "#1, #2", "closes GH-4"])
def test_a_subject_of_references_alone_is_a_ticket(subject):
    assert problem(subject) == WordingProblem.TICKET_ONLY


def test_a_reference_beside_words_is_no_ticket():
    assert problem("fix ABC-123 by closing the file") is None


@pytest.mark.parametrize(
    "text",
    [
        "修复登录页面的错误",
        "исправить ошибку в парсере",
        "ajoute une option pour les tests",
        "añade soporte para los ficheros de la red",
        "füge die Tests für den Parser und das Modul hinzu",
        "corrige o erro da função dos testes",
    ],
)
def test_other_languages_are_told(text):
    assert not is_english(text)
    assert problem(text) == WordingProblem.NOT_ENGLISH
    assert problem(text, english_only=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "add die() to the parser",
        "support de and la locales in the menu",
        "read /usr/de/la/el/los.txt",
        "rename café to cafe",
        "exp: data status",
        "",
        "use the von Neumann neighbourhood",
        "修复 login page parser",
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
        ("added a test", False),
        ("adds a test", False),
        ("readme for examples", False),
        ("exp: add a test", False),
        ("test.py is gone", False),
        ("42", False),
        ("", False),
    ],
)
def test_a_verb_in_its_base_form_comes_first(subject, expected):
    assert is_imperative(subject) is expected


def test_the_verb_is_asked_for_on_request_only():
    assert problem("added a test for the parser") is None
    assert (
        problem("added a test for the parser", imperative_only=True)
        == WordingProblem.NOT_IMPERATIVE
    )
