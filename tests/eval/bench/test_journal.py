import subprocess
import sys

import pytest
from tests.support.stored import make_entry

from diffscribe.core.errors import RecordError, StorageError
from diffscribe.eval.bench.journal import open_journal


def entry(sample_id, text="docs: ä\u2028\n"):
    return make_entry(sample_id, text)


@pytest.fixture
def path(tmp_path):
    """A journal of two entries."""
    path = tmp_path / "run" / "journal.jsonl"
    with open_journal(path) as journal:
        assert journal.entries == []
        journal.append(entry("a"))
        journal.append(entry("b"))
    return path


def test_what_was_added_is_there_again(path):
    with open_journal(path) as journal:
        assert journal.entries == [entry("a"), entry("b")]


def test_a_last_line_torn_at_any_byte_is_taken_off_and_the_rest_stays(path):
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(first, len(whole), 3):
        path.write_bytes(whole[:size])
        with open_journal(path) as journal:
            assert journal.entries == [entry("a")]
            assert path.read_bytes() == whole[:first]
            journal.append(entry("b"))
        assert path.read_bytes() == whole


def test_a_last_line_of_zeros_is_taken_off(path):
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(20) + b"\n")
    with open_journal(path) as journal:
        assert len(journal.entries) == 2
    assert path.read_bytes() == whole


def test_a_broken_line_in_the_middle_is_named(path):
    path.write_bytes(b"{}\n" + path.read_bytes())
    refused = pytest.raises(RecordError, match=r"journal.jsonl:1: not an answer")
    with refused, open_journal(path):
        pass


def test_one_process_at_a_time_is_on_a_run(path):
    refused = pytest.raises(StorageError, match="another process")
    with open_journal(path), refused, open_journal(path):
        pass


def test_a_full_disk_is_explained_and_keeps_what_was_written(path):
    """A real limit of the kernel: no file of the process may grow beyond it."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from diffscribe.core.errors import StorageError\n"
        "from diffscribe.eval.bench.journal import open_journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with open_journal(Path(sys.argv[1])) as journal:\n"
        "    size = Path(sys.argv[1]).stat().st_size + 10\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "    try: journal.append(journal.entries[0])\n"
        "    except StorageError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True
    )
    assert "journal.jsonl: File too large" in done.stdout, done.stderr
    with open_journal(path) as journal:
        assert journal.entries == [entry("a"), entry("b")]
