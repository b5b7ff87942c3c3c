import pytest
from planned import commit, plan
from sklearn.metrics import adjusted_rand_score

from diffscribe.evaluation.scoring.plan import ari


def test_one_group_is_met_by_the_same_group_alone():
    target = plan(commit("a b c"))
    assert ari(target, target) == 1.0
    assert ari(target, plan(commit("a b"), commit("c"))) == 0.0


def test_leaving_files_out_never_pays():
    target = plan(commit("a"), commit("b"), commit("c"))
    assert ari(target, target) == 1.0
    assert ari(target, plan(commit("a"))) == pytest.approx(1 / 3)
    assert ari(target, plan(commit("a"), commit("b"))) == pytest.approx(2 / 3)


def test_worse_than_chance_is_zero():
    target = plan(commit("a b"), commit("c d"))
    crossed = plan(commit("a c"), commit("b d"))
    assert adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1]) < 0
    assert ari(target, crossed) == 0.0
