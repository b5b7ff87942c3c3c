from pathlib import Path
from typing import Any

import pytest
import yaml

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams
from diffscribe.doors.places import find_places
from diffscribe.doors.repository import Sources, find_sources
from diffscribe.samples.builder import History

ROOT = Path(__file__).parents[2]
SHA = "0123456789" * 4


def params(*sources: object, **changed: Any) -> HarvestParams:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"]
    return HarvestParams.model_validate(values | {"sources": sources} | changed)


def stop(error: SourceError) -> None:
    raise error


def found(*sources: object, **changed: Any) -> Sources:
    return find_sources(params(*sources, **changed), stop)


def names(sources: Sources) -> list[str]:
    return [source.name for source in sources.kept]


def repository(folder: Path, remote: str = "") -> History:
    folder.parent.mkdir(parents=True, exist_ok=True)
    history = History(folder)
    history.commit("feat: begin", {"a": "1\n"})
    if remote:
        history.repository.remotes.create("origin", remote)
    return history


def test_a_folder_is_searched_four_levels_down(tmp_path: Path) -> None:
    for path in ("x1", "1/x2", "1/2/x3", "1/2/3/x4", "1/2/3/4/x5", "x1/inner"):
        repository(tmp_path / "code" / path)
    assert names(found(str(tmp_path / "code"))) == ["x1", "x2", "x3", "x4"]
    assert names(found(str(tmp_path / "code" / "1" / "*"))) == ["x2", "x3", "x4", "x5"]


def test_a_search_passes_over_links_and_hidden_folders(tmp_path: Path) -> None:
    repository(tmp_path / "elsewhere")
    repository(tmp_path / "code/.cache/hidden")
    repository(tmp_path / "code/open")
    (tmp_path / "code/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "code/up").symlink_to(tmp_path)
    assert names(found(str(tmp_path / "code"))) == ["open"]
    assert names(found(str(tmp_path / "code/link"))) == ["elsewhere"]
    assert names(found(str(tmp_path / "code/.cache"))) == ["hidden"]


def test_a_glob_passes_over_what_is_no_repository(tmp_path: Path) -> None:
    repository(tmp_path / "code/one")
    repository(tmp_path / "two").bundle(tmp_path / "code/two.bundle")
    (tmp_path / "code/notes.txt").write_text("hello")
    (tmp_path / "code/empty").mkdir()
    assert names(found(str(tmp_path / "code/*"))) == ["one", "two"]
    with pytest.raises(SourceError, match=r"notes.txt: neither a repository nor"):
        found(str(tmp_path / "code/notes.txt"))


def test_bare_repositories_are_found(tmp_path: Path) -> None:
    import pygit2

    repository(tmp_path / "one")
    pygit2.clone_repository(
        str(tmp_path / "one"), str(tmp_path / "code/one.git"), bare=True
    )
    assert names(found(str(tmp_path / "code"))) == ["one"]


def test_a_repository_is_read_once_whatever_it_is_called(tmp_path: Path) -> None:
    repository(tmp_path / "code/one")
    (tmp_path / "link").symlink_to(tmp_path / "code/one")
    sources = found(
        str(tmp_path / "link"),
        str(tmp_path / "code"),
        str(tmp_path / "code/one/.git"),
        str(tmp_path / "code/*"),
    )
    assert names(sources) == ["one"]
    assert sources.kept[0].path == tmp_path / "code/one"
    assert sources.duplicates == 3


@pytest.mark.parametrize(
    "remote",
    ["git@example.org:owner/name.git", "https://user@EXAMPLE.org:443/Owner/name/"],
)
def test_of_two_clones_of_a_remote_the_first_in_params_is_read(
    tmp_path: Path, remote: str
) -> None:
    repository(tmp_path / "a", remote)
    repository(tmp_path / "b", "https://example.org/owner/name")
    sources = found(
        {"path": str(tmp_path / "b"), "license": "MIT"}, str(tmp_path / "*")
    )
    assert names(sources) == ["example.org/owner/name"]
    assert sources.kept[0].path == tmp_path / "b"
    assert sources.kept[0].settings.license == "MIT"
    assert sources.duplicates == 2


def test_equal_names_without_a_remote_are_told_apart_by_no_one(tmp_path: Path) -> None:
    repository(tmp_path / "x/same")
    repository(tmp_path / "y/same")
    with pytest.raises(SourceError, match="are both named 'same'; keep one"):
        found(str(tmp_path))


def test_every_bad_source_is_told_and_the_good_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    repository(tmp_path / "code/good")
    (tmp_path / "code/broken.bundle").write_text("")
    History(tmp_path / "code/unborn")
    (tmp_path / "code/strange/.git").mkdir(parents=True)
    (tmp_path / "code/pointer").mkdir()
    (tmp_path / "code/pointer/.git").write_text("gitdir: /nowhere\n")
    errors: list[SourceError] = []
    sources = find_sources(
        params(
            str(tmp_path / "missing"),
            str(tmp_path / "code/*"),
            {"url": "https://example.org/owner/name", "revision": SHA},
        ),
        errors.append,
    )
    assert names(sources) == ["broken", "good"]  # a bundle is read when opened
    told = [str(error) for error in errors]
    assert [bool(line.count("\n")) for line in told] == [False] * 5
    assert f"'{tmp_path}/missing' matches no repository" in told[0]
    assert "pointer: cannot be read as a git repository" in told[1]
    assert "strange: cannot be read as a git repository" in told[2]
    assert "unborn: the repository has no commit" in told[3]
    assert told[4] == (
        "https://example.org/owner/name: not cloned to "
        "data/clones/example.org/owner/name.git yet; run 'make clone'"
    )


def test_a_clone_without_the_pinned_commit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/clones/example.org/owner/name.git"
    history = repository(folder)
    url = {"url": "https://example.org/owner/name", "revision": SHA}
    with pytest.raises(
        SourceError, match=rf"has no commit {SHA} yet; run 'make clone'"
    ):
        found(url)
    first = history.head
    history.commit("feat: later", {"a": "2\n"})
    (source,) = found(url | {"revision": first}).kept
    assert (source.name, source.head) == ("example.org/owner/name", first)


def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    repository(tmp_path / "code/good")
    errors: list[SourceError] = []
    (tmp_path / "loop").symlink_to("loop")
    places = list(find_places(params(str(tmp_path / "loop")), errors.append))
    assert places == []
    assert "matches no repository" in str(errors[0])
