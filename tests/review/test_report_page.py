"""In a real browser: what is shown, sorted, filtered, kept, and that nothing runs."""

import json

import pytest
from tests.support.generated import evaluated, generated
from tests.support.planned import commit, make_case, plan, prediction
from tests.support.tab import Tab

from diffscribe.core.records import Issue
from diffscribe.eval.metrics import HEADLINE
from diffscribe.eval.scores import SCORES
from diffscribe.review.votes import read_votes

ATTACKS = (
    "</script><script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "\"><svg onload='window.ran = 1'>",
    "<!--<script>",
    "${window.ran = 1} {title} %s",
    "]]></style><iframe src='javascript:top.ran = 1'></iframe>",
    "<a href='javascript:window.ran=1' accesskey=a autofocus>__proto__</a>",
    "</option></select><input onfocus='window.ran = 1' autofocus>",
    "</textarea><math><mtext><style><img src onerror='window.ran = 1'>",
    "<base href='https://evil.example/'><link rel=stylesheet href='//evil.example'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
)
EVIL = " ".join(ATTACKS)


class ReportTab(Tab):
    def __init__(self, browser, path, width=1280, scheme="light"):
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.path = path
        super().__init__(page, path)

    def texts(self, selector):
        return self.page.locator(selector).all_inner_texts()

    def choose(self, selector, value):
        self.page.select_option(selector, value)

    def column(self, number):
        return self.texts(f"#systems tbody tr > :nth-child({number}) strong")

    def export(self):
        return self.exported("votes.json")


@pytest.fixture(scope="module")
def sixty():
    return generated(60)


