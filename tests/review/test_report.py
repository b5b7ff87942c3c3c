from collections import Counter

import pytest
from tests.support.generated import generated
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.core.records import Score
from diffscribe.eval.scores import SCORES
from diffscribe.review.report_page import (
    ballot_of_pair,
    ballots_of,
    cases_to_vote_on,
    whole_case,
)

DIFF = """diff --git a/new.py b/new.py
new file mode 100644
index 0000000..1111111
--- /dev/null
+++ b/new.py
@@ -0,0 +1,2 @@
+first
++second
diff --git a/old.py b/moved.py
similarity index 90%
rename from old.py
rename to moved.py
index 1111111..2222222 100644
--- a/old.py
+++ b/moved.py
@@ -1,2 +1 @@
 kept
-gone
diff --git a/logo.png b/logo.png
deleted file mode 100644
index 1111111..0000000
Binary files a/logo.png and /dev/null differ
"""


@pytest.fixture(scope="module")
def sixty():
    return generated(60)


def whole_of(case, answer):
    score = Score(
        sample_id=case.id,
        repo=case.repo,
        cluster=case.id,
        system="student",
        values=dict.fromkeys(SCORES) | {"ari": 1 / 3},
        findings={"paths_missing": ("b.py",)},
    )
    return whole_case(case, {"student": answer}, {"student": score})


def case_of(**fields):
    return make_case(plan(commit("new.py moved.py logo.png")), diff=DIFF, **fields)


def test_files_say_what_became_of_them():
    lines = [each["line"] for each in whole_of(case_of(), prediction(None))["files"]]
    assert lines == [
        "A new.py +2 -0",
        "R old.py => moved.py +0 -1",
        "D logo.png binary",
    ]
    case = make_case(plan(commit("a.py")), diff="nonsense")
    assert whole_of(case, prediction(None))["files"] == [
        {"path": "", "line": "diff", "text": "nonsense"},
        {"path": "a.py", "line": "M a.py +0 -0", "text": ""},
    ]


@pytest.mark.parametrize(
    ("answer", "text", "shown_text"),
    [
        (plan(commit("new.py")), None, None),
        (plan(commit("new.py")), "```json", "```json"),
        (None, "no", "no"),
    ],
)
def test_the_answer_as_it_came_is_there_if_the_plan_does_not_say_it(
    answer, text, shown_text
):
    found = whole_of(case_of(), prediction(answer, text))["plans"]["student"]
    assert found["text"] == shown_text
    assert (found["plan"] is None) == (answer is None)
    values = dict(zip(SCORES, found["values"], strict=True))
    assert (values["ari"], values["junk"]) == (0.333, None)
    assert found["findings"] == {"paths_missing": ("b.py",)}


def cases_of(count):
    return [make_case(id=f"c{number}") for number in range(count)]


def answers_of(cases, *systems):
    return {
        system: {
            case.id: prediction(plan(commit("a.py", subject=system)), case_id=case.id)
            for case in cases
        }
        for system in systems
    }


def ballots(cases, pair=("student", "base")):
    answers = answers_of(cases, *pair)
    return [ballot_of_pair(case, answers, pair) for case in cases]


@pytest.mark.parametrize(
    ("systems", "compared", "pairs"),
    [
        (
            ["student-q8_0", "student-q4_k_m", "base", "base-full", "control-x"],
            None,
            {"base", "base-full", "target"},
        ),
        (["student-q8_0", "base", "rival"], ["rival"], {"rival", "target"}),
        (["student-q8_0"], None, {"target"}),
    ],
)
def test_the_first_system_meets_each_base_or_those_named_and_the_target(
    systems, compared, pairs
):
    cases = cases_of(1)
    found = ballots_of(cases, answers_of(cases, *systems), None, compared)
    others = {name for each in found for name in each.systems}
    assert others == pairs | {systems[0]}
    assert all(systems[0] in each.systems for each in found)


def test_each_is_a_about_as_often_as_b():
    """Within four standard deviations of a fair coin."""
    times = Counter(ballot.systems[0] for ballot in ballots(cases_of(400)))
    assert 160 <= times["student"] <= 240


def test_the_order_hangs_on_case_and_names_alone():
    cases = cases_of(40)
    order = {each.id: each.systems for each in ballots(cases)}
    turned = ballots(cases[::-1], ("base", "student"))
    assert {each.id: each.systems for each in turned} == order
    other = ballots(cases, ("student", "target-2"))
    firsts = [each.systems[0] == "student" for each in other]
    assert firsts != [each[0] == "student" for each in order.values()]


def test_a_ballot_changes_with_what_is_shown():
    (case,) = cases_of(1)

    def digest(case, answer, text=None):
        answers = {"student": {case.id: prediction(answer, text, case_id=case.id)}}
        return ballot_of_pair(case, answers, ("student", "target")).ballot

    one = plan(commit("a.py"))
    digests = [
        digest(case, one),
        digest(case, plan(commit("a.py", subject="other"))),
        digest(case, None, "nothing"),
        digest(case.model_copy(update={"diff": ""}), one),
    ]
    assert len(set(digests)) == 4
    assert digest(case, one, "Sure! {}") == digests[0]


def test_strata_have_their_share_and_variants_one_place(sixty):
    chosen = cases_to_vote_on(sixty.cases, 24)
    assert len(chosen) == 24
    assert {*Counter(case.repo for case in chosen).values()} == {6}
    commits = Counter(len(case.target.commits) for case in chosen)
    assert all(7 <= count <= 9 for count in commits.values())
    first = sixty.cases[0]
    variant = first.model_copy(update={"id": "v", "parent_id": first.id})
    assert len(cases_to_vote_on([first, variant], 24)) == 1


def test_none_draws_all_and_the_order_of_cases_stays():
    cases = cases_of(9)
    assert cases_to_vote_on(cases, None) == cases_to_vote_on(cases, 50) == cases
    some = cases_to_vote_on(cases, 4)
    assert some == [case for case in cases if case in some]
    assert cases_to_vote_on(cases[::-1], 4) == some[::-1]
