"""Corrections of proposals as rows: from the terminal to what a student learns."""

import json

import pytest
from pydantic import ValidationError
from tests.propose.working_trees import run
from tests.support.source_fixtures import make_params, read_changes
from tests.support.terminal import LINES, command, in_terminal

from diffscribe.core.errors import SourceError
from diffscribe.core.feedback import append_feedback, feedback_log, read_feedback
from diffscribe.core.records import Plan, Verdict

pytestmark = pytest.mark.slow


def edit(top, folder, command):
    """Have a person edit the plan with a command of the shell, and apply it."""
    editor = folder / "editor"
    editor.write_text(f'#!/bin/sh\n{command} "$1"\n')
    editor.chmod(0o755)
    shown, code = in_terminal(top, "e\na\n", GIT_EDITOR=str(editor))
    assert code == 0, shown


REWORD = "sed -i '0,/^commit .*/s//commit feat(api): retry what fails/'"
PLAN = """commit docs: spell numbers
  hunk 1 docs/guide.md
  hunk 3 docs/guide.md
"""


@pytest.fixture
def corrected(messy, tmp_path):
    """A repository with a proposal that was taken and some that were edited."""
    run(messy, "config", "diffscribe.log", "true")
    command(messy, "--yes", "--", "docs")
    edit(messy, tmp_path, REWORD)
    guide = LINES.replace("line 2\n", "line two\n").replace("line 20\n", "")
    (messy / "docs/guide.md").write_text(f"# Guide\n{guide}end\n")
    (messy / "docs/usage.md").write_text("how to use it\n")
    (tmp_path / "plan").write_text(PLAN)
    edit(messy, tmp_path, f"cp {tmp_path}/plan")
    return messy


def without_blobs(diff):
    return [line for line in diff.splitlines() if not line.startswith("index ")]


def log():
    return {"feedback": str(feedback_log())}


def test_what_a_person_edited_is_a_row_and_its_commits_are_no_other(corrected):
    changes, counts = read_changes(str(corrected), log())
    assert counts["commits_dropped"]["own_proposal"] == 1
    assert counts["commits_dropped"]["in_feedback"] == 2
    assert counts["feedback"] == 3
    assert counts["feedback_dropped"]["own_proposal"] == 1
    # Both may have been committed within one second, and then the ids decide.
    changes.sort(key=lambda each: each.commits[0].message, reverse=True)
    _, second = changes
    assert {each.repo for each in changes} == {"top"}
    headers = [
        [commit.message.partition("\n")[0] for commit in change.commits]
        for change in changes
    ]
    assert headers[0][0] == "feat(api): retry what fails"
    assert headers[1] == ["docs: spell numbers"]
    made = run(corrected, "rev-parse", "HEAD").decode().strip()
    assert [commit.sha for commit in second.commits] == [made]
    shown = run(corrected, "show", "--format=", "--full-index", "HEAD").decode()
    # The blob is that of the working tree, where the second hunk is too.
    assert without_blobs(second.diff) == without_blobs(shown)
    assert [file.path for file in second.files] == ["docs/guide.md"]
    numbers = run(corrected, "show", "--format=", "--numstat", "HEAD").decode()
    assert numbers.split()[:2] == [
        str(second.files[0].additions),
        str(second.files[0].deletions),
    ]


def test_the_person_s_plan_is_the_label_and_junk_stays_ignored(messy, tmp_path):
    from tests.support.source_fixtures import ROOT

    from diffscribe.core.params import LabelParams, load_params
    from diffscribe.label.from_history import history_plan

    run(messy, "config", "diffscribe.log", "true")
    run(messy, "checkout", "-q", "--", "docs")
    (messy / "debug.log").write_text("junk\n")
    edit(messy, tmp_path, REWORD)
    [change], _ = read_changes(log())
    values = load_params(ROOT / "params.yaml")
    assert isinstance(values.label, LabelParams)
    plan = history_plan(change, values.label, values.style)
    [entry] = read_feedback(feedback_log())
    assert isinstance(plan, Plan)
    assert plan.gitignore == entry.final.gitignore != ()
    assert [each.files for each in plan.commits] == [
        tuple(sorted(each.files)) for each in entry.final.commits
    ]
    assert plan.commits[0].subject == "retry what fails"


def test_a_row_is_private_unless_a_public_source_has_its_base(corrected, history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: go on", {"a": "1\n"})
    other = {"path": str(history.folder), "private": True}
    changes, _ = read_changes(log(), other)
    assert all(each.private for each in changes)
    changes, _ = read_changes(str(corrected), log(), other)
    assert [each.private for each in changes if each.repo == "top"] == [False, False]
    changes, _ = read_changes(str(corrected), log() | {"private": True})
    assert all(each.private for each in changes)
    [*_, entry] = read_feedback(feedback_log())
    secret = entry.change.model_copy(update={"private": True})
    append_feedback(feedback_log(), entry.model_copy(update={"change": secret}))
    changes, _ = read_changes(str(corrected), log())
    # Both were committed within one second, and then the ids decide.
    assert sorted(each.private for each in changes) == [False, True]


def test_what_does_not_fit_is_counted(corrected):
    [_, *edited] = read_feedback(feedback_log())
    path = feedback_log()
    bad = edited[0].change.model_copy(update={"diff": "nonsense"})
    append_feedback(path, edited[0].model_copy(update={"change": bad}))
    append_feedback(path, edited[1].model_copy(update={"verdict": Verdict.UNDONE}))
    changes, counts = read_changes(log())
    assert changes == []
    assert counts["feedback_dropped"] == {
        "own_proposal": 1,
        "thrown_away": 0,
        "undone": 1,
        "unfit": 1,
    }
    with path.open("a") as lines:
        lines.write('{"version": 2}\n')
    with pytest.raises(SourceError, match=r"feedback\.jsonl:6"):
        read_changes(log())


def test_a_log_has_few_settings():
    with pytest.raises(ValidationError, match="no other settings"):
        make_params({"feedback": "log.jsonl", "authors": ["a"]})
    with pytest.raises(ValidationError, match="either a path"):
        make_params({"feedback": "log.jsonl", "path": "a"})


def test_history_without_the_words_of_a_model(history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("fix: close the log\n\nDiffscribe: taken", {"a": "1\n"})
    history.commit("fix: open the door\n\nDiffscribe: edited", {"a": "2\n"})
    changes, counts = read_changes(str(history.folder))
    assert counts["commits_dropped"]["own_proposal"] == 1
    assert [json.dumps(each.commits[0].message) for each in changes] == [
        '"fix: open the door\\n\\nDiffscribe: edited"'
    ]
