from pathlib import Path

import dvc_deps
import pytest


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A script and four modules that import each other in four ways."""
    monkeypatch.setattr(dvc_deps, "ROOT", tmp_path)
    package = tmp_path / "src" / "diffscribe"
    (package / "gguf").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    for name, text in {
        "core/cli.py": "from diffscribe.errors import Bad\n",
        "core/errors.py": "class Bad(Exception): ...\n",
        "jsonl.py": "import json\nfrom diffscribe.records import Record\n",
        "records.py": "from diffscribe.jsonl import read\n",
        "gguf/tools.py": "def run():\n    from diffscribe.jsonl import read\n",
        "unused.py": "",
    }.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text)
    return tmp_path


def script(house, text):
    path = Path(house, "scripts", "eval.py")
    path.write_text(text)
    return path


def test_imports_count_through_modules_in_functions_and_from_packages(house):
    path = script(house, "from diffscribe.gguf import tools\n")
    assert dvc_deps.code_deps(path) == [
        "scripts/eval.py",
        "src/diffscribe/gguf/tools.py",
        "src/diffscribe/jsonl.py",
        "src/diffscribe/records.py",
    ]


def test_plumbing_is_no_dep(house):
    path = script(house, "from diffscribe.cli import Stage\n")
    assert dvc_deps.code_deps(path) == ["scripts/eval.py"]


def test_a_page_brings_its_style_and_script(house):
    package = house / "src" / "diffscribe"
    for name in ("page.py", "page.css", "page.js", "other.css"):
        (package / name).write_text("")
    path = script(house, "from diffscribe.page import whole_page\n")
    deps = dvc_deps.code_deps(path)
    assert deps == ["scripts/eval.py"] + [
        f"src/diffscribe/page.{suffix}" for suffix in ("css", "js", "py")
    ]
    assert dvc_deps.data_deps({"deps": ["data/x.jsonl", *deps]}) == ["data/x.jsonl"]
