import subprocess

import pytest

from diffscribe.commits.gitignore import ignored
from diffscribe.commits.plan import plan_problem
from diffscribe.data.junk import TEMPLATES, junk_variant
from diffscribe.diffs.parse import parse_diff
from diffscribe.params import SplitParams

PARAMS = SplitParams(
    by="repository",
    benchmarks=(),
    validation_repos=(),
    test_repos=(),
    validation_fraction=0.1,
    test_fraction=0.1,
    junk_fraction=1.0,
    max_junk_files=3,
    seed=7,
)
PATHS = ("src/app.py", "web/ui.ts", "Main.java", "lib.rs", "x.go", "y.c", "z.sh")


def variants(curated, count=60, **fields):
    rows = [curated(head=str(n), **{"paths": PATHS, **fields}) for n in range(count)]
    return [(row, junk_variant(row, PARAMS)) for row in rows]


def test_a_variant_is_its_parent_with_1_to_max_junk_files(curated):
    counts = set()
    for parent, variant in variants(curated):
        counts.add(len(variant.junk))
        added = [file for file in variant.files if file.path in variant.junk]
        assert list(variant.junk) == sorted(set(variant.junk))
        assert [file.path for file in added] == list(variant.junk)
        assert [f for f in variant.files if f not in added] == list(parent.files)
        assert variant.label.plan.commits == parent.label.plan.commits
        assert variant.parent_id == parent.id != variant.id
    assert counts == {1, 2, 3}


def test_the_plan_ignores_the_junk_and_nothing_else(curated):
    for _, variant in variants(curated):
        paths = [file.path for file in variant.files]
        plan = variant.label.plan
        assert ignored(plan.gitignore, paths) == set(variant.junk)
        assert plan_problem(plan, paths) is None
        assert list(plan.gitignore) == sorted(set(plan.gitignore))


def test_every_template_occurs(curated):
    fields = {"paths": (*PATHS, "w.rb")}
    found = set()
    for _, variant in variants(curated, 400, **fields):
        found.update(variant.label.plan.gitignore)
    assert found == {template.pattern for template in TEMPLATES}


def test_the_diff_has_each_files_patch_in_the_order_of_the_files(curated):
    for parent, variant in variants(curated):
        patches = parse_diff(variant.diff)
        assert [patch.path for patch in patches] == [f.path for f in variant.files]
        real = [patch.text for patch in patches if patch.path not in variant.junk]
        assert "".join(real) == parent.diff
        by_path = {file.path: file for file in variant.files}
        for patch in patches:
            assert patch.is_binary == by_path[patch.path].is_binary


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


def test_a_pattern_that_would_hide_a_real_file_is_not_used(curated):
    paths = (".vscode/settings.json", "build/lib/a.py", "notes.log", ".env.local")
    for _, variant in variants(curated, paths=paths):
        assert not ignored(variant.label.plan.gitignore, paths)


def test_there_is_no_variant_if_everything_is_ignored(curated):
    everything = tuple({template.pattern for template in TEMPLATES})
    assert junk_variant(curated(gitignore=everything), PARAMS) is None


@pytest.mark.parametrize("path", ["größe.py", "with space.py", 'quo"te.py'])
def test_no_name_is_made_of_a_path_that_git_would_quote(curated, path):
    assert junk_variant(curated(paths=(path,)), PARAMS) is None
