"""Of every page, in a real browser: nothing runs, nothing is too wide or too pale."""

import pytest
from tests.support.generated import evaluated, generated, written_page
from tests.support.label_fixtures import make_row
from tests.support.planned import commit, make_case, plan, prediction
from tests.support.rows import make_sample
from tests.support.tab import ATTACKS, CONTRAST, EVIL

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Issue, Message, Plan
from diffscribe.review.datasheet import Datasheet
from diffscribe.review.datasheet import page as datasheet_page
from diffscribe.review.gate import gate_page, write_sample_page
from diffscribe.review.page import html_table
from diffscribe.review.tokens import Token, tokens_page

KEYS = {
    "gate": ("", "j", "k"),
    "report": ("o", "s", "sj", "v", "vj"),
    "datasheet": ("",),
    "tokens": ("",),
}
"""What is pressed on each page to see all of it."""


def hostile_commit():
    """A commit in which every text is an attack."""
    issues = (Issue(path=EVIL, message=EVIL),)
    made = commit("a.py", EVIL, EVIL, scope=EVIL, body=EVIL, issues=issues)
    return made.model_copy(update={"files": ("a.py", EVIL)})


def hostile_rows():
    """Labels of changes in which every text is an attack; one has a broken diff."""
    row = make_row(
        (f"fix: it\n\n{EVIL}", "a.py", EVIL),
        plan=Plan(commits=(hostile_commit(),), gitignore=(EVIL,)),
        repo=EVIL,
        added=ATTACKS,
        languages=(EVIL,),
        committed_at=EVIL,
    )
    return row, row.model_copy(update={"id": "0" * 64, "diff": f"{EVIL}\n@@ {EVIL}"})


