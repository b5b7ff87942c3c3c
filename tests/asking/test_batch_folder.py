import asyncio
import json

import pytest
from tests.support.batch_server import BatchServer, echo
from tests.support.questions import question

from diffscribe.asking.batch import BatchAsker, PendingError
from diffscribe.asking.budget import Budget
from diffscribe.asking.ledger import Ledger
from diffscribe.asking.parts import forget_requests, hold, parts_in
from diffscribe.core.errors import ToolError
from diffscribe.doors.batches import BatchService
from diffscribe.doors.reply import question_key

GONE = "acme/gone"


def request(number):
    """Every third is about another repository."""
    about = "acme/kept" if number % 3 == 0 else GONE
    return question(f"{about} {number}", about=about)


def key(number):
    return question_key(request(number))


async def ask_all(teacher, numbers):
    for number in numbers:
        with pytest.raises(PendingError):
            await teacher.ask(request(number))


def run(tmp_path, numbers, base_url=None):
    """Ask for answers and bring them, as far as there is somebody who gives them."""
    service = base_url and BatchService(
        base_url, api_key="none", timeout_s=5, attempts=1
    )
    with (
        Ledger(tmp_path / "teacher.sqlite") as ledger,
        BatchAsker(
            *(ledger, Budget(), tmp_path / "batches", service),
            max_requests=10,
            poll_s=0.01,
        ) as teacher,
    ):
        asyncio.run(ask_all(teacher, numbers))
        teacher.run(lambda line: None)


def known(tmp_path):
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        return [n for n in range(40) if ledger.get(key(n))]


def written(tmp_path):
    """All bytes of the folder and of the ledger."""
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def test_a_file_that_nobody_was_sent_loses_the_requests(tmp_path):
    with pytest.raises(ToolError, match="2 files wait"):
        run(tmp_path, range(15))
    gone = forget_requests(tmp_path / "batches", GONE, {key(3)})
    assert gone.keys == {key(n) for n in range(15) if n % 3 or n == 3}
    assert gone.ids == ()
    assert GONE.encode() not in written(tmp_path)
    first, second = parts_in(tmp_path / "batches")
    assert list(first.asked()) == [key(0), key(6), key(9)]
    assert list(second.asked()) == [key(12)]
    assert {about for _, about in first.asked().values()} == {"acme/kept"}


def test_answers_that_came_beside_a_file_go_with_its_requests(tmp_path):
    with pytest.raises(ToolError):
        run(tmp_path, range(10))
    [part] = parts_in(tmp_path / "batches")
    answers = [
        {"custom_id": key(n), "response": {"status_code": 200, "body": body}}
        for n in range(10)
        for _, body in [
            echo({"messages": [{"content": request(n).messages[0].content}]})
        ]
    ]
    lines = [json.dumps(each) for each in answers]
    part.answers.write_text("\n".join([*lines, lines[1][:100]]))
    forget_requests(tmp_path / "batches", GONE, set())
    assert GONE.encode() not in written(tmp_path)
    run(tmp_path, [])
    assert known(tmp_path) == [0, 3, 6, 9]


def test_answers_to_what_was_sent_are_ignored_when_they_come(tmp_path):
    with BatchServer() as server:
        server.failures.append(("GET /v1/batches/", 401))
        with pytest.raises(ToolError, match="401"):
            run(tmp_path, range(10), server.base_url)
        gone = forget_requests(tmp_path / "batches", GONE, set())
        assert gone.ids == ("file-0", "batch-0")
        run(tmp_path, [], server.base_url)
        assert len(server.batches) == 1
        assert server.paid.total() == 10, "the service answered all of them"
    assert known(tmp_path) == [0, 3, 6, 9]
    assert GONE.encode() not in written(tmp_path)


def test_a_part_of_one_repository_goes_as_a_whole(tmp_path):
    with pytest.raises(ToolError):
        run(tmp_path, [1, 2, 4])
    forget_requests(tmp_path / "batches", GONE, set())
    assert [file.name for file in (tmp_path / "batches").iterdir()] == ["lock"]


def test_what_a_kill_left_goes_too(tmp_path):
    folder = tmp_path / "batches"
    with pytest.raises(ToolError):
        run(tmp_path, [0, 3])
    for name in (".part-00002.jsonl.partial", "part-00002.about.json"):
        (folder / name).write_text(GONE)
    forget_requests(folder, GONE, set())
    assert GONE.encode() not in written(tmp_path)
    assert len(parts_in(folder)[0].asked()) == 2


def test_nothing_is_forgotten_under_the_hands_of_another_process(tmp_path):
    with (
        hold(tmp_path),
        pytest.raises(ToolError, match="another process works on these batches"),
    ):
        forget_requests(tmp_path, GONE, set())
    assert forget_requests(tmp_path, GONE, set()).keys == frozenset()
