from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.support.history import History
from tests.support.source_fixtures import find, git, make_params

from diffscribe.core.errors import SourceError
from diffscribe.doors.places import (
    clone_folder,
    find_places,
    find_sources,
    protocol_of,
    remote_name,
)

SHA = "0123456789" * 4


def names(sources):
    return [source.name for source in sources.kept]


def repository(folder, remote=""):
    folder.parent.mkdir(parents=True, exist_ok=True)
    history = History(folder)
    history.commit("feat: begin", {"a": f"{folder.name} of {folder.parent.name}\n"})
    if remote:
        history.repository.remotes.create("origin", remote)
    return history


def test_a_folder_is_searched_four_levels_down(tmp_path):
    for path in ("x1", "1/x2", "1/2/x3", "1/2/3/x4", "1/2/3/4/x5", "x1/inner"):
        repository(tmp_path / "code" / path)
    assert names(find(str(tmp_path / "code"))) == ["x1", "x2", "x3", "x4"]
    assert names(find(str(tmp_path / "code" / "1" / "*"))) == ["x2", "x3", "x4", "x5"]


def test_a_search_passes_over_links_and_hidden_folders(tmp_path):
    repository(tmp_path / "elsewhere")
    repository(tmp_path / "code/.cache/hidden")
    repository(tmp_path / "code/open")
    (tmp_path / "code/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "code/up").symlink_to(tmp_path)
    assert names(find(str(tmp_path / "code"))) == ["open"]
    assert names(find(str(tmp_path / "code/link"))) == ["elsewhere"]
    assert names(find(str(tmp_path / "code/.cache"))) == ["hidden"]


def test_a_glob_passes_over_what_is_no_repository(tmp_path):
    repository(tmp_path / "code/one")
    repository(tmp_path / "two").bundle(tmp_path / "code/two.bundle")
    (tmp_path / "code/notes.txt").write_text("hello")
    (tmp_path / "code/empty").mkdir()
    assert names(find(str(tmp_path / "code/*"))) == ["one", "two"]
    with pytest.raises(SourceError, match=r"notes.txt: neither a repository nor"):
        find(str(tmp_path / "code/notes.txt"))


def test_bare_repositories_are_find(tmp_path):
    import pygit2

    repository(tmp_path / "one")
    pygit2.clone_repository(
        str(tmp_path / "one"), str(tmp_path / "code/one.git"), bare=True
    )
    assert names(find(str(tmp_path / "code"))) == ["one"]


def test_a_repository_is_read_once_whatever_it_is_called(tmp_path):
    repository(tmp_path / "code/one")
    (tmp_path / "link").symlink_to(tmp_path / "code/one")
    sources = find(
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
def test_of_two_clones_of_a_remote_the_first_in_params_is_read(tmp_path, remote):
    repository(tmp_path / "a", remote)
    repository(tmp_path / "b", "https://example.org/owner/name")
    sources = find({"path": str(tmp_path / "b"), "license": "MIT"}, str(tmp_path / "*"))
    assert names(sources) == ["example.org/owner/name"]
    assert sources.kept[0].path == tmp_path / "b"
    assert sources.kept[0].settings.license == "MIT"
    assert sources.duplicates == 2


def test_what_one_entry_marks_as_private_is_private_in_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = "https://example.org/owner/name"
    for name in ("a", "b"):
        repository(tmp_path / name, url)
    repository(tmp_path / "other")
    everything, first = str(tmp_path / "*"), str(tmp_path / "a")
    marks = [
        {"path": first, "private": True},
        {"path": str(tmp_path / "b"), "private": True},
        {"url": "https://example.org/Owner/name", "revision": SHA, "private": True},
    ]
    for mark in marks:
        for entries in ([mark, everything], [everything, mark]):
            sources = find_sources(make_params(*entries).sources, lambda _: None)
            private = {each.name: each.settings.private for each in sources.kept}
            assert private == {"example.org/owner/name": True, "other": False}
    assert find(everything, everything).disagreements == []
    [told] = find(everything, {"path": first, "private": True}).disagreements
    assert told.startswith("harvest.sources names 'example.org/owner/name' more than")


def test_of_equal_names_the_later_ones_have_more_of_their_path(tmp_path):
    import pygit2

    repository(tmp_path / "one")
    for path in ("u/x/repo", "u/y/repo.git", "v/x/Repo"):
        pygit2.clone_repository(
            str(tmp_path / "one"), str(tmp_path / path), bare=True
        ).remotes.delete("origin")
    repository(tmp_path / "one").bundle(tmp_path / "u/repo.bundle")
    places = [tmp_path / each for each in ("u/x", "u", "v", "u/repo.bundle")]
    sources = find(*map(str, places))
    told = {str(each.path.relative_to(tmp_path)): each.name for each in sources.kept}
    assert told == {
        "u/x/repo": "repo",
        "u/y/repo.git": "y/repo",
        "v/x/Repo": "x/Repo",
        "u/repo.bundle": "u/repo",
    }
    assert names(find(*map(str, places[1:]))) == ["repo", "u/repo", "x/Repo", "y/repo"]


def test_a_source_has_the_name_that_its_entry_gives(tmp_path):
    url = "https://example.org/owner/name"
    repository(tmp_path / "x/same")
    repository(tmp_path / "y/clone", url)
    repository(tmp_path / "z/clone", url)
    named = {"path": str(tmp_path / "y"), "name": "acme/same"}
    assert names(find(named, str(tmp_path / "z"), str(tmp_path / "x"))) == [
        *("acme/same", "same")
    ]
    for entries in (
        [named | {"path": str(tmp_path)}],
        [
            str(tmp_path / "z"),
            {"path": str(tmp_path / "x"), "name": "example.org/owner/name"},
        ],
    ):
        with pytest.raises(
            SourceError, match=r"is named '.*' too; write {path: ..., n"
        ):
            find(*entries)
    with pytest.raises(ValidationError, match="name"):
        find(named | {"name": "../up"})


def clone_of(history, folder, *options):
    git(history.folder, "clone", "-q", *options, f"file://{history.folder}", folder)
    git(folder, "remote", "remove", "origin")


def borrower(history, folder):
    other = repository(folder)
    alternates = other.folder / ".git/objects/info/alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text(f"{history.folder}/.git/objects\n")


def worktree(history, folder):
    git(history.folder, "worktree", "add", "-q", "--detach", folder)


def fork(history, folder):
    clone_of(history, folder)
    git(folder, "remote", "add", "origin", "https://example.org/fork/name")


def link(history, folder):
    """Move the repository away, and leave a link to it, and another beside it."""
    repository(history.folder.parent / "other")
    history.folder.rename(folder)
    history.folder.symlink_to(folder)


RELATIVES = {
    "a clone": clone_of,
    "a shallow clone": lambda *places: clone_of(*places, "--depth=1"),
    "a bare clone": lambda *places: clone_of(*places, "--bare"),
    "a fork": fork,
    "one that borrows its objects": borrower,
    "a linked work tree": worktree,
    "a bundle": lambda history, folder: history.bundle(
        folder.parent / "elsewhere.bundle"
    ),
    "one within it": lambda history, _: repository(history.folder / "elsewhere"),
    "one below it that is too deep": lambda history, _: repository(
        history.folder.parent / "1/2/3/4/5/elsewhere"
    ),
    "a hidden one below it": lambda history, _: repository(
        history.folder.parent / ".old/elsewhere"
    ),
    "what a link below it leads to": link,
}


@pytest.mark.parametrize("relative", RELATIVES)
@pytest.mark.parametrize("reads", [True, False])
def test_what_holds_anything_of_a_private_source_is_private(tmp_path, relative, reads):
    history = repository(tmp_path / "clients/app")
    history.commit("feat: more", {"b": "2\n"})
    RELATIVES[relative](history, tmp_path / "elsewhere")
    repository(tmp_path / "open")
    [place] = [
        path
        for path in tmp_path.rglob("elsewhere*")
        if path.parent.name not in ("worktrees", "heads")
    ]
    mark = {"path": str(tmp_path / "clients"), "private": True}
    mark |= {} if reads else {"read": False}
    entries = [mark, str(place), str(tmp_path / "open")]
    for given in (entries, entries[::-1]):
        sources = find(*given)
        private = {each.name: each.settings.private for each in sources.kept}
        assert private.pop("open") is False
        assert private
        assert set(private.values()) == {True}
        assert reads or len(private) == 1
        assert sources.disagreements


def test_what_a_private_entry_hides_has_to_be_known(tmp_path):
    repository(tmp_path / "open")
    broken = repository(tmp_path / "clients/broken")
    (broken.folder / ".git/HEAD").write_text("")
    opened = str(tmp_path / "open")
    for path in (tmp_path / "clients", tmp_path / "client"):
        mark = {"path": str(path), "private": True}
        errors: list[SourceError] = []
        with pytest.raises(SourceError, match="the entry is private, and nobody"):
            find_sources(make_params(opened, mark).sources, errors.append)
        find_sources(make_params(mark).sources, errors.append)
        assert len(errors) == 1
    unread = {"path": str(tmp_path / "client"), "private": True, "read": False}
    assert names(find(opened, unread)) == ["open"]


def test_every_bad_source_is_told_and_the_good_ones_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    repository(tmp_path / "code/good")
    (tmp_path / "code/broken.bundle").write_text("")
    History(tmp_path / "code/unborn")
    (tmp_path / "code/strange/.git").mkdir(parents=True)
    (tmp_path / "code/pointer").mkdir()
    (tmp_path / "code/pointer/.git").write_text("gitdir: /nowhere\n")
    errors: list[SourceError] = []
    sources = find_sources(
        make_params(
            str(tmp_path / "missing"),
            str(tmp_path / "code/*"),
            {"url": "https://example.org/owner/name", "revision": SHA},
        ).sources,
        errors.append,
    )
    assert names(sources) == ["broken", "good"]  # a bundle is read when opened
    told = [str(error) for error in errors]
    assert [bool(line.count("\n")) for line in told] == [False] * 5
    assert f"'{tmp_path}/missing' matches no repository" in told[0]
    assert "pointer: cannot be read as a git repository" in told[2]
    assert "strange: cannot be read as a git repository" in told[3]
    assert "unborn: the repository has no commit" in told[4]
    assert told[1] == (
        "https://example.org/owner/name: not cloned to "
        "data/clones/example.org/owner/name.git yet; run 'make clone'"
    )


def test_a_clone_without_the_pinned_commit_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/clones/example.org/owner/name.git"
    history = repository(folder)
    url = {"url": "https://example.org/owner/name", "revision": SHA}
    with pytest.raises(
        SourceError, match=rf"has no commit {SHA} yet; run 'make clone'"
    ):
        find(url)
    first = history.head
    history.commit("feat: later", {"a": "2\n"})
    (source,) = find(url | {"revision": first}).kept
    assert (source.name, source.head) == ("example.org/owner/name", first)


def test_an_unreadable_folder_is_named(tmp_path):
    repository(tmp_path / "code/good")
    errors: list[SourceError] = []
    (tmp_path / "loop").symlink_to("loop")
    places = list(
        find_places(make_params(str(tmp_path / "loop")).sources, errors.append)
    )
    assert places == []
    assert "matches no repository" in str(errors[0])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/owner/name", "example.org/owner/name"),
        (
            "https://user:secret@example.org:8443/owner/name.git/",
            "example.org/owner/name",
        ),
        ("ssh://git@example.org:22/owner/name.git", "example.org/owner/name"),
        ("https://example.org/owner/name?private_token=hush", "example.org/owner/name"),
        ("https://example.org/owner/name.git#hush", "example.org/owner/name"),
        ("git@example.org:owner/name.git", "example.org/owner/name"),
        ("example.org:/srv/group/sub/name.git", "example.org/srv/group/sub/name"),
        ("/srv/name.git", None),
        ("../name", None),
        ("file:///srv/name.git", None),
        ("ext::sh -c evil", None),
        ("", None),
    ],
)
def test_a_remote_name_has_no_scheme_user_or_suffix(url, name):
    assert remote_name(url) == name


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("https://example.org/owner/name", "https"),
        ("HTTPS://example.org/owner/name", "https"),
        ("git@example.org:owner/name", "ssh"),
        ("ssh://git@example.org/owner/name", "ssh"),
        ("git://example.org/name", "git"),
    ],
)
def test_a_url_tells_its_protocol(url, protocol):
    assert protocol_of(url) == protocol


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c evil",
        "/srv/name",
        "file:///srv/name",
        "-oProxyCommand=evil",
        "ssh://-oProxyCommand=evil/name",
        "-oProxyCommand=evil:name",
        "--upload-pack=evil:name",
        "",
    ],
)
def test_what_is_no_url_of_a_remote_is_refused(url):
    with pytest.raises(SourceError, match="is no URL of a repository"):
        protocol_of(url)


def test_a_clone_lies_below_the_folder_of_clones():
    folder = clone_folder("git@example.org:owner/na.me.git", Path("clones"))
    assert folder == Path("clones/example.org/owner/na.me.git")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/../../etc",
        "https://example.org/a//b",
        "https://../a",
        "https://example.org/.git",
        "https://example.org/a\nb",
        "https://example.org/a b",
        "https://example.org/-a",
        "/srv/name",
    ],
)
def test_no_url_leads_out_of_the_folder_of_clones(url):
    with pytest.raises(SourceError, match="is no plain URL of a repository"):
        clone_folder(url, Path("clones"))
