from random import Random

import pytest
from secret_corpus import TOKENS, as_diff, private_key

from diffscribe.commits.plan import PlanProblem
from diffscribe.commits.style import WordingProblem
from diffscribe.core.params import CurateParams
from diffscribe.core.records import CuratedChange, Plan, PlannedCommit
from diffscribe.curate.curate import Cap, CurateReason, broken_limit, curate
from diffscribe.curate.filters import FilterProblem

LIMITS = CurateParams(
    min_diff_chars=50,
    max_diff_chars=2000,
    max_files=3,
    min_subject_chars=8,
    max_subject_chars=30,
    max_body_chars=20,
    english_only=True,
    imperative_only=False,
    conventional_only=False,
    keep_generated_only=False,
    licenses=(),
    max_ungrounded_share=1.0,
    min_ratings={},
    min_type_agreement=0.0,
    min_grouping_agreement=0.0,
    max_per_repository=None,
    max_per_type=None,
    near_duplicate_similarity=0.75,
    cluster_similarity=0.5,
)


def plan(subject="stop the leak", files=("a.py", "b.py"), kind="fix", **fields):
    return Plan(
        commits=(PlannedCommit(files=files, type=kind, subject=subject, **fields),)
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"diff": "x" * 49}, CurateReason.SHORT_DIFF),
        ({"diff": "x" * 50}, None),
        ({"diff": "x" * 2000}, None),
        ({"diff": "x" * 2001}, CurateReason.LONG_DIFF),
        ({"paths": ("a", "b", "c")}, None),
        ({"paths": ("a", "b", "c", "d")}, CurateReason.TOO_MANY_FILES),
        ({"plan": plan("abcdefg")}, CurateReason.SHORT_SUBJECT),
        ({"plan": plan("abcdefgh")}, None),
        ({"plan": plan("x" * 25)}, None),
        ({"plan": plan("x" * 26)}, CurateReason.LONG_SUBJECT),
        ({"plan": plan("x" * 20, scope="abc")}, None),
        ({"plan": plan("x" * 21, scope="abc")}, CurateReason.LONG_SUBJECT),
        ({"plan": plan(body="x" * 20)}, None),
        ({"plan": plan(body="x" * 21)}, CurateReason.LONG_BODY),
        ({"plan": plan(files=("a.py",))}, CurateReason.PLAN_MISSING_PATH),
        (
            {"plan": plan(files=("a.py", "b.py", "c.py"))},
            CurateReason.PLAN_UNKNOWN_PATH,
        ),
        (
            {"plan": plan(files=("a.py", "b.py", "a.py"))},
            CurateReason.PLAN_DUPLICATE_PATH,
        ),
        ({"plan": plan("", kind="wip")}, CurateReason.PLAN_UNKNOWN_TYPE),
        ({"plan": plan("x"), "diff": "x"}, CurateReason.SHORT_DIFF),
    ],
)
def test_the_first_broken_limit_is_the_reason(fields, expected, labeled):
    assert broken_limit(labeled(**fields), LIMITS) == expected


def test_every_problem_is_a_reason():
    problems = {*WordingProblem, *FilterProblem, *Cap}
    problems |= {f"plan_{problem}" for problem in PlanProblem}
    assert problems <= {str(reason) for reason in CurateReason}


def test_filters_come_after_the_limits_and_drop_with_their_reason(labeled):
    assert (
        broken_limit(labeled(paths=("go.sum",)), LIMITS) == CurateReason.GENERATED_ONLY
    )
    row = labeled(plan=plan("fix typos"))
    assert broken_limit(row, LIMITS) == CurateReason.TRIVIAL_MESSAGE


def test_caps_take_from_what_all_else_left_and_keep_the_order(labeled):
    rows = [labeled(head=str(number)) for number in range(6)]
    bad = labeled(plan=plan("x"), head="bad")
    params = LIMITS.model_copy(update={"max_per_repository": 2})
    result = curate([bad, *rows], params)
    smallest = sorted(row.id for row in rows)[:2]
    assert [row.id for row in result.kept] == [r.id for r in rows if r.id in smallest]
    reasons = [row.reason for row in result.rejected]
    assert reasons == ["short_subject", *["repository_cap"] * 4]


def test_the_first_of_equal_diffs_wins_and_a_bad_row_shadows_none(labeled):
    bad = labeled(plan=plan("x"), head="1")
    first = labeled(head="2", diff=bad.diff)
    second = labeled(head="3", diff=bad.diff)
    other = labeled(head="4")
    result = curate([bad, first, second, other], LIMITS)
    assert [row.id for row in result.kept] == [first.id, other.id]
    assert [(row.reason, row.change) for row in result.rejected] == [
        ("short_subject", bad),
        ("duplicate_diff", second),
    ]


