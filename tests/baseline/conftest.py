"""Changes of two commits, of which each is a file with its test, or a page."""

from pathlib import Path

import pytest
from tests.support.rows import make_curated, new_patch, patch

from diffscribe.baseline.model import fit
from diffscribe.core.params import load_params
from diffscribe.core.records import Plan, PlannedCommit, SplitChange

ROOT = Path(__file__).parents[2]
SUBJECTS = ("parser", "server", "ledger", "sampler", "router", "window")
JUNK = "debug.log"


def make_row(number, junk=()):
    """A fix of a module with its test, and a page about another module."""
    module = SUBJECTS[number % len(SUBJECTS)]
    page = SUBJECTS[(number + 1) % len(SUBJECTS)]
    line = f"{module}_limit_{number} = read_{module}(stream)"
    texts = {
        f"docs/{page}.md": patch(f"docs/{page}.md", f"How the {page} works."),
        f"src/{module}.py": patch(f"src/{module}.py", line),
        f"tests/test_{module}.py": patch(f"tests/test_{module}.py", line),
        **{path: new_patch(path, "noise") for path in junk},
    }
    fix = PlannedCommit(
        files=(f"src/{module}.py", f"tests/test_{module}.py"),
        type="fix",
        subject=f"mend the {module}",
    )
    docs = PlannedCommit(
        files=(f"docs/{page}.md",), type="docs", subject=f"explain the {page}"
    )
    curated = make_curated(
        plan=Plan(commits=(docs, fix), gitignore=("*.log",) if junk else ()),
        paths=sorted(texts),
        head=f"h{number}{'j' if junk else ''}",
        diff="".join(texts[path] for path in sorted(texts)),
    )
    files = tuple(
        file.model_copy(update={"status": "A"}) if file.path in junk else file
        for file in curated.files
    )
    parent = make_row(number).id if junk else None
    fields = dict(curated) | {"files": files, "parent_id": parent, "junk": tuple(junk)}
    return SplitChange(**fields)


@pytest.fixture(scope="session")
def params():
    return load_params(ROOT / "params.yaml").baseline.model_copy(update={"trees": 20})


@pytest.fixture(scope="session")
def row():
    """A function from a number, and junk, to a row."""
    return make_row


@pytest.fixture(scope="session")
def rows():
    """Forty rows, every fourth with a noisy variant."""
    return [make_row(n) for n in range(40)] + [
        make_row(n, junk=(JUNK,)) for n in range(0, 40, 4)
    ]


@pytest.fixture(scope="session")
def fitted(rows, params):
    """A baseline that was taught these rows."""
    return fit(rows[:30] + rows[40:], rows[30:40], params)
