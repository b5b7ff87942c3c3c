from tests.support.planned import commit, plan

from diffscribe.review.report_page import confusion, distributions, length_bands


def test_types_that_are_none_share_a_name():
    counts = {"fix": {"fix": 2, "wow": 1, "<b>": 3, "none": 1}}
    assert confusion(counts) == [
        ("fix", "fix", 2),
        ("fix", "none", 1),
        ("fix", "other", 4),
    ]


def test_types_lengths_and_bodies_are_counted():
    short, exact, long = "a" * 4, "a" * 67, "a" * 68
    found = distributions(
        [
            plan(commit("a", "fix", short), commit("b", "fix", exact, body="why")),
            plan(commit("a", "zap", long)),
        ]
    )
    assert found["commits"] == 3
    assert found["types"] == {"fix": 2, "other": 1}
    assert found["bodies"] == 1
    named = dict(zip(length_bands(), found["lengths"], strict=True))
    assert {name: count for name, count in named.items() if count} == {
        "0 to 9": 1,
        "60 to 72": 1,
        "73 or more": 1,
    }


def test_nothing_has_no_types_and_no_lengths():
    found = distributions([])
    assert (found["commits"], found["types"], sum(found["lengths"])) == (0, {}, 0)
