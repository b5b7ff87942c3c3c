import json
import random

import jsonschema
import pytest

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import (
    PlanError,
    PlanProblem,
    parse_plan,
    plan_json,
    plan_problem,
    plan_schema,
)
from diffscribe.core.records import Issue, Plan, PlannedCommit


def commit(*files, kind="fix", subject="stop the leak", **fields):
    return PlannedCommit(files=files, type=kind, subject=subject, **fields)


def plan(*commits, gitignore=()):
    return Plan(commits=commits, gitignore=tuple(gitignore))


PATHS = ("a.py", "b.py", "x.log")


PLANS = [
    (plan(commit("a.py", "b.py", "x.log")), None),
    (plan(commit("a.py"), commit("x.log", "b.py")), None),
    (plan(commit("a.py", "b.py"), gitignore=["*.log"]), None),
    (plan(commit("b.py", "a.py"), gitignore=["*.tmp", "x.log"]), None),
    (plan(gitignore=["*.log", "a.py", "b.py"]), None),
    (plan(commit(*PATHS), commit()), PlanProblem.EMPTY_COMMIT),
    (plan(commit(*PATHS, kind="wip")), PlanProblem.UNKNOWN_TYPE),
    (plan(commit(*PATHS, kind="Fix")), PlanProblem.UNKNOWN_TYPE),
    (plan(commit(*PATHS, subject=" ")), PlanProblem.EMPTY_SUBJECT),
    (plan(commit(*PATHS, "c.py")), PlanProblem.UNKNOWN_PATH),
    (plan(commit(*PATHS, "./a.py")), PlanProblem.UNKNOWN_PATH),
    (plan(commit(*PATHS, "A.py")), PlanProblem.UNKNOWN_PATH),
    (plan(commit(*PATHS), commit("a.py")), PlanProblem.DUPLICATE_PATH),
    (plan(commit(*PATHS, "a.py")), PlanProblem.DUPLICATE_PATH),
    (plan(gitignore=["*"]), PlanProblem.IGNORES_EVERYTHING),
    (plan(commit(*PATHS), gitignore=["**"]), PlanProblem.IGNORES_EVERYTHING),
    (plan(commit(*PATHS), gitignore=["*.*"]), PlanProblem.IGNORES_EVERYTHING),
    (plan(commit(*PATHS), gitignore=["*/"]), PlanProblem.IGNORES_EVERYTHING),
    (
        plan(commit(*PATHS), gitignore=["*.log"]),
        PlanProblem.IGNORES_COMMITTED_PATH,
    ),
    (
        plan(commit("a.py"), gitignore=["*.py", "*.log"]),
        PlanProblem.IGNORES_COMMITTED_PATH,
    ),
    (plan(commit("a.py"), gitignore=["*.log"]), PlanProblem.MISSING_PATH),
    (plan(commit("a.py", "b.py")), PlanProblem.MISSING_PATH),
    (
        plan(commit("a.py", "b.py"), gitignore=["*.log", "!x.log"]),
        PlanProblem.MISSING_PATH,
    ),
    (plan(), PlanProblem.MISSING_PATH),
]


@pytest.mark.parametrize(("candidate", "problem"), PLANS)
def test_a_plan_is_valid_or_has_one_named_problem(candidate, problem):
    assert plan_problem(candidate, PATHS) == problem


def test_every_problem_has_an_example():
    assert {problem for _, problem in PLANS} == {None, *PlanProblem}


def random_plan(seed):
    draw = random.Random(seed)
    text = '{}[]",:\\\n\t ab é漢🎉`'
    words = lambda longest: "".join(  # noqa: E731
        draw.choices(text, k=draw.randint(1, longest))
    )
    commits = [
        PlannedCommit(
            files=tuple(words(9) for _ in range(draw.randint(1, 3))),
            type=draw.choice(TYPES),
            scope=draw.choice([None, words(5)]),
            breaking=draw.random() < 0.5,
            subject=words(20),
            body=draw.choice(["", words(40)]),
            issues=tuple(
                Issue(path=words(5), message=words(9))
                for _ in range(draw.randint(0, 2))
            ),
        )
        for _ in range(draw.randint(0, 3))
    ]
    return plan(*commits, gitignore=[words(5) for _ in range(draw.randint(0, 2))])


