import json

import pytest
from click.testing import CliRunner

from diffscribe.commands.main import main
from diffscribe.commands.why import trace
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Change, CuratedChange, RejectedChange, SplitChange
from diffscribe.label.labeler import LabelFailure

FIELDS = set(Change.model_fields)


@pytest.fixture
def folder(tmp_path, labeled):
    """Three changes: kept in train with a variant, rejected, without a label."""
    kept, bad, bare = (labeled(head=head) for head in ("kept", "bad", "bare"))
    curated = CuratedChange(**dict(kept), cluster=kept.id)
    row = SplitChange(**dict(curated), parent_id=None, junk=())
    variant = row.model_copy(update={"id": "f" * 64, "parent_id": kept.id})
    write_jsonl(
        tmp_path / "harvested.jsonl",
        [Change(**each.model_dump(include=FIELDS)) for each in (kept, bad, bare)],
    )
    write_jsonl(tmp_path / "labeled.jsonl", [kept, bad])
    write_jsonl(
        tmp_path / "rejected.jsonl", [RejectedChange(reason="long_body", change=bad)]
    )
    write_jsonl(tmp_path / "curated.jsonl", [curated])
    (tmp_path / "splits").mkdir()
    write_jsonl(tmp_path / "splits/train.jsonl", [row, variant])
    counts = {
        "harvest": {"commits_dropped": {"bot": 3, "merge": 0}, "windows_dropped": {}},
        "label": {"rejected": {"nonconventional": 1}},
        "render": {"train": {"dropped_long_answer": 2, "samples": 9}},
    }
    for stage, values in counts.items():
        (tmp_path / f"{stage}.json").write_text(json.dumps(values))
    return tmp_path, kept, bad, bare


def story(folder, wanted):
    return list(trace(folder[0], folder[0], wanted))


def test_a_kept_change_is_followed_to_where_it_stops(folder):
    kept = folder[1]
    lines = story(folder, kept.id[:8])
    assert lines[0] == f"change {kept.id[:12]} of acme/app"
    assert "  curate   kept, in cluster " + kept.id[:12] in lines
    assert "           fix: stop the leak" in lines
    assert "  split    2 rows in train" in lines
    assert lines[-2:] == [
        "  render   dropped, or not yet run; only counted:",
        "           train.dropped_long_answer 2",
    ]


def test_a_rejected_change_ends_with_its_reason(folder):
    place = str(folder[0])
    done = CliRunner().invoke(main, ["why", folder[2].id[:8], place, place])
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "  curate   rejected: long_body"
    done = CliRunner().invoke(main, ["why", "012345", f"{place}/none", place])
    assert done.exit_code == 2
    assert "/none' does not exist; check the path" in done.output


def test_a_change_that_a_teacher_could_not_label_shows_why(folder):
    bare = folder[3]
    failure = LabelFailure(
        id=bare.id,
        repo=bare.repo,
        head=bare.head,
        reason="missing_path",
        words="in no commit: `a.py`",
        model="wise",
        answer="{}",
    )
    write_jsonl(folder[0] / "label_failures.jsonl", [failure])
    assert story(folder, bare.id[:8])[-1] == (
        "  label    failed: missing_path: in no commit: `a.py`"
    )


def test_a_change_without_a_label_shows_what_is_counted(folder):
    assert story(folder, folder[3].id)[-2:] == [
        "  label    no label; the reasons are only counted:",
        "           rejected.nonconventional 1",
    ]


def test_a_commit_is_found_by_its_sha(folder):
    harvested = folder[0] / "harvested.jsonl"
    harvested.write_text(harvested.read_text().replace("acme/app-bad-0", "c0ffee12"))
    assert f"change {folder[2].id[:12]} of acme/app" in story(folder, "C0FFEE1")


def test_what_harvest_dropped_is_only_counted(folder):
    assert story(folder, "123456789") == [
        "no change or commit begins with 123456789; harvest dropped:",
        "           commits_dropped.bot 3",
    ]


@pytest.mark.parametrize("wanted", ["", "abc", "../../x", "abcdef\n*"])
def test_what_is_no_digest_is_refused(folder, wanted):
    with pytest.raises(InputError, match="at least 6 characters"):
        story(folder, wanted)


def test_names_that_steer_a_terminal_are_defused(folder):
    harvested = folder[0] / "harvested.jsonl"
    harvested.write_text(harvested.read_text().replace('acme/app"', 'acme\\u001b[2J"'))
    assert "\x1b" not in "\n".join(story(folder, folder[2].id))


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("harvested.jsonl", '{"id":"123456"', "harvested.jsonl:1: "),
        ("harvested.jsonl", '["123456"]', "harvested.jsonl:1: "),
        ("harvested.jsonl", '{"id":"123456"}', "harvested.jsonl:1: .*repo: Field"),
        ("harvested.jsonl", '{"id":"123456","commits":5}', "harvested.jsonl:1: "),
        ("harvested.jsonl", '{"parent_id":"123456"}', "harvested.jsonl:1: .*id: Field"),
        ("harvest.json", "{", "harvest.json: "),
        ("harvest.json", "[]", "harvest.json: "),
    ],
)
def test_what_no_stage_writes_is_named_in_one_line(folder, name, text, place):
    (folder[0] / name).write_text(text)
    with pytest.raises(RecordError, match=rf"/{place}") as caught:
        story(folder, "123456")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "head"),
    [("label_failures", 3), ("rejected", 1), ("curated", 1), ("splits/train", 1)],
)
def test_a_later_row_that_no_stage_writes_is_named(folder, name, head):
    id_ = folder[head].id
    row = {"id": id_, "commits": 5} if "splits" in name else {"id": id_}
    (folder[0] / f"{name}.jsonl").write_text(json.dumps(row))
    with pytest.raises(RecordError, match=rf"/{name}.jsonl:1: "):
        story(folder, id_)
