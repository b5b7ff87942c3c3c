"""In a real browser: what is shown, what is kept, and that no row can run anything."""

import json

import pytest
from tests.support.tab import Tab

from diffscribe.core.records import Issue, Plan, PlannedCommit
from diffscribe.label.gate import row_digest
from diffscribe.review.gate import gate_page

ATTACKS = (
    "</script><script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "\"><svg onload='window.ran = 1'>",
    "<!--<script>",
    "${window.ran = 1} {title} %s",
    "]]></style><iframe src='javascript:top.ran = 1'></iframe>",
    "<a href='javascript:window.ran=1' accesskey=a autofocus>__proto__</a>",
)
EVIL = " ".join(ATTACKS)


@pytest.fixture
def context(browser):
    context = browser.new_context(
        viewport={"width": 700, "height": 800}, accept_downloads=True
    )
    yield context
    context.close()


class GateTab(Tab):
    def export(self):
        return json.loads(self.exported("verdicts.json").read_text())


@pytest.fixture
def opened(tmp_path, context):
    def opened(*rows, names=("teacher-1",), about=""):
        path = tmp_path / "index.html"
        labels = [each if isinstance(each, tuple) else (each,) for each in rows]
        path.write_text(gate_page("Gate", labels, names, about), encoding="utf-8")
        return GateTab(context.new_page(), path)

    return opened


@pytest.fixture
def three(row, plan):
    return [
        row(("feat: add it", "a.py"), ("docs: tell", "b.md"), repo="acme/one"),
        row(repo="acme/two", added=("x" * 3000, "\tif a < b && c:")),
        row(repo="acme/three", plan=plan(gitignore=("*.py",))),
    ]


def verdict_of(tab, row):
    said = {each["row"]: each for each in tab.export()["verdicts"]}
    return said.get(row_digest(row))


def test_a_row_shows_change_history_plan_and_flags(opened, three):
    tab = opened(*three)
    assert tab.text("#title").startswith("acme/one")
    assert "2 commits · 2024-05-01" in tab.text("#title")
    assert tab.text("#commits .head").endswith("feat: add it")
    assert tab.text("#labels .head").endswith("fix: stop the leak")
    assert tab.text(".flag") == "grouping: ARI 0.00"
    summaries = tab.page.locator("#diff summary").all_inner_texts()
    assert summaries == ["h1p1M a.py +1 -0", "h2p1M b.md +1 -0"]
    kinds = tab.page.locator("#diff pre div").evaluate_all(
        "all => all.map((each) => [each.className, each.textContent])"
    )
    assert kinds[:3] == [["hunk", "@@ -1 +1,2 @@"], ["", " kept"], ["add", "+new"]]
    assert tab.errors == []


def test_lines_keep_their_letters_and_a_very_long_one_says_what_is_not_shown(
    opened, three
):
    tab = opened(*three)
    tab.press("j")
    lines = tab.page.locator("#diff .add")
    assert lines.nth(1).text_content() == "+\tif a < b && c:"
    long = lines.nth(0).text_content()
    assert long == "+" + "x" * 1999 + "1001 more characters"


def test_a_long_file_is_closed_until_it_is_wanted(opened, row):
    tab = opened(row(added=[f"line {number}" for number in range(500)]))
    assert tab.page.locator("#diff pre").count() == 0
    assert "502 lines" in tab.text("#diff summary")
    tab.page.click("#diff summary")
    tab.page.locator("#diff .add").first.wait_for()
    assert tab.page.locator("#diff .add").count() == 500


def test_of_very_many_files_some_are_closed(opened, row):
    paths = [f"{number:03}.py" for number in range(200)]
    tab = opened(row(("fix: all", *paths), added=["line"] * 97))
    assert tab.page.locator("#diff details").count() == 200
    assert tab.page.locator("#diff details[open]").count() == 40
    tab.press("j", "a")
    assert "1 accepted" in tab.text("#status")


