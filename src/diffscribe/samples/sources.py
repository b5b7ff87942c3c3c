"""The source, test and documentation files of a module."""

import ast
import re
from functools import cache
from typing import NamedTuple

from diffscribe.samples.languages import LANGUAGES, Language
from diffscribe.samples.printing import (
    function_name,
    parse_function,
    print_function,
    print_value,
    signature,
    variable_name,
)
from diffscribe.samples.project import Case, Function, Module, evaluate


class Layout(NamedTuple):
    """Where a language keeps its files and how they begin and end.

    `{m}` is the module, `{M}` the module in capitals, `{p}` the project.
    """

    source: str
    source_head: str
    test: str
    test_head: str
    test_function: str
    """With `{n}` for the function and `{_e}`, `{ e}`, `{E}` for the test's ending."""
    test_close: str
    call: str
    equal: str
    """An assertion with `{x}` for the call and `{y}` for its result."""
    true: str
    false: str
    equal_list: str = ""
    """Where lists are not compared like numbers."""
    equal_text: str = ""
    imports: tuple[tuple[str, str], ...] = ()
    """Texts that a source may contain, each with the line that imports it."""
    source_foot: str = ""
    test_foot: str = ""


LAYOUTS = {
    "python": Layout(
        source="{p}/{m}.py",
        source_head='"""{purpose}"""\n',
        test="tests/test_{m}.py",
        test_head="from {p} import {m}\n",
        test_function="def test_{n}{_e}():",
        test_close="",
        call="{m}.{n}({x})",
        equal="assert {x} == {y}",
        true="assert {x}",
        false="assert not {x}",
    ),
    "typescript": Layout(
        source="src/{m}.ts",
        source_head="/** {purpose} */\n",
        test="tests/{m}.test.ts",
        test_head='import {{ expect, test }} from "vitest";\n'
        'import * as {m} from "../src/{m}";\n',
        test_function='test("{n}{ e}", () => {{',
        test_close="});",
        call="{m}.{n}({x})",
        equal="expect({x}).toEqual({y});",
        true="expect({x}).toBe(true);",
        false="expect({x}).toBe(false);",
    ),
    "go": Layout(
        source="{m}.go",
        source_head="// {purpose}\npackage {p}\n",
        imports=(("slices.", 'import "slices"'), ("strings.", 'import "strings"')),
        test="{m}_test.go",
        test_head='package {p}\n\nimport (\n\t"slices"\n\t"testing"\n)\n',
        test_function="func Test{n}{E}(t *testing.T) {{",
        test_close="}",
        call="{n}({x})",
        equal='if got := {x}; got != {y} {{\n\tt.Errorf("got %v", got)\n}}',
        true='if !{x} {{\n\tt.Error("got false")\n}}',
        false='if {x} {{\n\tt.Error("got true")\n}}',
        equal_list="if got := {x}; !slices.Equal(got, {y}) {{\n"
        '\tt.Errorf("got %v", got)\n}}',
    ),
    "rust": Layout(
        source="src/{m}.rs",
        source_head="//! {purpose}\n",
        imports=(("HashSet", "use std::collections::HashSet;"),),
        test="tests/{m}.rs",
        test_head="use {p}::{m}::*;\n",
        test_function="#[test]\nfn test_{n}{_e}() {{",
        test_close="}",
        call="{n}({x})",
        equal="assert_eq!({x}, {y});",
        true="assert!({x});",
        false="assert!(!{x});",
    ),
    "java": Layout(
        source="src/{M}.java",
        source_head="/** {purpose} */\npublic final class {M} {{\n",
        source_foot="}\n",
        imports=(
            ("List<", "import java.util.List;"),
            ("ArrayList<", "import java.util.ArrayList;"),
            ("Set<", "import java.util.Set;"),
            ("HashSet<", "import java.util.HashSet;"),
        ),
        test="test/{M}Test.java",
        test_head="import static org.junit.jupiter.api.Assertions.*;\n\n"
        "import java.util.List;\nimport org.junit.jupiter.api.Test;\n\n"
        "class {M}Test {{\n",
        test_foot="}\n",
        test_function="@Test\nvoid {n}{E}() {{",
        test_close="}",
        call="{M}.{n}({x})",
        equal="assertEquals({y}, {x});",
        true="assertTrue({x});",
        false="assertFalse({x});",
    ),
    "c": Layout(
        source="src/{m}.c",
        source_head='/* {purpose} */\n#include "{m}.h"\n',
        test="tests/test_{m}.c",
        test_head='#include <assert.h>\n#include "../src/{m}.h"\n',
        test_function="static void test_{n}{_e}(void)\n{{",
        test_close="}",
        call="{n}({x})",
        equal="assert({x} == {y});",
        true="assert({x});",
        false="assert(!{x});",
        equal_list="assert(same_list({x}, {y}));",
        equal_text="assert(strcmp({x}, {y}) == 0);",
    ),
}


