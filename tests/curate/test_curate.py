from collections import Counter
from random import Random

import pytest
from secret_corpus import TOKENS, as_diff, private_key
from tests.support.style import style

from diffscribe.core.params import CurateParams
from diffscribe.core.records import CuratedChange, Plan, PlannedCommit
from diffscribe.curate.curate import FILTERS, REASONS, first_reason, over_cap
from diffscribe.curate.curate import curate as curate_by

LIMITS = CurateParams(
    min_diff_chars=50,
    max_diff_chars=2000,
    max_files=3,
    conventional_only=False,
    licenses=(),
    min_ratings={},
    min_teacher_agreement=0.0,
    max_per_repository=None,
    max_per_type=None,
    near_duplicate_similarity=0.75,
)
STYLE = style(max_header_chars=30)


def curate(changes, params=LIMITS):
    return curate_by(changes, params, STYLE)


def plan(subject="stop the leak", files=("a.py", "b.py"), kind="fix", **fields):
    return Plan(
        commits=(PlannedCommit(files=files, type=kind, subject=subject, **fields),)
    )


def diff_of(chars):
    """Return a diff of this many characters."""
    head = "diff --git a/a.py b/a.py\n"
    return head + "x" * (chars - len(head) - 1) + "\n"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"diff": diff_of(49)}, "short_diff"),
        ({"diff": diff_of(50)}, None),
        ({"diff": diff_of(2000)}, None),
        ({"diff": diff_of(2001)}, "long_diff"),
        ({"paths": ("a", "b", "c")}, None),
        ({"paths": ("a", "b", "c", "d")}, "too_many_files"),
        ({"plan": plan("stop it")}, "trivial_message"),
        ({"plan": plan("stop pump")}, None),
        ({"plan": plan("stop " + "x" * 20)}, None),
        ({"plan": plan("stop " + "x" * 21)}, "long_header"),
        ({"plan": plan("stop " + "x" * 16, scope="abc")}, "long_header"),
        ({"plan": plan(body="x" * 1000)}, None),
        ({"plan": plan(body="x" * 1001)}, "long_body"),
        ({"plan": plan(files=("a.py",))}, "plan_missing_path"),
        ({"plan": plan(files=("a.py", "b.py", "c.py"))}, "plan_unknown_path"),
        ({"plan": plan(files=("a.py", "b.py", "a.py"))}, "plan_duplicate_path"),
        ({"plan": plan("", kind="wip")}, "plan_unknown_type"),
        ({"plan": plan("x"), "diff": diff_of(40)}, "short_diff"),
        ({"paths": ("vendor/go.c",)}, "generated_only"),
        ({"plan": plan("fix typos")}, "trivial_message"),
        ({"plan": plan("leaks are gone")}, "not_imperative"),
    ],
)
def test_the_first_filter_that_applies_is_the_reason(fields, expected, labeled):
    assert first_reason(labeled(**fields), LIMITS, STYLE) == expected


def test_reasons_are_one_each_and_hold_every_filter():
    assert len(set(REASONS)) == len(REASONS)
    assert [each for each in REASONS if each in FILTERS] == [*FILTERS]


def test_caps_take_from_what_all_else_left_and_keep_the_order(labeled):
    rows = [labeled(head=str(number)) for number in range(6)]
    bad = labeled(plan=plan("x"), head="bad")
    params = LIMITS.model_copy(update={"max_per_repository": 2})
    result = curate([bad, *rows], params)
    smallest = sorted(row.id for row in rows)[:2]
    assert [row.id for row in result.kept] == [r.id for r in rows if r.id in smallest]
    reasons = [row.reason for row in result.rejected]
    assert reasons == ["trivial_message", *["repository_cap"] * 4]


