"""Reading a repository never executes, never writes, and never goes on for ever.

Each test harvests one hostile repository by the real script, between two good
ones, and then lets plain git do what harvest must not.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.hostile import bombs, broken, bundles, layouts, programs, texts
from tests.hostile.attacks import Attack, Place, attacks_of
from tests.hostile.harness import MAX_SECONDS, REPOSITORY, Run, run_harvest, snapshot
from tests.hostile.plumbing import grown

MAX_BYTES = 2**30
ATTACKS = attacks_of(programs, layouts, broken, bombs, bundles, texts)
CONTROLS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]"
)

pytestmark = [pytest.mark.slow, pytest.mark.hostile]


class Neighbours(NamedTuple):
    """Good sources that are read together with a hostile one."""

    before: Path
    after: Path
    rows: list[bytes]


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Neighbours:
    folder = tmp_path_factory.mktemp("neighbours")
    before, after = folder / "a.bundle", folder / "zz-good"
    history = grown(after)
    history.bundle(before)
    history.commit("feat: be different", {"b.py": "b = 1\n"})
    run = run_harvest(folder / "run", [before, after], "stop")
    assert (run.code, len(run.rows)) == (0, 3 + 4)
    return Neighbours(before, after, run.rows)


@pytest.fixture
def place(tmp_path: Path, neighbours: Neighbours) -> Iterator[Place]:
    canary = tmp_path / "canary.sh"
    canary.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/executed\nexit 1\n')
    canary.chmod(0o755)
    (tmp_path / "place").mkdir()
    yield Place(tmp_path / "place", canary, neighbours.after)
    subprocess.run(["chmod", "-R", "u+rwX", tmp_path / "place"], check=True)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_hostile_repository(
    attack: Attack,
    place: Place,
    neighbours: Neighbours,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    source = attack.build(place)
    before = snapshot(place.folder)
    environment = attack.environment(place)
    executed = tmp_path / "executed"
    runs = []
    sources = [neighbours.before, neighbours.after, source]
    if attack.refused is not None:
        alone = run_harvest(tmp_path / "alone", sources, "stop", environment)
        assert_named(alone, source, attack.refused)
        runs.append(alone)
        together = run_harvest(tmp_path / "run", sources, "skip", environment)
    else:
        together = run_harvest(tmp_path / "run", sources, "stop", environment)
    runs.append(together)

    assert together.code == 0, together.stderr
    assert [row for row in together.rows if row in neighbours.rows] == neighbours.rows
    assert len(together.rows) - len(neighbours.rows) == attack.rows
    for run in runs:
        record_property("seconds", round(run.seconds, 2))
        record_property("peak_mib", run.peak_bytes >> 20)
        assert "Traceback" not in run.stderr
        assert not CONTROLS.search(run.stderr)
        assert run.seconds < MAX_SECONDS
        assert run.peak_bytes < MAX_BYTES
        assert not run.left
    assert snapshot(place.folder) == before
    assert not executed.exists()
    if attack.armed is not None:
        provoke(attack, place, source, tmp_path)
        assert executed.exists()


def test_the_documentation_counts_the_attacks() -> None:
    text = (REPOSITORY / "docs/harvest.md").read_text()
    for kind, number in Counter(attack.kind for attack in ATTACKS).items():
        refused = sum(
            attack.kind == kind and attack.refused is not None for attack in ATTACKS
        )
        assert f"| {kind} | {number} | {refused} |" in text
    assert f"{len(ATTACKS)} hostile repositories" in text


def assert_named(run: Run, source: Path, words: str) -> None:
    """Expect one line that says what is wrong, where, and what to do."""
    assert run.code == 66, run.stderr
    assert run.stderr.count("\n") == 1, run.stderr
    assert words in run.stderr
    if not CONTROLS.search(str(source)):
        assert str(source.resolve()) in run.stderr
    assert "; " in run.stderr
    assert run.rows == []


def provoke(attack: Attack, place: Place, source: Path, home: Path) -> None:
    """Let plain git walk into the trap, which shows that it is one."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        **attack.environment(place),
    }
    subprocess.run(
        str(attack.armed),
        shell=True,
        cwd=source,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=MAX_SECONDS,
        check=False,
    )
