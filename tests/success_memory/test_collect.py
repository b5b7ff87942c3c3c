"""Lines of all generations and shapes become records; the rest is refused by place."""

import json
from collections import Counter

import pytest

from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.logs.lines import LogLines
from diffscribe.success_memory.collect import (
    LineError,
    plain,
    read_attempt,
    read_memories,
    read_memory,
)

SCRIPT = "import libcst as cst\n"
DOC = {
    "timestamp_utc": "2030-01-02T03:04:05+00:00",
    "spec_issue_id": None,
    "spec_issue_description": "Log calls to pay()",
    "spec_target_files": ["pay.py"],
    "spec_operations_summary": ["add_decorator"],
    "successful_diff_summary": "+@log\n",
    "successful_script_hash": "-4207263918",
    "patch_source": "LLMCore_polish_iteration_1",
}


def line(*without, **changed):
    row = {key: value for key, value in (DOC | changed).items() if key not in without}
    return json.dumps(row)


GEN1 = ("successful_diff_summary", "spec_operations_summary")
SECOND = {
    "spec_operations_details": [{"name": "add_decorator", "target_file": "pay.py"}],
    "successful_script": SCRIPT,
}
LATER = ("spec_operations_summary", "successful_script_hash")


def read(text):
    return read_memory(json.loads(text), "memory.jsonl", 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line(), {"generation": 1, "script": None, "script_hash": "-4207263918"}),
        (line(), {"issue_id": None, "diff": "+@log\n", "diff_is_cut": False}),
        (
            line(*GEN1, successful_diff_summary_snippet="é" * 1000 + "..."),
            {"generation": 1, "diff": "é" * 1000 + "...", "diff_is_cut": True},
        ),
        (line(successful_diff_summary="x" * 1000), {"diff_is_cut": True}),
        (
            line(*LATER, **SECOND, successful_diff_summary="x" * 2000),
            {"generation": 2, "script": SCRIPT, "diff_is_cut": False},
        ),
        (
            line(*LATER, **SECOND, predicted_core="LLMCore", user_rating=4),
            {"generation": 3, "core": "LLMCore", "rating": 4},
        ),
        (line(user_rating="5"), {"rating": 5}),
        (line(user_rating=3.0), {"rating": 3}),
        (line(user_rating=0), {"rating": None}),
        (line(user_rating=None), {"rating": None, "generation": 3}),
        (
            line(successful_script_hash=1234567890123456789),
            {"script_hash": "1" + "234567890123456789"},
        ),
        (line(successful_script_hash=""), {"script_hash": None}),
        (line(successful_script_hash="ab" * 32), {"script_hash": "ab" * 32}),
        (line("successful_script_hash"), {"script_hash": None}),
        (line(timestamp_utc="2030-01-02T03:04:05"), {"at": DOC["timestamp_utc"]}),
        (line(timestamp_utc="2030-01-02T05:04:05+02:00"), {"at": DOC["timestamp_utc"]}),
        (line(timestamp_utc="2030-01-02T03:04:05Z"), {"at": DOC["timestamp_utc"]}),
        (
            line(*LATER, successful_script="\ufeffimport libcst\r\nx = 1"),
            {"script": "import libcst\nx = 1\n"},
        ),
        (line(*LATER, successful_script=" \n"), {"script": " \n"}),
    ],
    ids=lambda value: None if isinstance(value, dict) else "",
)
def test_a_line_of_any_generation_is_read(text, expected):
    memory, _ = read(text)
    shown = memory.model_dump()
    assert {key: shown[key] for key in expected} == expected
    assert memory.issue == "Log calls to pay()"
    assert [each.name for each in memory.operations] in (["add_decorator"], [])
    memory.model_dump_json().encode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (line(succesful_script=SCRIPT), "unknown key 'succesful_script'; keys are"),
        (line(spec_operations_details=[]), "says operations again"),
        (line("timestamp_utc"), "at missing"),
        (line(spec_issue_description=""), "issue missing or empty"),
        (line(timestamp_utc="yesterday"), "'yesterday' is no ISO 8601 time"),
        (line(user_rating=6), "1 to 5, not 6"),
        (line(user_rating=True), "user_rating should be text"),
        (line(user_rating=2.5), "1 to 5, not 2.5"),
        (line(spec_target_files="pay.py"), "list of texts"),
        (line(spec_operations_summary=[{"target_file": "a"}]), "should have a name"),
        (line(patch_source=["a"]), "patch_source should be text"),
    ],
)
def test_a_line_that_fits_no_generation_says_why(text, problem):
    with pytest.raises(LineError) as caught:
        read(text)
    assert problem in str(caught.value)


