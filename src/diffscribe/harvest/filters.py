"""Tell which files are left out of changes, by presets and patterns."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from functools import lru_cache

from pathspec import GitIgnoreSpec

from diffscribe.commits.grammar import parse_header
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.doors.git import decode
from diffscribe.doors.trees import TreeEntry

IGNORED_BY_HFS = rb"(?:\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf)*"
"""Letters that macOS leaves out when it compares names."""
DOT_GIT = IGNORED_BY_HFS + IGNORED_BY_HFS.join((rb"\.", b"g", b"i", b"t", b""))
UNSAFE = re.compile(
    # Windows takes git~1 for .git, and drops what follows dots, spaces or a colon.
    rb"(?:^|[/\\])(?:\.\.?|(?:" + DOT_GIT + rb"|git~1)[ .]*(?::[^/\\]*)?)(?:[/\\]|$)"
    rb"|^/|//|/$|^$",
    re.IGNORECASE,
)


@lru_cache(maxsize=2**14)
def is_unsafe(path: bytes) -> bool:
    """Tell whether a path is absolute, leaves its folder, or is one of git's own."""
    return UNSAFE.search(path) is not None


FIXUP = re.compile(r"(?:fixup|squash|amend)! ")
UNFINISHED = re.compile(r"\W*(?:wip|work in progress)\b", re.IGNORECASE)
REVERT = re.compile(
    r'(?:Revert|Reapply) "|.*^This reverts commit [0-9a-f]{7,40}', re.M | re.S
)


class CommitReason(StrEnum):
    """Why a commit is in no change; also its key in metrics/harvest.json."""

    SHALLOW_BOUNDARY = "shallow_boundary"
    ROOT = "root"
    MESSAGE_TOO_LONG = "message_too_long"
    NOT_UTF8 = "not_utf8"
    BAD_DATE = "bad_date"
    MERGE = "merge"
    BEFORE_SINCE = "before_since"
    AFTER_UNTIL = "after_until"
    OTHER_AUTHOR = "other_author"
    BOT = "bot"
    EMPTY = "empty"
    MESSAGE_TOO_SHORT = "message_too_short"
    FIXUP = "fixup"
    UNFINISHED = "unfinished"
    REVERT = "revert"
    TOO_MANY_FILES = "too_many_files"
    UNSAFE_PATH = "unsafe_path"
    EXCLUDED_PATHS = "excluded_paths"


def unwanted_author(
    author: str, settings: SourceParams, bot_authors: tuple[str, ...]
) -> CommitReason | None:
    """Return why `name <e-mail>` is not read, in any case of its letters."""
    folded = author.casefold()
    if settings.authors and not _holds(folded, settings.authors):
        return CommitReason.OTHER_AUTHOR
    return CommitReason.BOT if _holds(folded, bot_authors) else None


def unwanted_day(day: date, settings: SourceParams) -> CommitReason | None:
    """Return why a day is out of the span; both of its ends are in it."""
    if settings.since is not None and day < settings.since:
        return CommitReason.BEFORE_SINCE
    if settings.until is not None and day > settings.until:
        return CommitReason.AFTER_UNTIL
    return None


def unwanted_message(message: str, params: HarvestParams) -> CommitReason | None:
    """Return why a message teaches nothing about its diff.

    A revert says so in git's own words, or has the conventional type.
    """
    if len(message) < params.min_message_chars:
        return CommitReason.MESSAGE_TOO_SHORT
    if len(message) > params.max_message_chars:
        return CommitReason.MESSAGE_TOO_LONG
    if FIXUP.match(message):
        return CommitReason.FIXUP
    if UNFINISHED.match(message):
        return CommitReason.UNFINISHED
    header = parse_header(message.split("\n", 1)[0])
    if REVERT.match(message) or (header is not None and header.type == "revert"):
        return CommitReason.REVERT
    return None


def _holds(text: str, parts: tuple[str, ...]) -> bool:
    return any(part.casefold() in text for part in parts)


