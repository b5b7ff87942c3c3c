"""Write the table of the last evaluation between README's markers.

Usage: python tools/readme.py    (or: make readme)
"""

import re
from pathlib import Path

from diffscribe.eval.metrics import Evaluation, SystemResult
from diffscribe.eval.report import cell, grid

ROOT = Path(__file__).resolve().parents[1]
EVALUATION = Path("reports/eval/metrics.json")
HISTORY = "control-original"
COLUMNS = {
    "valid": "valid plans %",
    "ari": "grouping (ARI) %",
    "junk": "junk routed %",
    "type": "type accuracy %",
    "chrf": "words (chrF) %",
}
MARKED = re.compile(r"(<!-- results -->\n)(.*?)(<!-- /results -->)", re.DOTALL)


def main() -> None:
    """Rewrite README.md in place."""
    path = ROOT / EVALUATION
    if not path.is_file():
        raise SystemExit(f"{EVALUATION} does not exist; run 'make repro' first")
    evaluation = Evaluation.model_validate_json(path.read_bytes())
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(
        MARKED.sub(lambda found: found[1] + results(evaluation) + found[3], text),
        encoding="utf-8",
    )


def results(evaluation: Evaluation) -> str:
    """Return four rows as Markdown: student, base, best control, the history."""
    student, *others = evaluation.systems
    base = next(each for each in others if each.system.startswith("base"))
    history = next(each for each in others if each.system == HISTORY)
    controls = [
        each
        for each in others
        if each.system.startswith("control-") and each is not history
    ]
    best = max(controls, key=lambda each: each.scores["ari"].value or 0.0)
    rows = [
        _row(f"**student** (`{student.system}`)", student),
        _row(f"its base (`{base.system}`)", base),
        _row(f"best control (`{best.system}`)", best),
        _row("the commits as people made them", history),
    ]
    return (
        f"{grid(rows)}\n\nIn brackets the 95 % interval; n = {student.n} changes of "
        "repositories that no model has seen.\n"
    )


def _row(title: str, result: SystemResult) -> dict[str, str]:
    scores = {words: cell(result.scores[name]) for name, words in COLUMNS.items()}
    size = "-" if result.size_mb is None else f"{result.size_mb:.1f}"
    return {"system": title, **scores, "MB": size}


if __name__ == "__main__":
    main()
