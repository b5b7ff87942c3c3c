import shutil
import subprocess
from random import Random

import pytest
from tests.support.growth import assert_linear

from diffscribe.commits.gitignore import anchor, ignored, parse_patterns
from diffscribe.doors.trees import join_gitignores

GIT = str(shutil.which("git"))

PATHS = [
    *("a.log", "keep.log", "logs/b.log", "src/__pycache__/a.pyc", "src/a.py"),
    *("build/x", "src/build/x", "größe.log", "#a", "with space ", "sub/dir/deep/f"),
    *("a", "b/a", "a/b", "src/a/b.log", "ab", "a-b", "a]b", "A.LOG", "!a", "tab\t"),
    *("a*b", "a?b", "[ab]", "a\\b", "out/keep.md", "out/x/keep.md", "src/x/y/z.rs"),
    *(".hidden/a", "src/.env", "1.txt", "é.txt", " lead", "a\nb", "日本/語.log"),
]


def ignored_by_git(repository, patterns, paths):
    """Return the paths that git ignores; patterns by their folder, '' the root."""
    for folder, lines in patterns.items():
        file = repository / folder / ".gitignore"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = subprocess.run(
        [GIT, "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repository,
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    assert answer.returncode in (0, 1), answer.stderr
    return {path for path in answer.stdout.decode().split("\0") if path}


@pytest.fixture
def repository(tmp_path):
    subprocess.run([GIT, "init", "-q", tmp_path], check=True)
    return tmp_path


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        ["*.log", "!keep.log"],
        ["!keep.log", "*.log"],
        ["build"],
        ["logs/", "!logs/b.log"],
        ["logs/*", "!logs/b.log"],
        ["*", "!*/", "!*.rs"],
        ["out/**", "!out/keep.md"],
        ["/*", "!/src/"],
        ["# comment", "\\#a", "\\!a"],
        ["tab\t", "with space\\ ", " lead  "],
        ["a[]-]b", "[!a-z].txt", "[[:upper:]]*"],
        ["gr?.log", "é?", "gr??ße.log"],
        ["a**/b", "s**/z.rs"],
        ["a.log\nlogs"],
        ["\\", "!", "/", "", "//", "[", "a[[:x:]]"],
    ],
)
def test_patterns_match_what_git_would_ignore(patterns, repository):
    expected = ignored_by_git(repository, {"": patterns}, PATHS)
    assert ignored(patterns, PATHS) == expected


PIECES = [
    *("a", "b", "src", "x", "out", "keep.md", ".log", "rs", "A", "é", "-", ".", " "),
    *("*", "*", "*", "**", "**/", "/**", "/**/", "*/", "?", "/", "/", "/", "***"),
    *("[ab]", "[!a]", "[^b-z]", "[]a]", "[a-", "[[:alpha:]]", "[[:punct:]x]", "[z-a]"),
    *("[a\\]]", "[*-?]", "[/]", "\\a", "\\*", "\\", "\\[", "\\ ", "\t", "#", "!", "]"),
]


def random_pattern(random):
    pattern = "".join(random.choices(PIECES, k=random.randint(1, 5)))
    return (
        random.choice(("", "", "", "!", "/")) + pattern + random.choice(("", "", "/"))
    )


def random_patterns(random):
    """Return up to four patterns, after a rule that ignores all of a level or not."""
    first = random.choice(([], [], ["*"], ["/*"], ["*", "!*/"], ["src/**"], ["src/*"]))
    lines = [random_pattern(random) for _ in range(random.randint(1, 4))]
    return first + lines


@pytest.mark.slow
def test_of_twenty_thousand_pairs_none_is_decided_otherwise_than_by_git(repository):
    random = Random(18)
    differences, count = [], 0
    for _ in range(600):
        patterns = {each: random_patterns(random) for each in ("", "src", "out/x")}
        expected = ignored_by_git(repository, patterns, PATHS)
        joined = join_gitignores(
            {
                (f"{folder}/" if folder else "").encode(): tuple(
                    parse_patterns("\n".join(lines).encode())
                )
                for folder, lines in patterns.items()
            }
        )
        count += len(PATHS)
        wrong = ignored(joined, PATHS) ^ expected
        differences += [(patterns, path, path in expected) for path in wrong]
    assert differences == []
    assert count > 20_000


@pytest.mark.parametrize("pattern", ["a\\", "[", "a[[:x:]]"])
def test_a_pattern_that_cannot_be_read_matches_nothing(pattern):
    assert ignored([pattern, "*.log"], ["a[", "z", "a\\", "a.log"]) == {"a.log"}


@pytest.mark.parametrize(
    "pattern", ["*a" * 9 + "b", "**/*a/" * 9 + "b", "*?" * 9 + "b"]
)
def test_no_pattern_takes_long(pattern):
    def match(size):
        ignored([pattern], ["a" * size, f"a/{'a' * size}c"])

    assert_linear(match, 20_000)


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
