import json

import pytest
from sklearn.metrics import cohen_kappa_score

from diffscribe.core.ballots import FORMAT, Choice, Vote
from diffscribe.review.votes import kappas, order_share, preferences, votes_report

PAIR = ("student", "base")


def vote(number, choice, first="student", second="base", **axes):
    return Vote(
        ballot=f"{number:064x}",
        id=f"s{number}",
        repo="r",
        systems=(first, second),
        choice=choice,
        axes=axes,
    )


def votes_of(letters, start=0):
    """`s` for the student, `b` for the base, `t` for a tie; A and B in turn."""
    votes = []
    for number, letter in enumerate(letters, start):
        first, second = PAIR if number % 2 else PAIR[::-1]
        wanted = {"s": "student", "b": "base"}.get(letter)
        choice = "tie" if not wanted else "A" if first == wanted else "B"
        votes.append(vote(number, choice, first, second))
    return votes


def by_axis(votes):
    return {each.axis: each for each in preferences(votes)}


def test_the_preference_is_of_systems_whatever_their_order_was():
    overall = by_axis(votes_of("sssssssst" + "b"))["overall"]
    assert (overall.system, overall.other) == PAIR
    assert (overall.wins, overall.ties, overall.losses) == (8, 1, 1)
    assert overall.share == 8 / 9


def test_interval_and_p_are_the_exact_ones_of_the_decided_votes():
    """By hand: 2 * 10 of 2^9 tables; ends from the beta distribution."""
    overall = by_axis(votes_of("ssssssssb" + "ttttt"))["overall"]
    assert overall.p == pytest.approx(2 * 10 / 2**9)
    assert overall.interval == pytest.approx((0.5175, 0.9972), abs=1e-4)


def test_ties_alone_decide_nothing():
    overall = by_axis(votes_of("ttt"))["overall"]
    assert (overall.share, overall.p, overall.interval) == (None, 1.0, (0.0, 1.0))


def test_an_axis_counts_the_votes_that_have_it():
    votes = [
        vote(0, "tie", accuracy="A", brevity="B"),
        vote(1, "tie", "base", "student", accuracy="B", brevity="tie"),
    ]
    found = by_axis(votes)
    assert found["accuracy"][3:6] == (2, 0, 0)
    assert found["brevity"][3:6] == (0, 1, 1)
    assert found["type"][3:6] == (0, 0, 0)


def test_pairs_stand_apart_and_students_first():
    votes = [vote(0, "A", "base", "student-q8_0"), vote(1, "A", "target", "b")]
    pairs = [(each.system, each.other) for each in preferences(votes)][::5]
    assert pairs == [("b", "target"), ("student-q8_0", "base")]


def test_the_share_of_a_tells_an_effect_of_the_order():
    votes = [vote(n, "A") for n in range(9)] + [vote(9, "B"), vote(10, "tie")]
    assert order_share(votes) == (9, 10)


def test_kappa_agrees_with_scikit_learn():
    one, other = votes_of("ssbbttsbts" * 3), votes_of("sbbbtssbtt" * 3)
    (found,) = kappas(one, other)
    expected = cohen_kappa_score([v.choice for v in one], [v.choice for v in other])
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert (found.n, found.agreed) == (30, 21)
    assert found.low < found.value < found.high


def test_kappa_is_one_for_equal_votes_and_none_if_nothing_varies():
    (same,) = kappas(votes_of("ssbt"), votes_of("ssbt"))
    assert (same.value, same.high) == (1.0, 1.0)
    (constant,) = kappas([vote(0, "tie")], [vote(0, "tie")])
    assert (constant.value, constant.agreed) == (None, 1)


def test_kappa_is_of_common_ballots_alone():
    assert kappas(votes_of("ss"), votes_of("ss", start=2)) == []
    (found,) = kappas(votes_of("ssb"), votes_of("bs", start=1))
    assert (found.n, found.agreed) == (2, 0)


def written(path, said, **changes):
    content = {
        "format": FORMAT,
        "voter": "person",
        "votes": [each.model_dump() for each in said],
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_the_report_says_who_won_and_how_far_voters_agree(tmp_path):
    human = written(tmp_path / "votes.json", votes_of("sssst"))
    judge = written(tmp_path / "judge.json", votes_of("ssssb"), voter="judge: model-1")
    text = votes_report([human, judge])
    assert "votes.json: 5 votes of person" in text
    assert "judge.json: 5 votes of judge: model-1" in text
    assert "100 [40, 100]" in text
    assert "student and base" in text.split("overall votes:")[1]
    one = votes_report([human])
    assert "overall votes" not in one
    apart = written(tmp_path / "apart.json", votes_of("ss", start=50))
    assert "no ballot in common" in votes_report([human, apart])


def test_the_report_counts_votes_on_one_plan_and_names_steer_no_terminal(tmp_path):
    one = vote(1, "A").model_copy(
        update={"systems": ("t\x1b[2J",), "choice": Choice.ACCEPT}
    )
    gate = written(tmp_path / "gate.json", [one], voter="a\nb")
    text = votes_report([gate, gate])
    assert "1 votes of a\\nb\nOn one plan: accept 1" in text
    assert "preferred" not in text
    assert "\x1b" not in text
