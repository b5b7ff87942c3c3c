import pytest
from tests.support.generated import generated
from tests.support.planned import commit, make_case, plan

from diffscribe.review.report_page import KINDS, reliability, slices


@pytest.fixture(scope="module")
def twelve():
    return generated(12)


def parts_of(cases):
    return {(part.kind, part.name): part.ids for part in slices(cases)}


def test_each_case_is_in_one_part_of_each_kind(twelve):
    parts = slices(twelve.cases)
    assert list(dict.fromkeys(part.kind for part in parts)) == [*KINDS]
    for kind in ("repository", "commits", "diff size", "junk"):
        ids = [id_ for part in parts if part.kind == kind for id_ in part.ids]
        assert sorted(ids) == sorted(case.id for case in twelve.cases)


def test_a_case_is_in_one_part_of_each_language_and_type():
    target = plan(commit("a.py", "fix"), commit("b.py", "fix"), commit("c.py", "docs"))
    parts = parts_of([make_case(target, languages=("Go", "Python"))])
    found = {each for each in parts if each[0] in ("language", "type", "commits")}
    assert found == {
        *(("language", "Go"), ("language", "Python")),
        *(("type", "docs"), ("type", "fix"), ("commits", "3")),
    }


def test_no_language_and_no_commit_are_parts_too():
    parts = parts_of([make_case(plan(), junk=("x.log",))])
    assert ("language", "other") in parts
    assert ("commits", "0") in parts
    assert ("junk", "with junk") in parts
    assert not [kind for kind, _ in parts if kind == "type"]


def test_numbers_are_in_their_order_not_in_that_of_letters():
    cases = [
        make_case(
            plan(*(commit(f"{at}.py") for at in range(count))),
            id=f"s{count}",
            diff="x" * size,
        )
        for count, size in ((5, 900), (1, 20_000), (2, 5_000))
    ]
    names = [part.name for part in slices(cases) if part.kind in KINDS[2:4]]
    assert names == [
        *("1", "2", "4 or more"),
        *("up to 1,000", "up to 16,000", "above 16,000"),
    ]


def test_reliability_is_the_mean_of_the_part(twelve):
    scores = [each for each in twelve.scores if each.system == "student-q8_0"]
    parts = slices(twelve.cases)
    measured = reliability(scores, parts, ("ari", "junk"))
    for part, found in zip(parts, measured, strict=True):
        values = [each.values["ari"] for each in scores if each.sample_id in part.ids]
        assert found["ari"].n == len(part.ids)
        assert found["ari"].value == pytest.approx(sum(values) / len(values))
        if part.name == "without":
            assert found["junk"].n == 0
            assert found["junk"].value is None