@cache
def module_files(module: Module, project: str, language_name: str) -> dict[str, str]:
    """Return the files of a module by path."""
    language, layout = LANGUAGES[language_name], LAYOUTS[language_name]
    names = {"m": module.name, "M": module.name.capitalize(), "p": project}
    names["purpose"] = f"The {module.name} module of {project}."
    files = {
        layout.source.format(**names): _source(module, names, layout, language),
        layout.test.format(**names): _tests(module, names, layout, language),
        f"docs/{module.name}.md": _documentation(module, language),
    }
    if language_name == "c":
        files[f"src/{module.name}.h"] = _header(module, language)
    return files


def _source(
    module: Module, names: dict[str, str], layout: Layout, language: Language
) -> str:
    blocks = [_function_lines(each, language) for each in module.functions]
    margin = language.indent if layout.source_foot else ""
    body = _spaced(blocks, margin, language)
    head = layout.source_head.format(**names)
    imports = "".join(f"{line}\n" for text, line in layout.imports if text in body)
    if layout.source_foot:
        return (imports and imports + "\n") + head + body + layout.source_foot
    return head + (imports and "\n" + imports) + _gap(language) + body


def _gap(language: Language) -> str:
    return "\n" if language.closes else "\n\n"


def _spaced(blocks: list[list[str]], margin: str, language: Language) -> str:
    return _gap(language).join(
        "".join(f"{margin}{line}\n" if line else "\n" for line in block)
        for block in blocks
    )


def _function_lines(function: Function, language: Language) -> list[str]:
    """Return the printed lines, with the sloppiness they were written with."""
    lines = print_function(function.source, function.doc, language)
    spoiled = _spoil(lines, function.sloppy)
    return lines if spoiled is None else spoiled


def _spoil(lines: list[str], sloppy: str) -> list[str] | None:
    """Return the lines with one flaw, or None if there is no place for it."""
    for number, line in enumerate(lines):
        is_comment = '"""' in line or line.lstrip()[:1] in ("/", "*")
        if sloppy == "comma" and ", " in line and not is_comment:
            return [*lines[:number], line.replace(", ", ","), *lines[number + 1 :]]
        if sloppy == "operator" and not is_comment and line[:1].isspace():
            tight = re.sub(r" ([-+*]|==|>=) (?=[\w(])", r"\1", line)
            if tight != line:
                return [*lines[:number], tight, *lines[number + 1 :]]
        if sloppy == "trailing" and "return" in line:
            return [*lines[:number], line + "  ", *lines[number + 1 :]]
    return None


def can_be_sloppy(function: Function, sloppy: str, language_name: str) -> bool:
    """Tell whether a function has a place for that flaw."""
    language = LANGUAGES[language_name]
    lines = print_function(function.source, function.doc, language)
    return _spoil(lines, sloppy) is not None


