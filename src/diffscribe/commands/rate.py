"""The verb `rate`: say how good a logged answer was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson

from diffscribe.commands.log_proxy import default_log
from diffscribe.core.cli import Command, say
from diffscribe.core.errors import InputError
from diffscribe.logs.lines import LogLines
from diffscribe.memory import append_line

SHOWN = 10
_WORDS_CHARS = 48


class LoggedAnswer(NamedTuple):
    """An answer in a log of the proxy."""

    log: Path
    id: str
    at: str
    question: str
    answer: str
    """What was called, or else what was said."""
    rating: int | None


@click.command(cls=Command)
@click.argument("wanted", metavar="ID", required=False)
@click.argument("rating", type=click.IntRange(1, 5), required=False)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The log that 'diffscribe log-proxy' writes.",
)
def rate_command(wanted: str | None, rating: int | None, log: Path | None) -> None:
    """Rate a logged answer from 1, bad, to 5; without ID list the latest ones.

    ID is the beginning of one that the list shows, or `last`. The last rating counts.
    """
    answers = list(logged_answers(log or default_log()))
    if wanted is None:
        say(_listed(answers[-SHOWN:]))
        return
    if rating is None:
        raise InputError(f"rate {wanted}: say how good it was, from 1 to 5")
    found = answers[-1:]
    if wanted != "last":
        found = [each for each in answers if each.id.startswith(wanted.lower())]
    if len(found) != 1:
        raise InputError(
            f"'{wanted}' begins the ids of {len(found)} answers; run 'diffscribe rate' "
            "for a list of them"
        )
    [answer] = found
    append_line(answer.log, orjson.dumps({"amends": answer.id, "rating": rating}))
    say(f"rate: {answer.id[:8]} {rating}: {answer.question}")


def logged_answers(log: Path) -> Iterator[LoggedAnswer]:
    """Yield what a log and those that were rotated before it hold, oldest first.

    Raises:
        InputError: if there is no such log.
    """
    logs = sorted({*log.parent.glob(f"{log.stem}-*{log.suffix}"), log})
    for each in logs:
        rows, ratings = [], {}
        for line in LogLines(each, "skip"):
            if "amends" in line.value:
                ratings[line.value["amends"]] = line.value.get("rating")
            elif isinstance(line.value.get("request"), dict):
                rows.append(line.value)
        for row in rows:
            id_ = str(row.get("id", ""))
            yield LoggedAnswer(
                log=each,
                id=id_,
                at=str(row.get("at", "")),
                question=_question(row["request"].get("messages")),
                answer=_answer(row.get("response")),
                rating=ratings.get(id_),
            )


def _question(messages: Any) -> str:
    """Return what the user said last."""
    said = [
        each.get("content")
        for each in (messages if isinstance(messages, list) else ())
        if isinstance(each, dict) and each.get("role") == "user"
    ]
    return _short(said[-1] if said else "")


def _answer(response: Any) -> str:
    message = response.get("message") if isinstance(response, dict) else None
    message = message if isinstance(message, dict) else {}
    calls = [
        f"{function.get('name')} {function.get('arguments')}"
        for call in message.get("tool_calls") or ()
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict)
    ]
    return _short("; ".join(calls) or message.get("content"))


def _short(text: Any) -> str:
    words = " ".join(text.split()) if isinstance(text, str) else ""
    return words if len(words) <= _WORDS_CHARS else f"{words[: _WORDS_CHARS - 1]}…"


def _listed(answers: list[LoggedAnswer]) -> str:
    if not answers:
        return "rate: nothing is logged yet; see 'diffscribe log-proxy --help'"
    return "\n".join(
        f"{each.id[:8]}  {each.rating or '-'}  {each.question}\n"
        f"             {each.answer}"
        for each in answers
    )
