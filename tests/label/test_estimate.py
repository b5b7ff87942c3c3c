"""What is estimated against a real ledger; nothing is asked anywhere."""

import json
from pathlib import Path

import pytest
from tests.support.ledger_rows import put
from tests.support.style import STYLE
from tests.support.teaching import label_params

from diffscribe.asking.ledger import Ledger
from diffscribe.asking.upkeep import totals
from diffscribe.commits.plan import read_plan
from diffscribe.commits.prompt import load_teacher_prompts
from diffscribe.core.errors import ParamsError
from diffscribe.core.params import PriceParams
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.doors.endpoint import prepare
from diffscribe.doors.reply import Answer, TokenUsage, question_key
from diffscribe.label.estimate import (
    CHARS_PER_TOKEN,
    duration,
    estimate_labeling,
    estimate_table,
    teachers,
)
from diffscribe.label.questions import plan_question, reask_question

FOLDER = Path(__file__).parents[2] / "prompts/teacher"
GOOD = {"files": ["a.py"], "type": "fix", "subject": "stop the leak"}
PLAN = json.dumps({"gitignore": [], "commits": [GOOD]})


def price(model="wise", **fields):
    values = {"date": "2026-11-01", "prompt": 1.0, "cached": 0.1, "completion": 4.0}
    return PriceParams(model=model, **{**values, **fields})


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "teacher.sqlite") as opened:
        yield opened


@pytest.fixture
def estimated(ledger, tmp_path):
    """A function that estimates changes, with params of these fields."""

    def run(*changes, **fields):
        params = label_params(**fields)
        texts = load_teacher_prompts(FOLDER, STYLE)
        sums = totals(tmp_path / "teacher.sqlite")
        return estimate_labeling(changes, texts, params, ledger, sums)

    return run


@pytest.fixture
def answered(ledger):
    """A function that has the ledger know an answer to the plan of a change."""

    def answer_plan(change, text=PLAN, tokens=500, request=None, latency_s=2.0):
        params = label_params()
        texts = load_teacher_prompts(FOLDER, STYLE)
        request = request or plan_question(change, texts, params)
        usage = TokenUsage(tokens, 0, 100, 0)
        answer = Answer(text, usage, latency_s, "stop")
        put(ledger, question_key(request), "wise", answer, about=change.repo)
        return reask_question(request, text, "", texts, 24_000), request

    return answer_plan


def prompt_chars(change, **fields):
    params = label_params(**fields)
    texts = load_teacher_prompts(FOLDER, STYLE)
    request = plan_question(change, texts, params)
    return sum(len(message.content) for message in request.messages)


def wips(change, count):
    return [change(("wip", ["a.py"]), head=f"h{number}") for number in range(count)]


def test_without_a_ledger_the_prompts_and_the_historys_plans_are_measured(
    estimated, change
):
    one, two = wips(change, 2)
    found = estimated(one, two)
    assert (found.rows, found.known, found.requests) == (2, 0, 2)
    chars = prompt_chars(one) + prompt_chars(two)
    assert found.usage.prompt_tokens == round(chars / CHARS_PER_TOKEN)
    commit = PlannedCommit(files=("a.py",), type="chore", subject="wip")
    plan = Plan(commits=(commit,)).model_dump_json()
    assert found.usage.completion_tokens == round(2 * len(plan) / CHARS_PER_TOKEN)
    assert (found.usd, found.time_s) == (None, None)
    assert "supposed" in found.basis[0]


