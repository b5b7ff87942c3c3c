import json

import pytest

from diffscribe.label.check import FlawError
from diffscribe.label.questions import agreement, parse_rating, rating_schema

POINTS = {"format": 10, "clarity": 5, "imperative": 0, "agreement": 7}


def test_a_rating_is_the_mean_of_its_four_criteria():
    assert parse_rating(json.dumps(POINTS)).score == pytest.approx(0.55)
    assert parse_rating(json.dumps(dict.fromkeys(POINTS, 10))).score == 1.0
    assert parse_rating(json.dumps(dict.fromkeys(POINTS, 0))).score == 0.0


@pytest.mark.parametrize("value", [11, -1, 7.5, "7", True, None])
def test_points_are_never_clamped_or_guessed(value):
    with pytest.raises(FlawError, match="clarity"):
        parse_rating(json.dumps(POINTS | {"clarity": value}))


def test_a_bare_number_and_a_missing_criterion_are_no_rating():
    with pytest.raises(FlawError, match="no whole JSON object"):
        parse_rating("0.8")
    with pytest.raises(
        FlawError, match="the keys format, clarity, imperative, agreement"
    ):
        parse_rating(
            json.dumps({**POINTS, "agreement": None}).replace(', "agreement": null', "")
        )


def test_the_schema_asks_for_what_is_parsed():
    assert rating_schema()["required"] == list(POINTS)


@pytest.mark.parametrize(
    ("scores", "expected"), [([0.5], 1.0), ([0.2, 0.7, 0.3], 0.5), ([0.0, 1.0], 0.0)]
)
def test_agreement_is_how_near_the_farthest_raters_are(scores, expected):
    assert agreement(scores) == pytest.approx(expected)