def _tests(
    module: Module, names: dict[str, str], layout: Layout, language: Language
) -> str:
    sources = tuple(each.source for each in module.functions)
    tested = [(each, case) for each in module.functions for case in each.cases]
    blocks = [
        _test_lines(function, case, sources, names, layout, language)
        for function, case in tested
    ]
    margin = language.indent if layout.test_foot else ""
    head = layout.test_head.format(**names)
    gap = "" if layout.test_foot else _gap(language)
    foot = layout.test_foot
    if language.name == "c":
        calls = "".join(
            f"    test_{function.name}{_ending(case)}();\n" for function, case in tested
        )
        foot = f"\nint main(void)\n{{\n{calls}    return 0;\n}}\n"
    return head + gap + _spaced(blocks, margin, language) + foot


def _ending(case: Case) -> str:
    return f"_{case.ending}" if case.ending else ""


def _test_lines(
    function: Function,
    case: Case,
    sources: tuple[str, ...],
    names: dict[str, str],
    layout: Layout,
    language: Language,
) -> list[str]:
    spelled = function_name(function.name, language)
    ending = case.ending.replace("_", " ")
    template = layout.test_function.replace("{_e}", _ending(case))
    template = template.replace("{ e}", f" {ending}" if ending else "")
    template = template.replace("{E}", ending.title().replace(" ", ""))
    lines = template.format(n=spelled).splitlines()
    for arguments in case.calls:
        text = _assertion(function, arguments, sources, names, layout, language)
        lines += [language.indent + line for line in text.splitlines()]
    return [*lines, layout.test_close] if layout.test_close else lines


def _assertion(
    function: Function,
    arguments: str,
    sources: tuple[str, ...],
    names: dict[str, str],
    layout: Layout,
    language: Language,
) -> str:
    want = evaluate(sources, function.name, arguments)
    call = layout.call.format(
        **names,
        n=function_name(function.name, language),
        x=", ".join(printed_arguments(function, arguments, language)),
    )
    if isinstance(want, bool):
        return (layout.true if want else layout.false).format(x=call)
    kind = parse_result(function)
    expected = print_value(want, kind, language)
    if language.name == "rust" and isinstance(want, list):
        expected = "vec!" + expected.removeprefix("&")
    template = {
        "list": layout.equal_list,
        "str": layout.equal_text,
    }.get(type(want).__name__)
    return (template or layout.equal).format(x=call, y=expected)


def parse_result(function: Function) -> str:
    """Return the annotation of a function's result."""
    returns = parse_function(function.source).returns
    assert returns is not None
    return ast.unparse(returns)


def printed_arguments(
    function: Function, arguments: str, language: Language
) -> list[str]:
    """Return the arguments of a call as the language writes them."""
    values = ast.literal_eval(f"({arguments},)")
    parameters = parse_function(function.source).args.args
    return [
        print_value(value, ast.unparse(parameter.annotation or parameter), language)
        for value, parameter in zip(values, parameters, strict=True)
    ]


def _documentation(module: Module, language: Language) -> str:
    lines = [f"# {module.name}", "", module.intro, "", "## Functions", ""]
    for function in module.functions:
        if function.is_documented:
            says = function.doc[0].lower() + function.doc[1:]
            lines.append(f"- `{usage(function, language)}`: {says}")
    for note in module.notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def usage(function: Function, language: Language) -> str:
    """Return a function's name with the names of its parameters."""
    arguments = parse_function(function.source).args.args
    parameters = ", ".join(variable_name(each.arg, language) for each in arguments)
    return f"{function_name(function.name, language)}({parameters})"


def _header(module: Module, language: Language) -> str:
    guard = f"{module.name.upper()}_H"
    lines = [f"#ifndef {guard}", f"#define {guard}", "", '#include "common.h"', ""]
    for function in module.functions:
        head = signature(function.source, language).removesuffix("\n{")
        lines.append(f"{head};")
    return "\n".join([*lines, "", "#endif"]) + "\n"


def printed_call(
    function: Function, module: Module, arguments: str, language_name: str
) -> tuple[str, str]:
    """Return a call of a function and its result, as the language writes them."""
    language = LANGUAGES[language_name]
    sources = (function.source, *(each.source for each in module.functions))
    result = evaluate(sources, function.name, arguments)
    values = ", ".join(printed_arguments(function, arguments, language))
    expected = print_value(result, parse_result(function), language)
    return f"{function_name(function.name, language)}({values})", expected
