import random
import re
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from tests.support.planned import commit, make_case, plan, prediction
from tests.support.rows import patch
from tests.support.seeds import for_seeds

from diffscribe.commits.junk_kinds import junk_kinds
from diffscribe.eval.grouping import (
    NAMES,
    Partition,
    ari,
    exact_partition,
    is_absurd,
    judge_grouping,
    junk_routed,
    moves,
    partition,
    rand_index,
    secret_like,
    with_whole_files,
)
from diffscribe.eval.messages import align

TARGET = plan(
    commit("src/a.py src/b.py", "fix"),
    commit("docs/c.md", "docs"),
    gitignore=["*.log", "build/"],
)
CASE = make_case(TARGET, junk=("x.log", "build/y.o"))


def measured(answer, case=CASE):
    return judge_grouping(case, prediction(answer)).values


def findings(case, answer):
    return judge_grouping(case, answer).found


def test_the_target_itself_is_perfect_and_nothing_is_found():
    case = make_case(TARGET, junk=("x.log", "build/.env"))
    assert measured(TARGET, case) == {
        **dict.fromkeys(NAMES, 1.0),
        "moves": 0.0,
        "file_moves": 0.0,
    }
    assert not any(findings(case, prediction(TARGET)).values())


def test_a_plan_in_plain_style_has_no_types():
    untyped = plan(commit("a.py", "", "Stop early"))
    assert measured(untyped, make_case(untyped, message="plain"))["valid"] == 1.0
    typed = plan(commit("a.py", "fix", "stop early"))
    assert measured(typed, make_case(untyped, message="plain"))["valid"] == 1.0
    assert measured(untyped, make_case(untyped))["valid"] == 0.0


def test_a_single_message_has_no_files_to_group_and_no_patterns():
    case = make_case(task="message")
    assert measured(case.target, case) == dict.fromkeys(NAMES)
    assert findings(case, prediction(case.target)) == {}


def test_leaving_files_out_never_pays():
    target = plan(commit("a"), commit("b"), commit("c"))
    assert ari(partition(target, target)) == 1.0
    assert ari(partition(target, plan(commit("a")))) == pytest.approx(1 / 3)
    assert ari(partition(target, plan(commit("a"), commit("b")))) == pytest.approx(
        2 / 3
    )
    left_out = partition(target, plan(commit("a"), commit("b")))
    assert (exact_partition(left_out), moves(left_out)) == (0.0, pytest.approx(1 / 3))
    twice = partition(target, plan(*target.commits, commit("c")))
    assert moves(twice) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("expected", "given", "index", "to_move"),
    [
        ("0011", "1100", 1.0, 0),
        ("0000", "0000", 1.0, 0),
        ("0123", "3210", 1.0, 0),
        ("0", "5", 1.0, 0),
        ("0011", "0000", 0.0, 2),
        ("0011", "0123", 0.0, 2),
        ("0011", "0101", -0.5, 2),
        ("0001", "0011", 0.0, 1),
        ("000111", "000011", 0.3243243243243243, 1),
    ],
)
def test_groupings_by_hand(expected, given, index, to_move):
    pair = Partition(tuple(map(int, expected)), tuple(map(int, given)), 1.0)
    assert rand_index(pair.expected, pair.given) == pytest.approx(index)
    assert exact_partition(pair) == (to_move == 0)
    assert moves(pair) == pytest.approx(to_move / len(expected))


def naive_moves(expected, given):
    """The fewest files that change their group, over all ways to name groups."""
    names = sorted(set(given))
    spare = [*sorted(set(expected)), *(f"new{n}" for n in range(len(names)))]
    return min(
        sum(dict(zip(names, chosen, strict=True))[g] != e for e, g in pairs)
        for chosen in permutations(spare, len(names))
        for pairs in [list(zip(expected, given, strict=True))]
    )


