import pytest
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.eval.score_types import align, findings, scores, type_accuracy


def test_types_are_compared_along_the_alignment_with_the_most_shared_files():
    target = plan(commit("a b c", "feat"), commit("d e", "fix"))
    # fix shares two files with feat's commit and one with its own.
    answer = plan(commit("a b d", "fix"), commit("c e", "feat"))
    assert type_accuracy(target, answer) == 0.0
    assert type_accuracy(target, plan(*target.commits[::-1])) == 1.0


def test_commits_without_a_shared_file_are_no_partners():
    assert type_accuracy(plan(commit("a")), plan(commit("b"))) == 0.0


def test_each_commit_has_one_partner():
    target = plan(commit("a", "feat"), commit("b", "feat"))
    assert type_accuracy(target, plan(commit("a b", "feat"))) == 0.5
    partners = [pair.partner for pair in align(target, plan(commit("a b", "feat")))]
    assert partners.count(None) == 1


def test_among_equal_alignments_the_worst_counts():
    target = plan(commit("a b", "feat"))
    guesses = (commit("a", "feat"), commit("b", "fix"))
    assert type_accuracy(target, plan(*guesses)) == 0.0
    assert type_accuracy(target, plan(*guesses[::-1])) == 0.0


def test_a_tie_never_outweighs_a_shared_file():
    groups = ["a b", "c d", "e f", "g h"]
    target = plan(*(commit(files, "feat") for files in groups))
    assert type_accuracy(target, target) == 1.0


def test_scopes_and_breaking_marks_are_compared_along_it_too():
    target = plan(
        commit("a", scope="api", breaking=True),
        commit("b", scope=None),
        commit("c", scope="cli", breaking=True),
    )
    answer = plan(
        commit("a", scope="API", breaking=True),
        commit("b", scope="core", breaking=True),
        commit("c", scope="core"),
    )
    values = scores(make_case(target), prediction(answer))
    assert values["scope"] == pytest.approx(1 / 3)
    assert values["scope_presence"] == pytest.approx(2 / 3)
    assert values["breaking_recall"] == 0.5
    assert values["breaking_agrees"] == pytest.approx(1 / 3)


def test_without_a_breaking_commit_there_is_none_to_find():
    case = make_case(plan(commit("a")))
    assert scores(case, prediction(case.target))["breaking_recall"] is None


def test_marking_everything_as_breaking_disagrees():
    case = make_case(plan(commit("a"), commit("b", breaking=True)))
    all_breaking = plan(commit("a", breaking=True), commit("b", breaking=True))
    values = scores(case, prediction(all_breaking))
    assert (values["breaking_recall"], values["breaking_agrees"]) == (1.0, 0.5)


def test_without_a_plan_nothing_agrees_not_even_the_absence_of_a_scope():
    case = make_case(plan(commit("a", breaking=True)))
    assert set(scores(case, prediction(None)).values()) == {0.0}


def test_a_target_without_a_type_is_nothing_to_compare_with():
    case = make_case(plan(commit("a", "")), task="message")
    assert set(scores(case, prediction(plan(commit("a")))).values()) == {None}
    assert findings(case, prediction(plan(commit("a")))) == {"types": ()}


def test_a_wrong_type_is_told_in_words():
    case = make_case(plan(commit("a", "fix"), commit("b", "docs")))
    answer = plan(commit("a", "feat"), commit("b", "docs"))
    assert findings(case, prediction(answer)) == {"types": ("feat, not fix",)}


def test_commits_that_fit_equally_are_aligned_by_content_not_by_order():
    target = plan(
        commit("a b", "fix", "stop early", scope="x"),
        commit("c d", "fix", "begin late", scope="y"),
    )
    one = commit("a c", "fix", "stop early", scope="x")
    other = commit("b d", "fix", "begin late", scope="y")
    found = [align(target, plan(*order)) for order in ((one, other), (other, one))]
    assert found[0] == found[1]
