"""A script is found by what proves it, in the order of the proofs, or not at all."""

import hashlib
import json
import os

import pytest
from tests.success_memory.test_collect import DOC

from diffscribe.core.errors import InputError
from diffscribe.doors.python_process import string_hashes
from diffscribe.success_memory.collect import read_memory
from diffscribe.success_memory.patch_sets import NONE, find_script, read_patch_sets

SCRIPT = "import libcst as cst\n\n\nclass Add(cst.CSTTransformer):\n    pass\n"
OTHER = "from libcst import CSTTransformer\n"
SALTED = "-4207263918447261153"


def memory(**changed):
    return read_memory(DOC | changed, "memory.jsonl", 1)[0]


def meta(at="2030-01-02T03:04:07+00:00", **changed):
    values = {
        "patch_set_name": "../../../etc",
        "generation_timestamp_utc": at,
        "original_spec": {"issue_description": DOC["spec_issue_description"]},
        "patch_source": DOC["patch_source"],
    }
    return json.dumps(values | changed)


def write(folder, **files):
    folder.mkdir(parents=True)
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text)


def digest(name, text):
    return hashlib.new(name, text.encode()).hexdigest()


def saved(root, **sets):
    for name, files in sets.items():
        write(root / name, **files)
    return read_patch_sets(root)


WITH = {"patch_meta_json": meta(), "script_py": SCRIPT, "pay_py": "x = 1\n"}
BESIDE = {"patch_meta_json": meta(), "script_py": OTHER}


@pytest.mark.parametrize(
    ("changed", "sets", "expected"),
    [
        ({"successful_script": SCRIPT}, {"a": BESIDE}, (SCRIPT, "stored")),
        *(
            (
                {"successful_script_hash": digest(name, text)},
                {"a": {"script_py": SCRIPT}},
                (SCRIPT, "digest"),
            )
            for name in ("sha256", "sha1", "md5")
            for text in (SCRIPT, SCRIPT.strip())
        ),
        (
            {"successful_script_hash": digest("sha256", SCRIPT).upper()},
            {"a": {"script_py": SCRIPT}},
            (SCRIPT, "digest"),
        ),
        ({"successful_script_hash": SALTED}, {"a": WITH}, (SCRIPT, "patch_set")),
        ({"successful_script_hash": int(SALTED)}, {"a": WITH}, (SCRIPT, "patch_set")),
        ({"successful_script_hash": ""}, {"a": WITH}, (SCRIPT, "patch_set")),
        # Two sets in one second, and two scripts in one set.
        ({"successful_script_hash": ""}, {"a": WITH, "b": BESIDE}, (None, "ambiguous")),
        (
            {"successful_script_hash": SALTED},
            {"a": WITH | {"more_py": OTHER}},
            (None, "ambiguous"),
        ),
        ({"successful_script_hash": ""}, {"a": WITH, "b": WITH}, (SCRIPT, "patch_set")),
        *(
            (
                {"successful_script_hash": hash_},
                {"a": WITH | {"patch_meta_json": wrong}},
                (None, expected),
            )
            for hash_, expected in (
                (SALTED, "uncorrelatable_salted_hash"),
                ("", "no_script"),
                ("ab" * 32, "no_script"),
            )
            for wrong in (
                meta("2030-01-02T03:04:16+00:00"),
                meta("2030-01-02T03:04:04+00:00"),
                meta("soon"),
                meta(patch_source="another"),
                meta(original_spec={"issue_description": "another"}),
                meta(original_spec="not an object"),
                "{",
            )
        ),
        (
            {"successful_script_hash": SALTED},
            {"a": {"pay_py": "x = 1\n"}},
            (None, "uncorrelatable_salted_hash"),
        ),
        (
            {"successful_script_hash": "1" * 20},
            {"a": {"pay_py": "x = 1\n"}},
            (None, "no_script"),
        ),
    ],
)
def test_a_script_is_found_by_the_first_proof_or_not_at_all(
    tmp_path, changed, sets, expected
):
    assert find_script(memory(**changed), saved(tmp_path, **sets)) == expected


def test_without_patch_sets_there_is_a_script_only_if_it_is_in_the_line(tmp_path):
    assert find_script(memory(successful_script_hash=""), NONE) == (None, "no_script")
    with pytest.raises(InputError, match="is no folder"):
        read_patch_sets(tmp_path / "missing")


def test_a_salted_hash_is_found_with_the_seed_and_with_no_other(tmp_path):
    sets = saved(tmp_path, a={"script_py": SCRIPT, "more_py": OTHER})
    [logged] = string_hashes([SCRIPT], 77)
    line = memory(successful_script_hash=logged)
    right = find_script(line, sets, lambda texts: string_hashes(texts, 77))
    assert right == (SCRIPT, "salted_hash")
    wrong = find_script(line, sets, lambda texts: string_hashes(texts, 78))
    assert wrong == (None, "no_script")


def test_no_link_is_followed_and_no_name_is_a_path(tmp_path):
    outside = tmp_path / "outside"
    write(outside / "set", script_py=SCRIPT)
    secret = outside / "secret.py"
    secret.write_text(SCRIPT)
    root = tmp_path / "root"
    write(root / "real", patch_meta_json=meta())
    (root / "real" / "link.py").symlink_to(secret)
    (root / "real" / "folder").symlink_to(outside)
    (root / "linked").symlink_to(outside / "set")
    os.mkfifo(root / "real" / "pipe.py")
    sets = read_patch_sets(root)
    assert sets.links == 3
    assert [each.scripts for each in sets.sets] == [()]
    line = memory(successful_script_hash=digest("sha256", SCRIPT))
    assert find_script(line, sets) == (None, "no_script")
