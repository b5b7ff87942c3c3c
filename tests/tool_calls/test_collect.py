import json
from string import Template

import pytest
from tests.tool_calls.test_formats import call, line

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.log_params import ToolCollectParams
from diffscribe.core.records import ToolSpec
from diffscribe.logs.lines import BOM
from diffscribe.tool_calls.chats import CollectReason, LegacyQuestion, ReadingOptions
from diffscribe.tool_calls.collect import (
    Collecting,
    collect,
    find_logs,
    load_tools,
    require_some,
    with_tools,
)

PARAMS = ToolCollectParams(
    format="auto",
    min_rating=3,
    unrated="keep",
    tools="infer",
    reconstruct=False,
    on_bad_line="stop",
    max_output_chars=2000,
)
OPTIONS = ReadingOptions(Template("Status: $status\n$output"))
TOOLS = (ToolSpec(name="run_commands", parameters={"type": "object"}),)


def run(path, tools=TOOLS, options=OPTIONS, **changed):
    counts = Collecting()
    params = PARAMS.model_copy(update=changed)
    logs = path if isinstance(path, list) else [path]
    return list(collect(logs, params, options, tools, counts)), counts


@pytest.fixture
def log(tmp_path):
    def write(*rows, name="tool_calls.log", end="\n"):
        texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path = tmp_path / name
        path.write_text(end.join(texts) + end)
        return path

    return write


def test_an_empty_log_has_no_interactions_and_says_why(log, tmp_path):
    path = tmp_path / "empty.log"
    path.write_bytes(b"")
    found, counts = run(path)
    assert found == []
    with pytest.raises(RecordError, match="the logs are empty"):
        require_some(counts, PARAMS)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_bom_and_line_ends_change_nothing(log, end):
    path = log(line(), line(query="and now?"), end=end)
    path.write_bytes(BOM + path.read_bytes())
    assert len(run(path)[0]) == 2


def test_a_line_of_megabytes_is_read_and_its_output_cut(log):
    [found], _ = run(log(line(output="x" * 3_000_000)))
    assert len(found.turns[-1].content) < 2100


def test_a_torn_line_stops_at_file_and_line_or_is_counted(log):
    path = log(line())
    path.write_bytes(path.read_bytes() + b'{"tool_name": "run')
    with pytest.raises(RecordError, match=r"tool_calls\.log:2: torn"):
        run(path)
    found, counts = run(path, on_bad_line="skip")
    assert (len(found), counts.bad_lines) == (1, {"torn": 1})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, ["5", "3", "none", "0", "six"]),
        ({"min_rating": 4}, ["5", "none", "0", "six"]),
        ({"min_rating": 1, "unrated": "drop"}, ["5", "3", "2"]),
        ({"min_rating": 3, "unrated": "drop"}, ["5", "3"]),
        ({"min_rating": 1}, ["5", "3", "2", "none", "0", "six"]),
    ],
)
def test_ratings_choose_as_both_sentences_say(log, given, kept):
    ratings = {"5": 5, "3": "3", "2": 2, "none": None, "0": 0, "six": 6}
    rows = [line(query=name, rating=rating) for name, rating in ratings.items()]
    found, counts = run(log(*rows), **given)
    assert [each.turns[0].content for each in found] == kept
    unrated = 3 if given.get("unrated") == "drop" else 0
    assert counts.reasons[CollectReason.UNRATED] == unrated
    assert counts.reasons[CollectReason.LOW_RATING] == 6 - len(kept) - unrated


def test_a_rating_above_all_is_an_error_that_counts(log):
    _, counts = run(log(line(rating=2), line(rating=4)), min_rating=5)
    with pytest.raises(RecordError, match=r"low_rating 2.*min_rating 5") as caught:
        require_some(counts, PARAMS.model_copy(update={"min_rating": 5}))
    assert caught.value.exit_code == 65


def test_later_lines_rate_a_row_also_from_another_log(log):
    def rated(key, rating):
        return json.dumps({"amends": key, "rating": rating}, separators=(",", ":"))

    rows = [line(query=name, id=name) for name in ("a", "b")]
    first = log(*rows, rated("a", 1), name="1.log")
    second = log(rated("a", 5), rated("b", 2), '{"amends":"a",3}', name="2.log")
    found, counts = run([first, second], on_bad_line="skip")
    assert [(each.turns[0].content, each.rating) for each in found] == [("a", 5)]
    assert counts.reasons == {CollectReason.LOW_RATING: 1}


