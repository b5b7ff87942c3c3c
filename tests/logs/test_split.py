import random
from collections import Counter, defaultdict

import pytest

from diffscribe.core.errors import LeakError, SourceError
from diffscribe.logs.leaks import LogLeakKind, find_log_leaks, refuse_log_leaks
from diffscribe.logs.split import LogRow, rows_of_splits, split_rows

FRACTIONS = {"validation": 0.1, "test": 0.2}
VERBS = ("show", "list", "find", "print", "count", "sort", "copy", "move", "archive")
NOUNS = (
    *("users", "disks", "routes", "sockets", "packages", "journals", "branches"),
    *("containers", "certificates", "processes", "variables", "schedules"),
)


def rows_of(seed, n=300, sessions=90):
    """Return rows, of which some ask what others ask with a letter more or less."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        text = f"{rng.choice(VERBS)} {rng.choice(NOUNS)} of {rng.choice(NOUNS)}"
        text += rng.choice(["", "", "!", " now", "s"])
        rows.append(
            LogRow(
                id=f"{number:04}",
                session=str(rng.randrange(sessions)) if rng.random() < 0.5 else text,
                text=text,
                at=f"2026-{rng.randrange(1, 13):02}-01",
                only_train=rng.random() < 0.02,
            )
        )
    return rows


def placed_in_splits(rows, **options):
    placed = split_rows(rows, options.pop("fractions", FRACTIONS), 7, **options)
    return placed, rows_of_splits(placed, rows)


@pytest.mark.parametrize("seed", range(8))
def test_splits_share_nothing_by_code_of_its_own(seed):
    placed, splits = placed_in_splits(rows_of(seed))
    assert find_log_leaks(splits) == []
    clusters = {
        name: {placed.cluster_of[r.id] for r in splits[name]} for name in splits
    }
    assert not clusters["train"] & (clusters["validation"] | clusters["test"])
    assert not clusters["validation"] & clusters["test"]
    assert all(splits.values())


def test_equal_rows_are_split_equally_whatever_their_order():
    rows = rows_of(3)
    shuffled = random.Random(1).sample(rows, len(rows))
    one, other = (split_rows(each, FRACTIONS, 7) for each in (rows, shuffled))
    assert one.split_of == other.split_of
    assert one.cluster_of == other.cluster_of


def alone(number, **changes):
    words = f"{number:b}".replace("0", "alpha ").replace("1", "omega ")
    row = LogRow(f"{number:03}", f"s{number}", words + chr(97 + number % 26) * 9)
    return row._replace(**changes)


def test_the_newest_are_held_out_in_their_fractions():
    rows = [alone(n, text=chr(0x4E00 + 9 * n) * 9, at=f"{n:03}") for n in range(100)]
    placed = split_rows(rows, FRACTIONS, 7)
    newest_first = [placed.split_of[row.id] for row in reversed(rows)]
    assert newest_first == ["test"] * 20 + ["validation"] * 10 + ["train"] * 70


def test_a_cluster_is_never_cut_and_a_large_one_stays_for_train():
    large = [alone(n, session="one", at="2") for n in range(60)]
    small = [alone(n, text=chr(0x4E00 + 9 * n) * 9, at="1") for n in range(60, 100)]
    placed = split_rows(large + small, FRACTIONS, 7)
    assert {placed.split_of[row.id] for row in large} == {"train"}
    assert Counter(placed.split_of.values())["test"] == 20


def test_what_may_only_train_takes_what_belongs_to_it_along():
    rows = [alone(n, text=chr(0x4E00 + 9 * n) * 9, at=f"{n:03}") for n in range(50)]
    rows[-1] = rows[-1]._replace(only_train=True)
    rows[-2] = rows[-2]._replace(session=rows[-1].session)
    placed = split_rows(rows, FRACTIONS, 7)
    assert placed.split_of[rows[-1].id] == placed.split_of[rows[-2].id] == "train"
    assert placed.split_of[rows[-3].id] == "test"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_clusters_are_told(count):
    rows = [alone(n, text=chr(0x4E00 + 9 * n) * 9) for n in range(count)]
    with pytest.raises(SourceError, match=f"{count} clusters"):
        split_rows(rows, FRACTIONS, 7)


def test_each_split_gets_one_of_three_and_one_of_fraction_zero_none():
    rows = [alone(n, text=chr(0x4E00 + 9 * n) * 9) for n in range(3)]
    _, splits = placed_in_splits(rows)
    assert [len(each) for each in splits.values()] == [1, 1, 1]
    _, splits = placed_in_splits(rows, fractions={"validation": 0.0, "test": 0.2})
    assert [len(splits[n]) for n in ("train", "validation", "test")] == [2, 0, 1]


def test_texts_without_letters_link_nothing():
    rows = [alone(n, text="?!" * (n % 3)) for n in range(40)]
    _, splits = placed_in_splits(rows)
    assert find_log_leaks(splits) == []
    assert len(splits["test"]) == 8


LEAKS = [
    (LogLeakKind.SESSION, {"session": "s99"}),
    (LogLeakKind.TEXT, {"text": "\uff30RINT the fourth-COMMIT, please"}),
    (LogLeakKind.NEAR_DUPLICATE, {"text": "print the fourth commit, pleased"}),
]


@pytest.mark.parametrize(("kind", "changes"), LEAKS)
def test_a_planted_leak_is_found_alone(kind, changes):
    held = LogRow("b", "s99", "Print the fourth commit please")
    given = LogRow("a", "s1", "what is the weather like")._replace(**changes)
    [leak, *others] = find_log_leaks({"train": [given], "test": [held]})
    kinds = {leak.kind, *(each.kind for each in others)}
    # The same text is a near-duplicate too.
    assert kind in kinds <= {kind, LogLeakKind.NEAR_DUPLICATE}
    with pytest.raises(LeakError, match=f"{kind} of train row a and test row b"):
        refuse_log_leaks([leak])


def test_a_row_that_may_only_train_is_found_where_it_is_held_out():
    row = LogRow("a", "s", "x", only_train=True)
    [leak] = find_log_leaks({"train": [], "validation": [], "test": [row]})
    assert (leak.kind, leak.split) == (LogLeakKind.ONLY_TRAIN, "test")
    assert find_log_leaks({"train": [row], "test": []}) == []


def test_what_asks_nearly_the_same_is_of_one_cluster():
    texts = ["show disk usage of /home", "Show the disk usage of /home", "who is there"]
    rows = [alone(n, text=text) for n, text in enumerate(texts)]
    rows += [alone(n, text=chr(0x4E00 + 9 * n) * 9) for n in range(10, 20)]
    found = defaultdict(set)
    for row_id, cluster in split_rows(rows, FRACTIONS, 7).cluster_of.items():
        found[cluster].add(row_id)
    assert {"000", "001"} in found.values()
    assert {"002"} in found.values()