@for_seeds(60)
def test_groupings_agree_with_their_definitions(seed):
    rng = random.Random(seed)
    n = rng.randint(1, 7)
    expected = tuple(rng.randrange(3) for _ in range(n))
    given = tuple(rng.randrange(3) for _ in range(n))
    pair, turned = Partition(expected, given, 1.0), Partition(given, expected, 1.0)
    assert moves(pair) == moves(turned)
    assert moves(pair) == pytest.approx(naive_moves(expected, given) / n)
    assert rand_index(expected, given) == rand_index(given, expected)
    assert (exact_partition(pair) == 1) == (moves(pair) == 0)


@pytest.mark.slow
def test_the_rand_index_agrees_with_scikit_learn_on_2_500_partitions():
    rng = np.random.default_rng(7)
    worst = 0.0
    for n in range(1, 26):
        for most in rng.integers(1, n + 1, size=(100, 2)):
            first, second = rng.integers(most[0], size=n), rng.integers(most[1], size=n)
            ours = rand_index(first.tolist(), second.tolist())
            worst = max(worst, abs(ours - adjusted_rand_score(first, second)))
    assert worst <= 1e-12


HUNKS = "".join(f"@@ -{at} +{at} @@\n-old\n+new\n" for at in (1, 11, 21))
SPLIT = plan(commit("a", "fix", hunks={"a": (1, 3)}), commit("a b", hunks={"a": (2,)}))
SPLIT_CASE = make_case(
    SPLIT,
    files=("a", "b"),
    diff=f"diff --git a/a b/a\nindex 1..2 100644\n{HUNKS}" + patch("b", "line"),
)


def test_a_split_file_is_grouped_by_its_hunks():
    assert measured(SPLIT, SPLIT_CASE)["valid"] == 1.0
    assert measured(SPLIT, SPLIT_CASE)["ari"] == 1.0
    whole = plan(commit("a b"))
    assert partition(SPLIT, whole) == ((0, 0, 1, 1), (0, 0, 0, 0), 1.0)
    assert measured(whole, SPLIT_CASE)["valid"] == 1.0
    assert measured(whole, SPLIT_CASE)["moves"] == 0.5
    assert measured(SPLIT, make_case(whole, diff=SPLIT_CASE.diff))["ari"] == 0.0
    found = findings(SPLIT_CASE, prediction(SPLIT))
    assert not any(found.values())


def test_of_whole_files_a_split_one_is_where_most_of_its_hunks_are():
    whole = plan(commit("a", "fix"), commit("b"))
    assert with_whole_files(SPLIT) == with_whole_files(whole) == whole
    values = measured(whole, SPLIT_CASE)
    assert (values["file_ari"], values["file_exact_partition"]) == (1.0, 1.0)
    assert (values["file_moves"], values["moves"]) == (0.0, 0.25)
    even = plan(commit("a", hunks={"a": (2,)}), commit("a c", hunks={"a": (1,)}))
    for commits in (even.commits, even.commits[::-1]):
        [kept] = with_whole_files(plan(*commits)).commits
        assert (kept.files, kept.hunks) == (("a", "c"), {})


def test_a_hunk_that_no_plan_names_is_left_out():
    part = plan(commit("a", hunks={"a": (1,)}), commit("b"))
    case = make_case(plan(commit("a"), commit("b")), diff=SPLIT_CASE.diff)
    values = measured(part, case)
    assert (values["valid"], values["exact_partition"]) == (0.0, 0.0)
    assert (values["ari"], values["moves"]) == (pytest.approx(0.0), 0.5)


def test_partners_share_hunks_of_a_split_file_and_not_the_file_alone():
    first, second = SPLIT.commits
    other = second.model_copy(update={"files": ("a",)})
    target = plan(first, other)
    pairs = align(target, plan(other, first))
    assert [pair.partner for pair in pairs] == [first, other]


