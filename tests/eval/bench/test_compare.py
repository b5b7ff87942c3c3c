import pytest
from tests.support.planned import commit, make_case, plan
from tests.support.stored import HOUSE, make_entry, store_run

from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import InputError, RecordError
from diffscribe.eval.bench.compare import compare
from diffscribe.eval.bench.duels import duels_table
from diffscribe.eval.bench.files import rescore_run
from diffscribe.eval.bench.slices import SLICES, sliced
from diffscribe.eval.bench.tables import fitting, run_table

RIGHT = plan(commit("a.py b.py", "fix"))
WRONG_TYPE = plan(commit("a.py b.py", "docs"))
APART = plan(commit("a.py", "fix"), commit("b.py", "fix"))
NOTHING = None


@pytest.fixture
def run(tmp_path):
    """A function from answers, and what is different of cases, to a run."""

    def make(system, answers, **fields):
        cases = [
            make_case(plan(commit("a.py b.py", "fix", "stop")), id=f"s{n}", **fields)
            for n in range(len(answers))
        ]
        cases = [
            case.model_copy(update={"repo": f"r{n % 8}"})
            for n, case in enumerate(cases)
        ]
        entries = [
            make_entry(case.id, plan_json(answer))
            if answer
            else make_entry(case.id, "", "no answer within 1 s")
            for case, answer in zip(cases, answers, strict=True)
        ]
        return store_run(tmp_path, system, cases, entries)

    return make


def duel(comparison, score):
    [found] = [each for each in comparison.duels if each.score == score]
    return found


def test_wins_losses_and_ties_are_counted_by_sample(run):
    first = run("one", [RIGHT] * 9 + [NOTHING] + [RIGHT] * 6)
    second = run("two", [RIGHT] * 6 + [NOTHING] * 10)
    found = duel(compare(first, second, ()), "valid")
    assert (found.n, found.wins, found.losses, found.ties) == (16, 9, 0, 7)
    assert (found.first, found.second) == (15 / 16, 6 / 16)
    assert found.difference.value == pytest.approx(9 / 16)
    assert (found.test, found.p) == ("McNemar", pytest.approx(2 * 0.5**9))
    assert found.p_holm >= found.p


def test_the_other_way_round_is_the_same_with_signs_turned(run):
    first = run("one", [RIGHT] * 10 + [APART, WRONG_TYPE, NOTHING])
    second = run("two", [APART] * 4 + [WRONG_TYPE] * 5 + [RIGHT] * 4)
    there, back = compare(first, second, ()), compare(second, first, ())
    for one, other in zip(there.duels, back.duels, strict=True):
        assert (one.wins, one.losses, one.n) == (other.losses, other.wins, other.n)
        assert one.difference.value == pytest.approx(-other.difference.value)
        assert one.p == pytest.approx(other.p, abs=0.02)


def test_a_run_against_itself_is_all_ties(run):
    one = run("one", [RIGHT, APART, WRONG_TYPE, NOTHING])
    comparison = compare(one, one, ())
    assert comparison.same_run
    assert {(each.wins, each.losses, each.p) for each in comparison.duels} == {
        (0, 0, 1)
    }
    assert "A and B are one run" in duels_table(comparison, (), 160)


def test_a_measure_without_a_value_on_either_side_is_left_out(run):
    one, two = run("one", [RIGHT] * 3), run("two", [APART] * 3)
    assert "junk" not in {each.score for each in compare(one, two, ()).duels}


def test_other_cases_are_refused_by_name(run):
    with pytest.raises(RecordError, match=r"have other cases: 2 only in \w+, such as"):
        compare(run("one", [RIGHT] * 5), run("two", [RIGHT] * 3), ())
    changed = run("two", [RIGHT] * 5, gitignore=("*.log",))
    with pytest.raises(
        RecordError, match="5 of the same id differ, such as s0, s1, s2"
    ):
        compare(run("one", [RIGHT] * 5), changed, ())


