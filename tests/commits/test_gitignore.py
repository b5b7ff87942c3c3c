import shutil
import subprocess

import pytest

from diffscribe.commits.gitignore import anchor, ignored, is_too_wild, parse_patterns

PATHS = [
    *("a.log", "keep.log", "logs/b.log", "src/__pycache__/a.pyc", "src/a.py"),
    *("build/x", "src/build/x", "größe.log", "#a", "with space ", "sub/dir/deep/f"),
]


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        ["*.log"],
        ["*.log", "!keep.log"],
        ["!keep.log", "*.log"],
        ["__pycache__/"],
        ["build/"],
        ["/build/"],
        ["build"],
        ["logs/", "!logs/b.log"],
        ["logs/*", "!logs/b.log"],
        ["**/build/"],
        ["sub/**/f"],
        ["sub/*/f"],
        ["# comment", "\\#a"],
        ["src/*.py"],
        ["*"],
        ["/*", "!/src/"],
        ["gr*.log"],
        ["[ab].log"],
        ["a.???"],
        ["\\"],
        ["!"],
        ["/"],
        [""],
    ],
)
def test_patterns_match_what_git_would_ignore(patterns, tmp_path):
    git = shutil.which("git")
    subprocess.run([git, "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(patterns) + "\n", encoding="utf-8")
    answer = subprocess.run(
        [git, "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=tmp_path,
        input="\0".join(PATHS).encode(),
        capture_output=True,
        check=False,
    )
    expected = {path for path in answer.stdout.decode().split("\0") if path}
    assert ignored(patterns, PATHS) == expected


@pytest.mark.parametrize("pattern", ["[z-a]", "a\\", "*a" * 8 + "*b"])
def test_a_pattern_that_cannot_be_read_matches_nothing(pattern):
    assert ignored([pattern, "*.log"], ["aaaaaaaab", "a.log"]) == {"a.log"}


def test_four_wildcards_are_still_a_pattern():
    assert ignored(["*a*b*c*"], ["xaxbxcx"]) == {"xaxbxcx"}
    assert ignored(["*a*b*c*d*"], ["xaxbxcxdx"]) == frozenset()


def test_a_pattern_that_we_refuse_to_match_is_told():
    assert is_too_wild("*?*?*?*?*")
    assert ignored(["*?*?*?*?*"], ["src/main.py"]) == frozenset()
    assert not is_too_wild("**/*.egg-info/**/*")


def test_leaves_out_comments_and_blanks():
    content = (
        b"\xef\xbb\xbf# logs\r\n*.log\r\n\n   \n!keep.log \n\\#name\n trail\\ \nlast"
    )
    assert parse_patterns(content) == [
        "*.log",
        "!keep.log",
        "\\#name",
        " trail\\ ",
        "last",
    ]


@pytest.mark.parametrize(
    ("pattern", "anchored"),
    [
        ("*.log", "/web/**/*.log"),
        ("dist/", "/web/**/dist/"),
        ("/dist", "/web/dist"),
        ("a/b", "/web/a/b"),
        ("**/x", "/web/**/x"),
        ("!*.log", "!/web/**/*.log"),
        ("!/dist", "!/web/dist"),
    ],
)
def test_prefixes_the_patterns_of_a_folder(pattern, anchored):
    assert anchor(pattern, "web") == anchored


def test_takes_the_folder_literally():
    assert anchor("x", "[a]*") == "/\\[a]\\*/**/x"
