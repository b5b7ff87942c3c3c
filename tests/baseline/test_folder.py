import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from diffscribe.baseline.model import load_baseline, save_baseline
from diffscribe.core.errors import SourceError


@pytest.fixture
def folder(fitted, tmp_path):
    save_baseline(fitted, tmp_path)
    return tmp_path


def test_what_is_loaded_plans_as_what_was_saved(fitted, folder, row):
    loaded = load_baseline(folder)
    for number in range(41, 60):
        change = row(number, junk=("a.log",) if number % 2 else ())
        paths = [file.path for file in change.files]
        assert loaded.plan(paths, change.diff) == fitted.plan(paths, change.diff)


def test_nothing_in_the_folder_can_run(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "baseline.json",
        "baseline.safetensors",
    ]


def changed(name, change):
    def damage(folder):
        path = folder / "baseline.safetensors"
        arrays = {key: array.copy() for key, array in load_file(path).items()}
        arrays[name] = change(arrays[name])
        save_file(arrays, path)

    return damage


def first_is(value):
    def change(array):
        array[0] = value
        return array

    return change


def without(name):
    return lambda folder: (folder / name).unlink()


def cut(size):
    def damage(folder):
        path = folder / "baseline.safetensors"
        path.write_bytes(path.read_bytes()[:size])

    return damage


def words(**values):
    def damage(folder):
        path = folder / "baseline.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (shutil.rmtree, "No such file"),
        (without("baseline.json"), "No such file"),
        (without("baseline.safetensors"), "No such file"),
        *((cut(size), "cannot be loaded") for size in (0, 7, 100, 5000)),
        (words(depth=65), "depth"),
        (words(types=[]), "types"),
        (words(types=["fix"]), r"'types\.weights': \('float16', \(65536, 2\)\)"),
        (words(columns=["size"]), "other features"),
        (words(added=1), "added"),
        (changed("trees.low", first_is(10**6)), "outside 0 to"),
        (changed("trees.high", first_is(-1)), "outside 0 to"),
        (changed("trees.column", first_is(10**6)), "outside 0 to"),
        (changed("trees.roots", first_is(-1)), "outside 0 to"),
        (changed("trees.limit", lambda array: array[1:]), "arrays are"),
        (changed("types.bias", lambda array: array[1:]), "arrays are"),
        (changed("types.bias", lambda array: array.astype(np.float64)), "arrays are"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(folder, damage, reason):
    damage(folder)
    with pytest.raises(SourceError, match=reason) as refused:
        load_baseline(folder)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith("; run the stage baseline again")
