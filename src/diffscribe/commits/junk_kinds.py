"""The kinds of junk that lie about in real working trees."""

from typing import NamedTuple


class JunkKind(NamedTuple):
    """A kind of junk, told by a real file of the change that brings it about.

    In path and content `$name`, `$bare` (without the dot of a hidden file), `$stem`
    and `$folder` are of that file, `$above` is its folder or one above, `$day` is
    the date of the change, and `$before` is lines of the file as it was.
    """

    suffixes: tuple[str, ...]
    """Of the real files that bring such junk about; empty for any file."""
    path: str
    patterns: tuple[str, ...]
    """The usual first; the next ones for a change of which it would hide a file."""
    content: str | None
    """None for a binary file."""
    is_secret: bool = False
    """Such a file is also flagged; its secrets are placeholders, as curate's are."""


_ANY: tuple[str, ...] = ()
_PY = (".py",)
_JS = (".js", ".jsx", ".mjs", ".ts", ".tsx", ".vue", ".css", ".scss")
_C = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".m")
_JVM = (".java", ".kt", ".scala", ".groovy")
_NET = (".cs", ".fs", ".vb", ".csproj")
_LOG = "$day 09:14:02 INFO $stem: started\n$day 09:14:03 WARN $stem: slow, 1204 ms\n"
_WORKSPACE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<project version="4">\n'
    '  <component name="ChangeListManager">\n'
    '    <change afterPath="$$PROJECT_DIR$$/$folder$name" />\n'
    "  </component>\n</project>\n"
)
_SETTINGS = '{\n  "editor.tabSize": 4,\n  "files.exclude": { "$folder": true }\n}\n'
_ENV = "APP_NAME=$stem\nDB_PASSWORD=<secret:password:1>\nAPI_KEY=<secret:api_key:1>\n"
_KEY = "-----BEGIN $kind KEY-----\n<secret:private_key:1>\n-----END $kind KEY-----\n"
_OPENSSH = _KEY.replace("$kind", "OPENSSH PRIVATE")
_PEM = _KEY.replace("$kind", "PRIVATE")
_CLOUD = (
    '{\n  "type": "service_account",\n  "project_id": "$stem",\n'
    '  "private_key": "<secret:private_key:1>"\n}\n'
)

