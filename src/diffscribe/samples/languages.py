"""How six languages spell the few constructs that sample functions use."""

from typing import NamedTuple


class Language(NamedTuple):
    """Templates of a language; `{x}` `{y}` are operands, `{n}` a name."""

    name: str
    indent: str
    case: str
    """snake, camel, or pascal for functions and camel for variables."""
    function: str
    """Head of a function with `{n}`, `{params}`, `{result}`."""
    doc: str
    """Comment above the function, or below the head in Python."""
    parameter: str
    types: dict[str, str]
    """Types of parameters and variables by Python annotation."""
    results: dict[str, str]
    """Types of results where they differ from `types`."""
    statements: dict[str, str]
    """let, let_mutable, let_list, let_set, set, if, for, range, return, raise."""
    words: dict[str, str]
    """Operators and calls by Python spelling; a missing one is spelled the same."""
    closes: str
    """What ends a block: a brace, or nothing."""
    literal: dict[str, str]
    """Literal of a list argument by annotation, with `{x}`."""


_BRACES = {
    "and": "&&",
    "or": "||",
    "not": "!{x}",
    "True": "true",
    "False": "false",
}

PYTHON = Language(
    name="python",
    indent="    ",
    case="snake",
    function="def {n}({params}) -> {result}:",
    doc='"""{doc}"""',
    parameter="{n}: {t}",
    types={},
    results={},
    statements={
        "let": "{n} = {x}",
        "let_mutable": "{n} = {x}",
        "let_list": "{n}: {t} = []",
        "let_set": "{n}: {t} = set()",
        "set": "{n} = {x}",
        "if": "if {x}:",
        "for": "for {n} in {x}:",
        "range": "for {n} in range({x}, {y}):",
        "return": "return {x}",
        "raise": "raise ValueError({x})",
    },
    words={"append": "{x}.append({y})", "add": "{x}.add({y})", "not": "not {x}"},
    closes="",
    literal={"list[int]": "[{x}]", "list[str]": "[{x}]"},
)

TYPESCRIPT = Language(
    name="typescript",
    indent="  ",
    case="camel",
    function="export function {n}({params}): {result} {{",
    doc="/** {doc} */",
    parameter="{n}: {t}",
    types={
        "int": "number",
        "str": "string",
        "bool": "boolean",
        "list[int]": "number[]",
        "list[str]": "string[]",
        "set[int]": "Set<number>",
        "set[str]": "Set<string>",
    },
    results={},
    statements={
        "let": "const {n} = {x};",
        "let_mutable": "let {n} = {x};",
        "let_list": "const {n}: {t} = [];",
        "let_set": "const {n} = new {t}();",
        "set": "{n} = {x};",
        "if": "if ({x}) {{",
        "for": "for (const {n} of {x}) {{",
        "range": "for (let {n} = {x}; {n} < {y}; {n}++) {{",
        "return": "return {x};",
        "raise": "throw new RangeError({x});",
    },
    words=_BRACES
    | {
        "==": "===",
        "!=": "!==",
        "//": "Math.floor({x} / {y})",
        "len": "{x}.length",
        "min": "Math.min({x}, {y})",
        "max": "Math.max({x}, {y})",
        "in list": "{x}.includes({y})",
        "in set": "{x}.has({y})",
        "append": "{x}.push({y});",
        "add": "{x}.add({y});",
        "startswith": "{x}.startsWith({y})",
        "strip": "{x}.trim()",
        "lower": "{x}.toLowerCase()",
    },
    closes="}",
    literal={"list[int]": "[{x}]", "list[str]": "[{x}]"},
)

GO = Language(
    name="go",
    indent="\t",
    case="pascal",
    function="func {n}({params}) {result} {{",
    doc="// {n}: {doc}",
    parameter="{n} {t}",
    types={
        "str": "string",
        "list[int]": "[]int",
        "list[str]": "[]string",
        "set[int]": "map[int]bool",
        "set[str]": "map[string]bool",
    },
    results={},
    statements={
        "let": "{n} := {x}",
        "let_mutable": "{n} := {x}",
        "let_list": "{n} := {t}{{}}",
        "let_set": "{n} := {t}{{}}",
        "set": "{n} = {x}",
        "if": "if {x} {{",
        "for": "for _, {n} := range {x} {{",
        "range": "for {n} := {x}; {n} < {y}; {n}++ {{",
        "return": "return {x}",
        "raise": "panic({x})",
    },
    words=_BRACES
    | {
        "//": "{x} / {y}",
        "in list": "slices.Contains({x}, {y})",
        "in set": "{x}[{y}]",
        "append": "{x} = append({x}, {y})",
        "add": "{x}[{y}] = true",
        "startswith": "strings.HasPrefix({x}, {y})",
        "strip": "strings.TrimSpace({x})",
        "lower": "strings.ToLower({x})",
    },
    closes="}",
    literal={"list[int]": "[]int{{{x}}}", "list[str]": "[]string{{{x}}}"},
)

