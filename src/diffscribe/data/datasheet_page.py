"""The datasheet as one HTML page without network, and as a dataset card."""

import html
import json
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from diffscribe.data.datasheet import Datasheet, Table

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Datasheet</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
:root {{ color-scheme: light dark; --bar: #4a7dbd }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
 padding: 0 1rem }}
h2 {{ margin-top: 2.2rem; border-bottom: 1px solid #8886 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ padding: .15rem .6rem .15rem 0; text-align: left; vertical-align: top;
 overflow-wrap: anywhere }}
td.n, th.n {{ text-align: right; white-space: nowrap; width: 6rem }}
td.b {{ width: 45% }} td.b div {{ background: var(--bar); height: .8rem; margin-top:
 .35rem; min-width: 1px }}
pre {{ background: #8881; padding: .8rem; overflow: auto; max-height: 32rem;
 white-space: pre-wrap; overflow-wrap: anywhere }}
</style></head><body>
<h1>Datasheet</h1>
<p>Plans of commits for real changes of git repositories. Every figure is read from what
the stages wrote; the card beside the data says what the fields are.</p>
{sections}
<h2>Samples</h2>
<p><button id="back">&larr; back</button> <button id="next">next &rarr;</button>
<span id="title"></span></p>
<h3>Prompt</h3><pre id="prompt"></pre><h3>Answer</h3><pre id="answer"></pre>
<script type="application/json" id="samples">{samples}</script>
<script>
const samples = JSON.parse(document.getElementById("samples").textContent);
let at = 0;
function show(step) {{
  if (!samples.length) return;
  at = (at + step + samples.length) % samples.length;
  const sample = samples[at];
  document.getElementById("title").textContent =
    `${{at + 1}} of ${{samples.length}} · ${{sample.title}}`;
  document.getElementById("prompt").textContent = sample.prompt;
  document.getElementById("answer").textContent = sample.answer;
}}
document.getElementById("back").onclick = () => show(-1);
document.getElementById("next").onclick = () => show(1);
show(0);
</script></body></html>
"""

_CARD = """---
pretty_name: diffscribe commits
language: [en]
license: other
license_name: per-repository
task_categories: [text-generation]
annotations_creators: [machine-generated]
source_datasets: [original]
size_categories: [{size}]
tags: [git, commit-messages, conventional-commits, code]
configs:
  - config_name: default
    data_files:
      - {{split: train, path: sft/train.jsonl}}
      - {{split: validation, path: sft/validation.jsonl}}
      - {{split: test, path: sft/test.jsonl}}
---

# diffscribe commits

Changes of git repositories, as a working tree would show them, and the plan of commits
that they become: which files go together, under which conventional message, and what is
junk for `.gitignore`. Written by the pipeline's stages; `reports/data/index.html` shows
the same with samples.

## Fields

`id`, `parent_id` (of a variant with junk files), `repo`, `task`, `prompt` and
`completion` (chat messages), `files`, `junk`, `target` (the plan). Whole repositories,
and changes that are nearly equal, are in one split only.

## Funnel

{funnel}

Dropped by curation, by the first reason:

{rejected}

## Sizes in tokens of the base's tokenizer

{tokens}

## Types

{types}

## Languages

{languages}

## Repositories and licenses

Each row is under the license of its repository. To take a repository out, name it to
`make forget REPO=name`.

{repositories}

## Privacy

Secrets, e-mail addresses and trailers are replaced by typed placeholders before
anything else is done; rows with a private key are dropped. Replaced, by kind:

{redacted}

## Limits

Labels from a history are what its authors wrote, not what is best. Messages are
English. Detectors miss some secrets: keep what is private private.
"""


def page(sheet: Datasheet) -> str:
    """Return the page; whatever a repository wrote is shown as text, never run."""
    tokens = [
        (name, f"{samples:,}", f"{prompt:.0f}", f"{answer:.0f}")
        for name, samples, prompt, answer in sheet.tokens
    ]
    sections = [
        _section("Funnel", _bars(sheet.funnel)),
        _section("Dropped by curation, by the first reason", _bars(sheet.rejected)),
        _section(
            "Sizes in tokens",
            _table(("split", "samples", "mean prompt", "mean answer"), tokens),
        ),
        _section("Commits by type", _bars(sheet.types)),
        _section("Changes by number of commits", _bars(sheet.commits)),
        _section("Changes by language", _bars(sheet.languages)),
        _section(
            "Repositories and licenses",
            _table(("repository", "license", "changes", "split"), sheet.repositories),
        ),
        _section("Duplicates", _bars(sheet.clusters)),
        _section("Secrets and people, replaced by placeholders", _bars(sheet.redacted)),
    ]
    # A sample may say </script>; in JSON a < can be written otherwise.
    samples = json.dumps(sheet.samples, ensure_ascii=False).replace("<", "\\u003c")
    return _PAGE.format(sections="\n".join(sections), samples=samples)


def card(sheet: Datasheet) -> str:
    """Return the dataset card, Markdown under the YAML that the hub reads."""
    tokens = [(a, b, f"{c:.0f}", f"{d:.0f}") for a, b, c, d in sheet.tokens]
    return _CARD.format(
        size=_size_category(sum(each[1] for each in sheet.tokens)),
        funnel=_markdown(("step", "left"), sheet.funnel),
        rejected=_markdown(("reason", "changes"), sheet.rejected),
        tokens=_markdown(("split", "samples", "mean prompt", "mean answer"), tokens),
        types=_markdown(("type", "commits"), sheet.types),
        languages=_markdown(("language", "changes"), sheet.languages),
        repositories=_markdown(
            ("repository", "license", "changes", "split"), sheet.repositories
        ),
        redacted=_markdown(("kind", "times"), sheet.redacted),
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{html.escape(title)}</h2>\n{content}"


def _bars(table: Table) -> str:
    """Return a row a name, with a bar as long as its share of the largest."""
    if not table:
        return "<p>None.</p>"
    most = max(count for _, count in table) or 1
    rows = "\n".join(
        f'<tr><td>{html.escape(name)}</td><td class="n">{count:,}</td>'
        f'<td class="b"><div style="width:{100 * count / most:.1f}%"></div></td></tr>'
        for name, count in table
    )
    return f"<table>{rows}</table>"


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(each)}</th>" for each in headers)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(str(each))}</td>" for each in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return (
        tabulate(cells, headers, "github", disable_numparse=True) if cells else "None."
    )


def _size_category(samples: int) -> str:
    """Return the range of the hub that a number of samples is in."""
    for below, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if samples < below:
            return name
    return "1M<n<10M"
