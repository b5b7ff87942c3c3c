import json

import pytest
from tests.support.rows import make_curated, patch

from diffscribe.commands.contamination import find_contamination, refuse_contamination
from diffscribe.core.errors import InputError, LeakError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import SplitChange
from diffscribe.split.leaks import LeakKind

TEXT = "".join(f"+a line of its own, number {number}\n" for number in range(30))
DIFF = (
    "diff --git a/src/a.py b/src/a.py\nnew file mode 100644\nindex 0..1\n"
    f"--- /dev/null\n+++ b/src/a.py\n@@ -0,0 +1,30 @@\n{TEXT}"
)


@pytest.fixture
def splits(tmp_path):
    """The folder of a train split of one row, and a validation split of another."""
    rows = {"train": {"diff": DIFF, "paths": ("src/a.py",), "repo": "acme/known"}}
    rows["validation"] = {"paths": ("x/b.py",), "repo": "acme/seen"}
    for split, fields in rows.items():
        row = SplitChange(**dict(make_curated(**fields)), parent_id=None, junk=())
        write_jsonl(tmp_path / "splits" / f"{split}.jsonl", [row])
    return tmp_path / "splits"


@pytest.fixture
def found(splits, tmp_path):
    """A function from the fields of a foreign case to the leaks of it."""

    def find(whole_repositories=True, **fields):
        row = {"id": "x-1", "expectedMessage": "fix: it", "repository": "other"}
        row |= {"diff": patch("lib/z.py", "q"), "commitHash": "f" * 40, **fields}
        (tmp_path / "cases.jsonl").write_text(json.dumps(row))
        return find_contamination(tmp_path / "cases.jsonl", splits, whole_repositories)

    return find


def kinds(leaks):
    return {(leak.kind, leak.split) for leak in leaks}


def test_a_case_of_another_history_shares_nothing(found):
    assert found() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"repository": "acme/known"}, (LeakKind.REPOSITORY, "train")),
        ({"repository": "acme/seen"}, (LeakKind.REPOSITORY, "validation")),
        ({"commitHash": "acme/known-b1-0"}, (LeakKind.COMMIT, "train")),
        ({"diff": DIFF}, (LeakKind.PATCH_ID, "train")),
        (
            {"diff": DIFF.replace("number 7", "number seven")},
            (LeakKind.NEAR_DUPLICATE, "train"),
        ),
    ],
)
def test_what_a_case_shares_with_a_split_is_found(found, fields, expected):
    assert expected in kinds(found(**fields))


def test_repositories_count_only_where_they_are_kept_whole(found):
    assert found(whole_repositories=False, repository="acme/known") == []


def test_it_fails_loudly_with_kinds_and_ids(found, tmp_path):
    leaks = found(repository="acme/known")
    with pytest.raises(LeakError, match=r"cases\.jsonl.* 1 repository: .* case x-1"):
        refuse_contamination(leaks, tmp_path / "cases.jsonl")
    refuse_contamination([], tmp_path / "cases.jsonl")


def test_without_splits_nothing_is_proven(found, splits):
    for path in splits.iterdir():
        path.unlink()
    with pytest.raises(InputError, match="run the stage split first"):
        found()
