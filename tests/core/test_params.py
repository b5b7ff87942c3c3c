import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from diffscribe.core.errors import ParamsError
from diffscribe.core.params import load_params, merge_params, parse_params

ROOT = Path(__file__).parents[2]
ABSENT = object()


@pytest.fixture
def values():
    return dict(yaml.safe_load((ROOT / "params.yaml").read_text()))


def put(values, key, value):
    """Return values with one dotted key set, or taken out."""
    changed = copy.deepcopy(values)
    *above, last = key.split(".")
    section = changed
    for name in above:
        section = section[name]
    if value is ABSENT:
        del section[last]
    else:
        section[last] = value
    return changed


def problem(values):
    with pytest.raises(ParamsError) as caught:
        parse_params(values, Path("my.yaml"))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("my.yaml: ")


def test_the_repositorys_params_fit_and_cannot_be_changed():
    params = load_params(ROOT / "params.yaml")
    assert params.label.source == "history"
    with pytest.raises(ValueError, match="frozen"):
        params.curate.max_files = 3  # type: ignore[misc]


def test_a_mistyped_key_is_named_both_as_unknown_and_as_missing(values):
    values["curate"]["max_fles"] = values["curate"].pop("max_files")
    assert problem(values) == (
        "key 'curate.max_files' is missing; unknown key 'curate.max_fles' (a typo?)"
    )


@pytest.mark.parametrize("key", ["train", "train.lora.r", "base.source"])
def test_every_key_is_needed_as_there_are_no_defaults(values, key):
    assert problem(put(values, key, ABSENT)) == f"key '{key}' is missing"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("curate.max_files", 0, "should be greater than 0, not 0"),
        ("split.junk_fraction", 1.01, "should be less than or equal to 1, not 1.01"),
        ("render.context_lines", 4, "should be less than or equal to 3, not 4"),
        ("train.learning_rate", float("inf"), "should be a finite number, not inf"),
        ("harvest.sources", [], "should not be empty"),
        ("harvest.sources", "~/code", "should be a list, not '~/code'"),
        ("train", None, "should be keys with values"),
        ("train.backend", "tlr", "should be 'auto', 'trl' or 'unsloth', not 'tlr'"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_key_and_what_would(
    values, key, value, expected
):
    assert problem(put(values, key, value)) == f"{key}: {expected}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("curate.max_files", 1),
        ("split.junk_fraction", 1.0),
        ("render.context_lines", 3),
    ],
)
def test_the_last_value_before_a_limit_fits(values, key, value):
    parse_params(put(values, key, value), Path("my.yaml"))


def test_all_problems_are_told_at_once(values):
    values = put(put(values, "curate.max_files", 0), "eval.threads", ABSENT)
    assert problem(values) == (
        "curate.max_files: should be greater than 0, not 0; "
        "key 'eval.threads' is missing"
    )


@pytest.mark.parametrize("text", ["on", "yes", "true"])
@pytest.mark.parametrize("key", ["curate.max_files", "train.learning_rate"])
def test_what_yaml_reads_as_a_boolean_is_no_number(values, key, text):
    assert problem(put(values, key, yaml.safe_load(text))) == (
        f"{key}: should be a number, not yes, no, on, off, true or false"
    )


def test_an_exponent_without_a_dot_is_a_number_although_yaml_reads_text(values):
    assert yaml.safe_load("3e-3") == "3e-3"
    values = put(values, "train.learning_rate", "3e-3")
    assert parse_params(values, Path("my.yaml")).train.learning_rate == 0.003


@pytest.mark.parametrize("limit", ["merge_quantize.num_ctx", "eval.context_tokens"])
def test_prompt_and_answer_have_to_fit_every_context(values, limit):
    render = values["render"]
    tokens = render["max_prompt_tokens"] + render["max_answer_tokens"]
    for each in ("merge_quantize.num_ctx", "eval.context_tokens"):
        values = put(values, each, tokens)
    parse_params(values, Path("my.yaml"))
    assert problem(put(values, limit, tokens - 1)) == (
        f"render.max_prompt_tokens + render.max_answer_tokens = {tokens} "
        f"exceeds {limit} = {tokens - 1}"
    )


def test_a_repository_is_in_one_split_only(values):
    values["split"] |= {"by": "repository", "validation_repos": ["a", "b"]}
    values["split"]["test_repos"] = ["b", "c"]
    assert problem(values) == "split: ['b'] is in validation and test"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"train: [1\nlabel: x\n", "not valid YAML: while parsing a flow sequence"),
        (b"a: \xff\n", "not valid YAML: 'utf-8' codec can't decode"),
        (b"", "should be keys with values"),
        (b"- train\n", "should be keys with values"),
    ],
)
def test_a_file_that_is_no_params_document_is_told_in_one_line(
    tmp_path, content, expected
):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("missing.yaml", "No such file or directory"), (".", "Is a directory")],
)
def test_a_file_that_cannot_be_read_points_to_the_option(tmp_path, name, expected):
    path = tmp_path / name
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert str(caught.value) == f"{path}: {expected}; name a params file with --params"


def test_overrides_merge_mappings_and_replace_everything_else():
    values: dict[str, Any] = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    overrides = {"a": {"y": [3]}, "b": {"new": 1}, "c": None, "d": 4}
    merged = merge_params(values, overrides)
    assert merged == {"a": {"x": 1, "y": [3]}, "b": {"new": 1}, "c": None, "d": 4}
    assert values == {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}


