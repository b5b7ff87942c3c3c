import contextlib
import errno
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from pydantic import Field
from tests.support.rows import make_labeled

from diffscribe.core.errors import InputError, RecordError, StorageError
from diffscribe.core.files import (
    read_json,
    read_jsonl,
    temporary_folder,
    whole_file,
    whole_folder,
    write_json,
    write_jsonl,
)
from diffscribe.core.records import Issue, LabeledChange, PlannedCommit, Record

HARD = Issue(path="a\u2028b\x00\U0001f600.py", message='line\nbreak "quoted"')


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("count", [0, 3])
def test_records_come_back_equal_and_in_order(tmp_path, count):
    known = [HARD, Issue(path="b", message=""), Issue(path="a", message="z")]
    records = known[:count]
    assert write_jsonl(tmp_path / "new/folder/rows.jsonl", records) == count
    assert list(read_jsonl(tmp_path / "new/folder/rows.jsonl", Issue)) == records


def test_a_line_has_sorted_keys_and_no_spaces(tmp_path):
    commit = PlannedCommit(files=("é",), type="fix", subject="mend")
    write_jsonl(tmp_path / "rows.jsonl", [commit])
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8") == (
        '{"body":"","breaking":false,"files":["é"],"issues":[],"scope":null,'
        '"subject":"mend","type":"fix"}\n'
    )


def test_json_is_indented_with_sorted_keys(tmp_path):
    write_json(tmp_path / "metrics.json", {"b": 1, "a": {"é": None}})
    assert (tmp_path / "metrics.json").read_text(encoding="utf-8") == (
        '{\n  "a": {\n    "é": null\n  },\n  "b": 1\n}\n'
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"path": "b"}', "message: Field required"),
        (b'{"path": "b", "message": 1}', "message: Input should be a valid string"),
        (b'{"path": "b", "message": "", "x": 1}', "x: Extra inputs are not permitted"),
        (
            b'{"path": "b", "mess',
            "Invalid JSON: EOF while parsing a string at column 19",
        ),
        (b"", "Invalid JSON: EOF while parsing"),
        (b"\xff\x00", "Invalid JSON: expected value"),
    ],
)
def test_a_corrupt_line_is_named_after_the_good_ones_were_given(tmp_path, line, reason):
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [HARD])
    path.write_bytes(path.read_bytes() + line + b"\n")
    records = read_jsonl(path, Issue)
    assert next(records) == HARD
    with pytest.raises(RecordError) as caught:
        next(records)
    assert str(caught.value).startswith(f"{path}:2: not a Issue: {reason}")
    assert str(caught.value).endswith(
        "; mend the line, or run the stage that writes the file again"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.jsonl", "No such file or directory"), (".", "Is a directory")],
)
def test_an_input_that_cannot_be_opened_says_who_writes_it(tmp_path, name, reason):
    with pytest.raises(InputError) as caught:
        next(read_jsonl(tmp_path / name, Issue))
    assert str(caught.value) == (
        f"input '{tmp_path / name}' cannot be read: {reason}; check the path, or run "
        "the stage that writes it"
    )


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b'"a"', b"3"])
def test_a_document_that_is_no_object_is_named(tmp_path, content):
    path = tmp_path / "counts.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=f"^{path}: not a JSON object: .* run the"):
        read_json(path)
    write_json(path, {"n": 1})
    assert read_json(path) == {"n": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f'{{"n": {10**400}}}',
            "10000000000000000000...: a number of 64 bits",
        ),
        (
            f'{{"n": {"9" * 5000}}}',
            "number out of range",
        ),
        ('{"n": -9223372036854775809}', "a number of 64 bits is needed"),
        ('{"x": 1e999}', "1e999...: a number of 64 bits is needed"),
        ('{"x": NaN}', "NaN...: a number of 64 bits is needed"),
        ('{"n": 1, "n": 1}', "n: is there twice"),
        (
            '{"x": 1.5, "below": {"k": [{"\\u001b": 1, "\\u001b": 2}]}}',
            r"\x1b: is there twice",
        ),
    ],
)
def test_json_of_two_meanings_or_none_is_refused(tmp_path, text, reason):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"n":2,"x":1e-7}}\n{text}\n')
    rows = read_jsonl(path, Loose)
    assert next(rows) == Loose(n=2, x=1e-7)
    with pytest.raises(RecordError) as caught:
        next(rows)
    assert str(caught.value).startswith(f"{path}:2: not a Loose: ")
    assert reason in str(caught.value)
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(RecordError, match=r"one\.json: not a JSON object: "):
        read_json(tmp_path / "one.json")