def test_no_secret_is_written_wherever_it_stands(log):
    key = "ghp_" + "a8Kd0Qw9Zx7Cv6Bn5Mm4Ll3Kk2Jj1Hh0Gg9F"[:36]
    rows = [
        line(call(command="mysql -u root -pS3cretPw9x shop"), query="dump"),
        line(call(command="cat x\nexport API_KEY=abz9d8s7f6g5h4j3k2\n"), query="x"),
        line(call("post", headers={"Authorization": f"Bearer {key}"}), query="y"),
        line(output=f"token: {key}", query=f"use {key}"),
        line(tools=[{"name": "t", "description": f"uses {key}"}]),
    ]
    found, counts = run(log(*rows))
    text = "".join(each.model_dump_json() for each in found)
    assert len(found) == 5
    for secret in ("S3cretPw9x", "abz9d8s7f6g5h4j3k2", key):
        assert secret not in text
    assert counts.secrets.total() >= 4
    assert (
        "<secret:command_password:1>"
        in found[0].turns[1].tool_calls[0].arguments["command"]
    )


def test_a_private_key_drops_its_row(log):
    body = "\n".join(["MIIEowIBAAKCAQEA" + "q7Zx9Kd2" * 6] * 9)
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    found, counts = run(log(line(output=key)))
    assert found == []
    assert counts.reasons[CollectReason.PRIVATE_KEY] == 1


def test_tools_are_the_rows_own_else_the_files_else_guessed(log):
    own = line(tools=[{"name": "mine", "parameters": {"type": "object"}}])
    path = log(
        own, line(call("a", x=1, y="s"), query="2"), line(call("a", x=1.5), query="3")
    )
    found, _ = run(path)
    assert [each.tools[0].name for each in found] == ["mine", *["run_commands"] * 2]
    found, counts = run(path, tools=())
    assert [len(each.tools) for each in found] == [1, 0, 0]
    [guess] = counts.shapes.specs()
    assert guess == ToolSpec(
        name="a",
        description="",
        parameters={
            "type": "object",
            "properties": {"x": {"type": "number"}, "y": {"type": "string"}},
            "required": ["x"],
        },
    )
    last = with_tools(found[-1], [guess], inferred=True)
    assert last.tools_inferred
    assert last.session == last.id != found[-1].id


def test_an_old_log_is_taken_only_with_reconstructed_questions(log):
    path = log({"tool_name": "run_commands", "arguments": '{"command": "who"}'})
    assert run(path)[0] == []
    legacy = [LegacyQuestion("run_commands", "command", "who", "Who?")]
    [found], _ = run(path, options=OPTIONS._replace(legacy=legacy))
    assert found.reconstructed


def test_equal_logs_give_equal_rows_and_another_session_does_not_show_its_name(log):
    path = log(line(session="ann@example.org: who?"), line(query="2"))
    assert run(path)[0] == run(path)[0]
    one, two = run(path)[0]
    assert "ann" not in one.model_dump_json()[: len(one.id)]
    assert two.session == two.id
    assert one.session != one.id


def test_a_format_can_be_forced_and_an_unknown_one_names_its_keys(log):
    with pytest.raises(RecordError, match=r"odd\.log:1: .*keys are spans, trace_id"):
        run(log({"spans": [], "trace_id": ""}, name="odd.log"))
    path = log({"messages": [{"role": "user", "content": "hi"}]})
    _, counts = run(path, format="ms-swift")
    assert counts.formats == {"tool_calls.log": "messages"}


def test_logs_are_files_and_what_lies_in_folders(tmp_path, log):
    path = log(line())
    (tmp_path / ".hidden").write_text("")
    assert find_logs([tmp_path]) == [path]
    path.unlink()
    with pytest.raises(InputError, match="no log; put yours there"):
        find_logs([tmp_path])


@pytest.mark.parametrize("text", ["{", "{}", '[{"title": 1}]', "[3]"])
def test_a_file_of_tools_that_holds_none_is_refused(tmp_path, text):
    path = tmp_path / "tools.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"set collect\.tools to infer"):
        load_tools(path)
