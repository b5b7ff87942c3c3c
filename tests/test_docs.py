"""What is generated from the code and the evaluation is current."""

from pathlib import Path
from types import SimpleNamespace

import docs
import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[1]
VALIDATOR = Draft202012Validator(docs.params_schema())


def test_the_schema_of_params_is_current():
    assert docs.SCHEMA.read_text() == docs.schema(), "run 'make docs'"


@pytest.mark.parametrize(
    "path", [ROOT / "params.yaml", *sorted(ROOT.glob("profiles/*.yaml"))], ids=str
)
def test_params_and_profiles_name_the_schema_and_fit_it(path):
    text = path.read_text()
    _, _, name = text.splitlines()[0].partition("yaml-language-server: $schema=")
    assert (path.parent / name).resolve() == docs.SCHEMA
    values = yaml.safe_load(text)
    assert [error.message for error in VALIDATOR.iter_errors(values)] == []


def test_the_schema_finds_a_mistyped_key_and_a_wrong_value():
    values = {"curate": {"max_fles": 3}, "train": {"backend": "tlr"}}
    assert len(list(VALIDATOR.iter_errors(values))) == 2


def system(name, ari):
    return SimpleNamespace(system=name, scores={"ari": SimpleNamespace(value=ari)})


def test_the_table_shows_the_student_its_base_the_best_control_and_the_teacher():
    names = ("student-q8_0", "student-q4_k_m", "base", "smollm2-135m", "teacher")
    systems = [system(name, 0.1) for name in names]
    systems += [system("control-a", 0.5), system("control-b", 0.7)]
    systems += [system("control-original", 1.0), system("control-a-groups-given", 1.0)]
    shown = [each.system for each in docs.shown(systems)]
    assert shown == ["student-q8_0", "base", "smollm2-135m", "teacher", "control-b"]
    untaught = [each for each in systems if each.system != "teacher"]
    untaught.insert(4, system("hybrid", 0.7))
    first, *others = [each.system for each in docs.shown(untaught)]
    assert first == "student-q8_0"
    assert others == [
        *("base", "smollm2-135m", "hybrid", "control-b", "control-original"),
    ]
    short = [each.system for each in docs.shown(untaught, is_short=True)]
    assert short == ["student-q8_0", "base", "hybrid", "control-b"]
    assert [each.system for each in docs.shown(systems[:1])] == ["student-q8_0"]


def test_the_readme_shows_what_was_measured_of_the_shipped_model():
    readme = (ROOT / "README.md").read_text()
    current = docs.replace(
        readme, "shipped", docs.shipped(docs.SHIPPED / "results.json")
    )
    assert readme == current, "run 'make docs'"


def test_a_block_is_replaced_between_its_markers_and_nothing_else():
    text = "a\n<!-- results -->\nold\n<!-- /results -->\nb\n"
    new = docs.replace(text, "results", "new")
    assert new == text.replace("old", "new")
    assert docs.replace(new, "results", "new") == new
    with pytest.raises(SystemExit, match="no <!-- dag -->"):
        docs.replace(text, "dag", "new")


@pytest.mark.parametrize("table", ["results", "own-history"])
def test_the_readme_has_a_place_for_each_table(table):
    readme = (ROOT / "README.md").read_text()
    assert "measured" in docs.replace(readme, table, "measured")