def test_what_the_ledger_knows_costs_nothing_and_measures_the_rest(
    estimated, answered, change
):
    known, *rest = wips(change, 4)
    answered(known, tokens=prompt_chars(known) // 2)
    found = estimated(known, *rest, prices=(price(),), concurrency=2)
    assert (found.rows, found.known, found.requests) == (3, 1, 3)
    chars = sum(map(prompt_chars, rest))
    assert found.usage.prompt_tokens == pytest.approx(chars / 2, rel=0.001)
    assert found.usage.completion_tokens == 300
    assert found.usd == pytest.approx(chars / 2e6 + 1200e-6, rel=0.001)
    assert found.time_s == pytest.approx(3 * 2.0 / 2)
    assert "2.00 characters a token and 0.00 re-asks, as in 1 known" in found.basis[0]
    assert "100 tokens an answer, as in 1 of the ledger; 2.00 s each" in found.basis[0]


def test_when_all_is_known_there_is_nothing_to_pay(estimated, answered, change):
    rows = wips(change, 2)
    for row in rows:
        answered(row)
    found = estimated(*rows)
    assert (found.rows, found.known, found.requests) == (0, 2, 0)
    assert (found.usage, found.usd, found.time_s) == (TokenUsage(0, 0, 0, 0), 0.0, 0.0)


def test_known_reasks_tell_how_many_there_will_be(estimated, answered, change):
    first, second, *rest = wips(change, 12)
    answered(first)
    texts = load_teacher_prompts(FOLDER, STYLE)
    _, request = answered(second, text="no")
    again = reask_question(request, "no", read_plan("no").problem, texts, 24_000)
    answered(second, request=again)
    found = estimated(first, second, *rest)
    assert (found.rows, found.known, found.requests) == (10, 3, 15)
    assert found.usage.completion_tokens == 1500


def test_answers_that_nobody_counted_measure_nothing(estimated, answered, change):
    known, unknown = wips(change, 2)
    answered(known, tokens=0)
    found = estimated(known, unknown)
    assert (found.known, found.requests) == (1, 1)
    expected = round(prompt_chars(unknown) / CHARS_PER_TOKEN)
    assert found.usage.prompt_tokens == expected


def test_what_two_changes_ask_alike_is_asked_once(estimated, change):
    first, second = wips(change, 2)
    found = estimated(first, second.model_copy(update={"diff": first.diff}))
    assert (found.rows, found.requests) == (1, 1)


def test_blend_asks_for_poor_history_alone_and_of_rated_history_for_all(
    estimated, change
):
    good = change(("fix: stop the leak", ["a.py"]))
    poor = change(("fix: Poor pumps (#1)", ["a.py"]), head="p")
    assert estimated(good, poor, source="blend").requests == 1
    rated = estimated(good, poor, source="blend", raters=("critic", "critic"))
    # The good message is as clean as it was, so each rater sees it once.
    assert rated.requests == 2 * (1 + 2) + 2
    assert [line.partition(":")[0] for line in rated.basis] == ["critic", "wise"]


def test_messages_are_cleaned_once_and_rated_before_and_after(estimated, change):
    row = change(("fix: stop the leak", ["a.py"]), ("fix: wip", ["b.py"]))
    found = estimated(row, source="history", cleanup="teacher", raters=("critic",))
    assert found.requests == 3
    assert found.rows == 1


def test_one_model_without_a_price_leaves_tokens_alone(estimated, change):
    row = change(("fix: wip", ["a.py"]))
    fields = {"source": "blend", "raters": ("critic",)}
    assert estimated(row, **fields, prices=(price(),)).usd is None
    both = (price(), price("critic"))
    assert estimated(row, **fields, prices=both).usd > 0


@pytest.mark.parametrize(("discount", "share"), [(0.5, 0.5), (0.0, 1.0), (None, None)])
def test_a_batch_costs_less_by_a_discount_that_is_known(
    discount, share, estimated, change
):
    (row,) = wips(change, 1)
    online = estimated(row, prices=(price(),))
    latest = price(batch_discount=discount, date="2026-11-02")
    old = price(batch_discount=0.9, prompt=9.0)
    batch = estimated(row, prices=(latest, old), mode="batch")
    assert batch.usd == (share and pytest.approx(share * online.usd))
    assert batch.time_s is None
    assert batch.usage == online.usage


@pytest.mark.parametrize(
    ("fields", "time_s"),
    [({"requests_per_minute": 6}, 30), ({"tokens_per_minute": 60}, None)],
)
def test_limits_bound_the_time(fields, time_s, estimated, change):
    found = estimated(*wips(change, 3), **fields)
    usage = found.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    assert found.time_s == pytest.approx(time_s or tokens)


def test_latencies_of_batches_are_no_times(ledger, answered, change, tmp_path):
    one, two = wips(change, 2)
    answered(one, latency_s=0.0)
    path = tmp_path / "teacher.sqlite"
    [sums] = totals(path)
    assert (sums.counted, sums.mean_completion_tokens) == (1, 100.0)
    assert sums.mean_latency_s is None
    answered(two, latency_s=3.0)
    [sums] = totals(path)
    assert (sums.counted, sums.mean_completion_tokens) == (2, 100.0)
    assert sums.mean_latency_s == 3.0


def test_a_private_change_is_refused_here_too(estimated, change):
    row = change(("wip", ["a.py"]), private=True)
    with pytest.raises(ParamsError, match=r"may not be sent to api\.example\.com"):
        estimated(row, base_url="https://api.example.com/v1")


def test_a_change_with_a_private_key_is_not_counted(estimated, change):
    row = change(("fix: wip", ["a.py"]))
    key = f"'-----BEGIN PRIVATE KEY-----{'MIIEvQIBADANBgkqhkiG9w0B' * 4}'"
    key_in = row.model_copy(update={"diff": row.diff.replace("new ", key)})
    there = "https://api.example.com/v1"
    found = [estimated(each, base_url=there).rows for each in (row, key_in)]
    assert found == [1, 0]


def test_each_model_of_the_table_is_a_teacher_and_its_own_comes_first():
    params = label_params(prices=(price("b"), price("wise"), price("a"), price("b")))
    assert [each.teacher.model for each in teachers(params)] == ["wise", "b", "a"]
    (history,) = teachers(label_params(source="history"))
    assert history.source == "teacher"
    (rated,) = teachers(label_params(source="history", raters=("critic",)))
    assert rated.source == "history"


def test_the_table_says_what_it_rests_on_once(estimated, change):
    found = estimated(*wips(change, 2), prices=(price(),), requests_per_minute=1)
    lines = estimate_table([found, found]).splitlines()
    assert lines[0].split() == [
        *("teacher", "rows", "known", "requests", "prompt", "tokens"),
        *("completion", "tokens", "cost", "time"),
    ]
    assert lines[2] == lines[3]
    assert lines[2].split()[:4] == ["wise", "2", "0", "2"]
    assert lines[2].endswith("2 min")
    assert lines[4:] == list(found.basis)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")],
)
def test_a_time_is_told_in_the_unit_that_fits(seconds, words):
    assert duration(seconds) == words


def test_an_answer_with_placeholders_is_known(estimated, ledger, change):
    row = change(("wip", ["AKIA" + "Q3EGRIZT5KMW7YXA.py"]))
    there = {"base_url": "https://api.example.com/v1"}
    texts = load_teacher_prompts(FOLDER, STYLE)
    question = plan_question(row, texts, label_params(**there))
    sent = prepare(question, "api.example.com")
    [path] = sent.question.schema["properties"]["commits"]["items"]["properties"][
        "files"
    ]["items"]["enum"]
    text = PLAN.replace("a.py", path)
    answer = Answer(text, TokenUsage(500, 0, 100, 0), 2.0, "stop")
    put(ledger, question_key(sent.question), "wise", answer)
    found = estimated(row, **there)
    assert (found.rows, found.known, found.requests) == (0, 1, 0)
    assert estimated(row, mode="batch_files").known == 1
