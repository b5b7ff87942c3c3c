import json
import random
import re

import jsonschema
import pytest
from tests.support.growth import assert_linear
from tests.support.planned import make_case
from tests.support.seeds import for_seeds

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import (
    MAX_CHARS,
    PlanProblem,
    plan_json,
    plan_problem,
    plan_schema,
    read_plan,
    read_record,
    restore_paths,
)
from diffscribe.commits.units import FileUnits
from diffscribe.core.records import Issue, Plan, PlannedCommit, Record
from diffscribe.eval.questions import read_answer
from diffscribe.label.check import FlawError, record_of


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
    (plan(commit(*PATHS), gitignore=["*.log"]), PlanProblem.IGNORES_COMMITTED_PATH),
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


FILES = [FileUnits("a.py", 3, False), FileUnits("b.py", 1, False), FileUnits("x.log")]


def split(*hunks, **fields):
    """Commits of a.py, each with these hunks of it, the first with b.py too."""
    return [
        commit("a.py", *(["b.py"] if at == 0 else []), hunks={"a.py": each}, **fields)
        for at, each in enumerate(hunks)
    ]


UNIT_PLANS = [
    (plan(*split((1, 3), (2,)), gitignore=["*.log"]), None),
    (plan(*split((3,), (2,), (1,)), commit("x.log")), None),
    (plan(commit("a.py", "b.py", "x.log")), None),
    (plan(commit("a.py", hunks={"x.log": (1,)})), PlanProblem.STRAY_HUNKS),
    (plan(commit("a.py", hunks={"a.py": ()})), PlanProblem.STRAY_HUNKS),
    (plan(*split((1, 4), (2, 3))), PlanProblem.UNKNOWN_HUNK),
    (plan(*split((0, 1), (2, 3))), PlanProblem.UNKNOWN_HUNK),
    (plan(commit("b.py", hunks={"b.py": (1,)})), PlanProblem.UNKNOWN_HUNK),
    (plan(*split((1, 2, 3))), PlanProblem.WHOLE_FILE_AS_HUNKS),
    (plan(*split((1, 2))), PlanProblem.WHOLE_FILE_AS_HUNKS),
    (plan(*split((1, 2)), commit("a.py")), PlanProblem.DUPLICATE_PATH),
    (plan(*split((1, 2), (2, 3))), PlanProblem.DUPLICATE_HUNK),
    (plan(*split((1, 1), (2, 3))), PlanProblem.DUPLICATE_HUNK),
    (plan(*split((1,), (3,))), PlanProblem.MISSING_HUNK),
    (plan(commit("a.py"), gitignore=["*.log", "b.py"]), PlanProblem.IGNORES_KNOWN_PATH),
    (plan(*split((1,), (2, 3))), PlanProblem.MISSING_PATH),
]


@pytest.mark.parametrize(("candidate", "problem"), UNIT_PLANS)
def test_hunks_of_split_files_are_judged_like_files(candidate, problem):
    assert plan_problem(candidate, FILES) == problem


def test_paths_alone_are_files_that_are_never_split():
    assert plan_problem(plan(*split((1,), (2,))), PATHS) is PlanProblem.UNKNOWN_HUNK


def test_types_may_be_others_than_those_of_conventional_commits():
    plain = plan(commit(*PATHS, kind=""))
    assert plan_problem(plain, PATHS) is PlanProblem.UNKNOWN_TYPE
    assert plan_problem(plain, PATHS, types=("",)) is None


def test_a_plan_without_hunks_has_no_trace_of_them():
    whole = commit("a.py")
    assert "hunks" not in whole.model_dump_json()
    assert "hunks" not in plan_json(plan(whole))
    assert plan_schema(PATHS) == plan_schema([FileUnits(path) for path in PATHS])
    assert "hunks" not in json.dumps(plan_schema(PATHS))


def test_a_plan_with_hunks_is_written_and_read_and_fits_the_schema():
    made = plan(*split((1, 3), (2,), scope="x"), gitignore=["*.log"])
    assert Plan.model_validate_json(made.model_dump_json()) == made
    answer = plan_json(made)
    assert '"subject":"stop the leak","hunks":{"a.py":[1,3]},"scope":"x"' in answer
    assert read_plan(answer) == (made, None, False)
    schema = plan_schema(FILES)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(answer), schema)
    for bad in ({"a.py": (4,)}, {"b.py": (1,)}, {"a.py": ()}):
        with pytest.raises(jsonschema.ValidationError):
            answer = plan_json(plan(commit("a.py", hunks=bad)))
            jsonschema.validate(json.loads(answer), schema)