class Loose(Record):
    n: int = 0
    x: float = 0
    below: dict[str, Any] = Field(default_factory=dict)


def test_a_second_row_of_an_id_is_named_with_the_first(tmp_path):
    rows = [make_labeled(id=name) for name in ("a", "b", "a")]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    words = "rows.jsonl:3: not a LabeledChange: id: is that of line 1 too; mend"
    with pytest.raises(RecordError, match=words):
        list(read_jsonl(tmp_path / "rows.jsonl", LabeledChange))


def test_only_lines_that_hold_a_text_are_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [HARD, Issue(path="b", message="wanted")])
    path.write_bytes(b"no row\n" + path.read_bytes())
    assert [each.path for each in read_jsonl(path, Issue, b'"wanted')] == ["b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("write", [whole_file, whole_folder])
def test_a_failed_output_leaves_the_old_version_and_nothing_else(
    tmp_path, error, write
):
    for text in ("old", "new"):
        with contextlib.suppress(error), write(tmp_path / "out") as partial:
            target = partial / "a" if partial.is_dir() else partial
            target.write_text(text)
            if text == "new":
                raise error
    assert names(tmp_path) == ["out"]
    out = tmp_path / "out"
    assert (out / "a" if out.is_dir() else out).read_text() == "old"


def test_a_folder_is_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with whole_folder(tmp_path / "model") as folder:
            assert names(folder) == []
            (folder / name).write_text(name)
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == ["new"]


def test_what_a_killed_run_left_does_not_reach_the_next(tmp_path):
    killed = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from diffscribe.core.files import whole_file, whole_folder\n"
        "with whole_file(Path('rows.jsonl')) as row, whole_folder(Path('m')) as m:\n"
        "    row.write_text('half'), (m / 'half').write_text('half')\n"
        "    print(os.getpid(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", killed]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    number = done.stdout.strip()
    assert names(tmp_path) == [
        *(f".m.{number}.partial", ".m.lock.partial"),
        *(f".rows.jsonl.{number}.partial", ".rows.jsonl.lock.partial"),
    ]
    # Of another output, whose writer lives, and of nobody known.
    kept = [".notes.77.partial", ".rows.jsonl.old.partial", "rows.jsonl.5.partial"]
    for name in kept:
        (tmp_path / name).touch()
    write_jsonl(tmp_path / "rows.jsonl", [HARD])
    assert names(tmp_path) == sorted([*kept, "rows.jsonl"])
    with whole_folder(tmp_path / "m") as folder:
        (folder / "whole").touch()
    assert names(tmp_path / "m") == ["whole"]
    assert list(read_jsonl(tmp_path / "rows.jsonl", Issue)) == [HARD]


