"""What a model says: it words each commit of a plan, and is shown that commit alone."""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal

from diffscribe.commits.grammar import format_header
from diffscribe.commits.prompt import VARIABLES, Prompts, read_prompt, render_prompt
from diffscribe.commits.student_prompt import CHARS_PER_TOKEN, load_student_prompts
from diffscribe.core.errors import DiffscribeError
from diffscribe.core.records import Change, Message, Plan, PlannedCommit
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.model_server import ModelServer, ServedModel, running_server
from diffscribe.eval.cases import Case, change_of, single_cases, with_student_prompts
from diffscribe.eval.consensus import most_agreed
from diffscribe.eval.questions import Decoding, bare_message, question_of, read_answer
from diffscribe.propose.house_style import HouseStyle, in_house_style
from diffscribe.propose.settings import Settings, address_of
from diffscribe.propose.shipped import (
    NAME,
    PROMPTS,
    learned_params,
    required_model,
    shipped_sha256,
)

if TYPE_CHECKING:
    from diffscribe.doors.endpoint import Endpoint

MAX_PROMPT_CHARS = 24_000
"""For models with a larger context than the shipped one: about 8,000 tokens."""
ANSWER_TOKENS = 160
"""Above the longest header that the grammar admits, a byte a token."""
FREE_ANSWER_TOKENS = 2048
"""Thoughts included."""
REASKS = 2
CONTEXT_LINES = 3
SLOTS = 4
"""Requests open at once at an endpoint."""

Told = Callable[[str], object]
"""Is called with each line as soon as it is known."""


class Wording:
    """Worded commits by their place, and why others are not."""

    def __init__(self, plan: Plan, house: HouseStyle, on_text: Told) -> None:
        self.commits: dict[int, PlannedCommit] = {}
        self.name = ""
        self.problems: list[str] = []
        self._plan, self._house, self._on_text = plan, house, on_text

    def take(self, at: int, message: PlannedCommit) -> None:
        """Give a commit of the plan a message, and tell its header."""
        words = ("type", "scope", "breaking", "subject", "body")
        said = {name: getattr(message, name) for name in words}
        commit = self._plan.commits[at].model_copy(update=said)
        self.commits[at] = in_house_style(commit, self._house)
        self._on_text(format_header(self.commits[at]))


def word_commits(
    change: Change, plan: Plan, settings: Settings, on_text: Told
) -> Wording:
    """Return what a model says, as far as it comes.

    `on_text` is called with each header as soon as it is known.
    """
    words = Wording(plan, settings.house, on_text)
    try:
        ask = _ask_there if "://" in settings.model else _ask_here
        ask(change, plan, settings, words)
    except DiffscribeError as error:
        words.problems.append(str(error))
    return words


def _ask_here(change: Change, plan: Plan, settings: Settings, words: Wording) -> None:
    """Have a GGUF word the commits of a plan.

    Raises:
        DiffscribeError: if it cannot be asked.
    """
    if settings.model:
        path = Path(settings.model).expanduser()
        adapter = Path(settings.adapter).expanduser() if settings.adapter else None
        name, served = path.stem, ServedModel(path, adapter)
    else:
        installed = required_model()
        name, served = NAME, ServedModel(installed.model)
        if installed.adapter_sha256 != shipped_sha256():
            words.problems.append(
                "the model of an earlier version is installed; run 'diffscribe model "
                "install' again"
            )
    words.name = name
    decoding = Decoding(
        ANSWER_TOKENS, seed=0, with_bodies=False, candidates=settings.candidates
    )
    deadline = time.monotonic() + settings.timeout_s
    cases = _cases(change, plan, settings, "student")
    for number, (at, case) in enumerate(cases):
        # One that is there stays; it may have been ended meanwhile.
        server = running_server(served)
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            words.problems.append(f"{name} took over {settings.timeout_s:g} s")
            break
        share_s = left_s / (len(cases) - number)
        messages, problems = _candidates(server, case, decoding, left_s, share_s)
        if messages:
            style = learned_params().style
            words.take(at, messages[most_agreed(case, messages, style)])
        else:
            words.problems += [f"{name}: {each}" for each in problems]


def _candidates(
    server: ModelServer, case: Case, decoding: Decoding, left_s: float, share_s: float
) -> tuple[list[PlannedCommit], list[str]]:
    """Return messages for a commit, and why answers are none.

    After share_s no further one is asked for: commits that come later need their time.
    """
    started = time.monotonic()
    messages, problems = [], []
    for number, drawn in enumerate(decoding.of_candidates(case)):
        spent_s = time.monotonic() - started
        if number and spent_s > share_s:
            break
        try:
            answer = server.ask(question_of(case, NAME, drawn), left_s - spent_s)
        except AnswerError as error:
            problems += [str(error)] if time.monotonic() - started < left_s else []
            break
        read, problem = read_answer(case, answer.text)
        if read is None or answer.finish_reason == "length":
            problems.append(problem or "a message was cut off")
        else:
            messages.append(read.commits[0])
    return messages, problems


