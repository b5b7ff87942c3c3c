import tempfile
from pathlib import Path

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.doors import git
from diffscribe.doors.git import ask_git, decode, encode, split_answers


def parts(content, max_bytes=100):
    with tempfile.TemporaryFile() as answers:
        answers.write(content)
        answers.flush()
        return list(split_answers(answers, b"--", max_bytes))


def test_parts_what_lies_behind_each_border_from_the_end():
    assert parts(b"before--one--two\n----") == [b"", b"", b"two\n", b"one"]
    assert parts(b"no border") == parts(b"") == []


def test_cuts_a_part_that_is_too_long():
    assert parts(b"--12345--123456--1", 5) == [b"1", b"123456", b"12345"]
    assert parts(b"--1234567--1", 5) == [b"1", b"123456"]


def ask(history, *arguments):
    with tempfile.TemporaryFile() as answers:
        ask_git(history.folder / ".git", Path("here"), arguments, (), answers)
        answers.seek(0)
        return answers.read()


@pytest.mark.parametrize("text", ["\U0010ff80", "a\U0010ffff\u00e9", "\U0010fe00"])
def test_bytes_come_back_whatever_they_are(text):
    for content in (
        text.encode(),
        text.encode() + b"\x80",
        b"\xf4\x8f" + text.encode(),
    ):
        assert encode(decode(content)) == content


def test_an_answer_that_never_ends_is_stopped(history, monkeypatch):
    # Long enough that git is still at work when it gets its bounds.
    history.commit("feat: begin", {"a": "0\n" * 2**25})
    monkeypatch.setitem(git.RESOURCE_LIMITS, git.resource.RLIMIT_FSIZE, 10**6)
    with pytest.raises(SourceError, match=r"here: .* SIGXFSZ, as it printed more"):
        ask(history, "cat-file", "blob", "HEAD:a")
    assert len(ask(history, "cat-file", "commit", "HEAD")) > 100


def test_work_that_never_ends_is_stopped(history, monkeypatch):
    history.commit("feat: begin", {"a": "0\n" * 10**6})
    monkeypatch.setitem(git.RESOURCE_LIMITS, git.resource.RLIMIT_CPU, 1)
    monkeypatch.setitem(git.RESOURCE_LIMITS, git.resource.RLIMIT_FSIZE, 2**35)
    questions = [b"HEAD:a\n"] * 10_000
    with (
        tempfile.TemporaryFile() as answers,
        pytest.raises(SourceError, match="SIGXCPU, as it took 20 seconds"),
    ):
        folder = history.folder / ".git"
        command = ("cat-file", "--batch=%(objectsize)", "--buffer")
        ask_git(folder, Path("here"), command, questions, answers)


def test_an_object_as_large_as_memory_is_refused(history):
    with pytest.raises(SourceError, match=r"(?i)out of memory|attempting to allocate"):
        ask(history, "hash-object", "/dev/zero")


def test_knows_only_the_settings_that_are_given(history, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'user.name=Eve'")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/nowhere")
    listed = ask(history, "config", "--list", "--show-scope").decode().splitlines()
    command = {line.split("\t")[1] for line in listed if line.startswith("command")}
    assert command == {f"{key.lower()}={text}" for key, text in git.SETTINGS.items()}
    assert {line.split("\t")[0] for line in listed} == {"local", "command"}
