import json

import pytest

from diffscribe.commits.grammar import TYPES
from diffscribe.core.errors import ParamsError
from diffscribe.propose.house_style import HouseStyle, read_house_style

CONVENTIONAL = ("fix: close a", "feat(api): add b", "docs: tell c", "Release 2")
LINT = {
    "rules": {
        "type-enum": [2, "always", ["feat", "fix", "deps"]],
        "scope-enum": [2, "always", ["api", "cli"]],
        "header-max-length": [2, "always", 100],
        "subject-case": [2, "always", "sentence-case"],
    }
}
OFF = {"rules": {"type-enum": [0, "always", ["feat"]], "scope-enum": "api"}}
QUESTIONS = """
[[tool.commitizen.customize.questions]]
name = "change_type"
choices = [{value = "fix", name = "a"}, {value = "feat", name = "b"}]
"""
PROGRAM = """
/** 'type-enum': [2, 'always', ['ci']] */
module.exports = {
  extends: ['@commitlint/config-conventional'], // "quoted
  rules: {
    'type-enum': [
      2,
      'always',
      [
        'fix', // a fault
        "docs", // not 'perf'
        'deploy',
      ],
    ],
    'scope-enum': [0, 'always', ['api']],
    "header-max-length": [2, 'always', 90],
    'subject-case': [0, 'never'],
  },
  ignores: [(commit) => commit.includes('WIP')],
};
"""
TEMPLATE = "\n# feat: a new ability\n# - fix: a fault\n# docs: words\n# Closes #1\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {}),
        (
            {".commitlintrc.json": json.dumps(LINT)},
            {
                "types": ("feat", "fix"),
                "scopes": ("api", "cli"),
                "max_header_chars": 100,
                "is_capitalised": True,
            },
        ),
        (
            {"package.json": json.dumps({"commitlint": LINT, "version": "1"})},
            {"types": ("feat", "fix"), "scopes": ("api", "cli")},
        ),
        (
            {".commitlintrc": "rules:\n  type-enum: [2, always, [chore, fix]]\n"},
            {"types": ("chore", "fix")},
        ),
        ({".commitlintrc.yml": json.dumps(OFF)}, {}),
        (
            {".czrc": json.dumps({"types": {"feat": {}, "fix": {}}, "scopes": ["a"]})},
            {"types": ("feat", "fix"), "scopes": ("a",)},
        ),
        ({"pyproject.toml": QUESTIONS}, {"types": ("fix", "feat")}),
        ({".gitmessage": TEMPLATE}, {"types": ("feat", "fix", "docs")}),
        (
            {".gitmessage": f"{TEMPLATE}#  └ Type: build|ci|feat|fix|test\n"},
            {"types": ("build", "ci", "feat", "fix", "test")},
        ),
        (
            {"cz.yaml": "commitizen: {name: cz_conventional_commits, scopes: [a]}"},
            {"scopes": ("a",)},
        ),
        (
            {"package.json": '{"config": {"commitizen": {"types": {"fix": {}}}}}'},
            {"types": ("fix",)},
        ),
        (
            {"commitlint.config.js": PROGRAM},
            {"types": ("fix", "docs"), "max_header_chars": 90, "scopes": ()},
        ),
        # What cannot be read, or is of another shape, says nothing.
        ({".commitlintrc.json": "{", ".czrc": "[1, 2]", "cz.toml": "= ="}, {}),
        ({".czrc": json.dumps({"types": 5, "scopes": [{"x": 1}, 7, "a b"]})}, {}),
        ({".commitlintrc.json": "[" * 100_000}, {}),
        ({"package.json": '{"commitlint": {"rules": []}}' + " " * 300_000}, {}),
    ],
)
def test_what_a_repository_is_configured_for_is_kept_to(files, expected, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    style = read_house_style(tmp_path, (), {})
    found = style.model_dump()
    assert {name: found[name] for name in expected} == expected
    if not expected:
        assert style == HouseStyle()


def test_configuration_goes_before_tools_and_these_before_history(tmp_path):
    (tmp_path / ".commitlintrc").write_text(json.dumps(LINT))
    config = {"diffscribe.types": "docs, fix", "diffscribe.message": "plain"}
    style = read_house_style(tmp_path, CONVENTIONAL, config)
    assert (style.types, style.scopes) == (("docs", "fix"), ("api", "cli"))
    assert (style.message, style.is_capitalised) == ("plain", True)


def test_the_template_that_git_is_told_goes_before_one_by_name(tmp_path):
    (tmp_path / ".gitmessage").write_text("# chore: a\n# ci: b\n# test: c\n")
    (tmp_path / "house").write_text(TEMPLATE)
    for name in ("house", str(tmp_path / "house")):
        style = read_house_style(tmp_path, (), {"commit.template": name})
        assert style.types == ("feat", "fix", "docs")


def test_a_history_tells_the_case_and_whether_types_are_used(tmp_path):
    def style(*subjects):
        found = read_house_style(tmp_path, subjects, {})
        return found.message, found.is_capitalised

    assert style(*CONVENTIONAL) == ("conventional", False)
    assert style("fix: A", "feat: B", "docs: C", "chore: d") == ("conventional", True)
    assert style("Fix a", "Add b", "Tell c", "chore: d") == ("plain", True)
    assert style("Fix a", "Add b") == ("conventional", False)


def test_types_that_no_plan_may_have_are_left_out_or_told(tmp_path):
    (tmp_path / ".czrc").write_text('{"types": {"added": {}, "changed": {}}}')
    assert read_house_style(tmp_path, (), {}).types == TYPES
    with pytest.raises(
        ParamsError, match=r"diffscribe\.types: 'added' is none of feat"
    ):
        read_house_style(tmp_path, (), {"diffscribe.types": "fix added"})
    with pytest.raises(ParamsError, match="'fancy' is neither"):
        read_house_style(tmp_path, (), {"diffscribe.message": "fancy"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("commitlint.config.mjs", PROGRAM),
        (".commitlintrc", "extends: ['@commitlint/config-conventional']"),
        (".cz.toml", "[tool.commitizen]\nname = 'cz_conventional_commits'"),
    ],
)
def test_a_tool_that_asks_for_types_goes_before_a_history_without(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    style = read_house_style(tmp_path, ("Fix a", "Add b", "Tell c", "Mend d"), {})
    assert style.message == "conventional"
    assert style.is_capitalised == (name == ".cz.toml")


def test_a_template_of_git_is_read_where_its_configuration_says(tmp_path):
    (tmp_path / "template").write_text(TEMPLATE)
    style = read_house_style(tmp_path, (), {"commit.template": "template"})
    assert style.types == ("feat", "fix", "docs")


def test_a_program_without_end_takes_no_time(tmp_path):
    for text in ("/*" * 120_000, "'" * 250_000, "a:[2,'always',['b'," * 12_000):
        (tmp_path / "commitlint.config.js").write_text(text)
        assert read_house_style(tmp_path, (), {}) == HouseStyle()


def test_a_file_that_leads_elsewhere_or_never_ends_is_not_read(tmp_path):
    (tmp_path / ".commitlintrc").symlink_to("/dev/zero")
    (tmp_path / ".czrc").mkdir()
    assert read_house_style(tmp_path, (), {}) == HouseStyle()
