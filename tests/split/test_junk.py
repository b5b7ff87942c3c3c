import subprocess

import pytest
from tests.support.rows import split_params

from diffscribe.commits.diff import parse_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import junk_kinds
from diffscribe.commits.plan import plan_problem
from diffscribe.core.records import Issue, OriginalCommit, Plan, PlannedCommit
from diffscribe.split.junk import REMARK, junk_variant

PARAMS = split_params(junk_fraction=1.0)
PATHS = ("src/app.py", "web/ui.ts", "Main.java", "lib.rs", "x.go", "y.c", "z.sh")


def variants(curated, count=60, **fields):
    """So many changes and their variants, each of which is checked here."""
    rows = [curated(head=str(n), **{"paths": PATHS, **fields}) for n in range(count)]
    pairs = [(row, junk_variant(row, PARAMS)) for row in rows]
    for parent, variant in pairs:
        check_files(parent, variant)
        check_plan(parent, variant)
    return pairs


def check_files(parent, variant):
    """The junk is added, each file's patch at its place, and nothing else changes."""
    assert variant.parent_id == parent.id != variant.id
    assert list(variant.junk) == sorted(set(variant.junk)) != []
    by_path = {file.path: file for file in variant.files}
    assert list(by_path) == sorted({*variant.junk, *(f.path for f in parent.files)})
    assert set(by_path.values()) > set(parent.files)
    patches = parse_diff(variant.diff)
    assert [patch.path for patch in patches] == sorted(patch.path for patch in patches)
    real = [patch.text for patch in patches if patch.path not in variant.junk]
    assert "".join(real) == parent.diff
    assert all(each.is_binary == by_path[each.path].is_binary for each in patches)


def check_plan(parent, variant):
    """It ignores the junk and nothing else, without a superfluous pattern."""
    plan = variant.label.plan
    bare = [commit.model_copy(update={"issues": ()}) for commit in plan.commits]
    kept = [c.model_copy(update={"issues": ()}) for c in parent.label.plan.commits]
    assert bare == kept
    paths = [file.path for file in variant.files]
    assert ignored(plan.gitignore, paths) == set(variant.junk)
    assert plan_problem(plan, paths) is None
    assert list(plan.gitignore) == sorted(set(plan.gitignore))
    for pattern in plan.gitignore:
        rest = [each for each in plan.gitignore if each != pattern]
        assert ignored(rest, variant.junk) < set(variant.junk)


def test_a_variant_has_1_to_max_junk_files(curated):
    assert {len(variant.junk) for _, variant in variants(curated)} == {1, 2, 3}


SUFFIXES = ("py", "ipynb", "js", "ts", "tsx", "rs", "go", "java", "cs", "c", "rb")
SUFFIXES += ("php", "swift", "dart", "ex", "hs", "tex", "tf", "R")


def test_every_kind_occurs(curated):
    paths = tuple(f"{n}{name}/x.{name}" for n, name in enumerate(SUFFIXES))
    found = set()
    for _, variant in variants(curated, 900, paths=paths):
        found.update(variant.label.plan.gitignore)
    assert {kind.patterns[0] for kind in junk_kinds()} <= found


def test_a_kind_of_a_language_needs_a_file_of_it(curated):
    for _, variant in variants(curated, paths=("docs/a.md",)):
        assert not ignored(
            ["__pycache__/", "node_modules/", "target/", "*.o"], variant.junk
        )
        assert not any(path.endswith((".pyc", ".d", ".test")) for path in variant.junk)


def test_names_and_content_are_of_real_files(curated):
    rows = variants(curated, 200, paths=("lib/core/engine.py",))
    texts = [
        patch.path + "".join(hunk.text for hunk in patch.hunks)
        for _, row in rows
        for patch in parse_diff(row.diff)
        if patch.path in row.junk
    ]
    of_file = sum("engine" in text or "lib/" in text for text in texts)
    assert of_file > 0.5 * len(texts)
    assert any("+old acme/app" in text for text in texts)


def test_a_secret_is_flagged_once_and_nothing_else_is(curated):
    patterns = [
        pattern for kind in junk_kinds() if kind.is_secret for pattern in kind.patterns
    ]
    flagged = 0
    for _, variant in variants(curated, 100):
        first, *others = sorted(
            variant.label.plan.commits, key=lambda commit: min(commit.files)
        )
        remarks = [(issue.path, issue.message) for issue in first.issues]
        secret = sorted(
            path for path in variant.junk if ignored(patterns, [path]) == {path}
        )
        assert remarks == [(path, REMARK) for path in secret]
        assert not any(commit.issues for commit in others)
        flagged += bool(remarks)
    assert 5 < flagged < 60


def test_remarks_of_the_label_stay_and_come_first(curated):
    remark = Issue(path="a.py", message="no test")
    commits = tuple(
        PlannedCommit(files=(path,), type="fix", subject="mend", issues=issues)
        for path, issues in (("b.py", ()), ("a.py", (remark,)))
    )
    for _, variant in variants(
        curated, 100, plan=Plan(commits=commits), paths=("b.py", "a.py")
    ):
        second, first = variant.label.plan.commits
        assert first.issues[0] == remark
        assert second.issues == ()