def test_a_hunk_in_two_commits_is_named_and_counts_as_left_out():
    twice = plan(SPLIT.commits[0], commit("a b", hunks={"a": (1, 2)}))
    assert partition(SPLIT, twice) == ((0, 0, 1, 1), (-1, 0, 1, 1), 0.75)
    found = findings(SPLIT_CASE, prediction(twice))
    assert found["plan_problem"] == ["duplicate_hunk"]
    assert found["paths_duplicate"] == ["a"]


def test_committed_junk_does_not_change_the_grouping():
    target = plan(commit("a b"), commit("c"))
    with_junk = plan(commit("a b x.log"), commit("c"))
    assert Counter(partition(target, with_junk)) == Counter(partition(target, target))


def test_what_is_wrong_with_paths_is_named():
    case = make_case(plan(commit("a b c d")), junk=("x.log",))
    bad = plan(commit("a b"), commit("b e"), gitignore=["d"])
    found = findings(case, prediction(bad))
    assert found["paths_missing"] == ["c", "x.log"]
    assert found["paths_duplicate"] == ["b"]
    assert found["paths_invented"] == ["e"]
    assert found["plan_problem"] == ["unknown_path"]


def test_junk_counts_as_routed_if_it_is_matched_and_in_no_commit():
    half = plan(commit("src/a.py x.log"), gitignore=["*.log", "build/"])
    assert junk_routed(CASE, half) == 0.5
    assert findings(CASE, prediction(half))["junk_missed"] == ["x.log"]
    assert junk_routed(CASE, plan(*TARGET.commits)) == 0.0
    assert measured(TARGET, make_case(TARGET))["junk"] is None


@pytest.mark.parametrize("absurd", ["*", "**", "/**", "src/", "*.py", "docs/c.md"])
def test_a_pattern_that_ignores_a_real_file_is_not_counted(absurd):
    assert junk_routed(CASE, plan(gitignore=[absurd])) == 0.0
    assert junk_routed(CASE, plan(gitignore=[absurd, "*.log"])) == 0.5
    found = findings(CASE, prediction(plan(gitignore=[absurd])))
    assert found["absurd_patterns"] == [absurd]
    assert set(found["real_files_ignored"]) <= {"src/a.py", "src/b.py", "docs/c.md"}
    assert found["real_files_ignored"]


@pytest.mark.parametrize(
    "absurd", ["*", "**", "/", "/*", "", " ", "*.*", "*.py", "src"]
)
def test_an_absurd_pattern_is_named_whatever_the_change_is(absurd):
    case = make_case(plan(commit("go.sum")))
    assert is_absurd(absurd, case)
    values = measured(plan(commit("go.sum"), gitignore=[absurd, "*.log"]), case)
    assert values["patterns_sane"] == 0.5


def test_no_pattern_for_junk_is_absurd():
    case = make_case(plan(commit("go.sum")))
    patterns = {pattern for kind in junk_kinds() for pattern in kind.patterns}
    assert [each for each in patterns if is_absurd(each, case)] == []


def test_secrets_have_to_stay_out_of_commits():
    case = make_case(TARGET, junk=("x.log", ".env", "deploy/id_rsa"))
    leaky = plan(*TARGET.commits, commit(".env"))
    assert measured(leaky, case)["secrets_kept_out"] == 0.5
    assert findings(case, prediction(leaky))["secrets_committed"] == [".env"]
    assert measured(plan(*TARGET.commits), case)["secrets_kept_out"] == 1.0
    assert measured(TARGET)["secrets_kept_out"] is None


def test_what_is_like_a_secret_is_told_by_its_name():
    secret = [".env", "app/.env.local", "prod.env", "key.pem", "id_ed25519", ".npmrc"]
    harmless = [".env.example", ".env.sample", "src/env.py", "id.py", "secret.go"]
    assert secret_like((*secret, *harmless)) == set(secret)
    kinds = [path for kind in junk_kinds() if kind.is_secret for path in kind.paths]
    bare = [re.sub(r"\$\{above\}|\$above", "", path) for path in kinds]
    assert secret_like(tuple(bare)) == set(bare)
