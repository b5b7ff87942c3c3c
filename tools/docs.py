"""Write a result table into README.md, the schema of params, and the man page.

Usage: python tools/docs.py [results | own-history]    (or: make docs)
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import man_page

from diffscribe.core.intervals import Estimate
from diffscribe.core.params import params_schema
from diffscribe.core.tables import cell, grid
from diffscribe.eval.cases import GROUPS_GIVEN
from diffscribe.eval.metrics import Evaluation, SystemResult

ROOT = Path(__file__).resolve().parents[1]
EVALUATION = ROOT / "reports" / "eval" / "metrics.json"
SHIPPED = ROOT / "models" / "diffscribe-135m"
SCHEMA = ROOT / "params.schema.json"
HISTORY = "control-original"
COLUMNS = {
    "valid": "valid plans %",
    "type": "type accuracy %",
    "ari": "grouping (ARI) %",
    "junk": "junk routed %",
    "chrf": "words (chrF) %",
}


def main(table: str = "results") -> None:
    """Rewrite all in place; without an evaluation its table stays."""
    man_page.main()
    SCHEMA.write_text(schema(), encoding="utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if EVALUATION.is_file():
        found = Evaluation.model_validate_json(EVALUATION.read_bytes())
        text = replace(text, table, results(found, is_short=table != "results"))
    text = replace(text, "shipped", shipped(SHIPPED / "results.json"))
    readme.write_text(text, encoding="utf-8")


def schema() -> str:
    """Return params.schema.json."""
    return json.dumps(params_schema(), indent=1, sort_keys=True) + "\n"


def replace(text: str, name: str, block: str) -> str:
    """Return the text with another block between the markers of a name."""
    begin, end = (re.escape(f"<!-- {mark}{name} -->") for mark in ("", "/"))
    pattern = re.compile(f"({begin}\n).*?({end})", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"README.md: no <!-- {name} --> and <!-- /{name} -->")
    return pattern.sub(lambda found: f"{found[1]}{block}\n{found[2]}", text)


def results(evaluation: Evaluation, is_short: bool = False) -> str:
    """Return the student, its base, the best control and the teacher in Markdown.

    A short table leaves out the teacher and the model that the base was made of.
    """
    rows = [
        {"system": each.system}
        | {title: cell(each.scores[name]) for name, title in COLUMNS.items()}
        for each in shown(evaluation.systems, is_short)
    ]
    n = evaluation.systems[0].n
    return f"{grid(rows)}\n\nIn brackets the 95 % interval; n = {n} changes."


def shipped(path: Path) -> str:
    """Return what was measured of the shipped model in Markdown."""
    found = json.loads(path.read_bytes())
    systems = {each["system"]: each for each in found["evaluation"]["systems"]}
    student, *_ = systems
    names = {
        "hybrid": "hybrid",
        student: found["name"],
        "base": "smollm2-135m",
        "control-baseline": "control-baseline",
    }
    rows = [
        {"system": name}
        | {
            title: cell(Estimate.model_validate(systems[system]["scores"][measure]))
            for measure, title in COLUMNS.items()
        }
        for system, name in names.items()
    ]
    n = sum(found["held_out"].values())
    return (
        f"{grid(rows)}\n\nIn brackets the 95 % interval; n = {n:,} changes of "
        f"{len(found['held_out'])} histories."
    )


def shown(
    systems: Sequence[SystemResult], is_short: bool = False
) -> list[SystemResult]:
    """Return the main student, then the systems that a reader compares it with.

    The best control is the one that groups files best; the first of equals. The
    history itself is no control here, as it groups as the target does, nor is one that
    was given the target's groups.
    """
    student, *others = systems
    controls = [
        each
        for each in others
        if each.system.startswith("control-")
        and each.system != HISTORY
        and not each.system.endswith(GROUPS_GIVEN)
    ]
    best = max(controls, key=lambda each: each.scores["ari"].value or 0.0, default=None)
    asked = {each.system for each in others}
    names = {"base", "hybrid"}
    if not is_short:
        # The default learns from the history, which stands where a teacher would.
        names |= {"smollm2-135m", "teacher" if "teacher" in asked else HISTORY}
    names |= {best.system} if best else set()
    return [student, *(each for each in others if each.system in names)]


if __name__ == "__main__":
    main(*sys.argv[1:])
