"""In a real browser: what the gate shows, what it keeps, what it exports."""

import pytest

from diffscribe.core.ballots import read_votes
from diffscribe.label.gate import ballot_of
from diffscribe.review.gate import gate_page


@pytest.fixture
def shown(tmp_path, open_page):
    """A function that opens the page of these rows."""

    def shown(*rows, **options):
        path = tmp_path / "index.html"
        path.write_text(gate_page("Gate", rows, "teacher-1", ""), encoding="utf-8")
        return open_page(path, **options)

    return shown


@pytest.fixture
def three(row, plan):
    return [
        row(("feat: add it", "a.py"), ("docs: tell", "b.md"), repo="acme/one"),
        row(repo="acme/two", added=("x" * 3000, "\tif a < b && c:")),
        row(repo="acme/three", plan=plan(gitignore=("*.py",))),
    ]


def votes_of(tab, *rows):
    """The exported votes on these rows, None for a row without one."""
    said = {each.ballot: each for each in read_votes(tab.export()).votes}
    return [said.get(ballot_of(row).ballot) for row in rows]


def test_a_row_shows_change_history_plan_and_flags(shown, three):
    tab = shown(*three)
    assert tab.text("#title").startswith("acme/one")
    assert "2 commits · 2024-05-01" in tab.text("#title")
    assert tab.text("#history .head").endswith("feat: add it")
    assert tab.texts("#labels h2") == ["p · teacher-1"]
    assert tab.text("#labels .head").endswith("fix: stop the leak")
    assert tab.text(".flag") == "grouping: ARI 0.00"
    assert tab.texts("#diff summary") == ["h1p1M a.py +1 -0", "h2p1M b.md +1 -0"]
    kinds = tab.page.locator("#diff pre div").evaluate_all(
        "all => all.map((each) => [each.className, each.textContent])"
    )
    assert kinds[:3] == [["hunk", "@@ -1 +1,2 @@"], ["", " kept"], ["add", "+new"]]


def test_lines_keep_their_letters_and_a_very_long_one_says_what_is_not_shown(
    shown, three
):
    tab = shown(*three)
    tab.press("j")
    lines = tab.page.locator("#diff .add").all_text_contents()
    assert lines == ["+" + "x" * 1999 + "1001 more characters", "+\tif a < b && c:"]


def test_a_long_file_is_closed_until_it_is_wanted(shown, row):
    tab = shown(row(added=[f"line {number}" for number in range(500)]))
    assert tab.page.locator("#diff pre").count() == 0
    assert "502 lines" in tab.text("#diff summary")
    tab.page.click("#diff summary")
    tab.page.locator("#diff .add").first.wait_for()
    assert tab.page.locator("#diff .add").count() == 500


def test_of_very_many_files_some_are_closed(shown, row):
    paths = [f"{number:03}.py" for number in range(200)]
    tab = shown(row(("fix: all", *paths), added=["line"] * 97))
    assert tab.page.locator("#diff details").count() == 200
    assert tab.page.locator("#diff details[open]").count() == 40
    tab.press("j", "a")
    assert "1 accepted" in tab.text("#status")


def test_keys_vote_and_go_to_the_next_row_that_is_open(shown, three):
    tab = shown(*three)
    tab.press("j", "a")
    assert tab.text("#title").startswith("acme/three")
    tab.press("r")
    assert tab.text("#title").startswith("acme/one")
    tab.press("s")
    assert "1 accepted, 1 rejected, 1 skipped, 0 open" in tab.text("#status")
    assert "all decided" in tab.text("#status")
    said = votes_of(tab, *three)
    assert [each.choice for each in said] == ["skip", "accept", "reject"]
    assert dict(ballot_of(three[1])).items() <= dict(said[1]).items()


def test_a_vote_can_be_taken_back_and_changed(shown, three):
    tab = shown(*three)
    tab.press("a", "k", "u")
    assert "0 accepted" in tab.text("#status")
    tab.press("e")
    assert tab.text("#status") == "Nothing to export: there is no vote yet."
    tab.press("r")
    assert votes_of(tab, three[0])[0].choice == "reject"


def test_a_note_takes_letters_as_letters_and_alone_is_a_skip(shown, three):
    tab = shown(*three)
    tab.press("n")
    tab.page.keyboard.type("rare & <b>sad</b>")
    tab.press("Enter", "r", "j", "n")
    tab.page.keyboard.type("no idea")
    tab.press("Escape")
    first, second = votes_of(tab, three[0], three[2])
    assert (first.choice, first.note) == ("reject", "rare & <b>sad</b>")
    assert (second.choice, second.note) == ("skip", "no idea")


def test_votes_stay_until_they_are_exported(shown, three):
    tab = shown(*three)
    tab.press("a", "s")
    tab.page.reload()
    assert "1 accepted, 0 rejected, 1 skipped, 1 open" in tab.text("#status")
    assert tab.text("#title").startswith("acme/three")


@pytest.mark.parametrize(
    "kept", ["{", '"x"', "null", '{"choice": "<b>"}', '{"choice": "A"}', "[1]"]
)
def test_what_another_page_left_in_the_store_is_no_vote(shown, three, kept):
    tab = shown(*three)
    key = f"diffscribe vote {ballot_of(three[0]).ballot}"
    tab.page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, kept])
    tab.page.reload()
    assert "0 accepted, 0 rejected, 0 skipped, 3 open" in tab.text("#status")


def test_a_browser_that_keeps_nothing_says_so(shown, three):
    tab = shown(*three)
    tab.lose_store()
    assert "this browser keeps nothing" in tab.text("#status")
    tab.press("r")
    assert votes_of(tab, three[0])[0].choice == "reject"


def test_letters_that_cannot_be_seen_are_shown(shown, row):
    raw = chr(0x10FF00 + 0xE9)
    tab = shown(
        row(added=(f"admin\u202e\u2066 caf{raw} a\u200bb\r", "na\u00efve \U0001f600"))
    )
    assert tab.page.locator("#diff .add").all_text_contents() == [
        "+adminU+202EU+2066 caf\\xE9 aU+200Bb\\r",
        "+na\u00efve \U0001f600",
    ]


@pytest.mark.parametrize("width", [700, 1400])
def test_eighty_columns_of_a_diff_fit_in_one_line(shown, row, width):
    tab = shown(row(added=("x" * 79, "x" * 500)), width=width)
    heights = tab.page.locator("#diff .add").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    one_line = tab.page.locator("#diff .hunk").bounding_box()["height"]
    assert heights[0] <= one_line < heights[1]


def test_no_rows_are_an_empty_page(shown):
    tab = shown()
    tab.press("a", "r", "u", "j", "e", "n", "x", "Enter")
    assert tab.text("#status") == "Nothing to export: there is no vote yet."
