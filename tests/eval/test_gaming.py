"""Answers that deserve nothing, and what catches each of them."""

import pytest
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.commits.plan import plan_json
from diffscribe.core.records import Plan
from diffscribe.eval.scores import HEADLINE, SCORES, score, score_all

TARGETS = [
    plan(
        commit("src/client.py tests/test_client.py", "fix", "stop retrying for ever"),
        commit("docs/retries.md", "docs", "explain when a request is repeated"),
        gitignore=["*.log"],
    ),
    plan(
        commit("web/menu.ts web/menu.css", "feat", "open the menu with a key"),
        commit("ci/build.yml", "ci", "cache what npm downloads"),
        commit("web/old.ts web/legacy.ts", "refactor", "drop the first router"),
        gitignore=["*.log"],
    ),
    plan(
        commit("lib/parse.go lib/lex.go", "perf", "read each byte once"),
        commit("lib/parse_test.go", "test", "cover nested comments"),
        gitignore=["*.log"],
    ),
]
CASES = [
    make_case(target, junk=("debug.log", ".env"), id=f"s{n}")
    for n, target in enumerate(TARGETS)
]
GENERIC = "update the documentation for the project"


def honest(case):
    return case.target.model_copy(update={"gitignore": ("*.log", ".env")})


def saying(case, subject):
    """Right in everything but the words."""
    commits = [
        each.model_copy(update={"subject": subject}) for each in case.target.commits
    ]
    return plan(*commits, gitignore=["*.log", ".env"])


def constant(case):
    """The same valid message for everything, everything in one commit."""
    return plan(commit(" ".join(case.files), "docs", GENERIC))


def constant_subject(case):
    return saying(case, GENERIC)


def copied_diff(case):
    """The added lines as the message."""
    added = " ".join(line[1:] for line in case.diff.split("\n") if line[:1] == "+")
    return saying(case, added)


def lump(case):
    return plan(commit(" ".join(case.files), "feat", "stop retrying for ever"))


def singletons(case):
    return plan(
        *(commit(path, "feat", "stop retrying for ever") for path in case.files)
    )


def overlapping(case):
    """All files, each file alone and each target's commit, all at once."""
    return plan(*lump(case).commits, *singletons(case).commits, *case.target.commits)


def ignores_all(case):
    return honest(case).model_copy(update={"gitignore": ("*",)})


def ignores_all_and_commits_nothing(case):
    return Plan(commits=(), gitignore=("*",))


def every_type(case):
    """A commit of each type for each group of files."""
    types = ("feat", "fix", "docs", "refactor", "perf", "test", "ci")
    return plan(
        *(
            each.model_copy(update={"type": type_})
            for each in case.target.commits
            for type_ in types
        ),
        gitignore=["*.log", ".env"],
    )


def all_breaking(case):
    made = [each.model_copy(update={"breaking": True}) for each in case.target.commits]
    return plan(*made, gitignore=["*.log", ".env"])


def says_nothing(case):
    """Names nothing, so that nothing can be absent."""
    return saying(case, "do it")


def means(answer_of):
    """The mean of every measure over CASES, None left out, as in metrics."""
    scored = scored_by(answer_of)
    values = {
        name: [v for each in scored if (v := each.values[name]) is not None]
        for name in SCORES
    }
    return {name: sum(v) / len(v) if v else None for name, v in values.items()}


def scored_by(answer_of):
    answers = [prediction(answer_of(case), case_id=case.id) for case in CASES]
    return score_all(CASES, answers, HOUSE)


def test_an_honest_answer_has_the_best_value_of_every_measure():
    for name, value in means(honest).items():
        if name in ("joco_score", "names_something"):
            continue
        measure = SCORES[name]
        best = measure.high if measure.better == "higher" else measure.low
        assert value in (None, pytest.approx(best)), name


