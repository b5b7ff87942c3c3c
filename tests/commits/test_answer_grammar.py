import contextlib
import json
import random
import string
import urllib.request
from itertools import product

import pytest
from tests.support.gbnf import Gbnf
from tests.support.questions import outgoing

from diffscribe.asking.ask import in_order
from diffscribe.commits.answer import (
    first_line_of,
    fitting_limits,
    longest_answer_chars,
    read_message_lines,
    read_plan_lines,
    write_message_lines,
    write_plan_lines,
)
from diffscribe.commits.answer_grammar import answer_grammar, message_grammar
from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import LIMITS, Limits, plan_problem
from diffscribe.commits.units import FileUnits, PlanLinesError
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.doors.dialect import Rung, tokenize_body, unspeakable
from diffscribe.doors.endpoint import Endpoint
from diffscribe.doors.limiter import Limiter
from diffscribe.doors.llama_cpp import serve

pytestmark = pytest.mark.slow


def files_of(shape):
    """`1`, `2`, ... is a file with so many hunks, `-` one that is new."""
    return [
        FileUnits(f"src/{at}.py", 1 if each == "-" else int(each), each == "-")
        for at, each in enumerate(shape)
    ]


def every_plan(files, most):
    """Yield all plans, valid or not, that put a unit in a commit or ignore a file."""
    choices = []
    for file in files:
        commits = product(range(1, most + 1), repeat=file.hunks)
        choices.append([None, *commits])
    for assigned in product(*choices):
        numbers = {each for part in assigned if part for each in part}
        if numbers != {*range(1, len(numbers) + 1)}:
            continue
        commits = []
        for number in sorted(numbers):
            paths, hunks = [], {}
            for file, part in zip(files, assigned, strict=True):
                if part and number in part:
                    paths.append(file.path)
                    if len({*part}) > 1:
                        here = [at for at, n in enumerate(part, 1) if n == number]
                        hunks[file.path] = tuple(here)
            commits.append(
                PlannedCommit(files=tuple(paths), hunks=hunks, type="fix", subject="a")
            )
        ignored = [
            f"/{f.path}" for f, part in zip(files, assigned, strict=True) if not part
        ]
        yield Plan(commits=tuple(commits), gitignore=tuple(ignored))


SHAPES = ["1", "-", "2", "3", "11", "--", "1-", "2-1", "22", "31-", "-2-", "1-11", "23"]


@pytest.mark.parametrize("most", [1, 2, 3, 12])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_lines_of_the_grammar_are_those_of_the_valid_plans(shape, most):
    files, limits = files_of(shape), Limits(commits=most)
    units = sum(file.hunks for file in files)
    plans = [
        plan
        for plan in every_plan(files, min(most, units))
        if plan_problem(plan, files) is None
    ]
    lines = {
        write_plan_lines(plan, files, limits=limits).split("\n")[0] for plan in plans
    }
    grammar = Gbnf(answer_grammar(files, limits=limits))
    assert grammar.language("1234567()- \n", until="\n") == lines
    assert plans


def commit_of(path, subject="a", **fields):
    return PlannedCommit(files=(path,), type="fix", subject=subject, **fields)


def strings(alphabet, most, least=0):
    return [
        "".join(each)
        for n in range(least, most + 1)
        for each in product(alphabet, repeat=n)
    ]


def written(plans, files, message, limits):
    """Return the answers of those plans that have one."""
    for plan in plans:
        with contextlib.suppress(PlanLinesError):
            yield write_plan_lines(plan, files, message, limits)


def test_the_headers_of_the_grammar_are_those_that_are_written():
    files, limits = (
        files_of("1"),
        Limits(1, subject_chars=2, scope_chars=2, body_lines=0),
    )
    plans = [
        Plan(commits=(commit_of("src/0.py", subject, scope=scope, breaking=breaking),))
        for subject in strings("fix:()! ", 2)
        for scope in (None, *strings("fix:()! ", 2))
        for breaking in (False, True)
    ]
    expected = {*written(plans, files, "conventional", limits)}
    grammar = Gbnf(answer_grammar(files, ("fix",), limits=limits))
    texts = grammar.language("fix:()! \n", after="1\n")
    assert {f"1\n{each}" for each in texts} == expected


