import pytest
from tests.support.growth import assert_linear
from tests.support.rows import patch

from diffscribe.baseline.features import (
    COLUMNS,
    pair_features,
    rarity_of,
    read_evidence,
    words_of,
)

DIFF = (
    "diff --git a/src/parser.py b/src/parser.py\nindex 1..2 100644\n"
    "--- a/src/parser.py\n+++ b/src/parser.py\n@@ -1,2 +1,2 @@ def outer():\n"
    " kept_name\n-old_name = 1\n+new_name = 1\n"
)


def test_lines_are_told_apart_by_their_sign():
    (file,) = read_evidence(["src/parser.py"], DIFF)
    assert (file.added, file.removed) == ({"new_name"}, {"old_name"})
    assert file.context == {"def", "outer", "kept_name"}
    assert (file.added_lines, file.removed_lines) == (
        {"new_name = 1"},
        {"old_name = 1"},
    )
    assert (file.additions, file.deletions, file.status) == (1, 1, "M")
    assert (file.folders, file.stem, file.extension) == (("src",), "parser", ".py")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("uv.lock", {"leaky", "url", "hash"}),
        ("src/leaky.py", {"leaky", "url", "hash", "https", "files", "host", "whl"}),
    ],
)
def test_urls_of_files_that_no_person_writes_name_nothing(path, names):
    url = "https://files.host/leaky.whl"
    line = f'leaky = {{ url = "{url}", hash = "" }} # <{url}>'
    (file,) = read_evidence([path], patch(path, line))
    assert (file.added, file.removed) == ({"new", *names}, {"old", *names})


@pytest.mark.parametrize("text", ["a", "a.", "a:", "a://", "a:/"])
def test_long_lines_of_lock_files_take_time_by_their_length(text):
    def read(size):
        line = (text * size)[:size]
        read_evidence(["uv.lock"], patch("uv.lock", line))

    assert_linear(read, 2**16)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("new file mode 100644", "A"),
        ("deleted file mode 100644", "D"),
        ("similarity index 100%\nrename from b.py\nrename to a.py", "R"),
        ("old mode 100644\nnew mode 100755", "M"),
    ],
)
def test_the_header_tells_what_happened(line, status):
    old = "b" if status == "R" else "a"
    diff = f"diff --git a/{old}.py b/a.py\n{line}\n"
    assert [each.status for each in read_evidence(["a.py"], diff)] == [status]


@pytest.mark.parametrize(
    "path",
    [
        *("parser.py", "test_parser.py", "parser_test.go", "parser.test.ts"),
        *("parser.spec.js", "ParserTest.java", "ParserTests.cs", "TestParser.php"),
        *("spec_parser.rb", ".parser", "Parser.d.ts.test.ts"),
    ],
)
def test_a_test_has_the_stem_of_its_source(path):
    (file,) = read_evidence([f"x/{path}"], "")
    assert file.stem.removesuffix(".d.ts") == "parser"


@pytest.mark.parametrize("name", ["latest.py", "contest.py", "tests.py", "spec.md"])
def test_what_only_ends_like_a_test_keeps_its_stem(name):
    (file,) = read_evidence([name], "")
    assert file.stem == name.split(".")[0]


def test_words_are_found_in_any_case():
    assert words_of("src/HTTPServer_v2/fooBar-baz.py") == {
        *("src", "http", "server", "v", "2", "foo", "bar", "baz", "py")
    }


def test_paths_without_a_patch_have_their_name_only():
    files = read_evidence(["b.py", "a.md"], DIFF)
    assert [file.path for file in files] == ["a.md", "b.py"]
    assert {file.added | file.removed | file.context for file in files} == {frozenset()}


@pytest.mark.parametrize("diff", ["no diff", "@@ -1 +1 @@\n-a\n+b\n", DIFF[:-14]])
def test_a_text_that_is_not_gits_tells_nothing(diff):
    (file,) = read_evidence(["src/parser.py"], diff)
    assert (file.additions, file.added) == (0, frozenset())


def test_lines_beyond_the_limit_are_not_read():
    lines = "".join(f"+name_{n}\n" for n in range(2500))
    diff = (
        "diff --git a/a.py b/a.py\nnew file mode 100644\n--- /dev/null\n"
        f"+++ b/a.py\n@@ -0,0 +1,2500 @@\n{lines}"
    )
    (file,) = read_evidence(["a.py"], diff)
    assert file.additions == 2000
    assert "name_1999" in file.added
    assert "name_2000" not in file.added


def features_of(texts):
    """The features of two files with these added lines, by name."""
    diff = "".join(patch(path, texts[path]) for path in sorted(texts))
    files = read_evidence(texts, diff)
    [row] = pair_features(files, rarity_of(files, 1))
    return dict(zip(COLUMNS, row.tolist(), strict=True))


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"lib/ledger/index.ts": "x", "src/a.ts": "ledger"}, {"name_seen": 1}),
        ({"lib/ledger/store.ts": "x", "src/a.ts": "ledger"}, {"name_seen": 0}),
        ({"lib/ledger/store.ts": "x", "b.ts": "openLedgerStore"}, {"path_in_lines": 2}),
        ({"src/a.ts": "x", "src/deep/b.ts": "y"}, {"nested": 1, "all_folders": 2}),
        ({"a.ts": "x", "src/b.ts": "y"}, {"nested": 0, "all_extensions": 1}),
        ({"CHANGELOG.md": "x", "go.sum": "y"}, {"change_logs": 1, "machine_made": 1}),
        ({"go.mod": "x", "src/a.go": "y"}, {"share_code": 0.5, "share_chore": 0.5}),
        ({"a.py": "one two_more", "b.py": "four five six"}, {"stems": 2, "files": 2}),
    ],
)
def test_a_pair_has_features_of_its_names_and_of_the_whole_change(texts, found):
    features = features_of(texts)
    assert {name: features[name] for name in found} == pytest.approx(found)