def write_hostile_report(folder):
    target = plan(hostile_commit(), gitignore=(EVIL,))
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
        prediction(answer, EVIL, case_id=case.id, system=system, error=EVIL)
        for system, answer in (("student", target), ("base", None))
        for case in cases
    ]
    made = evaluated(cases, answers)
    scores = [
        each.model_copy(update={"findings": {EVIL: (EVIL,)}}) for each in made.scores
    ]
    return written_page(folder, made._replace(scores=scores))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Every page with attacks in every text, by name."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = hostile_rows()
    table = ((EVIL,), [(EVIL,)])
    counts = [(EVIL, 1)]
    message = rows[0].commits[0].message
    pages = {
        "gate": gate_page(EVIL, rows, EVIL, html_table([EVIL] * 8, [])),
        "datasheet": datasheet_page(
            Datasheet(
                *(counts, counts, table, counts, counts, counts, table),
                *(counts, counts, [(EVIL, sample_of(message))]),
            )
        ),
        "tokens": tokens_page(EVIL, [Token(1, EVIL, True, False)]),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    paths = {name: folder / f"{name}.html" for name in pages}
    return {**paths, "report": write_hostile_report(folder)}


def sample_of(text):
    prompt = (Message(role="user", content=text),)
    completion = (Message(role="assistant", content=EVIL),)
    return make_sample(repo=EVIL, prompt=prompt, completion=completion)


@pytest.mark.parametrize("name", KEYS)
def test_hostile_texts_are_text_and_run_nothing(open_page, hostile, name):
    tab = open_page(hostile[name])
    for keys in KEYS[name]:
        tab.press(*keys)
        shown = tab.page.locator("body").evaluate(
            "body => [...body.querySelectorAll(':not(script)')].filter("
            "each => !each.children.length).map(each => each.textContent).join(' ')"
        )
        assert [each for each in ATTACKS if each not in shown] == [], keys
    if name == "gate":
        tab.press("n")
        tab.page.keyboard.insert_text(EVIL)
        tab.press("Enter")
        assert EVIL in tab.text(".said")
        tab.page.reload()
    if name == "report":
        tab.press("s", "/")
        tab.page.keyboard.insert_text(EVIL)
        tab.press("Escape", "v", "a")
        tab.page.reload()
    assert tab.page.evaluate("window.ran") is None
    own = {"report": 4, "gate": 2}.get(name, 0)
    assert tab.page.evaluate("document.scripts.length") == own
    for tag in (
        "img",
        "svg",
        "iframe",
        "a",
        "base",
        "link",
        "math",
        "meta[content*=evil]",
    ):
        assert tab.page.locator(tag).count() == 0


@pytest.mark.parametrize("name", KEYS)
def test_even_markup_that_got_in_would_run_nothing(open_page, hostile, name):
    """The policy allows the page's own script by its digest, and no other."""
    tab = open_page(hostile[name])
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
    # Chromium reports a request that the policy blocked; none of them was answered.
    assert [url for url in tab.requests if url not in tab.failed] == [tab.path.as_uri()]
    tab.requests.clear()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", KEYS)
def test_no_page_is_wider_than_the_window(open_page, hostile, name, width):
    tab = open_page(hostile[name], width=width)
    for keys in KEYS[name]:
        tab.press(*keys)
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.fixture(scope="module")
def usual(hostile, tmp_path_factory):
    """The same with texts as they are; the tokens stay."""
    folder = tmp_path_factory.mktemp("usual")
    rows = [
        make_row(
            ("feat: add it", "a.py"),
            plan=plan(commit("a.py", body="Call close_all."), gitignore=("*.log",)),
            head=str(number),
            added=("new", "a\u200bb"),
        )
        for number in range(3)
    ]
    steps = [("rows split, variants with junk included", 4100), ("changes", 7)]
    repositories = (
        ("repository", "license", "changes", "split"),
        [("acme/windows", "Apache-2.0, MIT", "3,000", "train, validation")],
    )
    write_jsonl(folder / "one.jsonl", rows)
    write_sample_page(folder / "one.jsonl", folder, 3)
    pages = {
        "datasheet": datasheet_page(
            Datasheet(
                *(steps, steps, repositories, steps, steps, steps, repositories),
                *(steps, steps, []),
            )
        ),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    paths = {name: folder / f"{name}.html" for name in pages}
    paths["gate"] = (folder / "index.html").rename(folder / "gate.html")
    return {**hostile, **paths, "report": written_page(folder, generated(24))}


BROKEN = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const broken = [];
  while (walk.nextNode()) {
    const { currentNode } = walk;
    const cell = currentNode.parentElement.closest("td, th");
    if (!cell?.checkVisibility()) continue;
    if (cell.getBoundingClientRect().right > innerWidth) broken.push(currentNode.data);
    for (const word of currentNode.data.matchAll(/[^\\s/-]+/g)) {
      const range = document.createRange();
      range.setStart(currentNode, word.index);
      range.setEnd(currentNode, word.index + word[0].length);
      const tops = [...range.getClientRects()].map((each) => Math.round(each.top));
      if (new Set(tops).size > 1) broken.push(word[0]);
    }
  }
  return broken;
}"""
"""Words of tables that stand on two lines, and cells that are cut off."""


@pytest.mark.parametrize("name", ["gate", "report", "datasheet"])
def test_tables_are_whole_on_a_telephone(open_page, usual, name):
    tab = open_page(usual[name], width=375)
    if name == "gate":
        tab.page.click("details.about > summary")
    assert tab.page.locator("td").first.is_visible()
    assert tab.page.evaluate(BROKEN) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", KEYS)
def test_texts_stand_out_from_what_is_behind_them(open_page, usual, name, scheme):
    """At least 4.5 to 1, as WCAG 2 asks of small text."""
    tab = open_page(usual[name], scheme=scheme)
    for details in tab.page.locator("details:not([open]) > summary").all():
        if details.is_visible():
            details.click()
    for keys in KEYS[name]:
        tab.press(*keys)
        assert tab.page.evaluate(CONTRAST) == [], keys
    if name == "gate":
        tab.press("a", "r", "s")
        assert tab.page.evaluate(CONTRAST) == []