@pytest.mark.parametrize("seed", range(50))
def test_an_answer_reads_back_as_the_same_plan_whatever_is_around_it(seed):
    original = random_plan(seed)
    answer = plan_json(original)
    assert parse_plan(answer) == original
    assert parse_plan(f"```json\n{answer}\n```") == original
    assert parse_plan(f'For {{you}} {{}}: {answer} and {{"more": 1}}') == original
    assert parse_plan(json.dumps(json.loads(answer), indent=2)) == original


def test_an_answer_is_one_compact_line_without_defaults():
    full = commit(
        "a.py",
        kind="feat",
        scope="größe",
        breaking=True,
        body="x\ny",
        issues=(Issue(path="a.py", message="m"),),
    )
    assert plan_json(plan(commit("b.py"), full, gitignore=["*.log"])) == (
        '{"gitignore":["*.log"],"commits":['
        '{"files":["b.py"],"type":"fix","subject":"stop the leak"},'
        '{"files":["a.py"],"type":"feat","subject":"stop the leak","scope":"größe",'
        '"breaking":true,"body":"x\\ny","issues":[{"path":"a.py","message":"m"}]}]}'
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no JSON object"),
        ("I cannot {do} that", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"commits":[{"files":["a"],"type":"fix"', "broken or cut off"),
        ('{"commits":[}', "broken or cut off"),
        ("{'commits':[]}", "no JSON object"),
        ('{"commits":[],"commits":[]}', "same key twice"),
        ('{"gitignore":[]}', "commits: Field required"),
        ('{"commits":[],"extra":1}', "extra: Extra inputs are not permitted"),
        ('{"commits":"a"}', "commits: Input should be a valid array"),
        ('{"commits":[],"gitignore":[1]}', "gitignore.0: Input should be"),
        (
            '{"commits":[{"files":"a","type":"fix","subject":"b"}]}',
            "commits.0.files: Input should be a valid array",
        ),
        (
            '{"commits":[{"files":["a"],"type":"fix","subject":"b","breaking":"no"}]}',
            "commits.0.breaking: Input should be a valid boolean",
        ),
        ('{"commits":[],"gitignore":["\\ud800"]}', "Invalid JSON"),
        ('{"commits":' + "[" * 100_000, "nested too deeply"),
        ('{"commits":NaN}', "not a plan"),
    ],
)
def test_a_text_without_a_plan_is_explained(text, complaint):
    with pytest.raises(PlanError) as error:
        parse_plan(text)
    assert complaint in str(error.value)
    assert len(str(error.value)) < 1000


def test_the_schema_accepts_the_answers_and_names_the_paths():
    schema = plan_schema(PATHS)
    jsonschema.Draft202012Validator.check_schema(schema)
    good = plan(
        commit("a.py", "b.py", scope="x", breaking=True, body="y"),
        gitignore=["*.log"],
    )
    jsonschema.validate(json.loads(plan_json(good)), schema)
    for bad in (
        plan(commit("c.py")),
        plan(commit()),
        plan(commit("a.py", kind="wip")),
        plan(commit("a.py", subject="")),
        plan(*[commit("a.py")] * 4),
        plan(commit("a.py", issues=(Issue(path="c.py", message="m"),))),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(plan_json(bad)), schema)


def test_the_schema_keeps_the_key_order_of_the_answer_with_required_keys_first():
    fields = plan_schema(PATHS)["properties"]["commits"]["items"]
    keys = list(fields["properties"])
    full = commit(
        "a", scope="s", breaking=True, body="b", issues=(Issue(path="a", message="m"),)
    )
    assert list(json.loads(plan_json(plan(full)))["commits"][0]) == keys
    assert keys[: len(fields["required"])] == fields["required"]


def test_the_schema_does_not_depend_on_the_order_of_the_paths():
    assert plan_schema(PATHS) == plan_schema(PATHS[::-1])


@pytest.mark.parametrize(
    "value", ["1" * 5000, "[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000]
)
def test_what_no_plan_holds_is_explained_too(value):
    with pytest.raises(PlanError):
        parse_plan(f'{{"gitignore":[],"commits":{value}}}')


def test_a_pattern_that_nobody_can_follow_ignores_everything():
    wild = plan(commit("a"), gitignore=("*?*?*?*?*",))
    assert plan_problem(wild, ["a"]) is PlanProblem.IGNORES_EVERYTHING
