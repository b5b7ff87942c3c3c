from collections import Counter

from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.curate.curate import Cap, over_cap


def rows(labeled, count, repo="acme/app", type_="fix"):
    commit = PlannedCommit(files=("a.py", "b.py"), type=type_, subject="stop it")
    return [
        labeled(plan=Plan(commits=(commit,)), repo=repo, head=f"{type_}{number}")
        for number in range(count)
    ]


def test_no_cap_leaves_nothing_out(labeled):
    assert over_cap(rows(labeled, 5), None, None) == {}


def test_each_repository_keeps_the_cap_and_small_ones_all(labeled):
    changes = rows(labeled, 9, "big") + rows(labeled, 2, "small")
    left_out = over_cap(changes, 3, None)
    kept = Counter(each.repo for each in changes if each.id not in left_out)
    assert kept == {"big": 3, "small": 2}
    assert set(left_out.values()) == {Cap.REPOSITORY_CAP}


def test_no_more_than_the_cap_have_a_commit_of_one_type(labeled):
    changes = rows(labeled, 6) + rows(labeled, 1, type_="docs")
    two = Plan(
        commits=(
            PlannedCommit(files=("a.py",), type="fix", subject="stop it"),
            PlannedCommit(files=("b.py",), type="docs", subject="tell of it"),
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
    assert set(left_out.values()) == {Cap.TYPE_CAP}


def test_who_stays_does_not_hang_on_the_order(labeled):
    changes = rows(labeled, 9)
    left_out = over_cap(changes, 3, None)
    assert over_cap(reversed(changes), 3, None) == left_out
    smallest = sorted(each.id for each in changes)[:3]
    assert {each.id for each in changes} - set(left_out) == set(smallest)