@pytest.fixture(scope="module")
def written(sixty, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(sixty.page(), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser):
    tabs = []

    def opened(path, **options):
        tabs.append(ReportTab(browser, path, **options))
        return tabs[-1]

    yield opened
    for tab in tabs:
        assert tab.errors == []
        assert [url for url in tab.requests if not url.startswith("file:")] == []
        tab.page.close()


def test_the_table_has_each_system_with_interval(opened, written, sixty):
    tab = opened(written)
    assert "60 samples of 4 repositories · 7 systems" in tab.text("#about")
    names = tab.texts("#systems tbody th")
    assert [each.split(" ")[0] for each in names] == [
        each.system for each in sixty.evaluation.systems
    ]
    ari = sixty.evaluation.systems[0].scores["ari"]
    shown = tab.page.locator("#systems tbody tr").first.locator("td").nth(2)
    ends = f"[{round(100 * ari.low)}, {round(100 * ari.high)}]"
    assert shown.inner_text().split("\n")[0] == f"{round(100 * ari.value)} {ends}"


def test_a_column_sorts_both_ways_and_says_so(opened, written):
    tab = opened(written)
    before = tab.column(4)
    tab.page.click("#systems th:nth-child(4) button")
    assert tab.column(4) == sorted(before, key=int, reverse=True)
    header = tab.page.locator("#systems th:nth-child(4)").first
    assert header.get_attribute("aria-sort") == "descending"
    tab.press("Enter")
    assert tab.column(4) == sorted(before, key=int)
    assert header.get_attribute("aria-sort") == "ascending"


def test_what_was_not_measured_is_last_whichever_way(opened, written):
    tab = opened(written)
    tokens = "#systems tbody tr > :nth-child(10)"
    for _ in range(2):
        tab.page.click("#systems th:nth-child(10) button")
        assert tab.texts(tokens)[3:] == ["-"] * 4


def test_families_are_tables_of_their_own(opened, written):
    tab = opened(written)
    tab.choose("#family", "message")
    own = [name for name, measure in SCORES.items() if measure.family == "message"]
    assert tab.texts("#systems thead button") == ["system", *own]


def test_a_difference_is_called_better_only_where_chance_is_ruled_out(
    opened, written, sixty
):
    tab = opened(written)
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
    before = tab.text("#differences")
    tab.choose("#family", "seeds")
    assert tab.text("#differences") == before


def test_figures_are_of_the_chosen_system(opened, written):
    tab = opened(written)
    rows = tab.page.locator(".confusion tr").count()
    assert rows == 7
    assert "Reliability" in tab.text("#figures")
    chore = tab.texts(".confusion tr")[6].split()
    assert (chore[0], chore[-1]) == ("chore", "75")
    tab.choose("#figured", "control-constant")
    assert tab.texts(".confusion tr")[6].split()[-1] == "0"


def test_a_sample_shows_diff_plans_scores_and_findings(opened, written):
    tab = opened(written)
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


def test_findings_are_said_in_words(opened, tmp_path):
    case = make_case(plan(commit("a.py"), commit("b.py")))
    answers = [
        prediction(plan(commit("a.py b.py")), system="student"),
        prediction(plan(commit("a.py")), system="base"),
    ]
    path = tmp_path / "index.html"
    path.write_text(evaluated([case], answers).page())
    tab = opened(path)
    tab.press("s")
    findings = tab.texts(".findings")
    assert any("plan problem" in each and "missing_path" in each for each in findings)


def test_filters_order_and_search_choose_the_samples(opened, written):
    tab = opened(written)
    tab.press("s")
    tab.choose("#filter-repository", "example.org/team-1/project-1")
    assert tab.text("#found").startswith("15 of 60 samples")
    tab.choose("#filter-commits", "3")
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


def test_keys_walk_the_list_and_pages_follow(opened, written):
    tab = opened(written)
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


def test_the_page_begins_at_its_top(opened, written):
    page = opened(written).page
    page.reload()
    assert page.evaluate("scrollY") == 0
    assert page.is_visible("h1")


def test_the_address_leads_back_to_the_sample(opened, written):
    tab = opened(written)
    tab.press("s", "j", "j")
    title = tab.text("#title")
    address = tab.page.url
    assert "#/samples/" in address
    again = opened(written)
    again.page.goto("about:blank")
    again.page.goto(address)
    assert again.text("#title") == title
    assert again.page.is_visible("#samples")
    assert not again.page.is_visible("#overview")


def test_votes_are_blind(opened, written):
    tab = opened(written)
    tab.press("v")
    for _ in range(24):
        shown = tab.text("#ballot") + tab.text("#ballot-sample")
        for word in ("student", "base", "target", "tokens", "JSON object"):
            assert word not in shown
        assert tab.texts("#ballot-sample h2") == ["A", "B"]
        tab.press("j")


def test_keys_vote_and_the_export_is_read(opened, written, sixty):
    tab = opened(written)
    tab.press("v", "1", "2", "2", "3", "3", "3", "4", "4", "4", "4", "a")
    assert "1 of 24 decided" in tab.text("#status")
    assert "Case 2 of 24" in tab.text("#ballot")
    tab.press("t", "b", "1")
    assert "3 of 24 decided, 1 begun and not decided" in tab.text("#status")
    votes = read_votes(tab.export())
    assert votes.voter == "person"
    assert [each.choice for each in votes.votes] == ["first", "tie", "second"]
    assert votes.votes[0].axes == {
        "accuracy": "first",
        "specificity": "tie",
        "brevity": "second",
    }
    own = [dict(each) for each in sixty.ballots[:3]]
    assert [{k: dict(v)[k] for k in own[0]} for v in votes.votes] == own


def test_votes_stay_and_are_taken_back(opened, written):
    context = opened(written)
    context.press("v", "a", "b")
    context.page.reload()
    assert "2 of 24 decided" in context.text("#status")
    assert "Case 3 of 24" in context.text("#ballot")
    context.press("k", "u")
    assert "1 of 24 decided" in context.text("#status")


def test_nothing_decided_is_nothing_exported(opened, written):
    tab = opened(written)
    tab.press("v", "1", "e")
    assert tab.text("#status") == "Nothing to export: no case is decided yet."


@pytest.mark.parametrize("kept", ["{", '"x"', "null", '{"choice": "<b>"}', "[1]"])
def test_what_another_page_left_in_the_store_is_no_vote(opened, written, sixty, kept):
    tab = opened(written)
    tab.page.evaluate(
        "([key, value]) => localStorage.setItem(key, value)",
        [f"diffscribe votes {sixty.ballots[0].ballot}", kept],
    )
    tab.page.reload()
    tab.press("v")
    assert "0 of 24 decided" in tab.text("#status")


def test_pairs_are_voted_on_apart(opened, written):
    tab = opened(written)
    tab.press("v", "a")
    assert tab.texts("#pair option") == [
        "base and student-q8_0",
        "student-q8_0 and target",
    ]
    tab.page.select_option("#pair", index=1)
    assert "0 of 24 decided" in tab.text("#status")


@pytest.fixture
def evil(tmp_path):
    """Every text that a repository or a model can choose."""
    made = commit(
        "a.py",
        EVIL,
        EVIL,
        scope=EVIL,
        body=EVIL,
        issues=(Issue(path=EVIL, message=EVIL),),
    )
    made = made.model_copy(update={"files": ("a.py", EVIL)})
    target = plan(made, gitignore=(EVIL,))
    lines = "".join(f"+{each}\n" for each in ATTACKS)
    patch = (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
        f"@@ -1 +1,{1 + len(ATTACKS)} @@ {EVIL}\n kept\n{lines}"
    )
    values = {"repo": EVIL, "languages": (EVIL,), "gitignore": (EVIL,)}
    cases = [
        make_case(target, (EVIL,), id="s1", diff=patch, **values),
        make_case(target, id="s2", diff=f"{EVIL}\n@@ {EVIL}", **values),
    ]
    answers = [
        prediction(answer, text, case_id=case.id, system=system, error=EVIL)
        for system, answer, text in (
            ("student", target, EVIL),
            ("base", None, EVIL),
        )
        for case in cases
    ]
    made = evaluated(cases, answers)
    scores = [
        each.model_copy(update={"findings": {EVIL: (EVIL,)}}) for each in made.scores
    ]
    path = tmp_path / "index.html"
    path.write_text(made._replace(scores=scores).page(), encoding="utf-8")
    return path


def test_hostile_texts_are_text_and_run_nothing(opened, evil):
    tab = opened(evil)
    for keys in ("o", "s", "sj", "v", "vj"):
        tab.press(*keys)
        if "s" in keys:
            for place in ("#title", ".plans", ".findings", "#sample .file"):
                shown = " ".join(tab.page.locator(place).all_text_contents())
                assert [each for each in ATTACKS if each not in shown] == [], place
    tab.press("s", "/")
    tab.page.keyboard.insert_text(EVIL)
    tab.press("Escape")
    tab.press("v", "a")
    assert tab.page.evaluate("window.ran") is None
    assert tab.page.evaluate("document.scripts.length") == 4
    for tag in ("img", "svg", "iframe", "a", "base", "link", "math"):
        assert tab.page.locator(tag).count() == 0
    assert tab.dialogs == []


def test_even_markup_that_got_in_would_run_nothing(opened, written):
    """The policy allows the page's own script by its digest, and no other."""
    tab = opened(written)
    tab.page.evaluate(
        """() => {
          document.body.insertAdjacentHTML("beforeend",
            "<img src=x onerror='window.ran = 1'>");
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.body.append(script);
          fetch("https://evil.example/").catch(() => {});
        }"""
    )
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("window.ran") is None
    tab.requests.clear()


def test_letters_that_cannot_be_seen_are_shown(opened, tmp_path):
    target = plan(commit("a.py", subject="admin\u202e\u2066"))
    answers = [prediction(target, system="student"), prediction(None, "a\u200bb")]
    answers[1] = answers[1].model_copy(update={"system": "base"})
    path = tmp_path / "index.html"
    path.write_text(evaluated([make_case(target)], answers).page())
    tab = opened(path)
    tab.press("s")
    assert "adminU+202EU+2066" in tab.text("#title")
    assert "aU+200Bb" in tab.text("#sample .plan pre")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("key", ["o", "s", "v"])
def test_the_page_is_never_wider_than_the_window(opened, written, evil, width, key):
    for path in (written, evil):
        tab = opened(path, width=width)
        tab.press(key)
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width
        tab.press("j")
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width


CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    const unit = text.startsWith("color(srgb") ? 255 : 1;
    return [unit * r, unit * g, unit * b, a];
  };
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const canvas = dark ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const own = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !own.checkVisibility() ||
      own.closest("script, button:disabled, option")) continue;
    const chain = [];
    for (let each = own; each; each = each.parentElement) chain.push(each);
    let ground = canvas, faded = 1;
    for (const each of chain.reverse()) {
      const style = getComputedStyle(each);
      ground = over(parse(style.backgroundColor), ground);
      faded *= Number(style.opacity);
    }
    const ink = parse(getComputedStyle(own).color);
    const seen = over([...ink.slice(0, 3), ink[3] * faded], ground);
    const [a, b] = [light(seen), light(ground)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push([ratio.toFixed(2), own.className || own.tagName,
      walk.currentNode.data.slice(0, 30)].join(" "));
  }
  return [...new Set(low)].slice(0, 10);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("key", ["o", "s", "v"])
def test_texts_stand_out_from_what_is_behind_them(opened, written, scheme, key):
    """At least 4.5 to 1, as WCAG 2 asks of small text."""
    tab = opened(written, scheme=scheme)
    tab.page.click("details.about summary")
    tab.press(key, "j")
    assert tab.page.evaluate(CONTRAST) == []


@pytest.mark.slow
def test_a_thousand_samples_are_light(opened, tmp_path):
    made = generated(1000, lines=20)
    path = tmp_path / "index.html"
    path.write_text(made.page(), encoding="utf-8")
    tab = opened(path)
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


def test_a_browser_that_keeps_nothing_says_so(opened, written, sixty):
    """about:blank has no store."""
    tab = opened(written)
    tab.page.goto("about:blank")
    tab.page.set_content(sixty.page())
    tab.press("v", "a")
    assert "this browser keeps nothing" in tab.text("#status")
    assert len(json.loads(tab.export().read_text())["votes"]) == 1