def test_the_plain_headers_of_the_grammar_are_those_that_are_written():
    files, limits = files_of("1"), Limits(1, subject_chars=3, body_lines=0)
    plans = [
        Plan(commits=(commit_of("src/0.py", subject, scope="x", breaking=True),))
        for subject in strings("aA`é ", 3)
    ]
    expected = {*written(plans, files, "plain", limits)}
    grammar = Gbnf(answer_grammar(files, message="plain", limits=limits))
    texts = grammar.language("aA`é \n", after="1\n")
    assert {f"1\n{each}" for each in texts} == expected


def test_the_bodies_of_the_grammar_are_those_that_are_written():
    """Two messages share two lines of three characters."""
    files = files_of("11")
    limits = Limits(2, subject_chars=1, body_lines=2, line_chars=3)
    lines = strings("A% ", 3)
    pairs = [a + gap + b for a, b in product(lines, lines) for gap in ("\n", "\n\n")]
    one = {
        text.partition("\n")[2]
        for text in written(
            [
                Plan(commits=(commit_of("src/0.py", "A", body=body),))
                for body in lines + pairs
            ],
            files[:1],
            "plain",
            limits,
        )
    }
    bodies = sorted(each[1:] for each in one)
    grammar = Gbnf(answer_grammar(files[:1], message="plain", limits=limits))
    assert grammar.language("A% \n", after="1\n") == {
        subject + body for subject in "A%" for body in bodies
    }
    both = {
        f"{a}{first}\n%%\n{b}{second}"
        for first, second in product(bodies, bodies)
        if lines_of(first) + lines_of(second) <= limits.body_lines
        for a, b in product("A%", "A%")
    }
    grammar = Gbnf(answer_grammar(files, (), "plain", ["1 2"], limits))
    assert grammar.language("A% \n", after="1 2\n") == both
    for text in sorted(both)[::50]:
        reading = read_plan_lines(f"1 2\n{text}", files, "plain")
        assert reading.problem is None, text
        assert (
            write_plan_lines(reading.record, files, "plain", limits) == f"1 2\n{text}"
        )


def lines_of(body):
    return sum(map(bool, body.split("\n")))


LETTERS = [*string.printable, *"%%%%%%    \n\n-é漢🎉\u200b\u3000\x85"]
LARGE = [
    [FileUnits(f"lib/{at}.py", hunks=1, may_be_junk=at % 3 == 0) for at in range(300)],
    [
        FileUnits(
            f"lib/{at}.py", hunks=4 if at % 10 == 0 else 1, may_be_junk=at % 7 == 2
        )
        for at in range(100)
    ],
    [FileUnits("a.py", 40, False), FileUnits("b.py"), FileUnits("c.py", 2, False)],
]


@pytest.mark.parametrize("message", ["conventional", "plain"])
@pytest.mark.parametrize("files", LARGE)
def test_whatever_the_grammar_admits_is_the_answer_of_a_valid_plan(files, message):
    grammar = Gbnf(answer_grammar(files, message=message))
    draw = random.Random(7)
    for _ in range(30):
        text = grammar.walk(draw, LETTERS)
        reading = read_plan_lines(text, files, message)
        assert (reading.problem, reading.is_repaired) == (None, False), text
        assert write_plan_lines(reading.record, files, message) == text
        assert len(text) <= longest_answer_chars(files, message)


@pytest.mark.parametrize("message", ["conventional", "plain"])
@pytest.mark.parametrize("files", LARGE)
def test_the_grammar_admits_the_answer_of_every_valid_plan(files, message):
    draw = random.Random(8)
    grammar = Gbnf(answer_grammar(files, message=message))
    for _ in range(10):
        plan = random_plan(files, draw)
        text = write_plan_lines(plan, files, message)
        assert grammar.admits(text), text
        forced = answer_grammar(files, TYPES, message, [first_line_of(plan, files)])
        assert Gbnf(forced).admits(text), text


