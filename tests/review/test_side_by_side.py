from collections import Counter

from tests.support.generated import generated
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.review.report_page import ballots, drawn, pairs


def cases_of(count, **fields):
    return [make_case(id=f"c{number}", **fields) for number in range(count)]


def ballots_of(cases, pair=("student", "base")):
    answers = {
        system: {
            case.id: prediction(plan(commit("a.py", subject=system)), case_id=case.id)
            for case in cases
        }
        for system in pair
    }
    return ballots(cases, answers, [pair])


def test_the_first_system_meets_each_base_and_the_target():
    systems = ["student-q8_0", "student-q4_k_m", "base", "base-full", "control-x"]
    assert pairs(systems) == [
        ("student-q8_0", "base"),
        ("student-q8_0", "base-full"),
        ("student-q8_0", "target"),
    ]
    assert pairs(["control-x"]) == [("control-x", "target")]


def test_each_is_a_about_as_often_as_b():
    """Within four standard deviations of a fair coin."""
    times = Counter(ballot.first for ballot in ballots_of(cases_of(400)))
    assert 160 <= times["student"] <= 240


def test_the_order_hangs_on_case_and_names_alone():
    cases = cases_of(40)
    order = {each.sample_id: each.first for each in ballots_of(cases)}
    turned = ballots_of(cases[::-1], ("base", "student"))
    assert {each.sample_id: each.first for each in turned} == order
    other = ballots_of(cases, ("student", "target-2"))
    firsts = [each.first == "student" for each in other]
    assert firsts != [each == "student" for each in order.values()]


def test_a_ballot_changes_with_what_is_shown():
    (case,) = cases_of(1)

    def digest(case, answer, text=None):
        answers = {
            "student": {case.id: prediction(answer, text, case_id=case.id)},
        }
        (ballot,) = ballots([case], answers, [("student", "target")])
        return ballot.ballot

    one = plan(commit("a.py"))
    digests = [
        digest(case, one),
        digest(case, plan(commit("a.py", subject="other"))),
        digest(case, None, "nothing"),
        digest(case.model_copy(update={"diff": ""}), one),
    ]
    assert len(set(digests)) == 4
    assert digest(case, one, "Sure! {}") == digests[0]


def test_strata_have_their_share_and_variants_one_place():
    cases = generated(60).cases
    chosen = drawn(cases, 24)
    assert len(chosen) == 24
    assert {*Counter(case.repo for case in chosen).values()} == {6}
    commits = Counter(len(case.target.commits) for case in chosen)
    assert all(7 <= count <= 9 for count in commits.values())
    variant = cases[0].model_copy(update={"id": "v", "parent_id": cases[0].id})
    assert len(drawn([cases[0], variant], 24)) == 1


def test_none_draws_all_and_the_order_of_cases_stays():
    cases = cases_of(9)
    assert drawn(cases, None) == drawn(cases, 50) == cases
    some = drawn(cases, 4)
    assert some == [case for case in cases if case in some]
    assert len(some) == 4
    assert drawn(cases[::-1], 4) == some[::-1]
