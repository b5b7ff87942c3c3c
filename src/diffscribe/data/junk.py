"""Variants of a change with the junk files a real working tree has."""

import hashlib
import random
import re
from typing import NamedTuple

from diffscribe.commits.gitignore import ignored
from diffscribe.diffs.parse import parse_diff
from diffscribe.params import SplitParams
from diffscribe.records import CuratedChange, FileChange, FileStatus, SplitChange

_EDITOR = '{\n  "editor.formatOnSave": true,\n  "editor.tabSize": 4\n}\n'
_WORKSPACE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<project version="4">\n'
    '  <component name="ChangeListManager" />\n</project>\n'
)
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)


class Template(NamedTuple):
    """A kind of junk; `{folder}`, `{stem}` and `{name}` are of a real file."""

    suffixes: tuple[str, ...]
    """Of the real files that bring such junk about; empty for any file."""
    path: str
    pattern: str
    content: str | None
    """None for a binary file."""


_ANY: tuple[str, ...] = ()
_PY = (".py",)
_JS = (".js", ".jsx", ".ts", ".tsx")
_C = (".c", ".cc", ".cpp", ".h")
TEMPLATES = (
    Template(_ANY, ".DS_Store", ".DS_Store", None),
    Template(_ANY, "{folder}.DS_Store", ".DS_Store", None),
    Template(_ANY, "{folder}Thumbs.db", "Thumbs.db", None),
    Template(_ANY, "{folder}.{name}.swp", "*.swp", None),
    Template(_ANY, "{folder}{name}~", "*~", "stash\n"),
    Template(_ANY, "{folder}{name}.orig", "*.orig", "<<<<<<< HEAD\n=======\n>>>>>>>\n"),
    Template(_ANY, ".idea/workspace.xml", ".idea/", _WORKSPACE),
    Template(_ANY, ".vscode/settings.json", ".vscode/", _EDITOR),
    Template(_ANY, ".env.local", ".env.local", "DEBUG=1\nPORT=8080\n"),
    Template(_ANY, "{stem}.log", "*.log", "INFO started\nINFO stopped\n"),
    Template(_ANY, "tmp/{stem}.tmp", "tmp/", "1\n"),
    Template(_PY, "{folder}__pycache__/{stem}.cpython-311.pyc", "__pycache__/", None),
    Template(_PY, ".pytest_cache/v/cache/lastfailed", ".pytest_cache/", "{}\n"),
    Template(_PY, ".coverage", ".coverage", None),
    Template(_PY, "build/lib/{stem}.pyc", "build/", None),
    Template(_JS, "node_modules/.cache/{stem}.json", "node_modules/", '{"hits":3}\n'),
    Template(_JS, "dist/{stem}.js.map", "dist/", '{"version":3,"mappings":""}\n'),
    Template(_JS, "npm-debug.log", "npm-debug.log*", "0 info it worked\n"),
    Template(_JS, ".eslintcache", ".eslintcache", '[{"size":120}]\n'),
    Template((".rs",), "target/debug/{stem}.d", "target/", "target/debug: src\n"),
    Template((".rs",), "target/.rustc_info.json", "target/", '{"outputs":{}}\n'),
    Template((".go",), "{folder}{stem}.test", "*.test", None),
    Template((".go",), "coverage.out", "coverage.out", "mode: set\n"),
    Template((".java", ".kt"), "target/classes/{stem}.class", "target/", None),
    Template((".java", ".kt"), "hs_err_pid4242.log", "hs_err_pid*.log", "# SIGSEGV\n"),
    Template(_C, "{folder}{stem}.o", "*.o", None),
    Template(_C, "vgcore.4242", "vgcore.*", None),
    Template((".rb",), "coverage/.last_run.json", "coverage/", '{"result":90}\n'),
    Template((".sh",), "nohup.out", "nohup.out", "done\n"),
)


class Junk(NamedTuple):
    """One junk file of a variant."""

    path: str
    pattern: str
    content: str | None


