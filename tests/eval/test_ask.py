import json
from pathlib import Path

import pytest
from tests.support.fault_server import Fault, FaultServer
from tests.support.planned import commit, make_case, plan
from tests.support.rows import make_curated, make_sample
from tests.support.tiny_gguf import write_tiny

from diffscribe.asking.connect import Gguf, Remote
from diffscribe.commits.grammar import TYPES, format_header
from diffscribe.commits.plan import plan_json, plan_problem, plan_schema
from diffscribe.commits.prompt import Prompts
from diffscribe.core.errors import SourceError, ToolError
from diffscribe.core.files import write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Message, PlannedChange, SplitChange
from diffscribe.eval.ask import System, ask, find_models, systems_of
from diffscribe.eval.cases import (
    case_units,
    read_cases,
    single_cases,
    with_groups,
)
from diffscribe.eval.questions import CANDIDATE_TEMPERATURE, Decoding, read_answer
from diffscribe.merge_quantize.gguf import modelfile

ROOT = Path(__file__).parents[2]
VALUES = load_params(ROOT / "params.yaml")
PARAMS, STYLE = VALUES.eval, VALUES.style
DECODING = Decoding(max_tokens=64, seed=7)
MESSAGE = make_case(task="message")


@pytest.fixture
def models(tmp_path):
    for name in ("student-f16", "student-q4_k_m", "student-q8_0", "base-f16"):
        (tmp_path / f"{name}.gguf").write_bytes(b"GGUF")
    text = modelfile("student-q8_0.gguf", "Split.\nFROM ./x.gguf", 512)
    (tmp_path / "Modelfile").write_text(text)
    return tmp_path


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """A function from cases to the predictions of an endpoint, in a new ledger."""
    monkeypatch.chdir(tmp_path)

    def predict(base_url, *cases, timeout_s=60.0, slots=1, candidates=1):
        model = Remote(
            base_url, "m", timeout_s=timeout_s, concurrency=slots, attempts=1
        )
        system = System("student", model, cases)
        decoding = DECODING._replace(candidates=candidates)
        return ask(system, decoding, STYLE, lambda rows, *_: rows)

    return predict


@pytest.fixture
def questions(case):
    """A function to a number of cases, each with a prompt of its own."""

    def make(count):
        return [
            case(f"s{n}").model_copy(
                update={"prompt": (Message(role="user", content=f"s{n}"),)}
            )
            for n in range(count)
        ]

    return make


def asked_of(server):
    return [each.body["messages"][-1]["content"] for each in server.received]


def test_the_student_of_the_modelfile_is_first_and_the_base_last(models):
    found = find_models(models)
    assert list(found) == ["student-q8_0", "student-f16", "student-q4_k_m", "base"]
    assert found["student-q8_0"] == models / "student-q8_0.gguf"
    assert found["base"] == models / "base-f16.gguf"


def test_what_the_base_was_made_of_is_asked_under_its_name(models):
    (models / "smollm2-135m-f16.gguf").write_bytes(b"GGUF")
    *others, origin = find_models(models).items()
    assert [name for name, _ in others][-1] == "base"
    assert origin == ("smollm2-135m", models / "smollm2-135m-f16.gguf")


@pytest.mark.parametrize("missing", ["student-q8_0.gguf", "base-f16.gguf", "Modelfile"])
def test_a_missing_model_is_explained(models, missing):
    (models / missing).unlink()
    with pytest.raises(SourceError, match="run the stage merge-quantize"):
        find_models(models)


@pytest.mark.parametrize("chars", [None, 5000, 10])
def test_the_base_is_asked_in_full_too_if_there_is_room_for_it(models, case, chars):
    cases = [case("a"), case("b")]
    params = PARAMS.model_copy(update={"full_prompt_chars": chars, "slots": 3})
    full = Prompts("Plan with care.", "$files\n$diff\n$schema")
    systems = systems_of(find_models(models), cases, full, lump, alone, params)
    names = ["student-q8_0", "student-f16", "student-q4_k_m", "base"]
    assert [each.name for each in systems[:4]] == names
    assert all(each.cases == cases and each.model.slots == 3 for each in systems[:4])
    if chars is None:
        assert len(systems) == 4
        return
    [told] = systems[4:]
    assert (told.name, told.model) == ("base-full-prompt", systems[3].model)
    for asked, own in zip(told.cases, cases, strict=True):
        assert asked.model_copy(update={"prompt": own.prompt}) == own
        if chars == 10:
            assert asked.prompt == ()
            continue
        schema = json.dumps(plan_schema(own.files), separators=(",", ":"))
        assert asked.prompt[0].content == "Plan with care."
        assert schema in asked.prompt[1].content