def test_keys_judge_and_go_to_the_next_row_that_is_open(opened, three):
    tab = opened(*three)
    tab.press("j", "a")
    assert tab.text("#title").startswith("acme/three")
    tab.press("r")
    assert tab.text("#title").startswith("acme/one")
    tab.press("s")
    assert "1 accepted, 1 rejected, 1 skipped, 0 open" in tab.text("#status")
    assert "all judged" in tab.text("#status")
    said = [each and each["verdict"] for each in (verdict_of(tab, r) for r in three)]
    assert said == ["skip", "accept", "reject"]
    assert tab.export()["format"] == "diffscribe verdicts 1"


def test_a_verdict_can_be_taken_back_and_changed(opened, three):
    tab = opened(*three)
    tab.press("a", "k", "u")
    assert "0 accepted" in tab.text("#status")
    tab.press("r")
    assert verdict_of(tab, three[0])["verdict"] == "reject"


def test_a_note_takes_letters_as_letters_and_alone_is_a_skip(opened, three):
    tab = opened(*three)
    tab.press("n")
    tab.page.keyboard.type("rare & <b>sad</b>")
    tab.press("Enter", "r", "j", "n")
    tab.page.keyboard.type("no idea")
    tab.press("Escape")
    first = verdict_of(tab, three[0])
    assert (first["verdict"], first["note"]) == ("reject", "rare & <b>sad</b>")
    other = verdict_of(tab, three[2])
    assert (other["verdict"], other["note"]) == ("skip", "no idea")


def test_verdicts_stay_with_the_page_and_leave_with_the_label(opened, three, row, plan):
    opened(*three).press("a", "a")
    again = opened(*three)
    assert again.text("#title").startswith("acme/three")
    assert "2 accepted" in again.text("#status")
    anew = row(
        ("feat: add it", "a.py"),
        ("docs: tell", "b.md"),
        repo="acme/one",
        plan=plan(("feat", "add it", "a.py", "b.md")),
    )
    changed = opened(anew, *three[1:])
    assert "1 accepted" in changed.text("#status")
    assert verdict_of(changed, anew) is None


def test_nothing_judged_is_nothing_exported(opened, three):
    tab = opened(*three)
    tab.press("e")
    assert tab.text("#status") == "Nothing to export: no row is judged yet."


def test_a_browser_that_keeps_nothing_says_so_and_exports(context, three, tmp_path):
    """about:blank has no store."""
    (tmp_path / "blank.html").touch()
    tab = GateTab(context.new_page(), tmp_path / "blank.html")
    tab.page.goto("about:blank")
    rows = [(each,) for each in three]
    tab.page.set_content(gate_page("Gate", rows, ["teacher-1"], ""))
    assert "this browser keeps nothing" in tab.text("#status")
    tab.press("r")
    assert verdict_of(tab, three[0])["verdict"] == "reject"


@pytest.mark.parametrize("kept", ["{", '"x"', "null", '{"verdict": "<b>"}', "[1]"])
def test_what_another_page_left_in_the_store_is_no_verdict(opened, three, kept):
    tab = opened(*three)
    tab.page.evaluate(
        "([key, value]) => localStorage.setItem(key, value)",
        [f"diffscribe gate {row_digest(three[0])}", kept],
    )
    again = opened(*three)
    assert "0 accepted, 0 rejected, 0 skipped, 3 open" in again.text("#status")
    assert again.errors == []


