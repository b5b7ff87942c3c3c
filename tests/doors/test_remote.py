from pathlib import Path

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.doors.places import clone_folder, protocol_of, remote_name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/owner/name", "example.org/owner/name"),
        (
            "https://user:secret@example.org:8443/owner/name.git/",
            "example.org/owner/name",
        ),
        ("ssh://git@example.org:22/owner/name.git", "example.org/owner/name"),
        ("git@example.org:owner/name.git", "example.org/owner/name"),
        ("example.org:/srv/group/sub/name.git", "example.org/srv/group/sub/name"),
        ("/srv/name.git", None),
        ("../name", None),
        ("file:///srv/name.git", None),
        ("ext::sh -c evil", None),
        ("", None),
    ],
)
def test_a_remote_name_has_no_scheme_user_or_suffix(url: str, name: str | None) -> None:
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
def test_a_url_tells_its_protocol(url: str, protocol: str) -> None:
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
def test_what_is_no_url_of_a_remote_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match="is no URL of a repository"):
        protocol_of(url)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(SourceError) as caught:
        protocol_of("https://user:hunter2@example.org/owner/name")
    assert "example.org/owner/name holds a password" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_clone_lies_below_the_folder_of_clones() -> None:
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
def test_no_url_leads_out_of_the_folder_of_clones(url: str) -> None:
    with pytest.raises(SourceError, match="is no plain URL of a repository"):
        clone_folder(url, Path("clones"))