def test_embeddings_are_dropped_and_counted():
    memory, dropped = read(line(diff_embedding=[0.1], script_embedding=[0.2]))
    assert dropped == {"diff_embedding": 1, "script_embedding": 1}
    assert memory.generation == 3


def test_operations_keep_what_else_the_log_says_of_them():
    details = [{"name": "rename", "target_file": "a.py", "to": "b", "from": "a"}]
    memory, _ = read(line("spec_operations_summary", spec_operations_details=details))
    assert memory.operations[0].details == '{"from": "a", "to": "b"}'


def successes(folder, content, on_bad_line="stop"):
    path = folder / "success_memory.jsonl"
    path.write_bytes(content)
    lines, counts = LogLines(path, on_bad_line), Counter()
    return list(read_memories(path, lines, on_bad_line == "skip", counts)), counts


def test_a_rating_that_is_given_later_is_of_the_same_success_and_the_last_wins(
    tmp_path,
):
    lines = [
        line(),
        line(user_rating=2),
        line(patch_source="another"),
        line(user_rating=5, predicted_core="LLMCore"),
    ]
    found, counts = successes(tmp_path, "\n".join(lines).encode())
    assert [(each.rating, each.line) for each in found] == [(5, 1), (None, 3)]
    assert found[0].at == found[1].at
    assert counts == {"lines": 4, "written_again": 2}


@pytest.mark.parametrize(
    ("content", "lines", "dropped"),
    [
        (b"", [], {}),
        (b"\xef\xbb\xbf" + line().encode() + b"\r\n\r\n", [1], {}),
        (b"{\n" + line().encode(), [2], {"not_json": 1}),
        (line().encode() + b"\n" + line().encode()[:50], [1], {"torn": 1}),
        (b'{"a": 1}\n' + line().encode(), [2], {"unfit": 1}),
        # A cut in the middle of a character leaves no UTF-8.
        (line().encode().replace(b"+@log", b"+@log\xc3") + b"\n", [], {"not_utf8": 1}),
        (line().replace("+@log", "+@log\\ud83d").encode(), [1], {}),
    ],
)
def test_odd_lines_are_read_skipped_and_counted_or_refused_by_place(
    tmp_path, content, lines, dropped
):
    found, counts = successes(tmp_path, content, "skip")
    assert [each.line for each in found] == lines
    assert {key: n for key, n in counts.items() if key != "lines"} == dropped
    write_jsonl(tmp_path / "memories.jsonl", found)
    if dropped:
        with pytest.raises(RecordError, match=r"success_memory\.jsonl:\d+: "):
            successes(tmp_path, content)


def attempt(**changed):
    row = {
        "at": "2030-01-02T03:04:05Z",
        "kind": "repair",
        "number": 1,
        "prompt": "",
        "raw_output": "",
        "valid": False,
    }
    return row | changed


def test_an_attempt_is_read_without_colours_and_carriage_returns():
    red = "\x1b[31mValueError\x1b[0m: \x1b]8;;http://x\x07no\x1b]8;;\x07\r\n\x00"
    found = read_attempt(
        attempt(traceback=red, script="\ufeffa = 1\r\nb = 2", memory_id="")
    )
    assert found.traceback == "ValueError: no\n"
    assert found.script == "a = 1\nb = 2\n"
    assert found.memory_id is None
    assert found.at == "2030-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"kind": "guess"}, "kind"),
        ({"number": 0}, "number"),
        ({"at": "now"}, "ISO 8601"),
        ({"style_score": 2}, "style_score"),
        ({"tracebak": ""}, "tracebak"),
    ],
)
def test_an_attempt_that_does_not_fit_says_why(changed, problem):
    with pytest.raises(LineError, match=problem):
        read_attempt(attempt(**changed))


def test_text_with_many_escapes_is_read_in_linear_time():
    assert plain("\x1b[" + "1;" * 200_000) == "[" + "1;" * 200_000