def test_the_first_of_equal_diffs_wins_and_a_bad_row_shadows_none(labeled):
    bad = labeled(plan=plan("x"), head="1")
    first = labeled(head="2", diff=bad.diff)
    second = labeled(head="3", diff=bad.diff)
    other = labeled(head="4")
    result = curate([bad, first, second, other])
    assert [row.id for row in result.kept] == [first.id, other.id]
    assert [(row.reason, row.change) for row in result.rejected] == [
        ("trivial_message", bad),
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
    result = curate([first, copied, *renames])
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
    result = curate([bad, *rows])
    first, longer, half, another = rows
    cluster = min(first.id, half.id)
    assert [(row.id, row.cluster) for row in result.kept] == [
        (first.id, cluster),
        (half.id, cluster),
        (another.id, another.id),
    ]
    assert [(row.reason, row.change) for row in result.rejected] == [
        ("trivial_message", bad),
        ("near_duplicate", longer),
    ]
    assert result.metrics()["clusters"] == 2


def test_a_kept_row_is_as_it_was_and_its_own_cluster(labeled):
    row = labeled()
    assert curate([row]).kept == [CuratedChange(**dict(row), cluster=row.id)]


def test_the_funnel_adds_up_and_has_every_key(labeled):
    two = Plan(
        commits=(
            PlannedCommit(files=("a.py",), type="fix", subject="stop the leak"),
            PlannedCommit(files=("b.py",), type="docs", subject="tell of leaks"),
        )
    )
    rows = [labeled(head="1"), labeled(head="2", plan=two), labeled(plan=plan("x"))]
    result = curate(rows)
    metrics = result.metrics()
    assert (
        metrics["changes"] == metrics["kept"] + sum(metrics["rejected"].values()) == 3
    )
    assert list(metrics["rejected"]) == list(REASONS)
    left = 3
    for row in metrics["funnel"]:
        left -= row["dropped"]
        assert row["left"] == left
    assert left == metrics["kept"]
    assert [row["reason"] for row in metrics["funnel"]] == list(REASONS)
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
    result = curate([kept, short, labeled(head="3")])
    assert [row.reason for row in result.rejected] == ["trivial_message"]
    for row in (*result.kept, result.rejected[0].change):
        assert not any(token in row.model_dump_json() for token in tokens)
    redacted = result.metrics()["redacted"]
    assert redacted["github_token"] == 2
    assert sum(redacted.values()) == 2


def test_a_private_key_costs_the_row_and_comes_before_all_other_reasons(labeled):
    key = private_key(Random(3))
    row = labeled(diff=as_diff(key, "key.pem"), plan=plan("x"))
    result = curate([row])
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
    assert [row.reason for row in curate(rows).rejected] == ["duplicate_diff"]


def test_no_rows_have_the_same_keys(labeled):
    empty = curate([]).metrics()
    assert empty["changes"] == 0
    assert empty.keys() == curate([labeled()]).metrics().keys()


def rows_of(labeled, count, repo="acme/app", type_="fix"):
    commit = PlannedCommit(files=("a.py", "b.py"), type=type_, subject="stop it")
    return [
        labeled(plan=Plan(commits=(commit,)), repo=repo, head=f"{type_}{number}")
        for number in range(count)
    ]


def test_each_repository_keeps_the_cap_and_small_ones_all(labeled):
    changes = rows_of(labeled, 9, "big") + rows_of(labeled, 2, "small")
    assert over_cap(changes, None, None) == {}
    left_out = over_cap(changes, 3, None)
    assert over_cap(reversed(changes), 3, None) == left_out
    kept = Counter(each.repo for each in changes if each.id not in left_out)
    assert kept == {"big": 3, "small": 2}
    assert set(left_out.values()) == {"repository_cap"}


def test_no_more_than_the_cap_have_a_commit_of_one_type(labeled):
    changes = rows_of(labeled, 6) + rows_of(labeled, 1, type_="docs")
    two = Plan(
        commits=(
            PlannedCommit(files=("a.py",), type="fix", subject="stop it"),
            PlannedCommit(files=("b.py",), type="docs", subject="tell of leaks"),
        )
    )
    changes += [labeled(plan=two, head=f"two{number}") for number in range(6)]
    left_out = over_cap(changes, None, 4)
    kept = [each for each in changes if each.id not in left_out]
    types = Counter(
        type_ for each in kept for type_ in {c.type for c in each.label.plan.commits}
    )
    assert types["fix"] == 4
    assert types["docs"] <= 4
    assert set(left_out.values()) == {"type_cap"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("It ran out of memory.", None),
        ("x" * 1001, "long_body"),
        (f"It ran {'out ' * 30}of memory.", "long_line"),
        ("Call read_all instead.", "ungrounded"),
    ],
)
def test_a_bad_body_is_dropped_and_the_row_stays_unless_bodies_are_required(
    body, reason, labeled
):
    row = labeled(plan=plan(body=body, breaking=True))
    result = curate([row])
    [kept] = result.kept
    assert kept.label.plan == plan(body="" if reason else body, breaking=True)
    dropped = {each: n for each, n in result.metrics()["bodies_dropped"].items() if n}
    assert dropped == ({reason: 1} if reason else {})
    required = curate_by([row], LIMITS, style(max_header_chars=30, body="required"))
    assert [each.reason for each in required.rejected] == [reason] * bool(reason)


def test_reasons_are_counted_by_repository(labeled):
    rows = [labeled(plan=plan("x"), repo=repo, head="1") for repo in ("a", "b")]
    rows += [labeled(plan=plan("leaks are gone"), repo="b"), labeled(repo="c")]
    assert curate(rows).metrics()["reasons_by_repository"] == {
        "a": {"trivial_message": 1},
        "b": {"not_imperative": 1, "trivial_message": 1},
    }
