import pytest

from diffscribe.harvest.filters import is_unsafe


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "a//b",
        "a/",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a\\..\\b",
        ".git",
        ".GIT/config",
        "sub/.git/config",
        "sub\\.Git\\config",
        "git~1/config",
        ".git. ./config",
        ".git::$INDEX_ALLOCATION/config",
        ".g\u200cit/config",
        "\ufeff.git/config",
    ],
)
def test_no_work_tree_should_have_it(path: str) -> None:
    assert is_unsafe(path.encode())


@pytest.mark.parametrize(
    "path",
    [
        "a",
        ".gitignore",
        ".github/workflows/ci.yml",
        "sub/.gitattributes",
        "...",
        "a..b/..c/d..",
        ".git2/x",
        "x.git/y",
        "git~2",
        "a\\b",
        "größe/日本 語.txt",
        "new\nline",
    ],
)
def test_a_work_tree_may_have_it(path: str) -> None:
    assert not is_unsafe(path.encode())


def test_bytes_that_are_no_text_are_no_reason() -> None:
    assert not is_unsafe(b"caf\xe9/\xff")
