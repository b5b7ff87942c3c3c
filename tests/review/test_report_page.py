"""In a real browser: what is shown, filtered, voted on and exported."""

import pytest
from tests.support.generated import evaluated, generated, repeated, written_page
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.core.ballots import Ballot, read_votes
from diffscribe.core.files import read_jsonl
from diffscribe.eval.scores import HEADLINE, SCORES


@pytest.fixture(scope="module")
def sixty():
    return generated(60)


@pytest.fixture(scope="module")
def written(sixty, tmp_path_factory):
    return written_page(tmp_path_factory.mktemp("page"), sixty)


def ballots_of(path):
    return list(read_jsonl(path.with_name("ballots.jsonl"), Ballot))


def rows_of(tab, number):
    """The cells of the rows of one of the tables of the overview."""
    table = tab.page.locator("#overview table").nth(number)
    return [row.locator("td").all_text_contents() for row in table.locator("tr").all()][
        1:
    ]


def test_the_overview_needs_no_script(browser, written, sixty):
    page = browser.new_page(java_script_enabled=False)
    page.goto(written.as_uri())
    assert "60 samples of 4 repositories · 7 systems" in page.inner_text("header")
    for each in sixty.evaluation.systems:
        assert each.system in page.inner_text("#overview table >> nth=0")
    assert "does not\nrun" in page.content()
    page.close()


def test_each_system_has_its_scores_with_intervals(open_page, written, sixty):
    tab = open_page(written)
    for row, result in zip(rows_of(tab, 0), sixty.evaluation.systems, strict=True):
        mean = result.scores["ari"]
        ends = f"[{round(100 * mean.low)},{round(100 * mean.high)}]"
        assert row[:2] == [result.system, "60"]
        assert row[3] == f"{round(100 * mean.value)} {ends}"
    assert [row[0] for row in rows_of(tab, 1)] == [*SCORES]


def test_a_difference_is_called_better_only_where_chance_is_ruled_out(
    open_page, written, sixty
):
    rows = rows_of(open_page(written), 2)
    verdicts = set()
    for row, difference in zip(rows, sixty.evaluation.differences, strict=True):
        for words, name in zip(row[1:], HEADLINE, strict=True):
            verdict = difference.comparisons[name].verdict
            verdicts.add(verdict)
            assert ("better" in words) == (verdict == "better"), words
            assert ("worse" in words) == (verdict == "worse"), words
            assert "p " in words
    assert {"better", "not shown"} <= verdicts


def test_parts_are_shown_of_every_system(open_page, written, sixty):
    tab = open_page(written)
    shown = {row[0]: row[1:] for row in rows_of(tab, 3)}
    assert shown["repository: example.org/team-1/project-1"][0] == "15"
    assert shown["junk: with junk"][0] == "12"
    systems = [each.system for each in sixty.evaluation.systems]
    assert tab.texts("#overview details > summary")[1:] == systems


def test_a_sample_shows_diff_plans_scores_and_findings(open_page, written):
    tab = open_page(written)
    tab.press("s", "j")
    assert tab.text("#title").startswith("fix: raise the limit")
    assert tab.texts(".plan h2") == ["a · base", "b · student-q8_0", "t · target"]
    assert tab.texts("#sample .plan:nth-child(1) .flag") == [
        "no plan: the answer holds no JSON object"
    ]
    assert "Sure! Here is the plan" in tab.text("#sample .plan:nth-child(1) pre")
    assert tab.texts("#sample .plan:nth-child(3) .head")[1].startswith("t2docs:")
    assert tab.texts("#sample .file summary")[0] == "b1t1M src/b/part_1_0.py +8 -8"
    (row,) = (r for r in tab.texts(".scores tr") if r.startswith("ari "))
    assert row.split("\t")[1:] == ["0", "100"]


def test_findings_are_said_in_words(open_page, tmp_path):
    case = make_case(plan(commit("a.py"), commit("b.py")))
    answers = [
        prediction(plan(commit("a.py b.py")), system="student"),
        prediction(plan(commit("a.py")), system="base"),
    ]
    tab = open_page(written_page(tmp_path, evaluated([case], answers)))
    tab.press("s")
    findings = tab.texts(".findings")
    assert any("plan problem" in each and "missing_path" in each for each in findings)