def junk_variant(change: CuratedChange, params: SplitParams) -> SplitChange | None:
    """Return the change with 1 to `max_junk_files` junk files among its own.

    Which ones depends on the change's id and the seed. The plan's commits stay
    and its gitignore also gets the patterns. None if every kind of junk is
    ignored already or would hide a real file.
    """
    draw = random.Random(f"{params.seed}:junk:{change.id}")  # noqa: S311
    kinds = possible_junk(change, draw)
    if not kinds:
        return None
    count = draw.randint(1, params.max_junk_files)
    junk = sorted(draw.sample(kinds, min(count, len(kinds))))
    patterns = {*change.label.plan.gitignore, *(each.pattern for each in junk)}
    plan = change.label.plan.model_copy(update={"gitignore": tuple(sorted(patterns))})
    changes = {
        "id": hashlib.sha256(f"{change.id}junk".encode()).hexdigest(),
        "parent_id": change.id,
        "junk": tuple(each.path for each in junk),
        "label": change.label.model_copy(update={"plan": plan}),
        "files": _with_files(change, junk),
        "diff": _with_patches(change.diff, junk),
    }
    return SplitChange.model_validate({**dict(change), **changes})


def possible_junk(change: CuratedChange, draw: random.Random) -> list[Junk]:
    """Return the junk that could lie about, at most one file of each path.

    A kind is left out if the base ignores it already, or if its pattern would
    match a real file.
    """
    real = {
        path for file in change.files for path in (file.path, file.old_path) if path
    }
    names = sorted(
        file.path
        for file in change.files
        if file.status != FileStatus.DELETED and _PLAIN.fullmatch(file.path)
    )
    found: dict[str, Junk] = {}
    for template in TEMPLATES:
        causes = [name for name in names if name.endswith(template.suffixes or "")]
        if not causes or ignored([template.pattern], real):
            continue
        path = _fill(template.path, draw.choice(causes))
        found.setdefault(path, Junk(path, template.pattern, template.content))
    known = ignored(change.gitignore, found)
    return [
        junk
        for path, junk in sorted(found.items())
        if path not in known and not _collides(path, real)
    ]


def _collides(path: str, real: set[str]) -> bool:
    """Tell whether a path is a real file, above one, or below one."""
    return any(f"{path}/".startswith(f"{each}/") for each in real) or any(
        each.startswith(f"{path}/") for each in real
    )


def _fill(path: str, cause: str) -> str:
    folder, slash, name = cause.rpartition("/")
    stem = name.partition(".")[0] or name.removeprefix(".")
    return path.format(folder=folder + slash, stem=stem, name=name.removeprefix("."))


def _with_files(change: CuratedChange, junk: list[Junk]) -> tuple[FileChange, ...]:
    added = [
        FileChange(
            path=each.path,
            old_path=None,
            status=FileStatus.ADDED,
            additions=(each.content or "").count("\n"),
            deletions=0,
            is_binary=each.content is None,
        )
        for each in junk
    ]
    return tuple(sorted([*change.files, *added], key=lambda file: file.path))


def _with_patches(diff: str, junk: list[Junk]) -> str:
    """Put each junk file's patch where git, which sorts by path, would."""
    patches = [(patch.path, patch.text) for patch in parse_diff(diff)]
    added = [(each.path, _patch(each)) for each in junk]
    ordered = sorted([*patches, *added], key=lambda patch: patch[0])
    return "".join(text for _, text in ordered)


def _patch(junk: Junk) -> str:
    """Return the patch git prints for a new file."""
    blob = hashlib.sha1(  # the object id, as git computes it
        _blob(junk.content or junk.path), usedforsecurity=False
    ).hexdigest()
    head = (
        f"diff --git a/{junk.path} b/{junk.path}\nnew file mode 100644\n"
        f"index {'0' * 40}..{blob}\n"
    )
    if junk.content is None:
        return f"{head}Binary files /dev/null and b/{junk.path} differ\n"
    lines = junk.content.splitlines(keepends=True)
    size = "1" if len(lines) == 1 else f"1,{len(lines)}"
    body = "".join(f"+{line}" for line in lines)
    return f"{head}--- /dev/null\n+++ b/{junk.path}\n@@ -0,0 +{size} @@\n{body}"


def _blob(content: str) -> bytes:
    octets = content.encode()
    return b"blob %d\0%b" % (len(octets), octets)
