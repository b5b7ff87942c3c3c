"""The questions about one change, each asked until its answer can be read."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from diffscribe.labels.flaws import Flaw, FlawError
from diffscribe.labels.outcome import NO_ANSWER, Spent, Withheld
from diffscribe.labels.prompts import TeacherPrompts
from diffscribe.labels.questions import reask_request
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.request import Answer, Request
from diffscribe.params import LabelParams

T = TypeVar("T")

Ask = Callable[[Request], Awaitable[Answer]]


class NoLabelError(Exception):
    """There is no label of this kind; says why, and what was answered last."""

    def __init__(self, reason: str, words: str, answer: str = "") -> None:
        super().__init__(words)
        self.reason = reason
        self.answer = answer


class Talk:
    """What is asked about one change, and what that costs."""

    def __init__(self, ask: Ask, prompts: TeacherPrompts, params: LabelParams) -> None:
        """Ask nothing yet."""
        self.prompts = prompts
        self.params = params
        self.spent: list[Spent] = []
        self._ask = ask

    async def about(
        self, request: Request | None, read: Callable[[str], T]
    ) -> tuple[T, Request, Answer]:
        """Return the first answer that can be read, and what was asked for it.

        What cannot be read is shown to the model with what is wrong with it.
        """
        if request is None:
            raise NoLabelError(
                Withheld.LONG_FILE_LIST,
                "the names of its files alone exceed label.teacher.max_prompt_chars",
            )
        for reask in range(self.params.teacher.reasks + 1):
            try:
                answer = await self._ask(request)
            except AnswerError as error:
                raise NoLabelError(NO_ANSWER, str(error)) from error
            self.spent.append(Spent(request.model, answer.usage, reask > 0))
            try:
                return read(answer.text), request, answer
            except FlawError as error:
                flaw = _cut_off(answer) or error
                last = answer.text
            request = reask_request(request, last, str(flaw), self.prompts)
        raise NoLabelError(flaw.flaw, str(flaw), last)


def _cut_off(answer: Answer) -> FlawError | None:
    if answer.finish_reason != "length":
        return None
    tokens = answer.usage.completion_tokens
    return FlawError(Flaw.CUT_OFF, f"it was cut off after {tokens} tokens; be brief")