def random_plan(files, draw):
    count = draw.randint(1, 12)
    commits = [
        {"files": [], "hunks": {}, "subject": words(draw, 30), "scope": words(draw, 9)}
        for _ in range(count)
    ]
    junk = []
    for file in files:
        if file.may_be_junk and draw.random() < 0.3:
            junk.append(file.path)
            continue
        numbers = [draw.randrange(count) for _ in range(file.hunks)]
        whole = draw.random() < 0.3 or len({*numbers}) == 1
        for number in {numbers[0]} if whole else {*numbers}:
            commits[number]["files"].append(file.path)
            if not whole:
                here = [at for at, each in enumerate(numbers, 1) if each == number]
                commits[number]["hunks"][file.path] = here
    bodies = 0
    planned = []
    for fields in commits:
        if fields["files"]:
            body = "\n".join(words(draw, 90) for _ in range(draw.randint(0, 3)))
            fields |= {"body": body if bodies < 20 else ""}
            bodies += 3
            planned.append(
                PlannedCommit(
                    type=draw.choice(TYPES), breaking=draw.random() < 0.2, **fields
                )
            )
    return Plan(commits=tuple(planned), gitignore=tuple(f"/{each}" for each in junk))


def words(draw, most):
    letters = string.ascii_letters + "%%    é漢🎉\t\x00"
    return "x" + "".join(draw.choices(letters, k=draw.randint(0, most)))


def test_a_forced_first_line_leaves_only_the_messages_free():
    files = files_of("1-2")
    for line in ("1 - 1", "1 2 (1 3)", "1 1 1"):
        grammar = Gbnf(answer_grammar(files, first_lines=[line]))
        assert grammar.language("123()- \n", until="\n") == {line}
    with pytest.raises(PlanLinesError, match="comes before"):
        answer_grammar(files, first_lines=["1 1 1", "1 3 2"])
    with pytest.raises(PlanLinesError, match="at most 2"):
        answer_grammar(files, first_lines=["1 2 3"], limits=LIMITS._replace(commits=2))


def test_of_some_first_lines_each_has_its_number_of_messages():
    files = files_of("1-2")
    lines = {"1 1 1": 1, "1 - 1": 1, "1 1 (1 2)": 2, "1 2 (1 3)": 3}
    grammar = Gbnf(answer_grammar(files, first_lines=[*lines]))
    assert grammar.language("123()- \n", until="\n") == {*lines}
    for line, commits in lines.items():
        for count in range(1, 5):
            text = "\n%%\n".join(["fix: a"] * count)
            assert grammar.admits(f"{line}\n{text}") == (count == commits)


def test_if_all_is_junk_nothing_follows():
    files = files_of("--")
    assert Gbnf(answer_grammar(files, first_lines=["- -"])).language("-1 \n") == {"- -"}
    assert Gbnf(answer_grammar(files)).admits("- -")
    assert not Gbnf(answer_grammar(files)).admits("- -\n")


def test_no_plan_has_more_commits_than_its_limit():
    files = files_of("1" * 13)
    grammar = Gbnf(answer_grammar(files))
    line = " ".join(map(str, range(1, 13)))
    message = "\n%%\n".join(["fix: a"] * 12)
    assert grammar.admits(f"{line} 12\n{message}")
    assert not grammar.admits(f"{line} 13\n{message}\n%%\nfix: a")


def test_the_longest_answer_is_as_long_as_the_grammar_allows():
    files = [*files_of("11111111111--"), FileUnits("x", 5, False)]
    grammar = Gbnf(answer_grammar(files))
    line = " ".join([*map(str, range(1, 12)), "12", "12", "(12 12 12 12 11)"])
    header = f"refactor({'s' * 40})!: {'x' * 100}"
    bodies = "\n".join(["", *["\n" + "x" * 100] * 24])
    text = f"{line}\n{header}{bodies}" + f"\n%%\n{header}" * 11
    assert grammar.admits(text)
    assert len(text) <= longest_answer_chars(files) <= len(text) + 30


