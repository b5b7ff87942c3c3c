"""The datasheet as one HTML page without network, and as a dataset card."""

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from diffscribe.data.datasheet import Datasheet
from diffscribe.page import bars, section, table, whole_page

_STYLE = """
pre { background: #8881; padding: .8rem; overflow: auto; max-height: 32rem;
 white-space: pre-wrap; overflow-wrap: anywhere }
"""

_BEFORE = """<h1>Datasheet</h1>
<p>Plans of commits for real changes of git repositories. Every figure is read from what
the stages wrote; the card beside the data says what the fields are.</p>
"""

_SAMPLES = """
<h2>Samples</h2>
<p><button id="back">&larr; back</button> <button id="next">next &rarr;</button>
<span id="title"></span></p>
<h3>Prompt</h3><pre id="prompt"></pre><h3>Answer</h3><pre id="answer"></pre>"""

_SCRIPT = """
const samples = JSON.parse(document.getElementById("samples").textContent);
let at = 0;
function show(step) {
  if (!samples.length) return;
  at = (at + step + samples.length) % samples.length;
  const sample = samples[at];
  document.getElementById("title").textContent =
    `${at + 1} of ${samples.length} · ${sample.title}`;
  document.getElementById("prompt").textContent = sample.prompt;
  document.getElementById("answer").textContent = sample.answer;
}
document.getElementById("back").onclick = () => show(-1);
document.getElementById("next").onclick = () => show(1);
show(0);
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
        section("Funnel", bars(sheet.funnel)),
        section("Dropped by curation, by the first reason", bars(sheet.rejected)),
        section(
            "Sizes in tokens",
            table(("split", "samples", "mean prompt", "mean answer"), tokens),
        ),
        section("Commits by type", bars(sheet.types)),
        section("Changes by number of commits", bars(sheet.commits)),
        section("Changes by language", bars(sheet.languages)),
        section(
            "Repositories and licenses",
            table(("repository", "license", "changes", "split"), sheet.repositories),
        ),
        section("Duplicates", bars(sheet.clusters)),
        section("Secrets and people, replaced by placeholders", bars(sheet.redacted)),
    ]
    body = _BEFORE + "\n".join(sections) + _SAMPLES
    return whole_page("Datasheet", _STYLE, body, _SCRIPT, {"samples": sheet.samples})


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
