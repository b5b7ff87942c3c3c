"""What a user sees of each stage if the disk is full: a real one, of the kernel."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.support.history import History

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Change, SplitChange

ROOT = Path(__file__).parents[2]
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
SMALL_DISK = (
    'mount -t tmpfs -o "size=$0" none out && cp -r old/. out && { "$@"; code=$?; '
    "ls -A out > left; cmp -s old/filler out/filler || echo changed >> left; "
    "exit $code; }"
)


def can_mount():
    command = [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(
    not can_mount(), reason="this machine lets no test mount a small disk"
)


@pytest.fixture
def source(workplace, labeled, curated):
    """Make the workplace of a stage with inputs that give at least one row."""

    def make(name):
        place = workplace(name)
        rows = [labeled(repo=f"r{n}") for n in range(40)]
        changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
        write_jsonl(place.folder / "in/harvested.jsonl", changes)
        write_jsonl(place.folder / "in/labeled.jsonl", rows)
        kept = [curated(repo=f"r{n}") for n in range(40)]
        place.params["split"]["by"] = "repository"
        write_jsonl(place.folder / "in/curated.jsonl", kept)
        rows = [SplitChange(**dict(row), parent_id=None, junk=()) for row in kept]
        for split in ("train", "validation", "test"):
            write_jsonl(place.folder / f"in/splits/{split}.jsonl", rows)
        history = History(place.folder / "in/app")
        for number in range(9):
            history.commit(f"feat: {number}", {"a.py": f"{number}\n"})
        place.params["harvest"]["sources"] = ["in/app"]
        if name == "harvest":
            place.params["label"]["source"] = "teacher"  # Keeps all commits.
        return place

    return make


@pytest.mark.parametrize(
    ("name", "output"), [("harvest", "harvested.jsonl"), ("label", "labeled.jsonl")]
)
def test_a_file_that_finds_no_space_leaves_the_old_one(source, name, output):
    place = source(name)
    (place.folder / f"out/.{output}.{os.getpid()}.partial").symlink_to("/dev/full")
    words = f"out/{output}: the disk is full; free some space and run again"
    place.assert_failed(place.run(), 74, words)


@pytest.mark.parametrize("name", ["curate", "split"])
def test_counts_that_find_no_space_leave_whole_outputs_and_a_rerun_completes(
    source, name
):
    place = source(name)
    details = f"{name}.json"
    (place.folder / f"out/.{details}.{os.getpid()}.partial").symlink_to("/dev/full")
    failed = place.run()
    assert failed.returncode == 74
    words = f"out/{details}: the disk is full; free some space and run again"
    assert words in failed.stderr
    assert failed.stdout == ""
    first = place.written()
    assert first.pop(details) == b"old"
    assert b"old" not in first.values()
    assert not [path for path in first if "partial" in path or "previous" in path]
    done = place.run()
    assert done.returncode == 0, done.stderr
    second = place.written()
    assert second.pop(details) != b"old"
    assert second == first


def on_small_disk(place, size_kib):
    """Run the stage with its outputs on a disk of their own, half full."""
    (place.folder / ".tools").symlink_to(ROOT / ".tools")
    (place.folder / "old").mkdir()
    (place.folder / "old/filler").write_bytes(bytes(size_kib * 512))
    done = place.run_apart(*UNSHARE, "sh", "-c", SMALL_DISK, f"{size_kib}k")
    left = (place.folder / "left").read_text().split()
    return done, left


@needs_mount
def test_a_folder_that_finds_no_space_leaves_nothing(source):
    place = source("split")
    done, left = on_small_disk(place, 16)
    place.assert_failed(done, 74, "out/splits: the disk is full; free some")
    assert left == ["filler"]


@needs_mount
def test_temporary_files_that_find_no_space_name_their_folder(source):
    place = source("harvest")
    temporary = place.folder / "temporary"
    temporary.mkdir()
    small = f'mount -t tmpfs -o size=8k none "{temporary}" && exec "$@"'
    done = place.run_apart(*UNSHARE, "sh", "-c", small, "sh", TMPDIR=str(temporary))
    words = f"{temporary}: the disk of temporary files is full; free some space, or"
    place.assert_failed(done, 74, words)


@needs_mount
@pytest.mark.slow
def test_merge_quantize_that_finds_no_space_leaves_nothing(
    source, tiny_base, tiny_adapter
):
    place = source("merge_quantize")
    place.inputs[1:] = [tiny_base, tiny_adapter]
    done, left = on_small_disk(place, 1024)
    place.assert_failed(done, 74, "out/merged: the disk is full")
    assert left == ["filler"]


@needs_mount
@pytest.mark.slow
def test_llama_cpp_that_finds_no_space_leaves_the_merged_model_only(
    source, known_base, known_adapter
):
    place = source("merge_quantize")
    place.inputs[1:] = [known_base, known_adapter]
    merged_kib = sum(file.stat().st_size for file in known_base.iterdir()) // 1024
    done, left = on_small_disk(place, merged_kib * 3)
    place.assert_failed(done, 74, "out/gguf: the disk is full")
    assert left == ["filler", "merged"]
