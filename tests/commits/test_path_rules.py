import pytest

from diffscribe.commits.path_rules import (
    decided_type,
    is_machine_made,
    languages_of,
    type_of_paths,
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
    ("paths", "expected"),
    [
        ([".github/workflows/a.yml", ".gitlab-ci.yml"], "ci"),
        (["tests/test_a.py"], "test"),
        (["README.md", "docs/a.svg"], "docs"),
        (["package.json", "web/yarn.lock"], "chore"),
        (["go.mod", "go.sum"], "chore"),
        (["Dockerfile"], None),
        (["src/a.py"], None),
        (["README.md", "tests/test_a.py"], None),
        (["package.json", "README.md"], None),
        ([], None),
    ],
)
def test_files_of_one_kind_decide_what_authors_would_call_it(paths, expected):
    assert decided_type(paths) == expected


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


def test_names_languages_once_and_sorted():
    paths = ["src/b.rs", "a.PY", "c.py", "web/x.tsx", "notes.unknown", "LICENSE"]
    assert languages_of(paths) == ("Python", "Rust", "TypeScript")


def test_some_files_have_a_language_without_a_suffix():
    assert languages_of(["ops/Dockerfile", "Makefile"]) == ("Dockerfile", "Makefile")


def test_files_of_no_known_kind_have_none():
    assert languages_of([".gitignore", "a.d/b", "py"]) == ()