PATH_LISTS = {
    "lock_files": """
        package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock
        bun.lockb deno.lock Cargo.lock poetry.lock uv.lock pdm.lock pixi.lock
        Pipfile.lock conda-lock.yml go.sum go.work.sum composer.lock Gemfile.lock
        Podfile.lock Package.resolved Cartfile.resolved pubspec.lock mix.lock
        rebar.lock flake.lock packages.lock.json project.assets.json gradle.lockfile
        buildscript-gradle.lockfile Chart.lock .terraform.lock.hcl
        cabal.project.freeze stack.yaml.lock MODULE.bazel.lock Manifest.toml
        renv.lock cpanfile.snapshot shard.lock paket.lock dub.selections.json
    """,
    "vendored": """
        node_modules/ bower_components/ jspm_packages/ vendor/ vendors/ third_party/
        third-party/ thirdparty/ 3rdparty/ 3rd_party/ 3rd-party/ Godeps/ Pods/
        Carthage/ .yarn/releases/ .yarn/plugins/ .yarn/cache/ .cargo/vendor/ /deps/
        /extern/ /external/ /externals/ site-packages/ .venv/ venv/ gradlew
        gradlew.bat gradle/wrapper/ mvnw mvnw.cmd .mvn/wrapper/ jquery*.js
        cpplint.py
    """,
    "generated": """
        dist/ .next/ .nuxt/ __generated__/ generated/ *.generated.* *.gen.go
        *_generated.go *_generated.rs *.g.dart *.freezed.dart *.g.cs
        *.[Dd]esigner.cs *_pb2.py *_pb2.pyi *_pb2_grpc.py *.pb.go *.pb.gw.go *.pb.cc
        *.pb.h *_pb.js *_pb.d.ts *.pbobjc.h *.pbobjc.m zz_generated.* *_string.go
        mock_*.go *.snap __snapshots__/ *.map *.tsbuildinfo *.lcov .pnp.cjs
        .pnp.loader.mjs configure aclocal.m4 config.guess config.sub ltmain.sh
        Makefile.in parser.tab.c parser.tab.h lex.yy.c *.pot
    """,
    "minified": """
        *.min.js *.min.mjs *.min.cjs *.min.css *-min.js *-min.css *.min.html
        *.bundle.js *.bundle.css *.chunk.js *.chunk.css
    """,
    "assets": """
        *.png *.jpg *.jpeg *.gif *.bmp *.ico *.icns *.webp *.avif *.tif *.tiff *.psd
        *.ai *.svg *.eps *.pdf *.mp3 *.wav *.ogg *.flac *.m4a *.mp4 *.mov *.avi
        *.webm *.mkv *.ttf *.otf *.woff *.woff2 *.eot *.zip *.gz *.tgz *.bz2 *.xz
        *.7z *.rar *.tar *.jar *.war *.class *.o *.a *.so *.dylib *.dll *.exe *.wasm
        *.bin *.dat *.db *.sqlite *.parquet *.npy *.npz *.pkl *.h5 *.onnx *.pt
        *.safetensors *.gguf *.blend *.fbx *.glb *.stl *.docx *.xlsx *.pptx
    """,
}
"""Patterns by preset, as in .gitignore.

Source: the lists of vendored and generated files of GitHub's Linguist, and
the lock files and outputs that package managers document.
"""


def path_excluder(patterns: Iterable[str]) -> Callable[[str], bool] | None:
    """Return a function that tells whether a path is left out; None if none is.

    A pattern that names a preset stands for all of its patterns; later ones
    win, so that `!vendor/ours/**` takes back what `vendored` left out.
    """
    lines: list[str] = []
    for pattern in patterns:
        preset = PATH_LISTS.get(pattern)
        lines += [pattern] if preset is None else preset.split()
    if not lines:
        return None
    return lru_cache(2**16)(GitIgnoreSpec.from_lines(lines).match_file)


def without_excluded(
    entries: tuple[TreeEntry, ...], is_excluded: Callable[[str], bool] | None
) -> tuple[TreeEntry, ...]:
    """Return the entries that stay; of a rename it may be one side."""
    if is_excluded is None:
        return entries
    return tuple(each for each in entries if not is_excluded(decode(each.path)))
