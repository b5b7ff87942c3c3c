"""The benchmark that plants leaks, on a few rows made here."""

import importlib.util
import random
from pathlib import Path

import pytest
from tests.support.rows import make_curated

from diffscribe.core.records import SplitChange
from diffscribe.split.leaks import LeakKind

PATH = Path(__file__).parents[2] / "benchmarks/leaks.py"
EACH = 20


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_of_leaks", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows(benchmark):
    """Thirty changes a split of one to three files, each with a variant of two more."""
    draw = random.Random(7)
    splits = {}
    for name in benchmark.SPLITS:
        splits[name] = []
        for number in range(30):
            paths = [f"src/{name}{number}_{n}.py" for n in range(1 + number % 3)]
            row = change(benchmark, f"{name}-{number}", paths, draw)
            splits[name] += [row, variant_of(benchmark, row, draw)]
    return splits


def change(benchmark, name, paths, draw):
    lines = [
        f"{sign}    {draw.getrandbits(64):x} = {draw.getrandbits(64):x}"
        for sign in "-+"
        for _ in range(draw.randrange(1, 40))
    ]
    diff = "".join(benchmark.new_file(path, lines) for path in paths)
    repo = name.partition("-")[0]
    fields = {"id": name, "repo": repo, "head": name, "diff": diff, "cluster": name}
    row = make_curated(paths=paths, languages=("python",), **fields)
    return SplitChange(**dict(row), parent_id=None, junk=())


def variant_of(benchmark, row, draw):
    """Return the change with a junk file and a real one put beside its own."""
    injected = {"junk": ("build/out.log",), "decoys": ("docs/notes.md",)}
    paths = [path for each in injected.values() for path in each]
    lines = [f"{draw.getrandbits(64):x}"]
    return row.model_copy(
        update={
            **injected,
            "id": f"{row.id}-variant",
            "parent_id": row.id,
            "files": (*row.files, *make_curated(paths=paths).files),
            "diff": row.diff + "".join(benchmark.new_file(p, lines) for p in paths),
        }
    )


@pytest.mark.parametrize("kind", LeakKind)
def test_every_planted_leak_is_found_and_nothing_else(benchmark, rows, kind):
    assert benchmark.count_found(rows, kind, EACH, seed=7) == (EACH, 0)


@pytest.mark.slow
def test_planted_near_duplicates_differ_up_to_the_limit(benchmark, rows):
    held_out = rows["validation"] + rows["test"]
    draw = random.Random(7)
    indices = []
    for _ in range(50):
        planted = benchmark.near_duplicate(held_out, draw)["diff"]
        lines = benchmark.runs(benchmark.changed_lines(planted))
        indices.append(
            max(
                benchmark.jaccard(
                    lines, benchmark.runs(benchmark.changed_lines(row.diff))
                )
                for row in held_out
            )
        )
    assert min(indices) >= benchmark.SIMILARITY
    assert min(indices) < benchmark.SIMILARITY + 0.05
    assert sum(index < 1 for index in indices) > 25
