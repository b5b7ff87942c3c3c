import json
import random
from collections import Counter

import pytest

from diffscribe.core.errors import InputError, RecordError
from diffscribe.logs import lines
from diffscribe.logs.lines import BadLine, LogLines


@pytest.fixture
def log(tmp_path):
    def write(content):
        path = tmp_path / "a.log"
        path.write_bytes(content)
        return path

    return write


def read(path, on_bad_line="stop"):
    return [tuple(line) for line in LogLines(path, on_bad_line)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n \r\n\t\n", []),
        (b'{"a": 1}\n', [(1, {"a": 1})]),
        (b'{"a": 1}', [(1, {"a": 1})]),
        (b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"b": 2}\r\n', [(1, {"a": 1}), (3, {"b": 2})]),
        ('{"größe": "é\u2028"}\n'.encode(), [(1, {"größe": "é\u2028"})]),
        (b'{"a": "\\ud83d\\ude00 \\ud800"}\n', [(1, {"a": "\U0001f600 \ufffd"})]),
        (b'{"\\udfff": ["\\udc80"]}\n', [(1, {"\ufffd": ["\ufffd"]})]),
    ],
)
def test_whatever_is_an_object_is_read_with_its_line(log, content, expected):
    assert read(log(content)) == expected
    json.dumps(expected, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken}\n", BadLine.NOT_JSON),
        (b'{"a": 1} {"b": 2}\n', BadLine.NOT_JSON),
        (b'{"a": NaN}\n', BadLine.NOT_JSON),
        (b'{"a": 1, "a": 2}\n', BadLine.NOT_JSON),
        (b"[" * 100_000 + b"\n", BadLine.NOT_JSON),
        (b'{"a": 1' + b"0" * 400 + b"}\n", BadLine.NOT_JSON),
        (b"[1]\n", BadLine.NOT_OBJECT),
        (b"null\n", BadLine.NOT_OBJECT),
        (b'"text"\n', BadLine.NOT_OBJECT),
        (b'{"a": "\xff"}\n', BadLine.NOT_UTF8),
        (b'{"a": "b', BadLine.TORN),
        (b'{"a": "\xc3', BadLine.TORN),
    ],
)
def test_a_bad_line_stops_with_its_number_or_is_counted(log, line, reason):
    path = log(b'{"a": 0}\n' + line)
    with pytest.raises(RecordError, match=r"a\.log:2: .*on_bad_line"):
        read(path)
    skipping = LogLines(path, "skip")
    assert [each.value for each in skipping] == [{"a": 0}]
    assert skipping.skipped == Counter({reason: 1})


def test_a_line_that_is_too_long_takes_no_more_memory_and_hides_no_other(
    log, monkeypatch
):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    rows = [b'{"a": "' + b"x" * size + b'"}' for size in (10, 990, 991, 5000, 1990)]
    whole = log(b"\n".join(rows) + b'\n{"b": 1}\n')
    skipping = LogLines(whole, "skip")
    assert [each.number for each in skipping] == [1, 2, 6]
    assert skipping.skipped == Counter({BadLine.TOO_LONG: 3})
    at_the_end = LogLines(log(rows[3]), "skip")
    assert list(at_the_end) == []
    assert at_the_end.skipped == Counter({BadLine.TOO_LONG: 1})


def test_any_bytes_are_read_or_refused_with_their_line(log):
    rng = random.Random(7)
    pieces = [b'{"a":', b"1", b"}", b"\n", b"\xff", b'"', b"\\ud800", b"[", b"\r", b" "]
    for _ in range(500):
        content = b"".join(rng.choices(pieces, k=rng.randrange(12)))
        skipping = LogLines(log(content), "skip")
        good = [each.value for each in skipping]
        assert all(isinstance(each, dict) for each in good)
        blank = sum(not each.strip(b" \t\r") for each in content.split(b"\n"))
        total = content.count(b"\n") + 1
        assert len(good) + skipping.skipped.total() + blank == total


def test_a_log_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none\.log.*No such file"):
        read(tmp_path / "none.log")