@pytest.mark.parametrize("text", ["", "{}", "I cannot.", plan_json(Plan(commits=()))])
def test_an_empty_answer_has_the_worst_value_of_every_measure(text):
    case = CASES[0]
    empty = Plan(commits=()) if "commits" in text else None
    values = score(case, prediction(empty, text), HOUSE).values
    of_the_seeds = {"file_grouping_f1", "type_accuracy", "junk_routing"}
    free = {"patterns_sane", "secrets_kept_out"} if empty else set()
    for name, value in values.items():
        measure = SCORES[name]
        if name in of_the_seeds:
            assert value is None, "theirs leave failures out"
        elif measure.better == "lower":
            assert value == measure.high
        elif name not in free:
            assert value in (None, 0.0), name


def test_a_constant_message_is_caught_in_the_headline_and_beside_it():
    values, good = means(constant), means(honest)
    assert (values["valid"], values["style"]) == (1.0, 0.0), "style sees it"
    assert values["format_compliance"] == 1.0, "form says nothing"
    assert values["joco_score"] == 100.0, "nor does joco's score"
    assert values["chrf"] < 0.25 < good["chrf"]
    assert values["ari"] == values["exact_partition"] == values["junk"] == 0.0
    assert (values["specific"], values["names_something"]) == (0.0, 0.0)


def test_a_constant_subject_is_caught_even_if_all_else_is_right():
    values = means(constant_subject)
    assert values["ari"] == values["type"] == values["junk"] == 1.0
    assert values["chrf"] < 0.25
    assert "chrf" in HEADLINE
    assert values["specific"] == 0.0


def test_copying_the_diff_is_grounded_and_still_no_message():
    values = means(copied_diff)
    assert values["grounded"] == 1.0
    assert values["chrf"] < 0.3
    assert values["style"] == 0.0, "too long"
    assert values["edit_similarity"] < 0.3


@pytest.mark.parametrize(("answer_of", "paid"), [(lump, 0.25), (singletons, 0.6)])
def test_all_together_or_all_apart_is_valid_and_groups_by_chance(answer_of, paid):
    values = means(answer_of)
    assert values["valid"] == 1.0
    assert values["ari"] == values["exact_partition"] == 0.0
    assert values["moves"] > 0.3
    assert values["file_grouping_f1"] > paid, "the seed's pays for it"


def test_overlapping_commits_are_no_plan_at_all():
    values = means(overlapping)
    assert values["valid"] == values["ari"] == values["exact_partition"] == 0.0
    assert values["moves"] == 1.0
    assert all(each.findings["paths_duplicate"] for each in scored_by(overlapping))
    assert values["file_grouping_f1"] == 1.0, "the seed's is perfect"


def test_ignoring_everything_is_not_valid_and_routes_no_junk():
    values = means(ignores_all)
    assert values["valid"] == values["junk"] == values["patterns_sane"] == 0.0
    assert values["junk_routing"] == 1.0, "the seed's is perfect"


def test_ignoring_everything_and_committing_nothing_is_worth_nothing():
    values = means(ignores_all_and_commits_nothing)
    assert {values[name] for name in HEADLINE} == {0.0}


def test_listing_every_type_does_not_raise_the_share_of_right_ones():
    values = means(every_type)
    assert values["valid"] == values["ari"] == 0.0
    assert values["type"] == 0.0, "of equal partners the worst counts"
    assert values["type_accuracy"] == 1.0, "the seed's is perfect"


def test_calling_everything_breaking_is_caught():
    assert means(all_breaking)["breaking"] == 0.0


def test_saying_nothing_is_grounded_but_names_nothing():
    values = means(says_nothing)
    assert values["grounded"] == 1.0
    assert values["names_something"] == 0.0
    assert values["chrf"] < 0.15


@pytest.mark.parametrize(
    "answer_of",
    [
        *(constant, constant_subject, copied_diff, lump, singletons),
        *(overlapping, ignores_all, every_type, says_nothing),
    ],
)
def test_no_degenerate_answer_comes_near_an_honest_one_in_the_headline(answer_of):
    good, values = means(honest), means(answer_of)
    assert [name for name in HEADLINE if values[name] < good[name] - 0.5]
