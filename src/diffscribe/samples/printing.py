"""Print a small Python function in another language."""

import ast
import json
import re
from functools import cache
from typing import NamedTuple

from diffscribe.samples.languages import Language

Types = dict[str, str]

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.And: "and",
    ast.Or: "or",
}


def print_function(source: str, doc: str, language: Language) -> list[str]:
    """Return the lines of a function, its documentation first or inside.

    The source may use what `languages` has words for; anything else is a KeyError.
    """
    function = parse_function(source)
    types = {each.arg: _annotation(each.annotation) for each in function.args.args}
    head = signature(source, language).splitlines()
    name = function_name(function.name, language)
    comment = language.doc.format(n=name, doc=doc)
    printer = _Printer(language, types, _assigned(function))
    body = _block(function.body, printer)
    if not language.closes:
        return [*head, language.indent + comment, *body]
    return [comment, *head, *body, language.closes]


def signature(source: str, language: Language) -> str:
    """Return the head of a function, without its documentation."""
    function = parse_function(source)
    result = _annotation(function.returns)
    return language.function.format(
        n=function_name(function.name, language),
        params=", ".join(
            language.parameter.format(
                n=variable_name(each.arg, language),
                t=language.types.get(
                    _annotation(each.annotation), _annotation(each.annotation)
                ),
            )
            for each in function.args.args
        ),
        result=language.results.get(result, language.types.get(result, result)),
    )