def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = (
        "import os, signal\n"
        "from diffscribe.core.files import temporary_folder\n"
        "with temporary_folder() as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    variables = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", killed], env=variables, check=False)
    (dead,) = names(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    others = [".diffscribe-link.partial", "diffscribe-notes", "outside"]
    (tmp_path / others[0]).symlink_to(outside)
    (tmp_path / others[1]).mkdir()
    with temporary_folder() as first, temporary_folder() as second:
        assert names(tmp_path) == sorted([*others, first.name, second.name])
    assert names(tmp_path) == others
    assert dead.startswith(".diffscribe-")


def test_a_lock_that_was_removed_is_told_before_anything_is_published(tmp_path):
    path = tmp_path / "rows.jsonl"
    second = (
        "from pathlib import Path\n"
        "from diffscribe.core.files import whole_file\n"
        "with whole_file(Path('rows.jsonl')) as partial:\n"
        "    partial.write_text('second')\n"
    )
    words = r"someone removed .*; run again"
    with pytest.raises(StorageError, match=words), whole_file(path) as partial:
        partial.write_text("first")
        (tmp_path / ".rows.jsonl.lock.partial").unlink()
        subprocess.run([sys.executable, "-c", second], cwd=tmp_path, check=True)
    assert path.read_text() == "second"
    assert names(tmp_path) == ["rows.jsonl"]


def test_a_full_disk_is_told_and_the_old_version_stays(tmp_path):
    (tmp_path / "rows.jsonl").write_text("old")
    (tmp_path / f".rows.jsonl.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(StorageError) as caught:
        write_jsonl(tmp_path / "rows.jsonl", [HARD])
    assert str(caught.value) == (
        f"{tmp_path / 'rows.jsonl'}: the disk is full; free some space and run "
        "again, nothing was half-written"
    )
    assert (tmp_path / "rows.jsonl").read_text() == "old"
    assert names(tmp_path) == ["rows.jsonl"]


def test_a_full_disk_is_told_with_the_folder_that_the_user_knows(tmp_path):
    with pytest.raises(StorageError) as caught, whole_folder(tmp_path / "sft") as sft:
        (sft / f".train.jsonl.{os.getpid()}.partial").symlink_to("/dev/full")
        write_jsonl(sft / "train.jsonl", [HARD])
    assert str(caught.value).startswith(f"{tmp_path / 'sft'}: the disk is full; free")
    assert names(tmp_path) == []


def test_a_library_that_words_a_full_disk_itself_is_understood(tmp_path):
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    words = f"Error while serializing: I/O error: {os.strerror(errno.ENOSPC)}"
    with pytest.raises(StorageError), whole_folder(tmp_path / "model"):
        raise SafetensorError(words)
    with pytest.raises(SafetensorError), whole_folder(tmp_path / "model") as folder:
        save_file({"a": np.zeros(1, np.float32)}, folder / "no such folder" / "a")
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", [whole_file, whole_folder])
def test_an_output_below_a_file_is_told(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught, write(tmp_path / "file/rows"):
        pytest.fail("there is no place to write to")
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: File exists; mend that")
    assert names(tmp_path) == ["file"]


def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(StorageError) as caught:
        write_json(tmp_path / "folder", {})
    assert str(caught.value).startswith(f"{tmp_path / 'folder'}: Is a directory; mend")
    with pytest.raises(StorageError) as caught, whole_folder(tmp_path / "file"):
        pass
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: Not a directory; mend")
    assert names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="Permission denied; mend that"):
        write_json(tmp_path / "locked/metrics.json", {})


def test_a_failure_that_no_user_can_mend_stays_what_it_is(tmp_path):
    with pytest.raises(OSError, match="Input/output error"), whole_file(tmp_path / "a"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("write", [whole_file, whole_folder])
def test_a_second_writer_of_one_output_is_refused_and_harms_nothing(tmp_path, write):
    second = (
        "from pathlib import Path\n"
        f"from diffscribe.core.files import {write.__name__} as write\n"
        "with write(Path('out')) as partial: print('got it')\n"
    )
    with write(tmp_path / "out") as partial:
        (partial / "a" if partial.is_dir() else partial).write_text("first")
        done = subprocess.run(
            [sys.executable, "-c", second], cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1] == (
            "diffscribe.core.errors.StorageError: out: another run works on it "
            f"(process {os.getpid()} on {gethostname()}, {Path(sys.argv[0]).name}); "
            "wait for it or end it, then run again"
        )
    out = tmp_path / "out"
    assert (out / "a" if out.is_dir() else out).read_text() == "first"
    assert names(tmp_path) == ["out"]


def test_a_kill_between_two_renames_does_not_cost_the_old_folder(tmp_path):
    killed = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from diffscribe.core.files import whole_folder\n"
        "with whole_folder(Path('m')) as m: (m / 'old').write_text('old')\n"
        "with whole_folder(Path('m')) as m:\n"
        "    Path('m').rename('.m.previous')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", killed], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(ValueError, match="no"), whole_folder(tmp_path / "m"):
        raise ValueError("no")
    assert names(tmp_path) == ["m"]
    assert names(tmp_path / "m") == ["old"]
