"""Name the languages of files by their names."""

from collections.abc import Iterable
from functools import lru_cache
from posixpath import basename, splitext

LANGUAGE_OF_NAME = {
    "cmakelists.txt": "CMake",
    "dockerfile": "Dockerfile",
    "gemfile": "Ruby",
    "makefile": "Makefile",
    "rakefile": "Ruby",
}
SUFFIXES_OF_LANGUAGE = {
    "Assembly": ".asm .s",
    "C": ".c .h",
    "C#": ".cs",
    "C++": ".cc .cpp .cxx .hh .hpp .hxx",
    "CMake": ".cmake",
    "CSS": ".css",
    "Clojure": ".clj .cljs",
    "Cuda": ".cu .cuh",
    "Dart": ".dart",
    "Dockerfile": ".dockerfile",
    "Elixir": ".ex .exs",
    "Elm": ".elm",
    "Erlang": ".erl",
    "F#": ".fs",
    "Fortran": ".f90",
    "Go": ".go",
    "Groovy": ".gradle .groovy",
    "HCL": ".hcl .tf",
    "HTML": ".htm .html",
    "Haskell": ".hs",
    "JSON": ".json",
    "Java": ".java",
    "JavaScript": ".cjs .js .jsx .mjs",
    "Julia": ".jl",
    "Jupyter Notebook": ".ipynb",
    "Kotlin": ".kt .kts",
    "Less": ".less",
    "Lua": ".lua",
    "Makefile": ".mk",
    "Markdown": ".markdown .md .mdx",
    "Nix": ".nix",
    "OCaml": ".ml .mli",
    "Objective-C": ".m .mm",
    "PHP": ".php",
    "Perl": ".pl .pm",
    "PowerShell": ".ps1",
    "Protocol Buffer": ".proto",
    "Python": ".py .pyi .pyx",
    "R": ".r",
    "Ruby": ".rb .rake",
    "Rust": ".rs",
    "SCSS": ".sass .scss",
    "SQL": ".sql",
    "Scala": ".scala",
    "Shell": ".bash .sh .zsh",
    "Svelte": ".svelte",
    "Swift": ".swift",
    "TOML": ".toml",
    "TeX": ".tex",
    "TypeScript": ".cts .mts .ts .tsx",
    "Vue": ".vue",
    "XML": ".xml",
    "YAML": ".yaml .yml",
    "Zig": ".zig",
    "reStructuredText": ".rst",
}
LANGUAGE_OF_SUFFIX = {
    suffix: language
    for language, suffixes in SUFFIXES_OF_LANGUAGE.items()
    for suffix in suffixes.split()
}


def languages_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the sorted languages; files of no known kind add none."""
    return tuple(sorted({name for path in paths if (name := _language(path))}))


@lru_cache(maxsize=2**14)
def _language(path: str) -> str | None:
    name = basename(path).lower()
    return LANGUAGE_OF_NAME.get(name) or LANGUAGE_OF_SUFFIX.get(splitext(name)[1])
