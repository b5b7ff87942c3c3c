import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.support.rows import new_patch

from diffscribe.baseline.messages import row_for_each_class
from diffscribe.baseline.model import (
    adjusted_rand_index,
    fit,
    load_baseline,
    measure,
    plans,
    save_baseline,
)
from diffscribe.commits.plan import plan_problem
from diffscribe.core.errors import RecordError
from diffscribe.core.records import Plan, PlannedCommit

ROOT = Path(__file__).parents[2]


def paths_of(row):
    return [file.path for file in row.files]


def test_it_learns_what_goes_together_of_which_type(fitted, row):
    unseen = row(57)
    plan = fitted.plan(paths_of(unseen), unseen.diff)
    assert [(each.type, each.files) for each in plan.commits] == [
        (each.type, each.files) for each in unseen.label.plan.commits
    ]
    assert [each.subject for each in plan.commits] == [
        "update router.md",
        "update sampler.py and test_sampler.py",
    ]
    assert plan.gitignore == ()


def test_given_groups_get_its_types_and_subjects(fitted, row):
    label = row(57).label.plan
    given = fitted.with_messages(label, row(57).diff)
    assert [each.files for each in given.commits] == [
        each.files for each in label.commits
    ]
    assert [(each.type, each.subject) for each in given.commits] == [
        ("docs", "update router.md"),
        ("fix", "update sampler.py and test_sampler.py"),
    ]


def test_junk_is_ignored_by_what_ignored_it_in_training(fitted, row):
    noisy = row(57, junk=("debug.log", "logs/run.log"))
    plan = fitted.plan(paths_of(noisy), noisy.diff)
    assert plan.gitignore == ("*.log",)
    assert plan_problem(plan, paths_of(noisy)) is None
    committed = {path for each in plan.commits for path in each.files}
    assert committed == set(paths_of(noisy)) - set(noisy.junk)


def test_a_pattern_that_matches_a_file_git_knows_is_not_used(fitted, row):
    noisy = row(57, junk=("debug.log",))
    known = "diff --git a/kept.log b/kept.log\nold mode 100644\nnew mode 100755\n"
    plan = fitted.plan([*paths_of(noisy), "kept.log"], noisy.diff + known)
    assert plan.gitignore == ()
    assert plan_problem(plan, [*paths_of(noisy), "kept.log"]) is None


def test_the_order_of_paths_does_not_matter(fitted, row):
    change = row(11)
    shuffled = Random(1).sample(paths_of(change), 3)
    expected = fitted.plan(paths_of(change), change.diff)
    assert fitted.plan(shuffled, change.diff) == expected


@pytest.mark.parametrize("count", [1, 2, 40])
def test_strange_paths_and_no_diff_give_a_valid_plan(fitted, count):
    paths = [f"ü \t\"{n}'/ \n{'x' * 90}{n}" for n in range(count)]
    assert plan_problem(fitted.plan(paths, "not a diff"), paths) is None


def test_no_file_gives_no_commit(fitted):
    assert fitted.plan([], "") == Plan(commits=())


def test_equal_rows_give_equal_bytes(rows, params, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_baseline(fit(rows[:30], rows[30:40], params), tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_without_rows_it_is_said_where_they_went(params):
    with pytest.raises(RecordError, match=r"no commits to learn from; see reports/"):
        fit([], [], params)


def test_rows_of_one_commit_teach_that_all_belongs_together(row, params):
    single = row(1)
    fix = single.label.plan.commits[1]
    label = single.label.model_copy(update={"plan": Plan(commits=(fix,))})
    files = tuple(file for file in single.files if file.path in fix.files)
    alone = single.model_copy(update={"label": label, "files": files})
    fitted = fit([alone], [], params)
    plan = fitted.plan(["a.py", "b.md"], "")
    assert [(each.type, each.files) for each in plan.commits] == [
        ("fix", ("a.py", "b.md"))
    ]
    assert fitted.grouping.threshold == 0.5


def test_what_it_learned_is_measured_on_changes_that_are_no_variants(fitted, rows):
    assert measure(fitted, rows) == {
        "changes": 40,
        "ari": 1.0,
        "exact_partition": 1.0,
        "commits": 80,
        "type_accuracy": 1.0,
        "threshold": fitted.grouping.threshold,
    }
    nothing = measure(fitted, [])
    assert (nothing["changes"], nothing["ari"], nothing["type_accuracy"]) == (
        *(0, None, None),
    )


def test_every_row_has_a_plan_by_its_id(fitted, row):
    asked = [row(57), row(58, junk=("debug.log",))]
    found = list(plans(fitted, asked))
    assert [each.id for each in found] == [each.id for each in asked]
    for each, change in zip(found, asked, strict=True):
        assert each.plan == fitted.plan(paths_of(change), change.diff)
        assert (each.plan, *each.others) == (
            *fitted.plans(paths_of(change), change.diff),
        )


def test_a_plan_needs_no_more_than_numpy(fitted, row, tmp_path):
    save_baseline(fitted, tmp_path)
    (tmp_path / "row.jsonl").write_text(row(57).model_dump_json())
    code = f"""
import sys
sys.modules |= dict.fromkeys(("sklearn", "scipy"))
from pathlib import Path
from diffscribe.baseline.model import load_baseline
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import SplitChange
folder = Path({str(tmp_path)!r})
[row] = read_jsonl(folder / "row.jsonl", SplitChange)
baseline = load_baseline(folder)
print(baseline.plan([each.path for each in row.files], row.diff).model_dump_json())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = fitted.plan(paths_of(row(57)), row(57).diff)
    assert Plan.model_validate_json(done.stdout) == expected


def grouped(*groups):
    return Plan(
        commits=tuple(
            PlannedCommit(files=tuple(each), type="fix", subject="mend")
            for each in groups
        )
    )


@pytest.mark.parametrize(
    ("plan", "index"),
    [
        (grouped("cd", "ab"), 1.0),
        (grouped("abcd"), 0.0),
        (grouped("ab", "c"), 4 / 7),
        (grouped("ac", "bd"), -0.5),
    ],
)
def test_rand_index_compares_groupings(plan, index):
    assert adjusted_rand_index(grouped("ab", "cd"), plan) == pytest.approx(index)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_row_for_each_class_gives_scikit_learns_probabilities(classes):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    points = np.random.default_rng(7).normal(size=(60, 4))
    known = [f"{number % classes}" for number in range(60)]
    learned = LogisticRegression().fit(points, known)
    weights, bias = row_for_each_class(learned)
    powers = np.exp(points @ weights.T + bias)
    shares = powers / powers.sum(axis=1, keepdims=True)
    assert np.allclose(shares, learned.predict_proba(points))


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (["logs/server.log"], ("logs/",)),
        (["src/app/logs/lines.py", "tests/logs/test_lines.py"], ()),
        (["logs/server.log", "logs/lines.py"], ()),
        (["src/coverage/run.go"], ()),
        (["coverage/lcov.info"], ("coverage/",)),
        (["build/lib/app.py"], ("build/lib/",)),
        (["venv/lib/site.py"], ("/venv/",)),
    ],
)
def test_no_folder_of_code_is_junk_for_its_name(added, expected):
    shipped = load_baseline(ROOT / "models/diffscribe-135m/baseline")
    diff = "".join(new_patch(path, "x = 1") for path in added)
    plan = shipped.plan(added, diff)
    assert plan.gitignore == expected
    committed = {path for commit in plan.commits for path in commit.files}
    assert committed == (set() if expected else set(added))
