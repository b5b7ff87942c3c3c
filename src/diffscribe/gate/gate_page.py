"""The page on which a person judges labels, of one labeled file or of two."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from diffscribe.commits.conventional import format_header
from diffscribe.data.secrets.redact import redact
from diffscribe.diffs.render import file_line
from diffscribe.diffs.shown import shown_patches
from diffscribe.gate.flags import flags, original_plan
from diffscribe.gate.verdicts import row_digest
from diffscribe.page import whole_page
from diffscribe.records import LabeledChange, OriginalCommit, Plan

_BODY = """<h1>{title}</h1>
<p>Would you commit this change as the plan says: grouped so, under these messages, with
just that left to <code>.gitignore</code>?</p>
<details class="about"{open}><summary>{rows} rows; what is measured without
you, and the keys</summary>
{about}
<p><kbd>a</kbd> accept, <kbd>r</kbd> reject, <kbd>s</kbd> skip, <kbd>n</kbd> note
(<kbd>Enter</kbd> ends it), <kbd>u</kbd> undo, <kbd>j</kbd> <kbd>k</kbd> next and
previous row,{sides} <kbd>e</kbd> export. Verdicts stay in this browser until you export
them; each belongs to one plan of one change. What is skipped or open counts as not
accepted. Of files, h1 is the first commit of the history, {letters} of the plan. Marks
like <span class="escape">U+202E</span> stand for letters that cannot be seen.</p>
</details>
<nav id="rows" aria-label="rows"></nav>
<p id="title"></p>
<main id="row">
<div id="side"><div id="labels"></div>
<section class="card"><h2>History</h2><div id="commits"></div></section></div>
<div id="diff"></div>
</main>
<div id="bar">
<button data-key="a" data-choice="accept"><kbd>a</kbd> accept</button>
<button data-key="r" data-choice="reject"><kbd>r</kbd> reject</button>
<button data-key="s" data-choice="skip"><kbd>s</kbd> skip</button>
<textarea id="note" rows="1" placeholder="note (n)" aria-label="note"></textarea>
<button data-key="k" aria-label="previous row">&larr;</button>
<button data-key="j" aria-label="next row">&rarr;</button>
<button data-key="e"><kbd>e</kbd> export</button>
<p id="status" role="status"></p>
</div>"""
_TWO_SIDES = " <kbd>1</kbd> <kbd>2</kbd> first and second plan,"


def gate_page(
    title: str,
    rows: Sequence[tuple[LabeledChange, ...]],
    names: Sequence[str],
    about: str,
) -> str:
    """Return the page; whatever a repository or a model wrote is shown as text.

    Secrets and people are shown by their placeholders.

    Args:
        title: of the page.
        rows: each with its labels of one change, one a name.
        names: of the labeled files.
        about: HTML of what was measured.
    """
    two = len(names) > 1
    body = _BODY.format(
        title=title,
        rows=len(rows),
        about=about,
        open=" open" if two else "",
        sides=_TWO_SIDES if two else "",
        letters="a1 and b1" if two else "p1",
    )
    folder = files("diffscribe.gate")
    style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("gate.css", "gate.js")
    )
    shown = [_row(labels, names) for labels in rows]
    return whole_page(
        title, style, body, script, {"gate": {"rows": shown, "names": list(names)}}
    )


def _row(labels: tuple[LabeledChange, ...], names: Sequence[str]) -> dict[str, Any]:
    # Judged is the row as it is; shown is what may leave the machine.
    shown = [redact(row).change for row in labels]
    change = shown[0]
    letters = "ab" if len(labels) > 1 else "p"
    plans = {letter: row.label.plan for letter, row in zip(letters, shown, strict=True)}
    return {
        "repo": change.repo,
        "about": _about(change),
        "files": _files(change, {"h": original_plan(change), **plans}),
        "commits": [_original(commit) for commit in change.commits],
        "labels": [
            _label(row_digest(row), each, name)
            for row, each, name in zip(labels, shown, names, strict=True)
        ],
    }


def _about(change: LabeledChange) -> str:
    commits = len(change.commits)
    parts = [
        change.id[:12],
        f"{commits} commit{'' if commits == 1 else 's'}",
        change.committed_at[:10],
        ", ".join(change.languages),
    ]
    return " · ".join(part for part in parts if part)


def _files(change: LabeledChange, plans: Mapping[str, Plan]) -> list[dict[str, Any]]:
    """Return each file's patch and the commits that have the file."""
    texts = shown_patches(change.diff, [file.path for file in change.files])
    lines = {file.path: file_line(file) for file in change.files}
    return [
        {
            "line": lines.get(path, path or "diff"),
            "places": [
                f"{letter}{number}"
                for letter, plan in plans.items()
                for number, commit in enumerate(plan.commits, start=1)
                if path in commit.files
            ],
            "text": text,
        }
        for path, text in texts.items()
    ]


def _original(commit: OriginalCommit) -> dict[str, Any]:
    header, _, body = commit.message.partition("\n")
    return {"header": header, "body": body.strip("\n"), "files": commit.files}


def _label(digest: str, row: LabeledChange, name: str) -> dict[str, Any]:
    plan = row.label.plan
    return {
        "row": digest,
        "name": name,
        "flags": [flag._asdict() for flag in flags(row)],
        "commits": [
            {
                "header": format_header(commit),
                "body": commit.body,
                "files": commit.files,
                "issues": [issue.model_dump() for issue in commit.issues],
            }
            for commit in plan.commits
        ],
        "gitignore": plan.gitignore,
    }
