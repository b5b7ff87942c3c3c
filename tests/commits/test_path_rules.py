import pytest

from diffscribe.commits.grammar import Header
from diffscribe.commits.path_rules import (
    guess_header,
    is_machine_made,
    type_of_paths,
    type_of_verb,
)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["README.md"], "docs"),
        (["docs/api.html", "LICENSE"], "docs"),
        (["doc/x.py"], "docs"),
        (["tests/test_a.py"], "test"),
        (["src/a_test.go"], "test"),
        (["src/a.spec.ts"], "test"),
        (["src/test/java/ATest.java"], "test"),
        (["tests/README.md"], "test"),
        ([".github/workflows/ci.yml"], "ci"),
        ([".gitlab-ci.yml"], "ci"),
        (["pyproject.toml", "poetry.lock"], "build"),
        (["sub/Makefile"], "build"),
        (["go.sum"], "build"),
        (["CHANGELOG.md", "package.json"], "build"),
        ([".gitignore"], "chore"),
        ([".github/CODEOWNERS"], None),
        (["src/a.py"], None),
        (["src/latest.py"], None),
        (["contest/a.py"], None),
        (["Makefile.py"], None),
        (["src/a.py", "README.md"], None),
        (["tests/test_a.py", "README.md"], "test"),
        (["README.md", "tests/test_a.py"], "test"),
        ([".github/workflows/ci.yml", "Makefile"], "ci"),
        ([], None),
    ],
)
def test_paths_of_one_kind_have_a_type(paths, expected):
    assert type_of_paths(paths) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Fix it", "fix"),
        ("fixes it", "fix"),
        ("Fixed it", "fix"),
        ("Add it", "feat"),
        ("Adds it", "feat"),
        ("added: it", "feat"),
        ("adding it", "feat"),
        ("Remove it", "refactor"),
        ("Removed it", "refactor"),
        ("Simplifies it", "refactor"),
        ("Optimise it", "perf"),
        ("Bump it", "build"),
        ("Document it", "docs"),
        ("Additional work", None),
        ("Prefix it", None),
        ("", None),
        ("修复", None),
    ],
)
def test_the_first_word_may_stand_for_a_type(subject, expected):
    assert type_of_verb(subject) == expected


@pytest.mark.parametrize(
    ("text", "paths", "expected"),
    [
        ("Fix it", ["a.py"], Header("fix", None, False, "Fix it")),
        ("Fix it", ["a.md"], Header("docs", None, False, "Fix it")),
        ("Tidy it", ["a.py"], Header("refactor", None, False, "Tidy it")),
        ("net/http: fix it", ["a.go"], Header("fix", "net/http", False, "fix it")),
        ("Fix tail: keep it", ["a.c"], Header("fix", "tail", False, "keep it")),
        ("bugfix: tidy it", ["a.go"], Header("fix", None, False, "tidy it")),
        ("Note: fix it", ["a.go"], Header("refactor", None, False, "Note: fix it")),
        ('Revert "Add it"', ["a.md"], Header("revert", None, False, "Add it")),
        (
            'Revert "feat(api): add it"',
            ["a.py"],
            Header("revert", "api", False, "add it"),
        ),
        (
            'Revert "feat(api): add it" (#9)',
            ["a.py"],
            Header("revert", "api", False, "add it"),
        ),
        ('Revert "Add i', ["a.md"], Header("revert", None, False, "Add i")),
        (
            'Revert "Revert "add it""',
            ["a.py"],
            Header("revert", None, False, "reapply add it"),
        ),
        (
            'Reapply "feat: add it"',
            ["a.py"],
            Header("revert", None, False, "reapply add it"),
        ),
    ],
)
def test_a_header_that_is_not_conventional_gets_a_type(text, paths, expected):
    assert guess_header(text, paths) == expected


@pytest.mark.parametrize(
    "path",
    ["conan.lock", "a/devbox.lock", "my-lock.json", "gradle.lockfile", "x.min.js"],
)
def test_files_that_no_person_writes_are_told_by_their_names(path):
    assert is_machine_made(path)


@pytest.mark.parametrize(
    "path", ["lock.py", "locks/a.md", "deadlock.json", "block.yaml"]
)
def test_a_name_with_lock_in_it_is_no_lock_file(path):
    assert not is_machine_made(path)
