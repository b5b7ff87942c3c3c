from collections import Counter

from diffscribe.harvest.harvest import Caps, beyond_caps
from diffscribe.harvest.rows import Row


def row(repo, number, *authors):
    names = frozenset(authors or ("ann",))
    return Row(b"", f"{repo} {number}", repo, names, commits=1, is_composite=False)


def caps(repo=None, author=None, all_=None, seed=7):
    return Caps(all_, author, repo or {}, seed)


def kept(rows, limits):
    beyond = beyond_caps(rows, limits)
    return [each for number, each in enumerate(rows) if number not in beyond]


def test_ten_thousand_rows_have_two_percent_of_one_repository_at_most():
    sizes = {f"r{number}": 150 + number for number in range(60)} | {"huge": 5_000}
    rows = [row(repo, n, repo) for repo, size in sizes.items() for n in range(size)]
    chosen = kept(rows, caps(dict.fromkeys(sizes, 200), all_=10_000))
    by_repo = Counter(each.repo for each in chosen)
    assert len(chosen) == 10_000
    assert max(by_repo.values()) == 200 == 0.02 * len(chosen)
    assert by_repo["huge"] == 200
    assert len(by_repo) == 61


def test_each_author_of_a_change_counts_in_all_repositories():
    rows = [row(f"r{n % 3}", n, "ann", f"other {n}") for n in range(30)]
    rows += [row("r0", 30 + n, "bo") for n in range(5)]
    limits = caps(author=4)
    authors = Counter(name for each in kept(rows, limits) for name in each.authors)
    assert (authors["ann"], authors["bo"]) == (4, 4)
    assert Counter(beyond_caps(rows, limits).values()) == {"max_per_author": 27}


def test_a_draw_stays_when_a_repository_grows():
    rows = [row(repo, n) for repo in "ab" for n in range(500)]
    limits = caps({"a": 50, "b": 50})
    before = kept(rows, limits)
    grown = [*rows, *(row("a", 500 + n) for n in range(25))]
    after = kept(grown, limits)
    assert [each for each in after if each.repo == "b"] == before[50:]
    new = [each for each in after if each not in before]
    assert 0 < len(new) < 10
    assert {int(each.id.split()[1]) >= 500 for each in new} == {True}
    assert len(set(before) - set(after)) == len(new)


def test_neither_order_nor_other_repositories_decide_but_the_seed_does():
    rows = [row(repo, n) for repo in "ab" for n in range(100)]
    limits = caps({"a": 10, "b": 10})
    chosen = set(kept(rows, limits))
    assert set(kept(rows[::-1], limits)) == chosen
    assert set(kept(rows[:100], limits)) == {
        each for each in chosen if each.repo == "a"
    }
    assert set(kept(rows, caps({"a": 10, "b": 10}, seed=8))) != chosen


def test_a_draw_is_spread_over_the_whole_history():
    rows = [row("a", n) for n in range(1000)]
    halves = Counter(
        int(each.id.split()[1]) // 500 for each in kept(rows, caps({"a": 200}))
    )
    assert 70 < halves[0] < 130
