"""Run a LibCST script that nobody has read, on a copy, where it can do no harm.

bubblewrap gives it namespaces of its own: no network, no home, no other process, and of
files the system's and Python's to read, and the copy. Time, memory and what it may
write are limited.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from diffscribe.core.files import temporary_folder

TIMEOUT_S: Final = 10
MAX_RESULT_BYTES: Final = 4 * 2**20
RESULT = ".result.json"
_SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
_DRIVER = """
import json, resource, sys
for limit, most in (
    (resource.RLIMIT_CPU, 10), (resource.RLIMIT_AS, 2**31),
    (resource.RLIMIT_FSIZE, 2**22), (resource.RLIMIT_CORE, 0),
):
    resource.setrlimit(limit, (most, most))
import libcst
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
script, result, *names = sys.argv[1:]
said = {}
try:
    module = {"__name__": "script"}
    exec(compile(open(script).read(), "<script>", "exec"), module)
    kinds = [
        each for each in module.values()
        if isinstance(each, type) and each.__module__ == "script"
        and issubclass(each, (libcst.CSTTransformer, VisitorBasedCodemodCommand))
    ]
    for name in names:
        tree = libcst.parse_module(open(name).read())
        for kind in kinds:
            if issubclass(kind, VisitorBasedCodemodCommand):
                tree = kind(CodemodContext(filename=name)).transform_module(tree)
            else:
                tree = tree.visit(kind())
        said[name] = tree.code
    said = {"files": said}
except BaseException as error:
    said = {"error": f"{type(error).__name__}: {error}"[:1000]}
open(result, "w").write(json.dumps(said))
"""


class Ran(NamedTuple):
    """What became of the files."""

    files: dict[str, str]
    """Their texts afterwards, by name; none if the script failed."""
    error: str
    """'' if it did not."""


@cache
def sandbox_problem() -> str:
    """Return why nothing can be run here, or ''."""
    program = shutil.which("bwrap")
    if sys.platform != "linux" or program is None:
        return "bubblewrap (bwrap) is not installed; it runs on Linux only"
    if find_spec("libcst") is None:
        return f"libcst is not installed for {sys.executable}; pip install libcst"
    tried = subprocess.run(
        [program, "--unshare-all", "--ro-bind", "/", "/", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        return f"bubblewrap cannot make a sandbox here: {tried.stderr.strip()[:200]}"
    return ""


def run_script_on(
    script: str, tree: Path, names: Sequence[str], timeout_s: float = TIMEOUT_S
) -> Ran:
    """Return what a script makes of files of a tree, which stays as it is.

    Names that are no regular file of the tree are left out; links are not followed.
    """
    with temporary_folder() as folder:
        copy = folder / "work"
        copy.mkdir()
        kept = [name for name in names if _copied(tree, name, copy)]
        (copy / ".script.py").write_text(script, encoding="utf-8")
        python = (sys.executable, "-I", "-B", "-c", _DRIVER)
        try:
            subprocess.run(
                [*_sandbox(copy), *python, ".script.py", RESULT, *kept],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran({}, f"it ran for more than {timeout_s:g} s")
        return _result(copy / RESULT, kept)


def _sandbox(copy: Path) -> list[str]:
    """Return the command that gives a process the copy, and little else."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--clearenv", "--setenv", "HOME", "/tmp"]  # noqa: S108 - of the sandbox
    # First, as what is read may lie in the folder of temporary files.
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    for path in dict.fromkeys((*_SYSTEM, sys.prefix, sys.base_prefix)):
        command += ["--ro-bind-try", path, path]
    return [*command, "--bind", str(copy), "/work", "--chdir", "/work"]


def _copied(tree: Path, name: str, copy: Path) -> bool:
    """Copy a file into the sandbox, if it is a plain one inside of the tree."""
    source = tree / name
    root = tree.resolve()
    if not source.resolve().is_relative_to(root) or not source.is_file():
        return False
    if source.resolve() != root / name or name.startswith((".", "/", "-")):
        return False
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, copy / name)
    return True


def _result(path: Path, names: Sequence[str]) -> Ran:
    """Return what was written, which a script may have written itself."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Ran({}, "it left no result")
            said = json.loads(file.read(MAX_RESULT_BYTES))
    except (OSError, ValueError, RecursionError):
        return Ran({}, "it left no result")
    files = said.get("files") if isinstance(said, dict) else None
    if isinstance(files, dict) and all(isinstance(files.get(n), str) for n in names):
        return Ran({name: files[name] for name in names}, "")
    error = said.get("error") if isinstance(said, dict) else None
    return Ran({}, str(error or "it left no result"))
