"""Write the man page of git-diffscribe from its help and docs/git-diffscribe.md.

Usage: python tools/man_page.py    (or: make docs)
"""

import inspect
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import click

from diffscribe.commands.git_diffscribe import git_diffscribe

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "git-diffscribe.md"
PAGE = ROOT / "docs" / "git-diffscribe.1"


def man_page(guide: str) -> str:
    """Return the page: the options from the command, all else from a guide."""
    names = git_diffscribe.context_settings
    root = click.Context(git_diffscribe, info_name="git diffscribe", **names)
    first, *rest = _help(git_diffscribe)
    verbs = [*_verbs(root)]
    lines = [
        '.TH GIT-DIFFSCRIBE 1 "" diffscribe',
        ".SH NAME",
        f"git-diffscribe \\- {_text(first.rstrip('.').lower())}",
        ".SH SYNOPSIS",
        *(f"{_code(_usage(each))}\n.br" for each in verbs),
        ".SH DESCRIPTION",
        *(f"{_text(each)}\n.PP" for each in rest),
        "Without a verb, and the last two with each:",
        *_options(root),
        ".SH VERBS",
        *(line for each in verbs for line in _verb(each)),
        ".SH EXAMPLES",
        *_sections(guide),
    ]
    return "\n".join([*lines, ""])


def _verbs(ctx: click.Context) -> Iterator[click.Context]:
    """Yield a context for each command that is no group, the first one first."""
    group = ctx.command
    if not isinstance(group, click.Group):
        yield ctx
        return
    for name, command in group.commands.items():
        inner = click.Context(command, ctx, name, **command.context_settings)
        yield from _verbs(inner)


def _help(command: click.Command) -> list[str]:
    """Return the paragraphs of a command's help."""
    return inspect.cleandoc(command.help or "").split("\n\n")


def _usage(ctx: click.Context) -> str:
    return " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])


def _verb(ctx: click.Context) -> Iterator[str]:
    yield f".SS {_code(_usage(ctx))}"
    yield from (f"{_text(each)}\n.PP" for each in _help(ctx.command))
    yield from _options(ctx, {"help", "verbose"})


def _options(ctx: click.Context, left_out: Collection[str] = ()) -> Iterator[str]:
    for parameter in ctx.command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record and parameter.name not in left_out and parameter.opts[0][0] == "-":
            yield from (".TP", f"\\fB{_code(record[0])}\\fR", _text(record[1]))


def _sections(guide: str) -> Iterator[str]:
    """Yield the lines of a guide in Markdown, without its title."""
    blocks = re.findall(r"```.*?\n```|(?:(?!\n\n|\n```).)+", guide.strip(), re.S)
    for block in map(str.strip, blocks[1:]):
        lines = block.splitlines()
        mark = re.match(r"#+ |```|\| |- ", block)
        match mark and mark[0]:
            case "## ":
                yield f".SH {_text(block[3:].upper())}"
            case "### ":
                yield f".SS {_text(block[4:])}"
            case "```":
                yield from (".PP", ".nf", *map(_code, lines[1:-1]), ".fi")
            case "| ":
                for row in lines[2:]:
                    name, *cells = re.split(r"(?<!\\)\|", row.strip("|"))
                    words = _text("; ".join(map(str.strip, cells)))
                    yield from (".TP", _text(name.strip()), words)
            case "- ":
                for item in re.split(r"^- ", block, flags=re.M)[1:]:
                    yield from (".IP \\(bu 2", _text(item))
            case _:
                yield from (".PP", _text(block))


def _text(text: str) -> str:
    """Return running text, in which Markdown marks code, emphasis and links."""
    text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", " ".join(text.split()))
    text = _code(text.replace("\\|", "|"))
    text = text.replace("**`", "`").replace("`**", "`")
    text = re.sub(r"`([^`]+)`|\*\*([^*]+)\*\*", r"\\fB\1\2\\fR", text)
    return re.sub(r"(?<![\w*])\*([^* ][^*]*)\*(?![\w*])", r"\\fI\1\\fR", text)


def _code(text: str) -> str:
    """Return a line as it is, whatever roff means by its letters."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(man_page(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