def test_a_message_alone_is_what_follows_a_first_line_of_ones():
    files = files_of("12")
    for message in ("conventional", "plain"):
        alone = Gbnf(message_grammar(TYPES, message))
        whole = Gbnf(answer_grammar(files, TYPES, message, first_lines=["1 1"]))
        admitted = 0
        for seed in range(60):
            draw = random.Random(seed)
            body = "\n".join(words(draw, 90) for _ in range(draw.randint(0, 3)))
            made = PlannedCommit(
                files=tuple(each.path for each in files),
                type=draw.choice(TYPES),
                scope=draw.choice([None, "a b", "api"]),
                subject=words(draw, 80),
                body=body,
            )
            text = write_message_lines(Plan(commits=(made,)), files, message)
            read = read_message_lines(text, files, message)
            assert (read.problem, read.is_repaired) == (None, False)
            assert write_message_lines(read.record, files, message) == text
            for odd in (text, f"\n{text}", f"{text}\n%%\n{text}", text[1:], text[:-1]):
                assert alone.admits(odd) == whole.admits(f"1 1\n{odd}")
                admitted += alone.admits(odd)
            assert alone.admits(text)
        assert admitted < 60 * 5
    two = Plan(
        commits=tuple(
            PlannedCommit(files=(each.path,), type="fix", subject="x") for each in files
        )
    )
    with pytest.raises(PlanLinesError, match="1 2 is not one commit"):
        write_message_lines(two, files)


def test_fewer_lines_of_bodies_keep_answers_within_a_length():
    files = files_of("1-3")
    whole = longest_answer_chars(files)
    assert fitting_limits(files, whole) == LIMITS
    for chars in (whole - 1, whole - 102, whole - 1000, 1200):
        limits = fitting_limits(files, chars)
        longest = longest_answer_chars(files, limits=limits)
        assert chars - 102 < longest <= chars
        assert limits._replace(body_lines=24) == LIMITS
    none = fitting_limits(files, 100)
    assert none.body_lines == 0
    grammar = Gbnf(answer_grammar(files, limits=none))
    assert grammar.admits("1 1 1\nfix: a")
    assert not grammar.admits("1 1 1\nfix: a\n\nb")
    assert not Gbnf(message_grammar(limits=none)).admits("fix: a\n\nb")


@pytest.mark.slow
def test_all_that_a_server_writes_under_the_grammar_is_a_valid_plan(tiny_gguf):
    """The model has random weights, so that the grammar alone makes its answers."""
    files = [*files_of("1-32"), *LARGE[1]]
    limits = Limits(4, subject_chars=12, scope_chars=6, body_lines=3, line_chars=12)
    most = longest_answer_chars(files, limits=limits)
    cases = []
    for seed in range(12):
        shown = files if seed % 4 == 0 else files[:4]
        for message in ("conventional", "plain"):
            grammar = answer_grammar(shown, TYPES, message, limits=limits)
            cases.append((shown, message, seed, grammar))
    with serve(tiny_gguf, context_tokens=8192, threads=1) as url:
        endpoint = Endpoint(
            url,
            api_key="none",
            timeout_s=600.0,
            attempts=1,
            limiter=Limiter(1),
            rung=Rung.STRICT_SCHEMA,
        )
        questions = [
            outgoing(
                "Plan",
                schema=None,
                temperature=2.0,
                seed=seed,
                grammar=grammar,
                max_tokens=most * 4,  # A letter that is not ASCII may take four.
            )
            for _, _, seed, grammar in cases
        ]
        answers = list(in_order(endpoint.ask, questions, 1, endpoint.close))
    seen = set()
    for (shown, message, *_), answer in zip(cases, answers, strict=True):
        assert answer.finish_reason == "stop"
        reading = read_plan_lines(answer.text, shown, message)
        assert (reading.problem, reading.is_repaired) == (None, False), answer.text
        written = write_plan_lines(reading.record, shown, message, limits)
        assert written == answer.text
        seen.add(len(reading.record.commits))
    assert len(seen) > 2
    assert any(not answer.text.isascii() for answer in answers)


@pytest.mark.slow
def test_tokens_that_a_grammar_cannot_hold_back_are_found(tiny_gguf):
    with serve(tiny_gguf, context_tokens=256, threads=1) as url:
        reply = ask_server(f"{url.removesuffix('/v1')}/tokenize", tokenize_body("m"))
    refused = unspeakable(reply)
    pieces = {
        token["id"]: token["piece"]
        for token in json.loads(reply)["tokens"]
        if token["id"] in refused
    }
    texts = [each for each in pieces.values() if isinstance(each, str)]
    assert "<|im_start|>" in texts and "<|im_end|>" not in texts
    leads = [each for each in pieces.values() if each not in texts]
    assert sorted(leads) == [[224], [240]]


def ask_server(address, question):
    body = json.dumps(question).encode()
    request = urllib.request.Request(
        address, body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.read()
