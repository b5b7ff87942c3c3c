"""One HTML page without network, for a report that a browser opens from the disk."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

_FOLDER = files("diffscribe.review")


def whole_page(
    title: str, style: str, body: str, script: str, embedded: Mapping[str, Any]
) -> str:
    """Return the HTML; a browser runs the script in it, and no other.

    Args:
        title: text.
        style: CSS on top of what all pages share.
        body: HTML, in which the caller has escaped what is text.
        script: JavaScript below what all pages share, run when the body is there.
        embedded: what the script reads, by the id of the element that holds it as
            JSON; it may hold anything.
    """
    style = _asset("page.css") + style
    script = _asset("page.js") + script
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = "\n".join(_embedded(name, each) for name, each in embedded.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; base-uri 'none'; form-action 'none';
 style-src 'unsafe-inline'; script-src 'sha256-{digest}'">
<style>{style}</style></head><body>
{body}
{values}
<script>{script}</script></body></html>
"""


def section(title: str, content: str) -> str:
    """Return HTML below a heading."""
    return f"<h2>{html.escape(title)}</h2>\n{content}"


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """Return a row a name, with a bar as long as its share of the largest."""
    if not counts:
        return "<p>None.</p>"
    most = max(count for _, count in counts) or 1
    rows = "\n".join(
        f'<tr><td>{html.escape(name)}</td><td class="n">{count:,}</td>'
        f'<td class="b"><div style="width:{100 * count / most:.1f}%"></div></td></tr>'
        for name, count in counts
    )
    return f"<table>{rows}</table>"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of texts."""
    head = "".join(f"<th>{html.escape(each)}</th>" for each in headers)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(str(each))}</td>" for each in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _asset(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


def _embedded(name: str, value: Any) -> str:
    # A text may say </script>; in JSON a < can be written otherwise.
    text = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
