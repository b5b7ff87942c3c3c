import random

import pytest
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.eval.score_text import (
    chrf,
    description_similarity,
    edit_similarity,
    findings,
    is_generic,
    joco_score,
    rouge_l,
    scores,
)

SIMILARITIES = (chrf, rouge_l, edit_similarity, description_similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_texts_have_one_and_empty_ones_zero(similarity):
    assert similarity("stop the leak", "stop the leak") == pytest.approx(1.0)
    assert similarity("stop the leak", "") == 0.0


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_similarities_keep_their_bounds_and_grow_with_what_is_shared(similarity):
    rng = random.Random(7)
    words = [
        "stop",
        "start",
        "the",
        "a",
        "leak",
        "parser",
        "client",
        "retry",
        "on",
        "in",
        "of",
        "error",
    ]
    for _ in range(300):
        first, second = (
            " ".join(rng.choices(words, k=rng.randint(1, 8))) for _ in "ab"
        )
        assert 0.0 <= similarity(first, second) <= 1.0 + 1e-9
    near = similarity("stop the leak in the parser", "stop the leak in a parser")
    far = similarity("stop the leak in the parser", "describe how users log in")
    assert near > 0.7 > 0.4 > far


@pytest.mark.parametrize(
    ("target", "text", "score"),
    [
        (
            "add a retry to the client",
            "retry the client's requests",
            0.5454545454545454,
        ),
        ("fix: stop_it now, please", "please stop it now", 0.6666666666666665),
        ("", "x", 0.0),
        ("größe ändern", "größe", 0.8),
        ("a b c d", "d c b a", 0.25),
        ("Add v1.2.3 of x", "add v1.2.4 of X", 0.8333333333333334),
    ],
)
def test_rouge_l_is_that_of_google_s_rouge_score(target, text, score):
    """The numbers are what version 0.1.2 of that library returns."""
    assert rouge_l(target, text) == pytest.approx(score)


def test_chrf_is_that_of_sacrebleu():
    from sacrebleu import sentence_chrf

    first, second = "add a retry to the client", "retry requests of the client"
    assert chrf(first, second) == sentence_chrf(second, [first]).score / 100


@pytest.mark.parametrize(
    ("first", "second", "similarity"),
    [
        ("add retry", "Add retry ", 1.0),
        ("add retry", "add cache", 0.5 / 3 + 0.35 * (1 - 5 / 9) + 0.15),
        ("of an", "in an", 0.35 * 0.6 + 0.15),
    ],
)
def test_joco_s_similarity_is_three_parts(first, second, similarity):
    assert description_similarity(first, second) == pytest.approx(similarity)


@pytest.mark.parametrize(
    ("made", "points"),
    [
        (commit("a", "docs", "update the documentation for the project"), 100),
        (commit("a", "chore", "update files"), 85),
        (commit("a", "fix", "Stop the leak in the parser."), 85),
        (commit("a", "wip", "stop the leak in the parser"), 70),
        (commit("a", "fix", "this commit stops the leak of the parser"), 80),
        (commit("a", "fix", "x" * 80), 65),
        (commit("a", "fix", ""), 50),
        (commit("a", "", ""), 20),
    ],
)
def test_joco_s_points_are_for_form_alone(made, points):
    assert joco_score(made) == points


@pytest.mark.parametrize(
    ("subject", "generic"),
    [
        ("update files", True),
        ("update the documentation for the project", True),
        ("improve code", True),
        ("fix bugs", True),
        ("add new functionality", True),
        ("various improvements", True),
        ("wip", True),
        ("update dependencies", True),
        ("stop the leak in the parser", False),
        ("add tests for the parser", False),
        ("update the documentation of --retries", False),
        ("fix off-by-one in pagination", False),
    ],
)
def test_a_generic_subject_fits_any_change(subject, generic):
    assert is_generic(commit("a", "fix", subject)) is generic


def test_messages_are_compared_along_the_alignment():
    target = plan(
        commit("a", "fix", "stop the leak"), commit("b", "docs", "explain retries")
    )
    case = make_case(target)
    turned = plan(*target.commits[::-1])
    assert scores(case, prediction(turned)) == scores(case, prediction(target))
    half = scores(case, prediction(plan(target.commits[0])))
    assert half["rouge_l"] == pytest.approx(0.5)
    assert half["chrf"] == pytest.approx(0.5)


def test_the_body_is_part_of_the_message_and_the_type_is_not():
    target = plan(commit("a", "fix", "stop the leak", body="It kept every line."))
    case = make_case(target)
    short = plan(commit("a", "feat", "stop the leak"))
    assert scores(case, prediction(target))["chrf"] == pytest.approx(1.0)
    assert 0.2 < scores(case, prediction(short))["chrf"] < 0.6
    assert scores(case, prediction(short))["description_similarity"] == 1.0


def test_without_a_plan_every_measure_is_at_its_worst():
    assert set(scores(make_case(), prediction(None)).values()) == {0.0}
    assert findings(prediction(None)) == {"generic": ()}


def test_generic_subjects_are_named():
    answer = plan(commit("a", "fix", "fix bugs"), commit("b", "fix", "stop the leak"))
    assert findings(prediction(answer)) == {"generic": ("fix bugs",)}
    assert scores(make_case(), prediction(answer))["specific"] == 0.5
