import json
from pathlib import Path

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.core.params import load_params
from diffscribe.eval.bench.formats import read_case_file
from diffscribe.eval.bench.sets import SetRequest, make_set
from diffscribe.split.leaks import read_benchmarks

HARVEST = load_params(Path(__file__).parents[3] / "params.yaml").harvest
MESSAGES = {
    "a.py": "feat(core): add the first file",
    "b.py": "Add the second file.\n\nIt is needed.",
    "c.py": "fix: mend the third file",
    "d.py": "docs: tell of the fourth file\n\nRefs: #4",
}


@pytest.fixture
def source(history):
    """A repository of four commits, each of a file of its own, after a first."""
    history.commit("chore: begin", {"README.md": "Nothing yet.\n"})
    for number, (path, message) in enumerate(MESSAGES.items()):
        author = "Ann <ann@example.org>" if number % 2 else "Bob <bob@example.org>"
        history.commit(message, {path: f"line of {path}\n" * 9}, author=author)
    return history


@pytest.fixture
def made(source, tmp_path):
    """A function from what is wanted to the set's folder."""

    def make(kind, n=10, authors=(), seed=7, name="set"):
        request = SetRequest(kind, str(source.folder), n, authors, seed)
        make_set(request, tmp_path / name, HARVEST, lambda rows, *_: rows)
        return tmp_path / name

    return make


def cases(folder):
    return read_case_file(folder / "cases.jsonl").cases


def messages(folder):
    return {each.message for case in cases(folder) for each in case.originals}


def test_format_has_the_conventional_messages_alone(made):
    folder = made("format")
    assert messages(folder) == {
        *(MESSAGES["a.py"], MESSAGES["c.py"], MESSAGES["d.py"]),
    }
    assert {case.task for case in cases(folder)} == {"message"}
    types = {each.target.commits[0].type for each in cases(folder)}
    assert types == {"feat", "fix", "docs"}


def test_content_has_every_message_of_the_authors_that_are_named(made):
    assert messages(made("content")) == set(MESSAGES.values())
    assert messages(made("content", authors=("ann",))) == {
        *(MESSAGES["b.py"], MESSAGES["d.py"]),
    }


def test_plans_have_commits_that_were_made_apart(made):
    folder = made("plans")
    assert cases(folder)
    for case in cases(folder):
        assert case.task == "plan"
        assert len(case.originals) == len(case.target.commits) >= 2
        assert len(case.files) == len(case.originals)


def test_a_set_is_drawn_by_its_seed_and_equal_each_time(made):
    one, same, other = (
        made("content", 2, seed=seed, name=f"{seed}-{name}") / "cases.jsonl"
        for seed, name in ((7, "a"), (7, "b"), (8, "a"))
    )
    assert len(cases(one.parent)) == 2
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()


def test_the_manifest_tells_repository_sha_and_filters(made, source):
    manifest = json.loads((made("format", 2) / "manifest.json").read_text())
    assert manifest["repository"] == source.folder.name
    assert manifest["sha"] == str(source.head)
    assert (manifest["cases"], manifest["fitting"]) == (2, 3)
    assert manifest["filters"]["preset"] == "joco"
    assert str(source.folder) not in json.dumps(manifest)


def test_its_commits_can_be_kept_out_of_splits(made):
    folder = made("format")
    listed = read_benchmarks(["commits.txt"], folder)
    shas = {each.sha for case in cases(folder) for each in case.originals}
    assert (listed.commits, listed.repositories) == (shas, frozenset())


def test_a_history_without_what_is_wanted_is_said_to_have_none(made):
    with pytest.raises(SourceError, match="no change fits a set of the kind content"):
        made("content", authors=("nobody",))
