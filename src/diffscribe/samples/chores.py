"""Small realistic changes of what surrounds the code, one function for each kind."""

import hashlib
import struct
import zlib
from random import Random

from diffscribe.samples.edits import Edit
from diffscribe.samples.project import Project
from diffscribe.samples.surroundings import CHECKS, TOOLCHAINS

SECTIONS = (
    ("Install", "Clone the repository and run the tests before you use it."),
    ("Contributing", "Open an issue first, then send a small pull request."),
    ("Versioning", "Versions follow semver; breaking changes are in the changelog."),
    ("Support", "Questions are welcome in the discussions."),
    ("Security", "Report weaknesses by e-mail, not in an issue."),
    ("Performance", "Every function takes one pass over its input where it can."),
)
PATTERNS = (".DS_Store", "*.log", ".idea/", ".vscode/", "*.swp", "coverage/", ".env")
EDITORCONFIG = "root = true\n\n[*]\nend_of_line = lf\ninsert_final_newline = true\n"
RELEASE_SCRIPT = '#!/bin/sh\nset -eu\ngit tag "v$1"\ngit push --tags\n'


def bump_dependency(project: Project, rng: Random) -> Edit:
    """Raise a version in the manifest and the lock file."""
    name, old = rng.choice(project.dependencies)
    major, minor, patch = _parts(old)
    new = rng.choice([f"{major}.{minor + 1}.0", f"{major}.{minor}.{patch + 1}"])
    dependencies = tuple(
        (each, new if each == name else at) for each, at in project.dependencies
    )
    return Edit(
        "build",
        "deps",
        f"bump {name} from {old} to {new}",
        project._replace(dependencies=dependencies),
    )


def bot_bumps_dependency(project: Project, rng: Random) -> Edit:
    """Raise a version as the repository's bot does."""
    edit = bump_dependency(project, rng)
    name, _, versions = edit.subject.removeprefix("bump ").partition(" ")
    return edit._replace(
        body=f"Bumps {name} {versions}.",
        author=project.repository.bot,
    )


def add_check(project: Project, rng: Random) -> Edit | None:
    """Let CI run another command."""
    waiting = [
        each
        for each in CHECKS[project.repository.language]
        if each not in project.checks
    ]
    if not waiting:
        return None
    return Edit(
        "ci",
        None,
        rng.choice([f"run {waiting[0]}", f"run {waiting[0]} before the tests"]),
        project._replace(checks=(*project.checks, waiting[0])),
    )


def change_toolchains(project: Project, rng: Random) -> Edit | None:
    """Test with a newer version of the language, or no longer with an old one."""
    key, versions = TOOLCHAINS[project.repository.language]
    newest = versions.index(project.toolchains[-1])
    if len(project.toolchains) > 2:
        gone = project.toolchains[0]
        left = project._replace(toolchains=project.toolchains[1:])
        return Edit("ci", None, f"stop testing with {key} {gone}", left)
    if newest + 1 == len(versions):
        return None
    added = versions[newest + 1]
    return Edit(
        "ci",
        None,
        rng.choice([f"test with {key} {added}", f"add {key} {added} to the matrix"]),
        project._replace(toolchains=(*project.toolchains, added)),
    )


def release(project: Project, rng: Random) -> Edit:
    """Raise the project's version and write the changelog."""
    major, minor, patch = project.version
    is_minor = rng.random() < 0.6
    version = (major, minor + 1, 0) if is_minor else (major, minor, patch + 1)
    text = ".".join(map(str, version))
    names = rng.sample([each.name for each in project.modules], 2)
    lines = ("", f"## {text}", "", f"- Work on {names[0]} and {names[1]}.")
    return Edit(
        "chore",
        rng.choice([None, "release"]),
        rng.choice([f"release {text}", f"prepare version {text}"]),
        project._replace(version=version, changes=(*lines, *project.changes)),
    )


def ignore(project: Project, rng: Random) -> Edit | None:
    """Add a pattern to .gitignore; remove the junk that it matches."""
    waiting = [each for each in PATTERNS if each not in project.ignored]
    if not waiting:
        return None
    pattern = waiting[0]
    others = tuple(each for each in project.others if each[0] != pattern)
    is_junk = len(others) < len(project.others)
    return Edit(
        "chore",
        None,
        f"remove {pattern} and ignore it"
        if is_junk
        else rng.choice([f"ignore {pattern}", f"add {pattern} to .gitignore"]),
        project._replace(ignored=(*project.ignored, pattern), others=others),
    )


def add_file(project: Project, rng: Random) -> Edit | None:
    """Add one of the files that stand alone."""
    repository = project.repository
    present = dict(project.others)
    path, line = repository.guide
    files = [
        ("chore", ".editorconfig", EDITORCONFIG.encode(), "add an .editorconfig"),
        ("docs", "docs/logo.png", _picture(16), "add a logo"),
        ("docs", path, f"{line}\n".encode(), "start a translated overview"),
        ("chore", "release.sh", RELEASE_SCRIPT.encode(), "add a release script"),
    ]
    waiting = [each for each in files if each[1] not in present]
    if not waiting:
        return None
    kind, name, content, subject = rng.choice(waiting)
    others = (*project.others, (name, content))
    return Edit(kind, None, subject, project._replace(others=others))


def translate(project: Project, rng: Random) -> Edit | None:
    """Add a module to the translated page."""
    path, _ = project.repository.guide
    module = rng.choice(project.modules)
    content = dict(project.others).get(path, b"").decode()
    link = f"- [{module.name}]({module.name}.md)\n"
    if not content or link in content:
        return None
    others = dict(project.others) | {path: (content + link).encode()}
    return Edit(
        "docs",
        None,
        f"link {module.name} in the translated overview",
        project._replace(others=tuple(others.items())),
    )


def redraw(project: Project, rng: Random) -> Edit | None:
    """Replace the logo by a larger one."""
    others = dict(project.others)
    if "docs/logo.png" not in others:
        return None
    others["docs/logo.png"] = _picture(rng.choice([24, 32, 48, 64]))
    return Edit(
        "docs",
        None,
        rng.choice(["redraw the logo", "update the logo"]),
        project._replace(others=tuple(others.items())),
    )


def extend_readme(project: Project, rng: Random) -> Edit | None:
    """Add a section to the README."""
    titles = {title for title, _ in project.readme}
    waiting = [each for each in SECTIONS if each[0] not in titles]
    if not waiting:
        return None
    section = rng.choice(waiting)
    return Edit(
        "docs",
        rng.choice([None, "readme"]),
        f"add a section on {section[0].lower()} to the README",
        project._replace(readme=(*project.readme, section)),
    )


def _parts(version: str) -> tuple[int, int, int]:
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


def _picture(width: int) -> bytes:
    """Return a small valid PNG, without compression."""
    rows = b"".join(
        b"\0" + hashlib.sha256(f"{width} {row}".encode()).digest()[:1] * width
        for row in range(width)
    )
    stored = struct.pack("<BHH", 1, len(rows), len(rows) ^ 0xFFFF) + rows
    image = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", image), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
