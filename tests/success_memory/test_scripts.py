"""Scripts are read whatever they hold, without a crash and in bounded time."""

import time

import pytest
from tests.success_memory.support import SCRIPT, transformer

from diffscribe.success_memory.scripts import (
    covers,
    defines_transformer,
    foreign_imports,
    normalised,
    parsed,
    string_names,
    text_similarity,
)

DEEP = {
    "not": "not " * 1500 + "x\n",
    "elif": "if a:\n pass\n" + "elif a:\n pass\n" * 2000,
    "subscripts": "a" + "[0]" * 2000 + "\n",
    "lambda": "lambda: " * 1500 + "1\n",
    "brackets": "(" * 100_000,
    "minus": "x = " + "-" * 5000 + "1\n",
    "nul": "x = 1\0\n",
    "surrogate": "x = '\ud800'\n",
    "digits": "x = " + "9" * 40_000 + "\n",
    "long": "x = 1\n" * 100_000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_nobody_would_write_is_no_script_and_crashes_nothing(text):
    started = time.process_time()
    assert parsed(text) is None
    assert normalised(text) == ""
    assert not defines_transformer(text)
    assert string_names(text) == foreign_imports(text) == set()
    assert not covers(text, "add_decorator")
    assert 0 <= text_similarity(text, SCRIPT) <= 1
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (SCRIPT, f'"""Words."""\n# More.\n\n\n\n{SCRIPT}', True),
        (
            SCRIPT,
            SCRIPT.replace("decorator = ", "d = ").replace("[decorator", "[d"),
            True,
        ),
        (SCRIPT, SCRIPT.replace("original", "before"), True),
        (SCRIPT, SCRIPT.replace('"pay"', "'pay'"), True),
        (SCRIPT, transformer("AddDecorator", "refund"), False),
        (SCRIPT, SCRIPT.replace("!=", "=="), False),
        (SCRIPT, SCRIPT.replace("leave_", "visit_"), False),
        ("a = b\nb = a\n", "b = a\na = b\n", True),
        ("a = b\n", "a = c\n", False),
    ],
)
def test_scripts_are_equal_but_for_layout_words_and_own_names(one, other, equal):
    assert (normalised(one) == normalised(other)) is equal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SCRIPT, True),
        (SCRIPT.replace("cst.CSTTransformer", "VisitorBasedCodemodCommand"), True),
        (SCRIPT.replace("(cst.CSTTransformer)", ""), False),
        (SCRIPT.replace("leave_FunctionDef", "change"), False),
        ("import libcst\n", False),
    ],
)
def test_a_transformer_derives_from_libcst_and_visits(text, found):
    assert defines_transformer(text) is found


def test_operations_are_covered_by_their_words_in_any_form():
    assert covers(SCRIPT, "add_decorator")
    assert covers(transformer("RenameFunction", "a"), "rename_functions")
    assert not covers(SCRIPT, "add_docstring")