@cache
def parse_function(source: str) -> ast.FunctionDef:
    """Return the syntax tree of a source that is one function."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return function


def function_name(name: str, language: Language) -> str:
    """Return a snake_case name as the language writes function names."""
    camel = variable_name(name, language)
    return camel[0].upper() + camel[1:] if language.case == "pascal" else camel


def variable_name(name: str, language: Language) -> str:
    """Return a snake_case name as the language writes variable names."""
    if language.case == "snake":
        return name
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def print_value(value: object, annotation: str, language: Language) -> str:
    """Return a constant as an argument or expected result of a test."""
    if isinstance(value, list):
        values = ", ".join(print_value(each, "", language) for each in value)
        return language.literal[annotation].format(x=values)
    if isinstance(value, bool):
        return language.words.get(str(value), str(value))
    return json.dumps(value, ensure_ascii=False)


class _Printer(NamedTuple):
    """What a statement needs to know about the function around it."""

    language: Language
    types: Types
    """Of parameters and of the variables printed so far; grows."""
    assigned: set[str]
    """Variables that are assigned more than once."""


def _assigned(function: ast.FunctionDef) -> set[str]:
    names = [
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    added = {
        node.target.id
        for node in ast.walk(function)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    return added | {name for name in names if names.count(name) > 1}


def _annotation(node: ast.expr | None) -> str:
    assert node is not None
    return ast.unparse(node)


def _block(body: list[ast.stmt], printer: _Printer) -> list[str]:
    indent = printer.language.indent
    return [
        indent + line
        for statement in body
        for line in _statement(statement, printer).splitlines()
    ]


def _statement(node: ast.stmt, printer: _Printer) -> str:
    statements = printer.language.statements
    match node:
        case ast.Return(value=ast.expr() as value):
            return statements["return"].format(x=_returned(value, printer))
        case ast.Raise(exc=ast.Call(args=[message])):
            return statements["raise"].format(x=_expression(message, printer))
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return _assignment(name, value, printer)
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            kind = _annotation(annotation)
            printer.types[name] = kind
            template = statements["let_set" if kind[:3] == "set" else "let_list"]
            spelled = printer.language.types.get(kind, kind)
            spelled = printer.language.results.get(kind, spelled)
            return template.format(n=_variable(name, printer), t=spelled)
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            end = ";" if printer.language.closes and _ends(printer) else ""
            left = _variable(name, printer)
            return f"{left} {_OPERATORS[type(op)]}= {_expression(value, printer)}{end}"
        case ast.Expr(value=ast.Call() as call):
            return _call(call, printer)
        case ast.If(test=test, body=body):
            head = statements["if"].format(x=_expression(test, printer))
            return _closed(head, _block(body, printer), printer)
        case ast.For(target=ast.Name(id=name), iter=iterable, body=body):
            return _loop(name, iterable, body, printer)
    raise KeyError(ast.unparse(node))


def _ends(printer: _Printer) -> bool:
    return printer.language.statements["return"].endswith(";")


def _closed(head: str, body: list[str], printer: _Printer) -> str:
    closes = [printer.language.closes] if printer.language.closes else []
    return "\n".join([head, *body, *closes])


def _returned(value: ast.expr, printer: _Printer) -> str:
    text = _expression(value, printer)
    kept = isinstance(value, ast.BinOp)
    if _type(value, printer.types) == "str" and not kept:
        return printer.language.words.get("return text", "{x}").format(x=text)
    return text


def _assignment(name: str, value: ast.expr, printer: _Printer) -> str:
    statements = printer.language.statements
    spelled = _variable(name, printer)
    if name in printer.types:
        return statements["set"].format(n=spelled, x=_expression(value, printer))
    kind = _type(value, printer.types)
    printer.types[name] = kind
    template = statements["let_mutable" if name in printer.assigned else "let"]
    return template.format(
        n=spelled,
        t=printer.language.types.get(kind, kind),
        x=_expression(value, printer),
    )


def _loop(
    name: str, iterable: ast.expr, body: list[ast.stmt], printer: _Printer
) -> str:
    language = printer.language
    spelled = _variable(name, printer)
    match iterable:
        case ast.Call(func=ast.Name(id="range"), args=[start, stop]):
            printer.types[name] = "int"
            head = language.statements["range"].format(
                n=spelled, x=_expression(start, printer), y=_expression(stop, printer)
            )
            return _closed(head, _block(body, printer), printer)
    values = _expression(iterable, printer)
    kind = _type(iterable, printer.types)[5:-1]
    printer.types[name] = kind
    head = language.statements["for"].format(
        n=spelled, t=language.types.get(kind, kind), x=values
    )
    first = (
        [f"{language.indent}{language.types[kind]}{spelled} = {values}->at[i];"]
        if language.name == "c"
        else []
    )
    return _closed(head, first + _block(body, printer), printer)


def _variable(name: str, printer: _Printer) -> str:
    return variable_name(name, printer.language)


def _expression(node: ast.expr, printer: _Printer) -> str:
    words = printer.language.words
    match node:
        case ast.Name(id=name):
            return _variable(name, printer)
        case ast.Constant(value=value):
            return print_value(value, "", printer.language)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(left, _OPERATORS[type(op)], right, printer)
        case ast.BoolOp(op=op, values=values):
            word = _OPERATORS[type(op)]
            between = f" {words.get(word, word)} "
            return between.join(_expression(each, printer) for each in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return words["not"].format(x=_expression(operand, printer))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return "-" + _expression(operand, printer)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _comparison(left, op, right, printer)
        case ast.Subscript(value=value, slice=index):
            x, y = _expression(value, printer), _expression(index, printer)
            template = words.get("at", "{x}[{y}]")
            if isinstance(index, ast.Constant):
                template = words.get("at constant", template)
            return template.format(x=x, y=y)
        case ast.Call():
            return _call(node, printer)
    raise KeyError(ast.unparse(node))


def _binary(left: ast.expr, op: str, right: ast.expr, printer: _Printer) -> str:
    words = printer.language.words
    x, y = _expression(left, printer), _expression(right, printer)
    if op == "+" and _type(left, printer.types) == "str" and "join text" in words:
        return words["join text"].format(x=x, y=y)
    if op in "*//%":
        x = f"({x})" if _is_sum(left) else x
        y = f"({y})" if isinstance(right, ast.BinOp) else y
    if op == "-" and _is_sum(right):
        y = f"({y})"
    return words.get(op, "{x} " + op + " {y}").format(x=x, y=y)


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _comparison(
    left: ast.expr, op: ast.cmpop, right: ast.expr, printer: _Printer
) -> str:
    words = printer.language.words
    x, y = _expression(left, printer), _expression(right, printer)
    if isinstance(op, ast.In | ast.NotIn):
        kind = "in set" if _type(right, printer.types)[:3] == "set" else "in list"
        if kind not in words:
            return f"{x} {'in' if isinstance(op, ast.In) else 'not in'} {y}"
        inside = words[kind].format(x=y, y=x)
        return inside if isinstance(op, ast.In) else words["not"].format(x=inside)
    match left, op, right:
        case ast.Call(func=ast.Name(id="len"), args=[counted]), ast.Eq(), ast.Constant(
            value=0
        ) if "is empty" in words:
            return words["is empty"].format(x=_expression(counted, printer))
    symbol = _OPERATORS[type(op)]
    if symbol == "==" and _type(left, printer.types) == "str":
        same = words.get("equal text")
        if same:
            return same.format(x=x, y=y)
    return f"{x} {words.get(symbol, symbol)} {y}"


def _call(node: ast.Call, printer: _Printer) -> str:
    words = printer.language.words
    arguments = [_expression(each, printer) for each in node.args]
    match node.func:
        case ast.Attribute(value=value, attr=method):
            target = _expression(value, printer)
            if method == "append" and _type(node.args[0], printer.types) == "str":
                template = words.get("append text", words["append"])
            else:
                template = words.get(method, "{x}." + method + "({y})")
            return template.format(x=target, y="".join(arguments))
        case ast.Name(id="len"):
            kind = _type(node.args[0], printer.types)
            default = words.get("len", "len({x})")
            template = words.get("len text", default) if kind == "str" else default
            return template.format(x=arguments[0])
        case ast.Name(id=name) if name in ("min", "max") and name in words:
            return words[name].format(x=arguments[0], y=arguments[1])
        case ast.Name(id=name) if name in ("min", "max"):
            return f"{name}({', '.join(arguments)})"
        case ast.Name(id=name):
            return f"{function_name(name, printer.language)}({', '.join(arguments)})"
    raise KeyError(ast.unparse(node))


def _type(node: ast.expr, types: Types) -> str:
    """Return the Python annotation of an expression; calls give numbers."""
    match node:
        case ast.Name(id=name):
            return types[name]
        case ast.Constant(value=value):
            return type(value).__name__
        case ast.Compare() | ast.BoolOp():
            return "bool"
        case ast.BinOp(left=left):
            return _type(left, types)
        case ast.Subscript(value=value):
            return _type(value, types)[5:-1]
        case ast.Call(func=ast.Attribute(value=value, attr=method)):
            return "bool" if method == "startswith" else _type(value, types)
    return "int"
