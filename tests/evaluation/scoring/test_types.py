from planned import commit, plan

from diffscribe.evaluation.scoring.types import type_accuracy


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


def test_among_equal_alignments_the_worst_counts():
    target = plan(commit("a b", "feat"))
    guesses = (commit("a", "feat"), commit("b", "fix"))
    assert type_accuracy(target, plan(*guesses)) == 0.0
    assert type_accuracy(target, plan(*guesses[::-1])) == 0.0


def test_a_tie_never_outweighs_a_shared_file():
    groups = ["a b", "c d", "e f", "g h"]
    target = plan(*(commit(files, "feat") for files in groups))
    assert type_accuracy(target, target) == 1.0