def test_a_plan_with_hunks_can_be_a_key():
    one, other = plan(*split((1,), (2, 3))), plan(*split((1, 2), (3,)))
    assert len({one, other, plan(*split((1,), (2, 3)))}) == 2


def test_hunks_follow_a_path_that_is_restored():
    hidden = plan(commit("<p>.py", hunks={"<p>.py": (1,)}))
    assert restore_paths(hidden, {"<p>": "a"}).commits[0].hunks == {"a.py": (1,)}


@pytest.mark.parametrize(("candidate", "problem"), PLANS)
def test_a_plan_is_valid_or_has_one_named_problem(candidate, problem):
    assert plan_problem(candidate, PATHS) == problem


def test_every_problem_has_an_example():
    assert {problem for _, problem in PLANS + UNIT_PLANS} == {None, *PlanProblem}


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


@for_seeds(50)
def test_an_answer_reads_back_as_the_same_plan_whatever_is_around_it(seed):
    original = random_plan(seed)
    answer = plan_json(original)
    for text in (answer, json.dumps(json.loads(answer), indent=2), f" {answer}\n"):
        assert read_plan(text) == (original, None, False)
    for text in (
        f"```json\n{answer}\n```",
        f'For {{you}} {{}}: {answer} and {{"more": 1}}',
        json.dumps(answer),
    ):
        assert read_plan(text) == (original, None, True)


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


ANSWER = plan_json(plan(commit("a.py", "b.py"), gitignore=["*.log"]))
FIELDS = json.loads(ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"note": "two files"}} {ANSWER}',
        f'{{"note": 1, "note": 2}} {ANSWER}',
        f"{{not json}} then {ANSWER}",
        f"{ANSWER}{ANSWER}",
        f"~~~\n{ANSWER}\n~~~",
        f" {json.dumps(ANSWER)} ",
        json.dumps({**FIELDS, "commits": json.dumps(FIELDS["commits"])}),
        json.dumps({**FIELDS, "commits": [*map(json.dumps, FIELDS["commits"])]}),
        json.dumps({**FIELDS, "gitignore": '["*.log"]'}),
    ],
)
def test_an_answer_with_one_meaning_is_repaired(text):
    assert read_plan(text) == (plan_of(ANSWER), None, True)


HEADERS = {"commits": [{"subject": "fix(io)!: stop the leak", "files": ["a.py"]}]}


def test_the_contract_of_git_smart_commit_is_read_too():
    made = commit("a.py", scope="io", breaking=True)
    assert read_plan(json.dumps(HEADERS)) == (plan(made), None, True)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (f'{{"note": "two files"}} {ANSWER}', True),
        (json.dumps(ANSWER), True),
        (json.dumps({**FIELDS, "commits": json.dumps(FIELDS["commits"])}), True),
        (ANSWER.replace('"type"', '"type":"feat","type"'), False),
        (json.dumps(HEADERS), True),
        (ANSWER[:-1], False),
        ("", False),
    ],
)
def test_label_and_eval_judge_an_odd_answer_alike(text, counts):
    reading = read_plan(text)
    assert (reading.record is not None) is counts
    assert read_answer(make_case(), text) == (reading.record, reading.problem)
    if counts:
        assert record_of(reading) == reading.record
    else:
        with pytest.raises(FlawError, match=re.escape(reading.problem)):
            record_of(reading)


def plan_of(text):
    return Plan.model_validate(json.loads(text))


def test_a_string_stays_where_a_string_is_meant():
    text = ANSWER.replace("stop the leak", "[1]")
    assert read_plan(text) == (plan_of(text), None, False)


