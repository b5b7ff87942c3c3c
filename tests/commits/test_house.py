import pytest
from tests.support.planned import HOUSE

from diffscribe.commits.style import HouseRule, broken_rule


@pytest.mark.parametrize(
    ("message", "broken"),
    [
        ("fix: stop the leak", None),
        ("fix(core)!: stop the leak", None),
        ("wip: stop the leak", HouseRule.TYPE),
        ("Fix: stop the leak", HouseRule.TYPE),
        ("stop the leak", HouseRule.TYPE),
        ("", HouseRule.TYPE),
        ("fix: stop " + "x" * 62, None),
        ("fix: stop " + "x" * 63, HouseRule.HEADER_LENGTH),
        ("fix: stop the leak.", HouseRule.FULL_STOP),
        ("fix: 修复。", HouseRule.FULL_STOP),
        ("fix: Stop the leak", HouseRule.CASE),
        ("fix: README says it", HouseRule.MOOD),
        ("fix: leaks are stopped", HouseRule.MOOD),
        ("fix: stopped the leak", HouseRule.MOOD),
        ("fix: stop it\n\n" + "word " * 19 + "endofs", HouseRule.BODY_WIDTH),
        ("fix: stop it\n\n" + "word " * 19 + "ends", None),
        ("fix: stop it\n\n" + "x" * 200, None),
    ],
)
def test_the_first_rule_that_is_broken_is_named(message, broken):
    assert broken_rule(message, HOUSE) is broken


def test_a_house_may_allow_what_another_does_not():
    easy = HOUSE.model_copy(
        update={"imperative": False, "lower_case": False, "full_stop": True}
    )
    assert broken_rule("fix: Leaks are stopped.", easy) is None
    strict = HOUSE.model_copy(update={"types": ("feat",)})
    assert broken_rule("fix: stop it", strict) is HouseRule.TYPE


@pytest.mark.parametrize("subject", ["écris le fichier", "über die mauer"])
def test_small_letters_beyond_ascii_are_small(subject):
    house = HOUSE.model_copy(update={"imperative": False})
    assert broken_rule(f"fix: {subject}", house) is None
    assert broken_rule(f"fix: {subject.capitalize()}", house) is HouseRule.CASE