OF_SYSTEMS = (
    JunkKind(_ANY, "$above.DS_Store", (".DS_Store",), None),
    JunkKind(_ANY, "$folder._$name", ("._*",), None),
    JunkKind(_ANY, "${above}Thumbs.db", ("Thumbs.db",), None),
    JunkKind(
        _ANY,
        "${above}desktop.ini",
        ("desktop.ini",),
        "[.ShellClassInfo]\nIconResource=C:\\Windows\\System32\\imageres.dll,-3\n",
    ),
    JunkKind(_ANY, "$above.directory", (".directory",), "[Dolphin]\nViewMode=1\n"),
    JunkKind(_ANY, "$above.nfs00000000048a2f1c", (".nfs*",), None),
)
OF_EDITORS = (
    JunkKind(_ANY, "$folder.$bare.swp", ("*.swp", ".*.swp"), None),
    JunkKind(_ANY, "$folder$name~", ("*~",), "$before"),
    JunkKind(_ANY, "$folder#$name#", ("\\#*#",), "$before"),
    JunkKind(_ANY, "$folder$name.orig", ("*.orig", "$name.orig"), "$before"),
    JunkKind(_ANY, "$folder$name.bak", ("*.bak", "$name.bak"), "$before"),
    JunkKind(
        _ANY,
        "$folder$name.rej",
        ("*.rej", "$name.rej"),
        "--- $folder$name\n+++ $folder$name\n@@ -1 +1 @@\n",
    ),
    JunkKind(
        _ANY, ".idea/workspace.xml", (".idea/", ".idea/workspace.xml"), _WORKSPACE
    ),
    JunkKind(
        _ANY,
        ".vscode/settings.json",
        (".vscode/", ".vscode/settings.json"),
        _SETTINGS,
    ),
    JunkKind(
        _ANY,
        ".vscode/launch.json",
        (".vscode/", ".vscode/launch.json"),
        '{\n  "configurations": [{ "program": "$folder$name" }]\n}\n',
    ),
    JunkKind(
        _ANY,
        "$stem.sublime-workspace",
        ("*.sublime-workspace",),
        '{\n  "buffers": [{ "file": "$folder$name" }]\n}\n',
    ),
    JunkKind(
        _ANY, "$stem.code-workspace", ("*.code-workspace",), '{\n  "folders": []\n}\n'
    ),
    JunkKind(
        _ANY,
        ".history/$folder${stem}_20240501.txt",
        (".history/", ".history/$folder"),
        "$before",
    ),
)
OF_RUNS = (
    JunkKind(_ANY, "$stem.log", ("*.log", "$stem.log"), _LOG),
    JunkKind(_ANY, "logs/$stem.log", ("logs/", "logs/*.log"), _LOG),
    JunkKind(_ANY, "tmp/$stem.tmp", ("tmp/", "*.tmp"), "pid=4242\nfile=$folder$name\n"),
    JunkKind(_ANY, "nohup.out", ("nohup.out",), _LOG),
    JunkKind(_ANY, "core.4242", ("core.*", "core.4242"), None),
    JunkKind(
        _ANY, "${folder}todo.local.txt", ("*.local.txt",), "- $name: finish this\n"
    ),
)
OF_LANGUAGES = (
    JunkKind(
        _PY, "${folder}__pycache__/$stem.cpython-311.pyc", ("__pycache__/",), None
    ),
    JunkKind(
        _PY,
        ".pytest_cache/v/cache/lastfailed",
        (".pytest_cache/",),
        '{\n  "tests/test_$stem.py": true\n}\n',
    ),
    JunkKind(
        _PY, ".mypy_cache/3.11/$stem.data.json", (".mypy_cache/",), '{"end": 40}\n'
    ),
    JunkKind(
        _PY, ".ruff_cache/CACHEDIR.TAG", (".ruff_cache/",), "Signature: 8a477f59\n"
    ),
    JunkKind(_PY, ".coverage", (".coverage",), None),
    JunkKind(_PY, "build/lib/$stem.py", ("build/", "build/lib/"), "$before"),
    JunkKind(_PY, "$stem.egg-info/SOURCES.txt", ("*.egg-info/",), "$folder$name\n"),
    JunkKind(
        _PY, ".venv/pyvenv.cfg", (".venv/",), "home = /usr/bin\nversion = 3.11.9\n"
    ),
    JunkKind(
        (".ipynb", ".py"),
        "$folder.ipynb_checkpoints/$stem-checkpoint.ipynb",
        (".ipynb_checkpoints/",),
        '{\n "cells": [],\n "nbformat": 4\n}\n',
    ),
    JunkKind(
        _JS,
        "node_modules/.cache/$stem.json",
        ("node_modules/", "node_modules/.cache/"),
        '{"source":"$folder$name","hits":3}\n',
    ),
    JunkKind(
        _JS,
        "dist/$stem.js.map",
        ("dist/", "*.map", "dist/*.map"),
        '{"version":3,"sources":["../$folder$name"],"mappings":"AAAA"}\n',
    ),
    JunkKind(
        _JS, "dist/$stem.bundle.js", ("dist/", "dist/*.bundle.js"), "!function(){}\n"
    ),
    JunkKind(
        _JS,
        "npm-debug.log",
        ("npm-debug.log*", "npm-debug.log"),
        "0 info it worked if it ends with ok\n1 verbose cli [ 'npm', 'test' ]\n",
    ),
    JunkKind(_JS, "yarn-error.log", ("yarn-error.log",), "Trace: \n  Error: $name\n"),
    JunkKind(_JS, ".eslintcache", (".eslintcache",), '[{"$folder$name":"1"}]\n'),
    JunkKind(
        _JS,
        "coverage/lcov.info",
        ("coverage/", "lcov.info"),
        "SF:$folder$name\nDA:1,1\nend_of_record\n",
    ),
    JunkKind(
        (".ts", ".tsx"), "tsconfig.tsbuildinfo", ("*.tsbuildinfo",), '{"size":1}\n'
    ),
    JunkKind(
        (".rs",),
        "target/debug/$stem.d",
        ("target/", "target/debug/"),
        "target/debug/$stem: $folder$name\n",
    ),
    JunkKind((".rs",), "target/.rustc_info.json", ("target/",), '{"outputs":{}}\n'),
    JunkKind((".rs",), "$folder$name.bk", ("*.rs.bk",), "$before"),
    JunkKind((".go",), "$folder$stem.test", ("*.test",), None),
    JunkKind(
        (".go",),
        "coverage.out",
        ("coverage.out",),
        "mode: set\n$folder$name:3.13,5.2 1 1\n",
    ),
    JunkKind((".go",), "bin/$stem", ("bin/", "bin/$stem"), None),
    JunkKind(
        _JVM,
        "target/classes/$stem.class",
        ("target/", "target/classes/", "*.class"),
        None,
    ),
    JunkKind(_JVM, ".gradle/8.5/fileHashes/fileHashes.bin", (".gradle/",), None),
    JunkKind(
        _JVM,
        "hs_err_pid4242.log",
        ("hs_err_pid*.log",),
        "# SIGSEGV (0xb) at pc=0x00007f3c, pid=4242\n# Problematic frame: $stem\n",
    ),
    JunkKind(_NET, "obj/$stem.cache", ("obj/",), None),
    JunkKind(_NET, "bin/Debug/$stem.pdb", ("bin/", "bin/Debug/", "*.pdb"), None),
    JunkKind(_C, "$folder$stem.o", ("*.o",), None),
    JunkKind(_C, "a.out", ("a.out",), None),
    JunkKind(_C, "vgcore.4242", ("vgcore.*",), None),
    JunkKind(
        _C,
        "build/CMakeCache.txt",
        ("build/", "CMakeCache.txt"),
        "CMAKE_PROJECT_NAME:STATIC=$stem\n",
    ),
    JunkKind(
        (".rb", ".erb"),
        "coverage/.last_run.json",
        ("coverage/", "coverage/.last_run.json"),
        '{\n  "result": { "line": 90.4 }\n}\n',
    ),
    JunkKind((".rb", ".erb"), ".byebug_history", (".byebug_history",), "n\np $stem\n"),
    JunkKind(
        (".php",), ".phpunit.result.cache", (".phpunit.result.cache",), "C:37:1\n"
    ),
    JunkKind((".swift",), ".build/debug/$stem.swiftmodule", (".build/",), None),
    JunkKind((".dart",), ".dart_tool/version", (".dart_tool/",), "3.3.1\n"),
    JunkKind((".ex", ".exs"), "_build/dev/lib/$stem.beam", ("_build/",), None),
    JunkKind((".hs",), "dist-newstyle/cache/$stem.hi", ("dist-newstyle/",), None),
    JunkKind((".tex",), "$folder$stem.aux", ("*.aux",), "\\relax \n\\gdef\\n{1}\n"),
    JunkKind(
        (".tf",),
        ".terraform/modules/modules.json",
        (".terraform/",),
        '{"Modules":[]}\n',
    ),
    JunkKind((".R", ".Rmd"), ".Rhistory", (".Rhistory",), 'source("$folder$name")\n'),
)
OF_SECRETS = (
    JunkKind(_ANY, ".env", (".env",), _ENV, is_secret=True),
    JunkKind(_ANY, "$above.env.local", (".env.local",), _ENV, is_secret=True),
    JunkKind(_ANY, ".env.production", (".env.production",), _ENV, is_secret=True),
    JunkKind(_ANY, "id_rsa", ("id_rsa",), _OPENSSH, is_secret=True),
    JunkKind(_ANY, "${above}id_ed25519", ("id_ed25519",), _OPENSSH, is_secret=True),
    JunkKind(_ANY, "${above}server.pem", ("*.pem", "server.pem"), _PEM, is_secret=True),
    JunkKind(_ANY, "certs/$stem.key", ("*.key", "certs/*.key"), _PEM, is_secret=True),
    JunkKind(
        _ANY, "${above}credentials.json", ("credentials.json",), _CLOUD, is_secret=True
    ),
    JunkKind(
        _ANY, "service-account.json", ("service-account*.json",), _CLOUD, is_secret=True
    ),
    JunkKind(
        _ANY,
        ".netrc",
        (".netrc",),
        "machine $stem.example\npassword <secret:password:1>\n",
        is_secret=True,
    ),
    JunkKind(
        (*_JVM, ".dart", ".tsx"),
        "${above}release.keystore",
        ("*.keystore",),
        None,
        is_secret=True,
    ),
)
KINDS = (*OF_SYSTEMS, *OF_EDITORS, *OF_RUNS, *OF_LANGUAGES, *OF_SECRETS)

CHANCES = (
    *(*OF_SYSTEMS, *OF_EDITORS, *OF_RUNS) * 2,
    *OF_LANGUAGES * 4,
    *OF_SECRETS,
)
"""Each kind as often as it is drawn: what builds and tests leave is the most common
junk, secrets the rarest."""