def test_filters_and_search_choose_the_samples(open_page, written):
    tab = open_page(written)
    tab.press("s")
    option = "#part option:text-matches('project-1')"
    tab.choose("#part", tab.page.get_attribute(option, "value"))
    assert tab.text("#found").startswith("15 of 60 samples")
    tab.choose("#part", "")
    tab.choose("#outcome", "worse")
    assert tab.text("#found").startswith("0 of 60")
    assert tab.text("#sample") == ""
    tab.choose("#mine", "base")
    tab.choose("#other", "student-q8_0")
    assert tab.text("#found").startswith("30 of 60 samples")
    assert "base 0, student-q8_0 100; better on 0, equal on 0, worse on 30" in tab.text(
        "#found"
    )
    tab.choose("#score", "chrf")
    tab.choose("#outcome", "better")
    gaps = [
        int(row.locator("td").nth(3).inner_text())
        - int(row.locator("td").nth(2).inner_text())
        for row in tab.page.locator("#list tr").all()[1:]
    ]
    assert gaps == sorted(gaps, reverse=True)
    tab.choose("#outcome", "all")
    tab.press("/")
    tab.page.keyboard.type("window HOLDS team-2")
    assert tab.text("#found").startswith("5 of 60 samples")
    tab.press("Escape", "j")
    assert "2 of 5" in tab.text("#title")


def test_keys_walk_the_list_which_follows(open_page, written):
    tab = open_page(written)
    tab.press("s", *["j"] * 30)
    assert "31 of 60" in tab.text("#title")
    box = tab.page.locator("#list").bounding_box()
    row = tab.page.locator("#list [aria-current=true]").bounding_box()
    assert box["y"] < row["y"] < box["y"] + box["height"]
    tab.press("k", "k")
    assert "29 of 60" in tab.text("#title")
    tab.page.click("#list tr:nth-child(4) button")
    assert "3 of 60" in tab.text("#title")
    assert tab.page.evaluate("document.activeElement.id") == "title"


def test_the_page_begins_at_its_top(open_page, written):
    page = open_page(written).page
    page.reload()
    assert page.evaluate("scrollY") == 0
    assert page.is_visible("h1")


def test_the_address_leads_back_to_the_sample(open_page, written):
    tab = open_page(written)
    tab.press("s", "j", "j")
    title = tab.text("#title")
    address = tab.page.url
    assert "#/samples/" in address
    again = open_page(written)
    again.page.goto("about:blank")
    again.page.goto(address)
    assert again.text("#title") == title
    assert again.page.is_visible("#samples")
    assert not again.page.is_visible("#overview")


def test_votes_are_blind(open_page, written):
    tab = open_page(written)
    tab.press("v")
    for _ in range(24):
        shown = tab.text("#ballot") + tab.text("#ballot-sample")
        for word in ("student", "base", "target", "tokens", "JSON object"):
            assert word not in shown
        assert tab.texts("#ballot-sample h2") == ["A", "B"]
        tab.press("j")


def test_keys_vote_and_the_export_is_read(open_page, written):
    tab = open_page(written)
    tab.press("v", "1", "2", "2", "3", "3", "3", "4", "4", "4", "4", "a")
    assert "1 of 24 decided" in tab.text("#status")
    assert "Case 2 of 24" in tab.text("#ballot")
    tab.press("t", "b", "1")
    assert "3 of 24 decided, 1 begun and not decided" in tab.text("#status")
    votes = read_votes(tab.export())
    assert votes.voter == "person"
    assert [each.choice for each in votes.votes] == ["A", "tie", "B"]
    assert votes.votes[0].axes == {
        "accuracy": "A",
        "specificity": "tie",
        "brevity": "B",
    }
    ballots = [
        Ballot(**{k: dict(v)[k] for k in Ballot.model_fields}) for v in votes.votes
    ]
    assert ballots == ballots_of(written)[:3]


def test_votes_stay_and_are_taken_back(open_page, written):
    context = open_page(written)
    context.press("v", "a", "b")
    context.page.reload()
    assert "2 of 24 decided" in context.text("#status")
    assert "Case 3 of 24" in context.text("#ballot")
    context.press("k", "u")
    assert "1 of 24 decided" in context.text("#status")


def test_pairs_are_voted_on_apart(open_page, written):
    tab = open_page(written)
    tab.press("v", "a")
    assert tab.texts("#pair option") == [
        "base and student-q8_0",
        "student-q8_0 and target",
    ]
    tab.page.select_option("#pair", index=1)
    assert "0 of 24 decided" in tab.text("#status")


@pytest.mark.slow
def test_a_thousand_samples_are_light(open_page, tmp_path):
    made = repeated(generated(100, lines=20), 10)
    tab = open_page(written_page(tmp_path, made))
    tab.press("s", "j", "j")
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    measured = {each["name"]: each["value"] for each in metrics}
    load_ms = tab.page.evaluate(
        "performance.getEntriesByType('navigation')[0].loadEventEnd"
    )
    elements = tab.page.evaluate("document.querySelectorAll('*').length")
    assert measured["JSHeapUsedSize"] < 40e6
    assert load_ms < 10_000
    assert elements < 5000