def test_git_applies_the_text_of_a_variant(curated, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for _, variant in variants(curated, 20):
        texts = [
            patch.text
            for patch in parse_diff(variant.diff)
            if patch.path in variant.junk and not patch.is_binary
        ]
        if texts:
            subprocess.run(
                ["git", "apply", "--cached", "--check", "-"],
                cwd=tmp_path,
                input="".join(texts).encode(),
                check=True,
            )


def test_the_object_ids_are_gits(curated):
    for _, variant in variants(curated, 20):
        for patch in parse_diff(variant.diff):
            if patch.path in variant.junk and patch.hunks:
                content = "".join(line[1:] for line in patch.hunks[0].lines)
                answer = subprocess.run(
                    ["git", "hash-object", "--stdin"],
                    input=content.encode(),
                    capture_output=True,
                    check=True,
                )
                assert answer.stdout.decode().strip() in patch.text


def test_equal_changes_have_equal_variants_and_the_seed_counts(curated):
    parent = curated(paths=PATHS)
    first = junk_variant(parent, PARAMS)
    assert first == junk_variant(parent, PARAMS)
    others = [
        junk_variant(parent, PARAMS.model_copy(update={"seed": seed})).junk
        for seed in range(8)
    ]
    assert len(set(others)) > 1


def test_what_the_base_ignores_already_does_not_lie_about(curated):
    usual = [".DS_Store", "*.swp", "*~", ".idea/", "*.log", "tmp/"]
    for _, variant in variants(curated, paths=("a.txt",), gitignore=tuple(usual)):
        assert not ignored(usual, variant.junk)


LOOKALIKES = (
    *(".vscode/settings.json", ".env.example", "dist/index.js", "build/lib/a.py"),
    *("notes.log", ".env.local", ".idea/codeStyles/Project.xml", "bin/tool"),
    *("target/main.rs", "tmp/keep.py", "web/app.ts", "fixtures/server.pem"),
)
"""Files that are tracked in real repositories."""


def test_real_files_that_look_like_junk_are_neither_proposed_nor_hidden(curated):
    for _, variant in variants(curated, 300, paths=LOOKALIKES):
        assert not ignored(variant.label.plan.gitignore, LOOKALIKES)
        assert not set(LOOKALIKES) & set(variant.junk)
        committed = {p for c in variant.label.plan.commits for p in c.files}
        assert committed == set(LOOKALIKES)


def test_beside_real_files_a_narrower_pattern_is_proposed(curated):
    found = set()
    for _, variant in variants(curated, 600, paths=LOOKALIKES):
        found.update(variant.label.plan.gitignore)
    assert {"*.map", ".vscode/launch.json", ".idea/workspace.xml", "*.tmp"} <= found
    assert not {"dist/", ".vscode/", ".idea/", "tmp/", "*.pem", "*.log"} & found


def test_a_file_that_was_in_git_only_on_the_way_is_not_hidden(curated):
    passing = OriginalCommit(sha="1", message="x", files=("a.py", "keep.log"))
    for _, variant in variants(curated, 200, paths=("a.py",), commits=(passing,)):
        assert not ignored(variant.label.plan.gitignore, ["keep.log"])


def test_what_the_change_itself_ignores_does_not_lie_about(curated):
    diff = (
        "diff --git a/sub/.gitignore b/sub/.gitignore\nindex 1..2 100644\n"
        "--- a/sub/.gitignore\n+++ b/sub/.gitignore\n@@ -1 +1,3 @@\n # all\n"
        "+*\n+!.gitignore\n"
    )
    paths = ("sub/.gitignore", "sub/a.py")
    for _, variant in variants(curated, 200, paths=paths, diff=diff):
        assert not any(path.startswith("sub/") for path in variant.junk)


def test_what_the_base_takes_back_is_not_junk(curated):
    wanted = (".vscode/*", "!.vscode/launch.json", "!.idea/", "!dist/*.map")
    for _, variant in variants(curated, 300, gitignore=wanted):
        assert not ignored(
            [".vscode/launch.json", ".idea/", "dist/*.map"], variant.junk
        )
        assert not ignored(variant.label.plan.gitignore, [".vscode/launch.json"])


def test_junk_lies_at_the_root_beside_files_and_between(curated):
    rows = variants(curated, 200, paths=("a/b/c/x.py",))
    folders = {path.rpartition("/")[0] for _, row in rows for path in row.junk}
    assert {"", "a", "a/b", "a/b/c"} <= folders


def test_there_is_no_variant_if_everything_is_ignored(curated):
    assert junk_variant(curated(gitignore=("*",)), PARAMS) is None


def test_there_is_no_variant_of_deletions_alone(curated):
    row = curated(paths=("a.py",))
    gone = row.files[0].model_copy(update={"status": "D"})
    row = row.model_copy(update={"files": (gone,)})
    assert junk_variant(row, PARAMS) is None


def test_content_is_cut_at_line_feeds_only(curated):
    old = "a\x0bb\u2028c\r"
    diff = (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n"
        f"@@ -1,2 +1 @@\n-{old}\n-second\n+new\n"
    )
    copies = 0
    for _, variant in variants(curated, 200, paths=("a.py",), diff=diff):
        for patch in parse_diff(variant.diff):
            if patch.path in variant.junk and "+second\n" in patch.text:
                assert f"@@ -0,0 +1,2 @@\n+{old}\n+second\n" in patch.text
                copies += 1
    assert copies


@pytest.mark.parametrize("path", ["größe.py", "with space.py", 'quo"te.py'])
def test_no_name_is_made_of_a_path_that_git_would_quote(curated, path):
    assert junk_variant(curated(paths=(path,)), PARAMS) is None


def test_a_scoped_package_has_junk_too(curated):
    rows = variants(curated, 100, paths=("@acme/cli/src/a+b.ts",))
    assert any(path.startswith("@acme/cli/") for _, row in rows for path in row.junk)
