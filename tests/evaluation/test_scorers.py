import random

import pytest
from sklearn.metrics import adjusted_rand_score

from diffscribe.commits.plan import plan_json
from diffscribe.evaluation.scorers import (
    ari,
    junk_routed,
    score,
    score_all,
    type_accuracy,
)
from diffscribe.records import Message, Plan, PlannedCommit, Prediction, Sample


def commit(files, type_="feat"):
    return PlannedCommit(files=tuple(files.split()), type=type_, subject="do it")


def plan(*commits, gitignore=()):
    return Plan(commits=commits, gitignore=tuple(gitignore))


def sample(target, junk=(), parent_id=None):
    files = [path for each in target.commits for path in each.files]
    return Sample(
        id="s1",
        parent_id=parent_id,
        repo="r",
        task="plan",
        prompt=(Message(role="user", content="?"),),
        completion=(Message(role="assistant", content=plan_json(target)),),
        files=(*files, *junk),
        junk=tuple(junk),
        target=target,
    )


def prediction(answer, error=None):
    return Prediction(
        sample_id="s1",
        system="student",
        text="",
        plan=answer,
        error=error,
        latency_s=1.0,
        prompt_tokens=1,
        completion_tokens=1,
    )


def values(scored):
    return scored.valid, scored.type_accuracy, scored.ari, scored.junk_routed


TARGET = plan(
    commit("src/a.py src/b.py", "fix"),
    commit("docs/c.md", "docs"),
    gitignore=["*.log", "build/"],
)
SAMPLE = sample(TARGET, junk=("x.log", "build/y.o"))


def test_the_target_itself_is_perfect():
    assert values(score(SAMPLE, prediction(TARGET))) == (1.0, 1.0, 1.0, 1.0)


def test_an_answer_without_a_plan_is_worth_nothing():
    scored = score(SAMPLE, prediction(None, "no JSON"))
    assert values(scored) == (0.0, 0.0, 0.0, 0.0)


def test_a_plan_without_commits_is_worth_nothing():
    assert values(score(SAMPLE, prediction(plan()))) == (0.0, 0.0, 0.0, 0.0)


def test_a_plan_without_commits_is_worth_nothing_even_for_a_single_file():
    single = sample(plan(commit("a.py")))
    assert values(score(single, prediction(plan()))) == (0.0, 0.0, 0.0, None)


def test_everything_in_one_commit_is_valid_but_groups_by_chance():
    lump = plan(commit("src/a.py src/b.py docs/c.md x.log build/y.o", "fix"))
    assert values(score(SAMPLE, prediction(lump))) == (1.0, 0.5, 0.0, 0.0)


def test_one_commit_a_file_is_valid_but_groups_by_chance():
    alone = plan(*(commit(path, "fix") for path in SAMPLE.files))
    assert values(score(SAMPLE, prediction(alone))) == (1.0, 0.5, 0.0, 0.0)


def test_ignoring_everything_routes_no_junk():
    greedy = plan(*TARGET.commits, gitignore=["*"])
    assert values(score(SAMPLE, prediction(greedy))) == (0.0, 1.0, 1.0, 0.0)


def test_a_plan_that_repeats_files_is_not_valid_and_gains_nothing():
    groups = ["src/a.py src/b.py", "docs/c.md", "src/a.py docs/c.md", "src/b.py"]
    overlapping = plan(*(commit(files, "fix") for files in groups))
    scored = score(SAMPLE, prediction(overlapping))
    assert (scored.valid, scored.ari) == (0.0, 0.0)


def test_a_variant_shares_the_cluster_of_its_parent():
    variant = sample(TARGET, parent_id="s0")
    assert score(variant, prediction(TARGET)).cluster == "s0"
    assert score(SAMPLE, prediction(TARGET)).cluster == "s1"


def test_scores_find_their_samples_by_id():
    other = SAMPLE.model_copy(update={"id": "s2", "target": plan(commit("z"))})
    [scored] = score_all([other, SAMPLE], [prediction(TARGET)])
    assert (scored.sample_id, scored.ari) == ("s1", 1.0)


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


def test_junk_that_is_committed_is_not_routed_though_a_pattern_matches_it():
    half = plan(commit("src/a.py x.log"), gitignore=["*.log", "build/"])
    assert junk_routed(SAMPLE, half) == 0.5


def test_junk_that_is_only_left_out_is_not_routed():
    assert junk_routed(SAMPLE, plan(*TARGET.commits)) == 0.0


@pytest.mark.parametrize("absurd", ["*", "**", "/**", "src/", "*.py", "docs/c.md"])
def test_a_pattern_that_ignores_a_real_file_is_not_counted(absurd):
    assert junk_routed(SAMPLE, plan(gitignore=[absurd])) == 0.0
    assert junk_routed(SAMPLE, plan(gitignore=[absurd, "*.log"])) == 0.5


def test_without_junk_there_is_nothing_to_route():
    assert junk_routed(sample(TARGET), TARGET) is None


def random_plan(rng, paths):
    groups = {}
    for path in rng.sample(paths, len(paths)):
        groups.setdefault(rng.randrange(4), []).append(path)
    types = ("feat", "fix", "docs")
    return plan(*(commit(" ".join(g), rng.choice(types)) for g in groups.values()))


def labels(of, paths):
    return [next(i for i, c in enumerate(of.commits) if p in c.files) for p in paths]


@pytest.mark.parametrize("seed", range(200))
def test_random_plans_keep_the_laws(seed):
    rng = random.Random(seed)
    paths = [f"f{n}" for n in range(rng.randint(1, 12))]
    target, answer = random_plan(rng, paths), random_plan(rng, paths)
    index = adjusted_rand_score(labels(target, paths), labels(answer, paths))
    assert ari(target, answer) == pytest.approx(max(0.0, index), abs=1e-12)
    assert ari(target, answer) == pytest.approx(ari(answer, target), abs=1e-12)
    assert 0 <= type_accuracy(target, answer) <= 1
    assert values(score(sample(target), prediction(target)))[:3] == (1.0, 1.0, 1.0)
    shuffled = plan(
        *(
            each.model_copy(update={"files": each.files[::-1]})
            for each in rng.sample(answer.commits, len(answer.commits))
        )
    )
    case = sample(target)
    assert values(score(case, prediction(shuffled))) == pytest.approx(
        values(score(case, prediction(answer)))
    )


@pytest.mark.parametrize("seed", range(200))
def test_scores_of_broken_plans_stay_within_bounds(seed):
    rng = random.Random(seed)
    paths = [f"f{n}" for n in range(rng.randint(1, 8))]
    target = random_plan(rng, paths)
    strangers = [*paths, "elsewhere", "junk.log"]
    broken = plan(
        *(
            commit(" ".join(rng.choices(strangers, k=rng.randint(0, 5))), "feat")
            for _ in range(rng.randint(0, 5))
        ),
        gitignore=rng.choices(["*", "!f1", "f2", "*.log", "[", ""], k=2),
    )
    case = sample(target, junk=("junk.log",))
    scored = values(score(case, prediction(broken)))
    assert all(0 <= value <= 1 for value in scored)
    assert all(type(value) is float for value in scored)
