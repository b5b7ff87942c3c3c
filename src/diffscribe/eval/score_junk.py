"""Family junk: what the patterns for .gitignore match, with git's semantics."""

import re

from diffscribe.commits.gitignore import ignored, is_too_wild
from diffscribe.core.records import Plan, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import Measure

MEASURES = {
    "junk": Measure("junk", "junk files left to .gitignore"),
    "junk_precision": Measure("junk", "ignored files that are junk"),
    "real_kept": Measure("junk", "real files that no pattern ignores"),
    "patterns_sane": Measure("junk", "patterns that are not absurd"),
    "secrets_kept_out": Measure("junk", "secret-like junk files in no commit"),
}
_SECRET = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example|sample|template|dist)[^/]*)?|[^/]*\.env"
    r"|[^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|ovpn)|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.netrc|\.npmrc|\.pypirc|\.htpasswd|credentials(?:\.\w+)?"
    r"|[^/]*secrets?\.(?:json|ya?ml|toml|ini|env|txt)|[^/]*service[-_]?account[^/]*\.json)$",
    re.IGNORECASE,
)
_PROBES = (
    *("zq7/zq7.zq7", "zq7", "src/zq7.py", "src/zq7.js", "lib/zq7.go", "docs/zq7.md"),
    *("README.md", "LICENSE", "Makefile", "tests/zq7_test.py", "zq7.c", "pom.xml"),
)
"""Paths of no kind of junk: a pattern that matches one is about real files."""


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer; a single message has no patterns."""
    if case.task == "message":
        return dict.fromkeys(MEASURES)
    plan = prediction.plan
    return {
        "junk": junk_routed(case, plan or Plan(commits=())),
        "junk_precision": junk_precision(case, plan or Plan(commits=())),
        "real_kept": real_kept(case, plan) if plan else 0.0,
        "patterns_sane": patterns_sane(case, plan) if plan else 0.0,
        "secrets_kept_out": secrets_kept_out(case, plan),
    }


def findings(case: Case, prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return the absurd patterns, the real files ignored, and the junk missed."""
    plan = prediction.plan
    if plan is None or case.task == "message":
        return {}
    found = ignored(plan.gitignore, case.files)
    committed = {path for commit in plan.commits for path in commit.files}
    return {
        "absurd_patterns": tuple(p for p in plan.gitignore if is_absurd(p, case)),
        "real_files_ignored": tuple(sorted(found - set(case.junk))),
        "junk_missed": tuple(sorted(set(case.junk) - (found - committed))),
        "secrets_committed": tuple(sorted(committed & set(secret_like(case.junk)))),
    }


def junk_routed(case: Case, plan: Plan) -> float | None:
    """Return the share of junk left to .gitignore, or None if there is no junk.

    A junk file counts if no commit has it and a pattern matches it. Patterns
    that also match a real file of the change are not counted, nor absurd ones.
    """
    if not case.junk:
        return None
    careful = [pattern for pattern in plan.gitignore if not is_absurd(pattern, case)]
    committed = {path for commit in plan.commits for path in commit.files}
    return len(ignored(careful, case.junk) - committed) / len(case.junk)


def junk_precision(case: Case, plan: Plan) -> float | None:
    """Return the share of the ignored changed files that are junk.

    If nothing is ignored it is 0 with junk, as none was found, and None without.
    """
    found = ignored(plan.gitignore, case.files)
    if not found:
        return 0.0 if case.junk else None
    return len(found & set(case.junk)) / len(found)


def real_kept(case: Case, plan: Plan) -> float:
    """Return the share of the real changed files that no pattern ignores."""
    real = set(case.files) - set(case.junk)
    return 1 - len(ignored(plan.gitignore, real)) / len(real)


def patterns_sane(case: Case, plan: Plan) -> float:
    """Return the share of the patterns that are not absurd; 1 without patterns."""
    if not plan.gitignore:
        return 1.0
    sane = [each for each in plan.gitignore if not is_absurd(each, case)]
    return len(sane) / len(plan.gitignore)


def is_absurd(pattern: str, case: Case) -> bool:
    """Tell a pattern that no one would add to .gitignore for these files.

    It matches a real file of the change or an ordinary path of a project, such
    as `*`, `*.py` and `src/` do, or nothing that there could be, as `/` does, or
    nobody can say what, as of `*?*?*?*?*`.
    """
    real = set(case.files) - set(case.junk)
    if is_too_wild(pattern) or not pattern.strip("/ "):
        return True
    return bool(ignored([pattern], [*real, *_PROBES]))


def secrets_kept_out(case: Case, plan: Plan | None) -> float | None:
    """Return the share of secret-like junk that no commit has; None if none is there.

    Whether a pattern matches it or not: what counts is that it is not published.
    Without a plan 0, as it is anyone's guess what becomes of it.
    """
    secrets = set(secret_like(case.junk))
    if not secrets:
        return None
    if plan is None:
        return 0.0
    committed = {path for commit in plan.commits for path in commit.files}
    return len(secrets - committed) / len(secrets)


def secret_like(paths: tuple[str, ...]) -> list[str]:
    """Return the paths whose name promises keys or passwords."""
    return [path for path in paths if _SECRET.search(path)]