def test_two_plans_are_judged_one_after_the_other(opened, three, row, plan):
    other = [
        each.model_copy(
            update={
                "label": each.label.model_copy(
                    update={"plan": plan(("chore", "do it", "a.py"))}
                )
            }
        )
        for each in three[:1]
    ]
    tab = opened((three[0], other[0]), (three[1], three[1]), names=("x.jsonl", "y"))
    assert tab.page.locator("#labels h2").all_inner_texts() == [
        "Plan a · x.jsonl",
        "Plan b · y",
    ]
    tab.press("a", "r")
    assert verdict_of(tab, three[0])["verdict"] == "accept"
    assert verdict_of(tab, other[0])["verdict"] == "reject"
    assert "the same plan as a" in tab.text("#labels")
    tab.press("a")
    assert "3 accepted, 1 rejected, 0 skipped, 0 open" in tab.text("#status")
    assert len(tab.export()["verdicts"]) == 3


def test_letters_that_cannot_be_seen_are_shown(opened, row):
    raw = chr(0x10FF00 + 0xE9)
    tab = opened(
        row(added=(f"admin\u202e\u2066 caf{raw} a\u200bb\r", "na\u00efve \U0001f600"))
    )
    lines = tab.page.locator("#diff .add").all_text_contents()
    assert lines == [
        "+adminU+202EU+2066 caf\\xE9 aU+200Bb\u240d",
        "+na\u00efve \U0001f600",
    ]


@pytest.fixture
def evil(row):
    commit = PlannedCommit(
        files=("a.py", EVIL),
        type="fix",
        scope=EVIL,
        subject=EVIL,
        body=EVIL,
        issues=(Issue(path=EVIL, message=EVIL),),
    )
    hostile = row(
        (f"fix: it\n\n{EVIL}", "a.py", EVIL),
        plan=Plan(commits=(commit,), gitignore=(EVIL,)),
        repo=EVIL,
        added=ATTACKS,
        languages=(EVIL,),
        committed_at=EVIL,
    )
    broken = hostile.model_copy(update={"id": "0" * 64, "diff": f"{EVIL}\n@@ {EVIL}"})
    return hostile, broken


def test_hostile_rows_are_text_and_run_nothing(opened, evil):
    tab = opened(*evil, names=(EVIL,))
    for _ in evil:
        for place in ("#title", "#labels", "#commits", "#diff"):
            shown = tab.page.locator(place).text_content()
            assert [each for each in ATTACKS if each not in shown] == []
        tab.press("j")
    tab.press("n")
    tab.page.keyboard.insert_text(EVIL)
    tab.press("Enter")
    assert EVIL in tab.text(".said")
    again = opened(*evil, names=(EVIL,))
    for each in (tab, again):
        assert each.page.evaluate("window.ran") is None
        assert each.page.evaluate("document.scripts.length") == 2
        for tag in ("img", "svg", "iframe", "a"):
            assert each.page.locator(tag).count() == 0
        assert (each.dialogs, each.errors) == ([], [])
        assert [url for url in each.requests if not url.startswith("file:")] == []


def test_even_markup_that_got_in_would_run_nothing(opened, three):
    """The policy allows the page's own script by its digest, and no other."""
    tab = opened(*three)
    tab.page.evaluate(
        """() => {
          document.body.insertAdjacentHTML("beforeend",
            "<img src=x onerror='window.ran = 1'>");
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.body.append(script);
        }"""
    )
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("window.ran") is None
    assert [url for url in tab.requests if "http" in url] == []


@pytest.mark.parametrize("width", [700, 1400])
def test_eighty_columns_of_a_diff_fit_and_nothing_is_wider_than_the_page(
    opened, three, row, context, width
):
    tab = opened(row(added=("x" * 79, "x" * 500, "y " * 200), repo="r" * 300), *three)
    tab.page.set_viewport_size({"width": width, "height": 800})
    heights = tab.page.locator("#diff .add").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    one_line = tab.page.locator("#diff .hunk").bounding_box()["height"]
    assert heights[0] <= one_line < heights[1]
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width


def test_no_rows_are_an_empty_page(opened):
    tab = opened()
    tab.press("a", "r", "u", "j", "e", "n", "x", "Enter")
    assert tab.errors == []
    assert tab.text("#status") == "Nothing to export: no row is judged yet."
