import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.history import History
from tests.support.source_fixtures import find, git

from diffscribe.core.errors import SourceError, StorageError
from diffscribe.doors.clone import clone
from diffscribe.doors.places import CLONES

SHA = "0123456789" * 4


class Remote:
    """git's own HTTP server for the repositories of a folder."""

    def __init__(self, server, folder):
        self.folder = folder
        self.base_url = f"http://127.0.0.1:{server.server_port}"
        self.packs = 0
        """Packs that were asked for."""
        self.hang_at_pack: int | None = None
        self.paths: list[str] = []


@pytest.fixture
def remote(tmp_path):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b"")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b"command=fetch" in body:
                served.packs += 1
                if served.packs == served.hang_at_pack:
                    while served.hang_at_pack is not None:
                        time.sleep(0.02)
                    return
            self.answer(body)

        def answer(self, body):
            served.paths.append(self.path)
            if self.path.startswith("/moved/"):
                self.send_response(301)
                self.send_header("Location", self.path.removeprefix("/moved"))
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            variables = {
                "GIT_PROJECT_ROOT": str(served.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            done = subprocess.run(
                ["git", "http-backend"],
                input=body,
                env=os.environ | variables,
                capture_output=True,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Say nothing on stderr."""

        def handle(self):
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                """The client was killed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Remote(server, tmp_path / "remote")
    served.folder.mkdir()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.hang_at_pack = None
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def history(remote):
    """Eight commits, at `owner/name` of the remote."""
    (remote.folder / "owner").mkdir()
    history = History(remote.folder / "owner" / "name")
    grow(history, 8)
    return history


def grow(history, commits):
    for number in range(commits):
        text = f"{number} of {commits}\n" * 50
        history.commit(f"feat: {text[:6]}", {"a": text})


@pytest.fixture
def short_steps(monkeypatch):
    monkeypatch.setattr("diffscribe.doors.clone.STEPS", (2, 2))


def bring(remote, revision, clones, path="owner/name"):
    url = f"{remote.base_url}/{path}"
    return clone(url, revision, clones, lambda words: None, ("http",))


def cloned(clones):
    return clones / "127.0.0.1/owner/name.git"


def test_brings_all_of_a_history_and_nothing_else(remote, history, tmp_path):
    git(history.folder, "tag", "v1")
    git(history.folder, "branch", "other")
    assert bring(remote, history.head, tmp_path / "clones") is True

    folder = cloned(tmp_path / "clones")
    assert git(folder, "rev-parse", "--is-bare-repository") == "true"
    assert git(folder, "rev-list", "--count", "HEAD") == "8"
    assert git(folder, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(folder, "fsck", "--full", "--strict") == ""
    assert not (folder / "hooks").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["name.git"]


def test_what_is_there_is_not_fetched_again(remote, history, tmp_path):
    bring(remote, history.head, tmp_path)
    packs = remote.packs
    assert bring(remote, history.head, tmp_path) is False
    assert bring(remote, git(history.folder, "rev-parse", "HEAD~3"), tmp_path) is False
    assert remote.packs == packs


def test_another_revision_is_added_to_what_is_there(remote, history, tmp_path):
    bring(remote, history.head, tmp_path)
    packs = sorted(cloned(tmp_path).glob("objects/pack/*.pack"))
    grow(history, 2)
    assert bring(remote, history.head, tmp_path) is True
    assert git(cloned(tmp_path), "rev-list", "--count", "HEAD") == "10"
    assert set(packs) < set(cloned(tmp_path).glob("objects/pack/*.pack"))


@pytest.mark.usefixtures("short_steps")
def test_fetches_a_few_generations_at_a_time_with_merged_branches(
    remote, history, tmp_path
):
    history.switch("topic")
    grow(history, 5)
    history.switch("main")
    history.commit("feat: aside", {"b": "1\n"})
    history.merge("topic", "Merge branch 'topic'")
    bring(remote, history.head, tmp_path)
    assert remote.packs >= 4
    wanted = git(history.folder, "rev-list", "--all", "--count")
    assert git(cloned(tmp_path), "rev-list", "--count", "HEAD") == wanted == "15"
    assert not (cloned(tmp_path) / "shallow").exists()


STEPWISE = """
import sys
import diffscribe.doors.clone as module
module.STEPS = (2, 2)
from pathlib import Path
module.clone(sys.argv[1], sys.argv[2], Path(sys.argv[3]), print, ("http",))
"""


@pytest.mark.usefixtures("short_steps")
def test_goes_on_after_it_was_killed(remote, history, tmp_path):
    remote.hang_at_pack = 3
    url = f"{remote.base_url}/owner/name"
    command = [sys.executable, "-c", STEPWISE, url, history.head, str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True) as killed:
        while remote.packs < 3:
            assert killed.poll() is None
            time.sleep(0.02)
        os.killpg(killed.pid, signal.SIGKILL)
    remote.hang_at_pack = None
    partial = cloned(tmp_path).with_name(".name.git.partial")
    kept = {path.name for path in partial.glob("objects/pack/*.pack")}
    assert git(partial, "rev-list", "--count", "main") == "4"
    (partial / "shallow.lock").touch()  # as a git killed later leaves it
    (partial / "objects/pack/tmp_pack_x").touch()

    assert not cloned(tmp_path).exists()
    remote.packs = 0
    assert bring(remote, history.head, tmp_path) is True
    assert remote.packs < 4
    assert git(cloned(tmp_path), "rev-list", "--count", "HEAD") == "8"
    names = {path.name for path in cloned(tmp_path).glob("objects/pack/*")}
    assert kept < names
    assert not any(name.startswith("tmp_") for name in names)


@pytest.mark.usefixtures("short_steps")
def test_a_part_of_another_revision_is_given_up(remote, history, tmp_path):
    def interrupted(words):
        if remote.packs == 2:
            raise KeyboardInterrupt

    url = f"{remote.base_url}/owner/name"
    with pytest.raises(KeyboardInterrupt):
        clone(url, history.head, tmp_path, interrupted, ("http",))
    history.repository.set_head(history.repository[history.head].parent_ids[0])
    sha = git(
        history.folder, "commit-tree", "HEAD^{tree}", "-m", "feat: root", "-p", "HEAD"
    )
    git(history.folder, "branch", "side", sha)
    bring(remote, sha, tmp_path)
    assert git(cloned(tmp_path), "rev-list", "--count", "HEAD") == "8"


def test_a_remote_that_is_shallow_itself_is_refused(remote, history, tmp_path):
    url = history.folder.as_uri()
    git(remote.folder, "clone", "-q", "--bare", "--depth=2", url, "part")
    with pytest.raises(SourceError, match="is it a shallow clone itself"):
        bring(remote, history.head, tmp_path, "part")


def test_a_protocol_that_sends_passwords_in_the_clear_is_refused(
    remote, history, tmp_path
):
    url = f"{remote.base_url}/owner/name"
    with pytest.raises(SourceError, match="'http' is not one of https, ssh, git"):
        clone(url, history.head, tmp_path, lambda words: None)
    assert remote.packs == 0
    assert list(tmp_path.glob("127*")) == []


def test_a_redirect_leads_nowhere(remote, history, tmp_path):
    with pytest.raises(SourceError, match=r"error: 301, as it redirects: name the"):
        bring(remote, history.head, tmp_path / "clones", "moved/owner/name")
    assert {path.partition("?")[0] for path in remote.paths} == {
        "/moved/owner/name/info/refs"
    }


def test_no_setting_of_the_user_leads_to_another_protocol(
    remote, history, tmp_path, monkeypatch
):
    config = tmp_path / "config"
    config.write_text(
        f'[url "{history.folder.as_uri()}"]\ninsteadOf = https://example.org/owner/name\n'
        '[protocol "file"]\nallow = always\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(config.read_text())
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    with pytest.raises(SourceError, match="transport 'file' not allowed"):
        clone(
            "https://example.org/owner/name", history.head, tmp_path, lambda words: None
        )


@pytest.mark.parametrize(
    ("path", "revision", "reason"),
    [("owner/none", SHA, "not found"), ("owner/name", SHA, "not our ref")],
)
def test_what_the_remote_does_not_have_is_told_in_one_line(
    remote, history, tmp_path, path, revision, reason
):
    with pytest.raises(SourceError) as caught:
        bring(remote, revision, tmp_path, path)
    message = str(caught.value)
    assert message.startswith(f"{remote.base_url}/{path}: git could not fetch {SHA}: ")
    assert reason in message
    assert message.isprintable()
    assert not (tmp_path / f"127.0.0.1/{path}.git").exists()


def test_nothing_of_the_remote_or_the_user_is_executed(
    remote, history, tmp_path, monkeypatch
):
    canary = tmp_path / "canary"
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-update", "fsmonitor"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[init]\ntemplateDir = {hooks.parent}\n[core]\nhooksPath = {hooks}\n"
        f"fsmonitor = {hooks}/fsmonitor\n[submodule]\nrecurse = true\n"
        f'[filter "lfs"]\nsmudge = touch {canary}\nprocess = touch {canary}\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    history.commit(
        "feat: lure",
        {
            ".gitattributes": "* filter=lfs\n",
            ".gitmodules": '[submodule "x"]\npath = x\nurl = ext::touch canary\n',
        },
    )
    assert bring(remote, history.head, tmp_path / "clones") is True
    assert not canary.exists()
    assert not (tmp_path / "elsewhere").exists()
    assert not (cloned(tmp_path / "clones") / "modules").exists()


def test_two_at_once_are_refused(remote, history, tmp_path):
    errors: list[str] = []

    def again(words):
        with pytest.raises(StorageError) as caught:
            bring(remote, history.head, tmp_path)
        errors.append(str(caught.value))

    url = f"{remote.base_url}/owner/name"
    clone(url, history.head, tmp_path, again, ("http",))
    assert "another run works on it" in errors[0]


def test_a_clone_is_a_source_at_its_revision(remote, history, tmp_path, monkeypatch):
    pinned = history.head
    grow(history, 2)
    monkeypatch.chdir(tmp_path)
    bring(remote, history.head, CLONES)
    url = f"{remote.base_url}/owner/name"
    (source,) = find({"url": url, "revision": pinned, "private": True}).kept
    assert (source.name, source.head) == ("127.0.0.1/owner/name", pinned)
    assert source.settings.private
