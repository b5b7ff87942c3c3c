"""In a real browser: what is shown, sorted, filtered, voted on and exported."""

import pytest
from tests.support.generated import evaluated, generated
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.core.ballots import Ballot, read_votes
from diffscribe.core.files import read_jsonl
from diffscribe.eval.scores import HEADLINE, SCORES


@pytest.fixture(scope="module")
def sixty():
    return generated(60)


@pytest.fixture(scope="module")
def written(sixty, tmp_path_factory):
    return sixty.write(tmp_path_factory.mktemp("page"))


def ballots_of(path):
    return list(read_jsonl(path.with_name("ballots.jsonl"), Ballot))


def column(tab, number):
    return tab.texts(f"#systems tbody tr > :nth-child({number}) strong")


def test_the_table_has_each_system_with_interval(open_page, written, sixty):
    tab = open_page(written)
    assert "60 samples of 4 repositories · 7 systems" in tab.text("#about")
    names = tab.texts("#systems tbody th")
    assert [each.split(" ")[0] for each in names] == [
        each.system for each in sixty.evaluation.systems
    ]
    ari = sixty.evaluation.systems[0].scores["ari"]
    shown = tab.page.locator("#systems tbody tr").first.locator("td").nth(2)
    ends = f"[{round(100 * ari.low)}, {round(100 * ari.high)}]"
    assert shown.inner_text().split("\n")[0] == f"{round(100 * ari.value)} {ends}"


def test_a_column_sorts_both_ways_and_says_so(open_page, written):
    tab = open_page(written)
    before = column(tab, 4)
    tab.page.click("#systems th:nth-child(4) button")
    assert column(tab, 4) == sorted(before, key=int, reverse=True)
    header = tab.page.locator("#systems th:nth-child(4)").first
    assert header.get_attribute("aria-sort") == "descending"
    tab.press("Enter")
    assert column(tab, 4) == sorted(before, key=int)
    assert header.get_attribute("aria-sort") == "ascending"


def test_what_was_not_measured_is_last_whichever_way(open_page, written):
    tab = open_page(written)
    tokens = "#systems tbody tr > :nth-child(10)"
    for _ in range(2):
        tab.page.click("#systems th:nth-child(10) button")
        assert tab.texts(tokens)[3:] == ["-"] * 4


def test_all_other_measures_are_a_table_of_their_own(open_page, written):
    tab = open_page(written)
    tab.choose("#family", "others")
    own = [name for name in SCORES if name not in HEADLINE]
    assert tab.texts("#systems thead button") == ["system", *own]


def test_a_difference_is_called_better_only_where_chance_is_ruled_out(
    open_page, written, sixty
):
    tab = open_page(written)
    rows = tab.page.locator("#differences tbody tr")
    verdicts = set()
    for at, difference in enumerate(sixty.evaluation.differences):
        for place, name in enumerate(HEADLINE):
            tested = difference.comparisons[name]
            verdicts.add(tested.verdict)
            words = rows.nth(at).locator("td").nth(place).inner_text()
            assert ("better" in words) == (tested.verdict == "better"), words
            assert ("worse" in words) == (tested.verdict == "worse"), words
            assert "p " in words
    assert {"better", "not shown"} <= verdicts


def test_parts_are_of_the_chosen_system(open_page, written):
    tab = open_page(written)
    rows = {row.split("\t")[0]: row.split("\t")[1:3] for row in tab.texts("#parts tr")}
    assert rows["example.org/team-1/project-1"][0] == "15"
    assert rows["with junk"] == ["12", rows["with junk"][1]]
    before = tab.text("#parts")
    tab.choose("#measured", "control-constant")
    assert tab.text("#parts") != before


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
    tab = open_page(evaluated([case], answers).write(tmp_path))
    tab.press("s")
    findings = tab.texts(".findings")
    assert any("plan problem" in each and "missing_path" in each for each in findings)