def test_a_plan_is_read_and_its_cost_is_kept(endpoint, answers, case):
    asked = case("s")
    text = plan_json(asked.target)
    endpoint.will_say(text, prompt_tokens=40, completion_tokens=20)
    [prediction] = answers(endpoint.base_url, asked)
    assert (prediction.sample_id, prediction.system) == ("s", "student")
    assert (prediction.text, prediction.error) == (text, None)
    assert (prediction.plan, prediction.model) == (asked.target, "m")
    assert (prediction.prompt_tokens, prediction.completion_tokens) == (40, 20)
    assert prediction.latency_s > 0


def test_the_schema_lists_the_files_of_the_sample_alone(endpoint, answers, case):
    endpoint.will_say("{}")
    endpoint.will_say("{}")
    answers(endpoint.base_url, case("s", ("a",)), case("t", ("b", "c")))
    formats = [each.body["response_format"] for each in endpoint.requests]
    schemas = [each["json_schema"]["schema"] for each in formats]
    assert schemas == [plan_schema(("a",)), plan_schema(("b", "c"))]


def test_a_case_without_a_prompt_is_not_asked(endpoint, answers, case):
    asked = case("s").model_copy(update={"prompt": ()})
    [prediction] = answers(endpoint.base_url, asked)
    assert prediction.error.startswith("not asked: ")
    assert (prediction.plan, prediction.latency_s, endpoint.requests) == (None, 0.0, [])


def test_an_answer_that_was_cut_says_so(endpoint, answers, case):
    endpoint.will_say('{"commits": [', completion_tokens=64, finish_reason="length")
    [prediction] = answers(endpoint.base_url, case("s"))
    assert prediction.plan is None
    assert prediction.error == "cut off after 64 tokens; raise max_answer_tokens"


@pytest.mark.parametrize(
    ("text", "type_", "subject", "body"),
    [
        (
            "<think>hm</think>\n```\nfix(x)!: stop\n\nIt ran on.\n```",
            *("fix", "stop", "It ran on."),
        ),
        ("Stop it", *("", "Stop it", "")),
    ],
)
def test_a_message_is_one_commit_without_its_fence_and_thoughts(
    text, type_, subject, body
):
    read, error = read_answer(MESSAGE, text)
    [made] = read.commits
    assert (made.type, made.subject, made.body) == (type_, subject, body)
    assert (made.files, error) == (("a.py", "b.py"), None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("fix: stop", None),
        ("1 1\nfix: stop", "message 1: the line below its header is not blank"),
        ("fix: stop\n%%\nfix: go", "2 messages for 1 commits"),
        ("1", "message 1 begins with no `type(scope): subject`"),
        ("", "0 messages for 1 commits"),
    ],
)
def test_a_message_in_lines_has_no_first_line(text, problem):
    asked = MESSAGE.model_copy(update={"answer": "lines"})
    read, why = read_answer(asked, text)
    assert (why, read is None) == (problem, problem is not None)


def test_no_message_is_said_to_be_none():
    assert read_answer(MESSAGE, " \n") == (None, "the answer holds no message")


def test_a_request_without_an_answer_costs_one_sample_and_no_time(
    endpoint, answers, questions
):
    refused, late, good = questions(3)
    endpoint.will_fail(400, "the request exceeds the context size")
    endpoint.will_say("late", after_s=30.0)
    endpoint.will_say(plan_json(good.target))
    found = answers(endpoint.base_url, refused, late, good, timeout_s=2.0)
    assert [each.error for each in found] == [
        "HTTP 400: the request exceeds the context size",
        "no answer within 2 s",
        None,
    ]
    assert [(each.text, each.plan, each.latency_s) for each in found[:2]] == [
        ("", None, 0.0)
    ] * 2
    assert found[2].plan == good.target


def test_a_server_that_is_gone_stops_the_evaluation(endpoint, answers, questions):
    for _ in range(8):
        endpoint.will_hang_up()
    with pytest.raises(ToolError, match="cannot be reached"):
        answers(endpoint.base_url, *questions(8))
    assert len(endpoint.requests) < 3


def test_no_question_is_asked_twice_and_predictions_are_equal(answers, questions):
    cases = questions(6)
    text = plan_json(cases[0].target)
    with FaultServer(answer=lambda body: text) as server:
        server.then(None, Fault.SERVER_ERROR, None, None, None, None)
        first = answers(server.base_url, *cases)
        assert [each.sample_id for each in first if each.error] == ["s1"]
        second = answers(server.base_url, *cases)
        assert asked_of(server)[6:] == ["s1"]
        assert [each for each in second if each.sample_id != "s1"] == [
            each for each in first if each.sample_id != "s1"
        ]
    # The server is gone; what is in the ledger needs none.
    assert answers(server.base_url, *cases) == second


