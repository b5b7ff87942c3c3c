import pytest
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.commits.plan import plan_json
from diffscribe.eval.score_format import findings, scores

TARGET = plan(commit("a.py", "fix", "stop early", body="It spins."))
CASE = make_case(TARGET)
TEXT = plan_json(TARGET)


def measured(text, answer=TARGET, case=CASE):
    return scores(case, prediction(answer, text), HOUSE)


def test_a_plan_as_bare_json_has_every_form():
    assert set(measured(TEXT).values()) == {1.0}


def test_without_an_answer_nothing_has_a_form():
    assert set(measured("", None).values()) == {0.0}


@pytest.mark.parametrize(
    "wrapped",
    [
        f"```json\n{TEXT}\n```",
        f"Here is the plan:\n{TEXT}",
        f"{TEXT}\nI hope that helps!",
    ],
)
def test_what_has_to_be_unwrapped_is_valid_only_after_repair(wrapped):
    values = measured(wrapped)
    assert {values[name] for name in values if name.endswith("_valid")} == {0.0}
    assert {values[name] for name in values if name.endswith("_repaired")} == {1.0}


@pytest.mark.parametrize("text", ["[]", "3", '"a"', "null", TEXT[:-1], "{" * 5000])
def test_what_is_no_object_is_no_json_here(text):
    assert measured(text, None)["json_valid"] == 0.0


def test_the_same_key_twice_is_no_json():
    assert measured('{"commits":[],"commits":[]}', None)["json_valid"] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"gitignore":[]}',
        TEXT.replace('"a.py"', '"b.py"'),
        TEXT.replace('"fix"', '"wip"'),
        TEXT.replace('"subject"', '"title"'),
        TEXT.replace("]}", '],"more":1}'),
    ],
)
def test_json_that_breaks_the_schema_of_the_request(text):
    values = measured(text, None)
    assert (values["json_valid"], values["schema_valid"]) == (1.0, 0.0)


def test_one_bad_message_spoils_the_plan():
    mixed = plan(commit("a.py", "fix", "stop early"), commit("b.py", "fix", " Stops."))
    values = scores(CASE, prediction(mixed), HOUSE)
    assert (values["cc_valid"], values["cc_repaired"]) == (0.0, 0.0)
    found = findings(prediction(mixed), HOUSE)
    assert found == {"violations": ("header",), "house_rules": ("full_stop",)}


def test_the_house_is_stricter_than_the_specification():
    values = scores(CASE, prediction(plan(commit("a.py", "fix", "Stops it."))), HOUSE)
    assert (values["cc_valid"], values["house_valid"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("text", "raw", "house"),
    [
        ("fix: stop early", 1.0, 1.0),
        ("wip: stop early", 1.0, 0.0),
        ("fix: stop early\n\nIt spins.", 1.0, 1.0),
        ("fix: stop early\nIt spins.", 0.0, 1.0),
        ("`fix: stop early`", 0.0, 0.0),
        ("Stop early", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_a_message_is_judged_as_it_was_written(text, raw, house):
    case = make_case(TARGET, task="message")
    values = measured(text, TARGET, case)
    assert (values["cc_valid"], values["house_valid"]) == (raw, house)
    assert values["cc_repaired"] == 1.0
    assert values["json_valid"] is values["schema_repaired"] is None


def test_a_subject_without_a_type_is_no_header():
    bare = plan(commit("a.py", "", "stop early"))
    assert scores(CASE, prediction(bare, TEXT), HOUSE)["cc_repaired"] == 0.0


@pytest.mark.parametrize("text", ["{}", 'Here it is: {"commits": []}'])
def test_an_object_that_is_no_plan_is_json_all_the_same(text):
    found = scores(make_case(), prediction(None, text), HOUSE)
    assert found["json_repaired"] == 1.0
    assert found["schema_repaired"] == 0.0
