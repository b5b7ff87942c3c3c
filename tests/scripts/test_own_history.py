"""The default on a history of one's own: one repository, cut by time."""

import shutil

import pytest
from tests.support.history import write_history

STAGES = ("harvest", "label", "curate", "split")
WRITTEN = ("harvested.jsonl", "labeled.jsonl", "curated.jsonl")


@pytest.fixture
def split(workplace):
    """A function that runs the stages up to split on a history of so many commits."""

    def run(commits, **settings):
        for name in STAGES:
            place = workplace(name)
            place.params["harvest"] |= {"sources": ["app"], "workers": 1}
            place.params["split"] |= settings
            if name == "harvest":
                write_history(place.folder / "app", commits)
            for file in WRITTEN:
                made = place.folder / "out" / file
                if made.exists() and made.read_bytes() != b"old":
                    made.rename(place.folder / "in" / file)
            done = place.run()
            assert done.returncode == 0 or name == "split", done.stderr
        return place, done

    return run


def test_a_history_of_sixty_commits_is_enough(split, workplace):
    place, done = split(60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = {
        name: (place.folder / f"out/splits/{name}.jsonl").read_text().count("\n")
        for name in ("train", "validation", "test")
    }
    assert min(rows.values()) > 0, rows
    assert rows["train"] > 20
    assert rows["test"] > 10
    fitted = workplace("baseline")
    shutil.rmtree(fitted.folder / "in/splits")
    (fitted.folder / "out/splits").rename(fitted.folder / "in/splits")
    assert fitted.run().returncode == 0


@pytest.mark.parametrize("commits", [1, 4])
def test_too_few_commits_are_told_with_what_is_enough(split, commits):
    _, done = split(commits)
    assert done.returncode == 66
    assert "commits are too few, and 40 commits are enough; add" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_single_repository_that_is_to_stay_whole_is_told_of_time(split):
    _, done = split(60, by="repository")
    assert done.returncode == 66
    assert "the rows are of 1; set split.by: time" in done.stderr