RUST = Language(
    name="rust",
    indent="    ",
    case="snake",
    function="pub fn {n}({params}) -> {result} {{",
    doc="/// {doc}",
    parameter="{n}: {t}",
    types={
        "int": "i64",
        "str": "&str",
        "list[int]": "&[i64]",
        "list[str]": "&[&str]",
    },
    results={"str": "String", "list[int]": "Vec<i64>", "list[str]": "Vec<String>"},
    statements={
        "let": "let {n} = {x};",
        "let_mutable": "let mut {n} = {x};",
        "let_list": "let mut {n} = Vec::new();",
        "let_set": "let mut {n} = HashSet::new();",
        "set": "{n} = {x};",
        "if": "if {x} {{",
        "for": "for &{n} in {x} {{",
        "range": "for {n} in {x}..{y} {{",
        "return": "return {x};",
        "raise": "panic!({x});",
    },
    words=_BRACES
    | {
        "//": "{x} / {y}",
        "len": "({x}.len() as i64)",
        "is empty": "{x}.is_empty()",
        "at": "{x}[{y} as usize]",
        "at constant": "{x}[{y}]",
        "min": "{x}.min({y})",
        "max": "{x}.max({y})",
        "in list": "{x}.contains(&{y})",
        "in set": "{x}.contains(&{y})",
        "append": "{x}.push({y});",
        "append text": "{x}.push({y}.to_string());",
        "add": "{x}.insert({y});",
        "startswith": "{x}.starts_with({y})",
        "strip": "{x}.trim()",
        "lower": "{x}.to_lowercase()",
        "join text": 'format!("{{}}{{}}", {x}, {y})',
        "return text": "{x}.to_string()",
    },
    closes="}",
    literal={"list[int]": "&[{x}]", "list[str]": "&[{x}]"},
)

JAVA = Language(
    name="java",
    indent="    ",
    case="camel",
    function="public static {result} {n}({params}) {{",
    doc="/** {doc} */",
    parameter="{t} {n}",
    types={
        "str": "String",
        "bool": "boolean",
        "list[int]": "List<Integer>",
        "list[str]": "List<String>",
        "set[int]": "Set<Integer>",
        "set[str]": "Set<String>",
    },
    results={},
    statements={
        "let": "{t} {n} = {x};",
        "let_mutable": "{t} {n} = {x};",
        "let_list": "{t} {n} = new ArrayList<>();",
        "let_set": "{t} {n} = new HashSet<>();",
        "set": "{n} = {x};",
        "if": "if ({x}) {{",
        "for": "for ({t} {n} : {x}) {{",
        "range": "for (int {n} = {x}; {n} < {y}; {n}++) {{",
        "return": "return {x};",
        "raise": "throw new IllegalArgumentException({x});",
    },
    words=_BRACES
    | {
        "//": "{x} / {y}",
        "len": "{x}.size()",
        "len text": "{x}.length()",
        "is empty": "{x}.isEmpty()",
        "at": "{x}.get({y})",
        "min": "Math.min({x}, {y})",
        "max": "Math.max({x}, {y})",
        "in list": "{x}.contains({y})",
        "in set": "{x}.contains({y})",
        "append": "{x}.add({y});",
        "add": "{x}.add({y});",
        "startswith": "{x}.startsWith({y})",
        "strip": "{x}.strip()",
        "lower": "{x}.toLowerCase()",
        "equal text": "{x}.equals({y})",
    },
    closes="}",
    literal={"list[int]": "List.of({x})", "list[str]": "List.of({x})"},
)

C = Language(
    name="c",
    indent="    ",
    case="snake",
    function="{result}{n}({params})\n{{",
    doc="/* {doc} */",
    parameter="{t}{n}",
    types={
        "int": "int ",
        "str": "const char *",
        "bool": "bool ",
        "list[int]": "const numbers *",
        "list[str]": "const texts *",
        "set[int]": "number_set ",
        "set[str]": "text_set ",
    },
    results={"list[int]": "numbers *", "list[str]": "texts *"},
    statements={
        "let": "{t}{n} = {x};",
        "let_mutable": "{t}{n} = {x};",
        "let_list": "{t}{n} = list_new();",
        "let_set": "{t}{n} = set_new();",
        "set": "{n} = {x};",
        "if": "if ({x}) {{",
        "for": "for (int i = 0; i < {x}->length; i++) {{",
        "range": "for (int {n} = {x}; {n} < {y}; {n}++) {{",
        "return": "return {x};",
        "raise": "fail({x});",
    },
    words=_BRACES
    | {
        "//": "{x} / {y}",
        "len": "{x}->length",
        "len text": "(int) strlen({x})",
        "at": "{x}->at[{y}]",
        "min": "MIN({x}, {y})",
        "max": "MAX({x}, {y})",
        "in list": "list_has({x}, {y})",
        "in set": "set_has(&{x}, {y})",
        "append": "list_push({x}, {y});",
        "add": "set_add(&{x}, {y});",
        "startswith": "starts_with({x}, {y})",
        "strip": "trim({x})",
        "lower": "lower({x})",
        "equal text": "strcmp({x}, {y}) == 0",
        "join text": "join({x}, {y})",
    },
    closes="}",
    literal={"list[int]": "NUMBERS({x})", "list[str]": "TEXTS({x})"},
)

LANGUAGES = {each.name: each for each in (PYTHON, TYPESCRIPT, GO, RUST, JAVA, C)}
