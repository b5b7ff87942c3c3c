"""Leave files out of changes: presets of paths, and diffs without them."""

import re
from collections.abc import Callable
from functools import cache, lru_cache

from pathspec import GitIgnoreSpec

from diffscribe.history.patches import ChangedFile
from diffscribe.records import FileStatus

PATH_PRESETS = {
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


@cache
def path_excluder(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a function that tells whether a path is left out.

    A pattern that names a preset stands for all of its patterns; later ones
    win, so that `!vendor/ours/**` takes back what `vendored` left out.
    """
    lines: list[str] = []
    for pattern in patterns:
        preset = PATH_PRESETS.get(pattern)
        lines += [pattern] if preset is None else preset.split()
    return lru_cache(2**16)(GitIgnoreSpec.from_lines(lines).match_file)


def without_excluded(
    entries: list[ChangedFile], is_excluded: Callable[[str], bool]
) -> list[ChangedFile]:
    """Return the entries that stay; a rename stays if one of its paths does."""
    return [
        entry
        for entry in entries
        if not (is_excluded(entry.path) and is_excluded(entry.old_path or entry.path))
    ]


def diff_of_kept(diff: str, entries: list[ChangedFile], kept: list[ChangedFile]) -> str:
    """Return git's diff of all entries without the files that were not kept."""
    if len(kept) == len(entries):
        return diff
    # No line of a file begins so: a space, `+`, `-` or `\` stands before it.
    patches = iter(re.split(r"^(?=diff --git )", diff, flags=re.MULTILINE)[1:])
    wanted = set(kept)
    texts = []
    for entry in entries:
        # What became another kind of file is deleted and added.
        text = next(patches)
        if entry.status == FileStatus.TYPE_CHANGED:
            text += next(patches)
        if entry in wanted:
            texts.append(text)
    return "".join(texts)
