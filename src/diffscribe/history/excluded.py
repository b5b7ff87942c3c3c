"""Tell which files are left out of changes, by presets and patterns."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec

from diffscribe.history.text import decode
from diffscribe.history.trees import Entry

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


def path_excluder(patterns: Iterable[str]) -> Callable[[str], bool] | None:
    """Return a function that tells whether a path is left out; None if none is.

    A pattern that names a preset stands for all of its patterns; later ones
    win, so that `!vendor/ours/**` takes back what `vendored` left out.
    """
    lines: list[str] = []
    for pattern in patterns:
        preset = PATH_PRESETS.get(pattern)
        lines += [pattern] if preset is None else preset.split()
    if not lines:
        return None
    return lru_cache(2**16)(GitIgnoreSpec.from_lines(lines).match_file)


def without_excluded(
    entries: tuple[Entry, ...], is_excluded: Callable[[str], bool] | None
) -> tuple[Entry, ...]:
    """Return the entries that stay; of a rename it may be one side."""
    if is_excluded is None:
        return entries
    return tuple(each for each in entries if not is_excluded(decode(each.path)))
