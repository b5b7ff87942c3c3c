import random
from pathlib import Path

import pytest
from sklearn.metrics import adjusted_rand_score
from tests.support.planned import HOUSE, commit, make_case, plan, prediction
from tests.support.seeds import for_seeds

from diffscribe.eval.grouping import ari, partition
from diffscribe.eval.messages import aligned_type_share
from diffscribe.eval.scores import HEADLINE, MEASURES, SCORES, score, score_all

MAIN = ("valid", "type", "ari", "junk")
TARGET = plan(
    commit("src/a.py src/b.py", "fix"),
    commit("docs/c.md", "docs"),
    gitignore=["*.log", "build/"],
)
CASE = make_case(TARGET, junk=("x.log", "build/y.o"))
DOCS = (Path(__file__).parents[2] / "docs" / "eval.md").read_text()


def values(scored):
    return tuple(scored.values[name] for name in MAIN)


def test_every_measure_has_a_value_in_the_order_of_the_table():
    assert list(score(CASE, prediction(TARGET), HOUSE).values) == list(SCORES)
    assert list(score(CASE, prediction(None), HOUSE).values) == list(SCORES)
    assert (len(MEASURES), len(HEADLINE)) == (19, 8)
    assert set(HEADLINE) <= MEASURES.keys()


@pytest.mark.parametrize("name", SCORES)
def test_every_measure_has_a_row_with_its_trap_in_the_docs(name):
    rows = [line.strip("| ").split(" | ") for line in DOCS.splitlines()]
    [row] = [row for row in rows if row[0].replace("*", "") == f"`{name}`"]
    assert len(row) == 3
    assert min(map(len, row[1:])) > 5
    assert row[0].startswith("**") == (name in HEADLINE)


def test_a_variant_shares_the_cluster_of_its_parent():
    variant = make_case(TARGET, parent_id="s0")
    assert score(variant, prediction(TARGET), HOUSE).cluster == "s0"
    assert score(CASE, prediction(TARGET), HOUSE).cluster == "s1"


def test_scores_find_their_samples_by_id():
    other = CASE.model_copy(update={"id": "s2", "target": plan(commit("z"))})
    [scored] = score_all([other, CASE], [prediction(TARGET)], HOUSE)
    assert (scored.sample_id, scored.values["ari"]) == ("s1", 1.0)


def random_plan(rng, paths):
    groups = {}
    for path in rng.sample(paths, len(paths)):
        groups.setdefault(rng.randrange(4), []).append(path)
    types = ("feat", "fix", "docs")
    return plan(*(commit(" ".join(g), rng.choice(types)) for g in groups.values()))


def labels(of, paths):
    return [next(i for i, c in enumerate(of.commits) if p in c.files) for p in paths]


@for_seeds(200)
def test_random_plans_keep_the_laws(seed):
    rng = random.Random(seed)
    paths = [f"f{n}" for n in range(rng.randint(1, 12))]
    target, answer = random_plan(rng, paths), random_plan(rng, paths)
    index = adjusted_rand_score(labels(target, paths), labels(answer, paths))
    assert ari(partition(target, answer)) == pytest.approx(max(0.0, index), abs=1e-12)
    assert ari(partition(target, answer)) == pytest.approx(
        ari(partition(answer, target)), abs=1e-12
    )
    assert 0 <= aligned_type_share(target, answer) <= 1
    perfect = score(make_case(target), prediction(target), HOUSE)
    assert values(perfect)[:3] == (1.0, 1.0, 1.0)
    shuffled = plan(
        *(
            each.model_copy(update={"files": each.files[::-1]})
            for each in rng.sample(answer.commits, len(answer.commits))
        )
    )
    case = make_case(target)
    assert score(case, prediction(shuffled), HOUSE).values == pytest.approx(
        score(case, prediction(answer), HOUSE).values
    )


@for_seeds(200)
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
    case = make_case(target, junk=("junk.log",))
    scored = score(case, prediction(broken), HOUSE)
    assert None not in values(scored)
    for name, value in scored.values.items():
        if value is not None:
            assert type(value) is float
            assert SCORES[name].low <= value <= SCORES[name].high, name