def with_source(values, **source):
    return put(values, "harvest.sources", [source])


SHA = "0123456789" * 4


def test_a_plain_path_is_a_source_with_the_defaults(values):
    values["harvest"]["sources"] = ["x", {"path": "x"}]
    plain, mapping = parse_params(values, Path("my.yaml")).harvest.sources
    assert plain == mapping
    assert (plain.path, plain.private, plain.authors) == ("x", False, ())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"private": True}, "should have either a path or a url, or feedback alone"),
        (
            {"path": "x", "read": False},
            "read: false is for a private entry; take it out instead",
        ),
        (
            {"path": "x", "url": "https://x.org/y", "revision": SHA},
            "should have either a path or a url, or feedback alone",
        ),
        (
            {"url": "https://x.org/y"},
            "a url needs a revision, the sha of a commit; a path none",
        ),
        (
            {"path": "x", "revision": SHA},
            "a url needs a revision, the sha of a commit; a path none",
        ),
    ],
)
def test_a_source_is_a_path_or_a_pinned_url(values, source, expected):
    assert problem(with_source(values, **source)) == f"harvest.sources.0: {expected}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("harvest: {sources: [https://hush@example.org/a]}", "harvest.sources.0"),
        ("harvest: {sources: [{url: 'https://me:hush@x.org/a'}]}", "harvest.sources.0"),
        ("harvest: {sources: [{url: 'https://x.org/a?t=hush'}]}", "harvest.sources.0"),
        ("harvest: {sources: [{url: 'ssh://hush@x.org/a'}]}", "harvest.sources.0"),
        ("harvest: {sources: [{url: 'ssh://git@x.org/a?hush'}]}", "harvest.sources.0"),
        ("harvest: {sources: [{url: 'https://git@x.org/hush'}]}", "harvest.sources.0"),
        ("label: {teacher: {base_url: 'https://x.org/v1?api-key=hush'}}", "label."),
        ("label: {teacher: {base_url: 'https://me:hu/sh@x.org/v1'}}", "label."),
        ("base: {source: 'https://hf_hush@hub.example/a/b'}", "base.source: "),
        ("train: {report: [{to: 'postgresql://me:hush@h/db'}]}", "train.report.0.to: "),
        ("label: {teacher: {base_url: 'https://x.org?hush: }", "not valid YAML: "),
        ("label: {teacher: hush}: hush: hush", "not valid YAML: "),
    ],
)
def test_what_may_be_a_key_in_a_url_is_refused_and_not_repeated(tmp_path, text, line):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert str(caught.value).startswith(f"{path}: {line}")
    assert "hush" not in str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("key", ["sk-proj-hush", "hush", "AZURE-hush"])
def test_a_key_in_place_of_its_variable_is_not_repeated(values, key):
    told = problem(put(values, "label.teacher.api_key_variable", key))
    assert "the name of an environment variable" in told
    assert "hush" not in told


@pytest.mark.parametrize("key", ["hub_token", "push_to_hub", "hub_model_id"])
def test_no_setting_of_the_trainer_sends_a_model_away(values, key):
    told = problem(put(values, f"train.{key}", "hush"))
    assert told.startswith(f"train: {key}: no stage sends a model away")


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("git@example.org:owner/name", True),
        ("example.org:owner/name", True),
        ("ssh://git@example.org:22/owner/name", True),
        ("https://example.org/~owner/name.git", True),
        ("hush@example.org:owner/name", False),
        ("git:hush@example.org:owner/name", False),
        ("https://example.org/owner/name#hush", False),
    ],
)
def test_the_only_user_in_a_url_is_git_of_ssh(values, url, fits):
    source = with_source(values, url=url, revision=SHA)
    if fits:
        assert parse_params(source, Path("my.yaml")).harvest.sources[0].url == url
    else:
        told = problem(source)
        assert "without a user but git" in told
        assert "hush" not in told


@pytest.mark.parametrize("revision", ["main", SHA[:-1], SHA.upper()[:-1] + "G"])
def test_a_revision_is_a_whole_sha(values, revision):
    text = problem(with_source(values, url="https://x.org/y", revision=revision))
    assert text.startswith("harvest.sources.0.revision: String should match pattern")
    of_sha_256 = with_source(values, url="https://x.org/y", revision="a" * 64)
    assert "names its objects by SHA-256" in problem(of_sha_256)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"path": "x", "licence": "MIT"}, "unknown key 'harvest.sources.0.licence'"),
        ({"path": "x", "branches": "main"}, "should be 'default' or 'all'"),
        ({"path": "x", "max_changes": 0}, "should be greater than 0"),
        ({"path": "x", "private": "maybe"}, "should be a valid boolean"),
        (
            {"path": "x", "since": yaml.safe_load("2024-01-31")},
            "harvest.sources.0.since: should be in quotes, '2024-01-31'",
        ),
        ({"path": "x", "until": "January"}, "harvest.sources.0.until: "),
        (7, "harvest.sources.0: should be "),
    ],
)
def test_a_setting_of_a_source_that_does_not_fit_is_told_with_its_place(
    values, source, expected
):
    assert expected in problem(put(values, "harvest.sources", [source]))


def test_one_seed_is_shared_unless_a_section_has_its_own(values):
    values["seed"] = 11
    values["train"]["seed"] = 3
    params = parse_params(values, Path("my.yaml"))
    assert (params.harvest.seed, params.label.teacher.seed) == (11, 11)
    assert params.train.seed == 3
    assert "seed" not in params.curate.model_dump()