def _ask_there(change: Change, plan: Plan, settings: Settings, words: Wording) -> None:
    """Have a model at an endpoint word the commits of a plan.

    Raises:
        DiffscribeError: if it cannot be asked.
    """
    import asyncio

    from diffscribe.doors.endpoint import Endpoint, api_key_from
    from diffscribe.doors.limiter import Limiter

    address, name = address_of(settings)
    words.name = name
    kind: Literal["student", "full"] = (
        "student" if settings.prompt == "student" else "full"
    )
    cases = _cases(change, plan, settings, kind)
    if not cases:
        return
    endpoint = Endpoint(
        address,
        api_key=api_key_from(settings.api_key_variable),
        timeout_s=settings.timeout_s,
        attempts=2,
        limiter=Limiter(SLOTS),
    )

    async def word(at: int, case: Case) -> None:
        try:
            words.take(at, await _message(endpoint, address, name, case, settings))
        except DiffscribeError as error:
            words.problems.append(f"{name}: {error}")

    async def word_all() -> None:
        tasks = [asyncio.create_task(word(*each)) for each in cases]
        try:
            _, late = await asyncio.wait(tasks, timeout=settings.timeout_s)
            if late:
                words.problems.append(f"{name} took over {settings.timeout_s:g} s")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await endpoint.close()

    asyncio.run(word_all())


async def _message(
    endpoint: "Endpoint", address: str, name: str, case: Case, settings: Settings
) -> PlannedCommit:
    """Return the message of a commit, asked again while an answer is none.

    Raises:
        DiffscribeError: if there is none in the end.
    """
    from diffscribe.doors.endpoint import host_of, prepare

    decoding = Decoding(FREE_ANSWER_TOKENS, seed=0)
    question = question_of(case, name, decoding)
    if settings.prompt != "student":
        # A grammar leaves no room for thoughts.
        question = question._replace(grammar="")
    complaint = ""
    for _ in range(1 + REASKS):
        sent = prepare(question, host_of(address))
        answer = await endpoint.ask(sent)
        text = bare_message(answer.text)
        read, problem = read_answer(case, text)
        if read is not None:
            [message] = read.commits
            problem = _complaint(message, text, case, settings.house, sent.replaced)
            if problem is None:
                return message
        complaint = problem or "it holds no message"
        again = read_prompt(PROMPTS / "commit" / "reask.md", {"complaint"})
        turns = (
            Message(role="assistant", content=text[:MAX_PROMPT_CHARS] or "(nothing)"),
            Message(
                role="user", content=Template(again).substitute(complaint=complaint)
            ),
        )
        question = question._replace(messages=(*question.messages, *turns))
    raise AnswerError(complaint)


def _complaint(
    message: PlannedCommit,
    text: str,
    case: Case,
    house: HouseStyle,
    replaced: Collection[str],
) -> str | None:
    """Return why a message that can be read does not count, or None."""
    header = format_header(message)
    if len(header) > house.max_header_chars:
        return (
            f"the first line has {len(header)} of {house.max_header_chars} characters"
        )
    if case.message == "conventional" and message.type not in case.types:
        return f"the type {message.type} is none of {', '.join(case.types)}"
    if house.scopes and message.scope not in (None, *house.scopes):
        return f"the scope {message.scope} is none of {', '.join(house.scopes)}"
    found = next((each for each in replaced if each in text), None)
    return found and f"{found} stands for a secret; leave it out"


# What is asked.


def _cases(
    change: Change, plan: Plan, settings: Settings, kind: Literal["student", "full"]
) -> list[tuple[int, Case]]:
    """Return a question for the message of each commit of a plan, by its place.

    A commit of which not even the names of files fit a prompt has none.
    The shipped model is given the type too, which the baseline knows better.
    """
    is_student = kind == "student"
    whole = Case(
        id=change.id,
        repo=change.repo,
        languages=change.languages,
        task="plan",
        files=tuple(file.path for file in change.files),
        diff=change.diff,
        recent_subjects=change.recent_subjects,
        scopes=settings.house.scopes,
        answer="lines",
        target=plan,
        private=change.private,
    )
    cases = single_cases(whole, plan, has_types=is_student)
    if is_student:
        render, style = learned_params().render, learned_params().style.message
        texts = load_student_prompts(PROMPTS / "student", render.answer, style)
        max_chars = int(CHARS_PER_TOKEN * render.max_prompt_tokens)
        asked = with_student_prompts(cases, texts, max_chars, render, style)
        return [each for each in enumerate(asked) if each[1].prompt]
    texts_of_any = _full_prompt(settings.house)
    more = {
        "recent_subjects": "\n".join(change.recent_subjects) or "(none)",
        "intent": settings.intent or "(nothing)",
    }
    asked = []
    for case in cases:
        rendered = render_prompt(
            change_of(case), texts_of_any, MAX_PROMPT_CHARS, CONTEXT_LINES, len, more
        )
        update = {
            "prompt": rendered.messages if rendered else (),
            "message": settings.house.message,
            "types": settings.house.types,
        }
        asked.append(case.model_copy(update=update))
    return [each for each in enumerate(asked) if each[1].prompt]


def _full_prompt(house: HouseStyle) -> Prompts:
    """Return the prompt that any model understands."""
    folder = PROMPTS / "commit"
    scope = f"one of the scopes {', '.join(house.scopes)}" if house.scopes else "scope"
    header = (
        "The first line reads `type(scope)!: subject`, with one of the types "
        f"{', '.join(house.types)}; {scope} and mark only where they help."
        if house.message == "conventional"
        else "The first line is the subject alone, without a type before it."
    )
    system = Template(
        read_prompt(folder / "system.md", {"header", "case", "max_header_chars"})
    ).substitute(
        header=header,
        case="upper case" if house.is_capitalised else "lower case",
        max_header_chars=house.max_header_chars,
    )
    user = read_prompt(folder / "user.md", {*VARIABLES, "recent_subjects", "intent"})
    return Prompts(system, user)