def test_scores_of_another_version_are_refused(run):
    one, two = run("one", [RIGHT] * 2), run("two", [RIGHT] * 2)
    path = two.folder / "scores.jsonl"
    path.write_text(path.read_text().replace('"valid"', '"was_valid"'))
    with pytest.raises(InputError, match=f"rescore {two.folder.name}"):
        compare(one, two, ())


def test_scores_by_other_rules_are_refused(run):
    one, two = run("one", [RIGHT] * 2), run("two", [RIGHT] * 2)
    strict = HOUSE.model_copy(update={"max_header_chars": 50})
    rescore_run(two.folder, strict)
    with pytest.raises(InputError, match="scored by other rules"):
        compare(one, two, ())


def test_a_score_that_is_none_is_refused(run):
    one = run("one", [RIGHT] * 2)
    with pytest.raises(InputError, match="no score 'beauty'; there are valid"):
        compare(one, one, ("beauty",))


def test_slices_add_up_and_are_corrected_together(run):
    one, two = run("one", [RIGHT] * 16), run("two", [RIGHT] * 8 + [NOTHING] * 8)
    slices = compare(one, two, ("valid",)).slices
    assert set(slices) == set(SLICES)
    assert sum(each.n for each in slices["repository"]) == 16
    assert sum(each.wins for each in slices["repository"]) == 8
    assert [(each.slice, each.n) for each in slices["type"]] == [("fix", 16)]
    assert all(each.p_holm >= each.p for each in slices["repository"])


def test_cases_are_sliced_by_what_they_are():
    small, large = make_case(), make_case(id="s2", diff="x" * 16_000)
    two_types = plan(*RIGHT.commits, *WRONG_TYPE.commits)
    both = [
        small.model_copy(update={"languages": ("Python", "TOML")}),
        large.model_copy(update={"target": two_types}),
    ]
    assert sliced(both, "diff size") == {
        "16k and more": frozenset({"s2"}),
        "under 1k": frozenset({"s1"}),
    }
    assert sliced(both, "commits") == {"1": frozenset({"s1"}), "2": frozenset({"s2"})}
    assert set(sliced(both, "type")) == {"fix", "several"}
    assert set(sliced(both, "language")) == {"Python", "TOML", "none known"}


def test_many_small_slices_are_one():
    cases = [make_case(id=f"s{n}", repo=f"r{n}") for n in range(20)]
    slices = sliced(cases, "repository")
    assert len(slices) == 12
    assert len(slices["9 more"]) == 9
    assert sum(map(len, slices.values())) == 20


@pytest.mark.parametrize("columns", [80, 160])
def test_a_comparison_fits_the_terminal(run, columns):
    one = run("a-name/that-is-long-" * 8, [RIGHT] * 16)
    two = run("two", [APART] * 8 + [NOTHING] * 8)
    text = duels_table(compare(one, two, ()), tuple(SLICES), columns)
    assert max(map(len, text.splitlines())) <= columns
    line = next(line for line in text.splitlines() if line.startswith("valid"))
    assert line.split()[1:4] == ["100.0", "50.0", "+50.0"]


def test_columns_that_do_not_fit_go_from_the_right():
    rows = [{"name": "x", "a": "1", "b": "2" * 30}]
    assert fitting(rows, 60).splitlines()[0].split() == ["name", "a", "b"]
    assert fitting(rows, 20).splitlines()[0].split() == ["name", "a"]


def test_a_change_and_its_variants_are_one_to_mcnemar(run):
    first = run("one", [RIGHT] * 8, parent_id="p")
    second = run("two", [NOTHING] * 8, parent_id="p")
    found = duel(compare(first, second, ()), "valid")
    assert (found.wins, found.test, found.p) == (8, "McNemar", 1.0)


@pytest.mark.parametrize("name", ["metrics.json", "manifest.json"])
@pytest.mark.parametrize("content", ["{}", "[]", "{"])
def test_a_document_that_was_changed_by_hand_is_named(run, name, content):
    folder = run("one", [RIGHT]).folder
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        run_table(folder, 80)