def test_a_plan_without_junk_may_leave_gitignore_out():
    text = '{"commits":[{"files":["a"],"type":"fix","subject":"b"}]}'
    assert read_plan(text) == (plan(commit("a", subject="b")), None, False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no whole JSON object with the keys commits"),
        ("I cannot {do} that", "holds no whole JSON object"),
        ("[1, 2]", "holds no whole JSON object"),
        (ANSWER[:-1], "holds no whole JSON object"),
        ('{"commits":[}', "holds no whole JSON object"),
        ("{'commits':[]}", "holds no whole JSON object"),
        ('{"gitignore":[]}', "holds no whole JSON object"),
        ('{"commits":' + "[" * 100_000, "holds no whole JSON object"),
        ('{"commits":[],"commits":[]}', 'the key "commits" is twice in one object'),
        ('{"commits":[{"type":"fix","type":"feat"}]}', 'the key "type" is twice'),
        ('{"commits":"[{\\"type\\":1,\\"type\\":2}]"}', 'the key "type" is twice'),
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
        ('{"commits":NaN}', "commits: Input should be a valid array"),
        (f'{{"commits":{"1" * 5000}}}', "holds no whole JSON object"),
        (f'{{"commits":{"[" * 900 + "]" * 900}}}', "commits"),
        ("[" * 9_999, "holds no whole JSON object"),
        ('{"a":' * 9_999, "holds no whole JSON object"),
        (" " * MAX_CHARS + ANSWER, "longer than 1000000 characters"),
    ],
)
def test_an_answer_without_a_plan_is_explained_in_a_line(text, problem):
    found = read_plan(text)
    assert found.record is None
    assert problem in found.problem
    assert len(found.problem) < 1000


@pytest.mark.parametrize(
    "piece", ["{", '{"', '{"a":', "[", '"', "\\", "{}", '{"commits":[]', '"{\\"a\\":']
)
def test_hostile_answers_take_time_by_their_length(piece):
    def read(size):
        assert read_plan((piece * size)[: size - 1]).record is None

    assert_linear(read, MAX_CHARS // 4)


@pytest.mark.parametrize("piece", ["[{},", "[0,", '"x'])
def test_an_answer_that_breaks_at_its_end_is_not_read_from_every_brace(piece):
    def read(size):
        text = '{"a":' * (size // 2_500) + piece[0] + piece[1:] * size
        assert read_plan(text[:size]).record is None

    assert_linear(read, MAX_CHARS // 16)


@pytest.mark.parametrize("braces", ["{a} and {b} " * 20, '{"x":{"y":', "{" * 90])
def test_broken_braces_before_a_plan_are_passed_over(braces):
    assert read_plan(braces + ANSWER).is_repaired
    assert read_plan(braces + ANSWER).record


DRAFT = plan_json(plan(commit("a.py", subject="add a draft")))


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        (f"Maybe {DRAFT}. No: {ANSWER}", True),
        (f"```json\n{DRAFT}\n```\nBetter:\n```json\n{ANSWER}\n```", True),
        (f"{DRAFT}</think>{ANSWER}", True),
        ('{"x": {y}} ' * 200 + DRAFT + ANSWER + ' as {"said": "above"}', True),
        (f"{DRAFT} No: {ANSWER[:-9]}", False),
        (f'{DRAFT} No: {{"commits": "later"}}', False),
    ],
)
def test_the_last_plan_of_an_answer_counts_and_no_draft_before_it(text, is_read):
    assert read_plan(text).record == (read_plan(ANSWER).record if is_read else None)


def test_an_invented_key_of_any_length_is_named_on_one_short_line():
    key = "k\\n" * 200_000
    problem = read_plan(f'{{"gitignore":[],"commits":[],"{key}":1}}').problem
    assert problem == f"{'k ' * 40}: Extra inputs are not permitted"


class Note(Record):
    text: str
    tags: tuple[str, ...] = ()


def test_other_records_are_read_by_the_same_rules():
    assert read_record('So: {"text": "[1]", "tags": "[]"}', Note) == (
        Note(text="[1]"),
        None,
        True,
    )
    assert read_record('{"a": {"text": "b"}}', Note).record is None


def test_the_schema_accepts_the_answers_and_names_the_paths():
    schema = plan_schema(PATHS)
    jsonschema.Draft202012Validator.check_schema(schema)
    good = plan(
        commit("a.py", "b.py", scope="x", breaking=True, body="y"), gitignore=["*.log"]
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


def test_a_pattern_that_nobody_can_follow_ignores_everything():
    wild = plan(commit("a"), gitignore=("*?*?*?*?*",))
    assert plan_problem(wild, ["a"]) is PlanProblem.IGNORES_EVERYTHING