@pytest.mark.slow
def test_a_gguf_is_named_by_its_digest_and_answers_alike_each_time(
    tiny_gguf, tmp_path, monkeypatch, questions
):
    monkeypatch.setenv("LLAMA_CPP_DIR", str(ROOT / ".tools/llama.cpp"))
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        system = System("tiny", Gguf(tiny_gguf, 512, threads=1), questions(3))
        found.append(ask(system, Decoding(16, 7), STYLE, lambda rows, *_: rows))
    one, two = (
        [each.model_copy(update={"latency_s": 0.0}) for each in predictions]
        for predictions in found
    )
    assert one == two
    assert all(each.completion_tokens for each in one)
    assert {each.model.split(":")[0] for each in one} == {"gguf"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random model with room for the longest answers."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "t.gguf", context_tokens=8192)


def lines_case(case_id, target, junk=(), hunks=1):
    """A case that wants lines; its first file has so many hunks."""
    files = [path for each in target.commits for path in each.files]
    asked = make_case(plan(commit(" ".join(dict.fromkeys(files)))), junk, id=case_id)
    more = "".join(f"@@ -{n}1 +{n}1 @@\n-old\n+new\n" for n in range(2, hunks + 1))
    first, *rest = asked.diff.split("diff --git ")[1:]
    diff = "".join(f"diff --git {each}" for each in (first + more, *rest))
    prompt = (Message(role="user", content=f"Split {case_id}."),)
    fields = {"answer": "lines", "diff": diff, "prompt": prompt, "target": target}
    return asked.model_copy(update=fields)


LINES = [
    lines_case("whole", plan(commit("a.py b.py"), commit("c.py"))),
    lines_case("junk", plan(commit("a.py"), gitignore=["*.log"]), junk=("x.log",)),
    lines_case(
        "split",
        plan(
            commit("a.py b.py", hunks={"a.py": (1, 3)}),
            commit("a.py", hunks={"a.py": (2,)}),
        ),
        hunks=3,
    ),
]


def lump(case):
    return plan(commit(" ".join(case.files)))


def target_of(case):
    return case.target


def groups_of(plan):
    return [(each.files, each.hunks) for each in plan.commits], plan.gitignore


def alone(cases):
    """The cases of one message with a prompt."""
    return [
        each.model_copy(update={"prompt": MESSAGE.prompt, "answer": "lines"})
        for each in cases
    ]


def planned(case):
    """All in one commit, or about as likely as the target has it."""
    return PlannedChange(
        id=case.id, plan=lump(case), others=(case.target,), given=case.target
    )


@pytest.mark.slow
def test_every_answer_under_the_grammar_is_a_valid_plan(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP_DIR", str(ROOT / ".tools/llama.cpp"))
    monkeypatch.chdir(tmp_path)
    params = PARAMS.model_copy(
        update={
            "also": ("free", "hybrid", "rerank", "groups_given"),
            "context_tokens": 8192,
            "threads": 1,
        }
    )
    models = {"student-q8_0": tiny, "base": tiny}
    full = Prompts("", "")
    rows = systems_of(models, LINES, full, planned, alone, params)
    names = ["student-q8_0", "base", "student-free", "hybrid", "rerank"]
    names += ["student-groups-given"]
    assert [each.name for each in rows] == names
    decoding = Decoding(6000, 7)
    found = {
        each.name: ask(each, decoding, STYLE, lambda rows, *_: rows) for each in rows
    }
    for name in names:
        problems = [
            each.plan and plan_problem(each.plan, case_units(case))
            for each, case in zip(found[name], LINES, strict=True)
        ]
        if name == "student-free":
            assert all(each.error and each.plan is None for each in found[name])
        else:
            assert problems == [None] * 3
            assert [each.error for each in found[name]] == [None] * 3
    for name, plan_of in (("hybrid", lump), ("student-groups-given", target_of)):
        for each, case in zip(found[name], LINES, strict=True):
            assert groups_of(each.plan) == groups_of(plan_of(case))
            assert each.completion_tokens > len(each.plan.commits)
    types = {each.type for row in found["hybrid"] for each in row.plan.commits}
    assert types == {each.type for case in LINES for each in lump(case).commits}
    chosen = [each.text.split("\n")[0] for each in found["rerank"]]
    given = ["1 1 2", "1 -", "(1 2 1) 1"]
    for line, *proposed in zip(chosen, ["1 1 1", "1 1", "1 1"], given, strict=True):
        assert line in proposed
    for each in rows:
        assert (
            ask(each, decoding, STYLE, lambda rows, *_: rows, True) == found[each.name]
        )


def test_of_the_candidates_for_a_message_the_agreed_one_is_kept_at_the_cost_of_all(
    answers,
):
    early = "fix: stop early"
    said = ["fix: add a log", "fix: stop `it_all`", "no header", early, early]
    asked = LINES[0].model_copy(update={"task": "message"})
    with FaultServer(answer=lambda body: said[body["seed"] - DECODING.seed]) as server:
        [first] = answers(server.base_url, asked)
        [kept] = answers(server.base_url, asked, candidates=5)
        drawn = [
            (each.body["temperature"], each.body["seed"]) for each in server.received
        ]
        answers(server.base_url, LINES[0], candidates=5)
    assert (first.text, kept.text) == ("fix: add a log", early)
    assert drawn == [(0.0, 7), *((CANDIDATE_TEMPERATURE, 7 + n) for n in range(1, 5))]
    assert kept.completion_tokens == 5 * first.completion_tokens
    assert len(server.received) == 6, "of a plan there is one answer"


def test_an_answer_in_lines_that_was_cut_is_no_plan(endpoint, answers):
    endpoint.will_say("1 1 1\nfix: sto", completion_tokens=64, finish_reason="length")
    [prediction] = answers(endpoint.base_url, LINES[0])
    assert prediction.plan is None
    assert prediction.error.startswith("cut off after 64 tokens; raise ")


def test_an_endpoint_that_is_no_llama_cpp_is_asked_for_lines_without_a_grammar(
    endpoint, answers
):
    endpoint.will_say("1 1 2\nfix: stop early\n%%\ndocs: say it", completion_tokens=9)
    [prediction] = answers(endpoint.base_url, LINES[0])
    [commits] = [prediction.plan.commits]
    assert [(each.type, each.files) for each in commits] == [
        ("fix", ("a.py", "b.py")),
        ("docs", ("c.py",)),
    ]
    [request] = endpoint.requests
    assert not {"grammar", "response_format"} & request.body.keys()


def test_rows_that_need_lines_are_left_out_for_samples_in_json(models, case, caplog):
    params = PARAMS.model_copy(update={"also": ("hybrid",)})
    found = find_models(models)
    systems = systems_of(found, [case("a")], Prompts("", ""), planned, alone, params)
    assert [each.name for each in systems] == list(found)
    assert "eval.also: hybrid left out" in caplog.text


def test_groups_that_lines_cannot_hold_are_left_to_the_model(case):
    asked = lines_case("many", plan(*(commit(f"f{n}.py") for n in range(13))))
    together, wrong = "1" + " 1" * 12, plan(commit("f0.py"))
    for plans, lines in (
        ([lump(asked)], (together,)),
        ([asked.target], ()),
        ([wrong], ()),
        ([asked.target, lump(asked), wrong, lump(asked)], (together,)),
    ):
        [given] = with_groups([asked], lambda _, plans=plans: plans)
        assert given.first_lines == lines
    assert with_groups([MESSAGE], lambda case: [lump(case)]) == [MESSAGE]


def test_each_commit_of_a_given_plan_is_asked_for_alone():
    commits = (commit("a.py", "docs"), commit("b.py", "feat", scope="api"))
    asked = lines_case("two", plan(*commits))
    alone = single_cases(asked, asked.target, has_types=True)
    assert [each.files for each in alone] == [("a.py",), ("b.py",)]
    assert [each.types for each in alone] == [("docs",), ("feat",)]
    assert all("a.py" in each.diff for each in alone[:1])
    assert all("a.py" not in each.diff for each in alone[1:])
    assert {(each.task, each.parent_id) for each in alone} == {("message", "two")}
    assert single_cases(asked, asked.target, has_types=False)[0].types == TYPES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("style", "types"), [("conventional", TYPES), ("plain", ("",))]
)
def test_a_message_in_lines_is_one_commit_of_all_files_in_its_style(
    style, types, tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("LLAMA_CPP_DIR", str(ROOT / ".tools/llama.cpp"))
    monkeypatch.chdir(tmp_path)
    row = SplitChange(**dict(make_curated(head="m")), parent_id=None, junk=())
    asked = make_sample(row, task="message", answer="lines", message=style)
    write_jsonl(tmp_path / "sft.jsonl", [asked])
    write_jsonl(tmp_path / "splits.jsonl", [row])
    cases = read_cases(tmp_path / "sft.jsonl", tmp_path / "splits.jsonl")
    system = System("tiny", Gguf(tiny, 8192, threads=1), cases)
    [prediction] = ask(system, Decoding(6000, 7), STYLE, lambda rows, *_: rows)
    [made] = prediction.plan.commits
    assert made.files == ("a.py", "b.py")
    assert prediction.text.startswith(format_header(made))
    assert made.type in types
    assert (made.subject[0].upper() == made.subject[0]) or style == "conventional"