def test_a_copied_file_is_a_duplicate_and_another_rename_is_not(labeled):
    first = labeled(head="1", paths=("a.py",))
    copied = labeled(head="2", paths=("c.py",), diff=first.diff.replace("a.py", "c.py"))
    rename = "diff --git a/{0} b/{1}\nsimilarity index 100%\nrename from {0}\n"
    rename += "rename to {1}\n"
    renames = [
        labeled(head="3", paths=("y.py",), diff=rename.format("x.py", "y.py")),
        labeled(head="4", paths=("z.py",), diff=rename.format("x.py", "z.py")),
    ]
    result = curate([first, copied, *renames], LIMITS)
    assert [row.id for row in result.kept] == [row.id for row in (first, *renames)]
    assert [row.reason for row in result.rejected] == ["duplicate_diff"]


def words_patch(*words):
    """One added line a word; n words are n shingles."""
    header = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
    return f"{header}@@ -0,0 +1,{len(words)} @@\n" + "".join(f"+{w}\n" for w in words)


def test_near_duplicates_of_a_kept_row_go_and_those_less_alike_share_a_cluster(labeled):
    words = [f"w{number}" for number in range(40)]
    diffs = {
        "first": words_patch(*words),
        "a little longer": words_patch(*words, "x", "y"),
        "half as long again": words_patch(*words, *(f"x{n}" for n in range(20))),
        "another": words_patch(*(f"v{n}" for n in range(40))),
    }
    rows = [labeled(head=head, diff=diff) for head, diff in diffs.items()]
    bad = labeled(head="bad", diff=diffs["first"], plan=plan("x"))
    result = curate([bad, *rows], LIMITS)
    first, longer, half, another = rows
    cluster = min(first.id, half.id)
    assert [(row.id, row.cluster) for row in result.kept] == [
        (first.id, cluster),
        (half.id, cluster),
        (another.id, another.id),
    ]
    assert [(row.reason, row.change) for row in result.rejected] == [
        ("short_subject", bad),
        ("near_duplicate", longer),
    ]
    assert result.metrics()["clusters"] == 2


def test_a_kept_row_is_as_it_was_and_its_own_cluster(labeled):
    row = labeled()
    assert curate([row], LIMITS).kept == [CuratedChange(**dict(row), cluster=row.id)]


def test_the_funnel_adds_up_and_has_every_key(labeled):
    two = Plan(
        commits=(
            PlannedCommit(files=("a.py",), type="fix", subject="stop the leak"),
            PlannedCommit(files=("b.py",), type="docs", subject="tell of it"),
        )
    )
    rows = [labeled(head="1"), labeled(head="2", plan=two), labeled(plan=plan("x"))]
    result = curate(rows, LIMITS)
    metrics = result.metrics()
    assert (
        metrics["changes"] == metrics["kept"] + sum(metrics["rejected"].values()) == 3
    )
    assert set(metrics["rejected"]) == {str(reason) for reason in CurateReason}
    left = 3
    for row in metrics["funnel"]:
        left -= row["dropped"]
        assert row["left"] == left
    assert left == metrics["kept"]
    assert [row["reason"] for row in metrics["funnel"]] == list(CurateReason)
    assert metrics["kept_commits_by_type"]["fix"] == 2
    assert metrics["kept_commits_by_type"]["docs"] == 1
    assert metrics["kept_commits_by_type"]["perf"] == 0
    assert metrics["kept_by_commits"] == {
        "0": 0,
        "1": 1,
        "2": 1,
        "3": 0,
        "4_or_more": 0,
    }
    counts = {"processed": 3, "approved": 2}
    assert result.statistics.metrics() == {
        **counts,
        "by_source": {rows[0].repo: counts},
    }


def test_kept_and_rejected_rows_are_redacted_and_counted(labeled):
    tokens = [TOKENS["github_token"](Random(number)) for number in range(3)]
    kept = labeled(head="1", diff=as_diff(f"a = '{tokens[0]}'", "a.py"))
    short = labeled(head="2", plan=plan("x"), diff=as_diff(tokens[1], "a.py"))
    result = curate([kept, short, labeled(head="3")], LIMITS)
    assert [row.reason for row in result.rejected] == ["short_subject"]
    for row in (*result.kept, result.rejected[0].change):
        assert not any(token in row.model_dump_json() for token in tokens)
    redacted = result.metrics()["redacted"]
    assert redacted["github_token"] == 2
    assert sum(redacted.values()) == 2


def test_a_private_key_costs_the_row_and_comes_before_all_other_reasons(labeled):
    key = private_key(Random(3))
    row = labeled(diff=as_diff(key, "key.pem"), plan=plan("x"))
    result = curate([row], LIMITS)
    (rejected,) = result.rejected
    assert rejected.reason == "private_key"
    secret = [line for line in key.split("\n")[1:-1] if line]
    assert secret and not any(line in rejected.change.diff for line in secret)
    assert result.metrics()["redacted"]["private_key"] == 1


def test_rows_that_differ_in_a_secret_only_are_duplicates(labeled):
    rows = [
        labeled(head=f"{n}", diff=as_diff(TOKENS["npm_token"](Random(n)), "a.py"))
        for n in range(2)
    ]
    assert [row.reason for row in curate(rows, LIMITS).rejected] == ["duplicate_diff"]


def test_no_rows_have_the_same_keys(labeled):
    empty = curate([], LIMITS).metrics()
    assert empty["changes"] == 0
    assert empty.keys() == curate([labeled()], LIMITS).metrics().keys()