def test_filters_order_and_search_choose_the_samples(open_page, written):
    tab = open_page(written)
    tab.press("s")
    tab.choose("#repository", "example.org/team-1/project-1")
    assert tab.text("#found").startswith("15 of 60 samples")
    tab.choose("#commits", "3")
    assert tab.text("#found").startswith("5 of 60 samples")
    assert set(tab.texts("#list tbody tr > :nth-child(3)")) == {"3"}
    tab.page.click("#clear")
    tab.choose("#outcome", "worse")
    assert tab.text("#found").startswith("0 of 60")
    assert tab.text("#sample") == ""
    tab.choose("#mine", "base")
    tab.choose("#other", "student-q8_0")
    assert tab.text("#found").startswith("30 of 60 samples")
    assert "base 0, student-q8_0 100; better on 0, equal on 0, worse on 30" in tab.text(
        "#found"
    )
    tab.choose("#order", "mine")
    tab.page.click("#clear")
    first = tab.texts("#list tbody tr > :nth-child(7)")
    assert first == sorted(first, key=int)
    tab.choose("#set", "voted")
    assert tab.text("#found").startswith("24 of 60 samples")
    tab.page.click("#clear")
    tab.press("/")
    tab.page.keyboard.type("window HOLDS team-2")
    assert tab.text("#found").startswith("5 of 60 samples")
    tab.press("Escape", "j")
    assert "2 of 5" in tab.text("#title")


def test_keys_walk_the_list_and_pages_follow(open_page, written):
    tab = open_page(written)
    tab.press("s", *["j"] * 16)
    assert "17 of 60" in tab.text("#title")
    assert "page 2 of 4" in tab.text(".pager")
    tab.press("k", "k")
    assert "15 of 60" in tab.text("#title")
    tab.page.click("#page-next")
    assert "16 of 60" in tab.text("#title")
    tab.page.click("#list tbody tr:nth-child(3) button")
    assert "18 of 60" in tab.text("#title")
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


def test_nothing_decided_is_nothing_exported(open_page, written):
    tab = open_page(written)
    tab.press("v", "1", "e")
    assert tab.text("#status") == "Nothing to export: there is no vote yet."


@pytest.mark.parametrize("kept", ["{", '"x"', "null", '{"choice": "<b>"}', "[1]"])
def test_what_another_page_left_in_the_store_is_no_vote(open_page, written, kept):
    tab = open_page(written)
    tab.page.evaluate(
        "([key, value]) => localStorage.setItem(key, value)",
        [f"diffscribe vote {ballots_of(written)[0].ballot}", kept],
    )
    tab.page.reload()
    tab.press("v")
    assert "0 of 24 decided" in tab.text("#status")


def test_pairs_are_voted_on_apart(open_page, written):
    tab = open_page(written)
    tab.press("v", "a")
    assert tab.texts("#pair option") == [
        "base and student-q8_0",
        "student-q8_0 and target",
    ]
    tab.page.select_option("#pair", index=1)
    assert "0 of 24 decided" in tab.text("#status")


def test_letters_that_cannot_be_seen_are_shown(open_page, tmp_path):
    target = plan(commit("a.py", subject="admin\u202e\u2066"))
    answers = [prediction(target, system="student"), prediction(None, "a\u200bb")]
    answers[1] = answers[1].model_copy(update={"system": "base"})
    tab = open_page(evaluated([make_case(target)], answers).write(tmp_path))
    tab.press("s")
    assert "adminU+202EU+2066" in tab.text("#title")
    assert "aU+200Bb" in tab.text("#sample .plan pre")


@pytest.mark.slow
def test_a_thousand_samples_are_light(open_page, tmp_path):
    made = generated(1000, lines=20)
    tab = open_page(made.write(tmp_path))
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


def test_a_browser_that_keeps_nothing_says_so(open_page, written):
    tab = open_page(written)
    tab.lose_store()
    tab.press("v", "a")
    assert "this browser keeps nothing" in tab.text("#status")
    assert len(read_votes(tab.export()).votes) == 1
