"""The one page builder: HTML without network, and how pages show a change and a plan.

A page is one file: CSS, script and content stand in it, and its policy allows the
browser that script alone. What a repository or a model wrote reaches a page in two
ways only: escaped by the helpers here, or as JSON that page.js turns into text nodes.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from tabulate import tabulate

from diffscribe.commits.diff import shown_patches
from diffscribe.commits.grammar import format_header
from diffscribe.commits.prompt import file_line
from diffscribe.core.records import (
    Change,
    FileChange,
    OriginalCommit,
    Plan,
    PlannedCommit,
)
from diffscribe.eval.cases import Case


def asset(name: str) -> str:
    """Return the text of a file that lies beside this module."""
    return (files("diffscribe.review") / name).read_text(encoding="utf-8")


def whole_page(
    title: str, body: str, script: str = "", embedded: Mapping[str, Any] | None = None
) -> str:
    """Return the HTML of a page with a plain title and a body that is HTML.

    A script runs below page.js when the body is there. It reads what is embedded: JSON
    values of any content, by the id of the element that holds them.
    """
    script = asset("page.js") + script if script else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # A value may hold "</script>", which would end the element: escape every "<".
    values = "\n".join(
        f'<script type="application/json" id="{name}">'
        + json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
        + "</script>"
        for name, value in (embedded or {}).items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; base-uri 'none'; form-action 'none';
 style-src 'unsafe-inline'; script-src 'sha256-{digest}'">
<style>{asset("page.css")}</style></head><body>
{body}
{values}
{f"<script>{script}</script>" if script else ""}</body></html>
"""


def private_note(rows: Iterable[Change | Case]) -> str:
    """Return what a page says of the private rows that it shows; empty if of none."""
    count = sum(each.private for each in rows)
    return f" · {count} are private: this page is not for others" if count else ""


def html_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table of texts.

    Where it is too wide it scrolls; on a telephone each cell is a line with its header.
    """
    names = [html.escape(each) for each in headers]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<td data-name="{name}">{html.escape(str(each))}</td>'
            for name, each in zip(names, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table class="named"><tr>{head}</tr>{body}</table></div>'


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table of texts, or `None.` without rows."""
    cells = [[str(each).replace("|", "\\|") for each in row] for row in rows]
    if not cells:
        return "None."
    return tabulate(cells, headers, "github", disable_numparse=True)


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """Return an HTML table with a bar a name, the longest for the largest count."""
    if not counts:
        return "<p>None.</p>"
    most = max(count for _, count in counts) or 1
    rows = "\n".join(
        f'<tr><td>{html.escape(name)}</td><td class="n">{count:,}</td>'
        f'<td class="b"><div style="width:{100 * count / most:.1f}%"></div></td></tr>'
        for name, count in counts
    )
    return f'<table class="bars">{rows}</table>'


def shown_change(
    paths: Sequence[str],
    files: Iterable[FileChange],
    diff: str,
    history: Sequence[OriginalCommit],
    gitignore: Sequence[str],
) -> dict[str, Any]:
    """Return a change as page.js shows it, with its paths in the given order.

    A path that is none of the files stands alone; a diff that git did not write is
    shown whole.
    """
    lines = {file.path: file_line(file) for file in files}
    return {
        "files": [
            {"path": path, "line": lines.get(path, path or "diff"), "text": text}
            for path, text in shown_patches(diff, paths).items()
        ],
        "history": [
            _shown_commit(commit, header, body.strip("\n"))
            for commit in history
            for header, _, body in [commit.message.partition("\n")]
        ],
        "gitignore": gitignore,
    }


def shown_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as page.js shows it."""
    return {
        "commits": [
            _shown_commit(commit, format_header(commit), commit.body)
            | {"issues": [issue.model_dump() for issue in commit.issues]}
            for commit in plan.commits
        ],
        "gitignore": plan.gitignore,
    }


def _shown_commit(
    commit: OriginalCommit | PlannedCommit, header: str, body: str
) -> dict[str, Any]:
    hunks = dict(commit.hunks)
    return {"header": header, "body": body, "files": commit.files, "hunks": hunks}
