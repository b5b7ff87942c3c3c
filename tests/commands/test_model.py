import json
import os

import pytest
from tests.support.programs import run_verb
from tests.support.rows import file_change, make_change, patch
from tests.support.served import processes
from tests.support.waiting import wait_until

from diffscribe.base.smollm2 import original_gguf
from diffscribe.propose.planner import propose
from diffscribe.propose.settings import Settings

PATHS = ("docs/setup.md", "src/api/client.py")


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """A user without anything, save the base's file, which is large to fetch."""
    tmp_path = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    gguf = original_gguf()
    (tmp_path / "data/diffscribe/smollm2-135m").mkdir(parents=True)
    os.link(gguf.resolve(), tmp_path / "data/diffscribe/smollm2-135m" / gguf.name)
    return tmp_path


@pytest.mark.slow
def test_an_installed_model_words_commits_until_it_is_removed(home):
    assert "none is installed" in run_verb("model", "show").stdout
    done = run_verb("model", "install")
    assert done.returncode == 0, done.stderr
    again = run_verb("model", "install")
    assert again.returncode == 0, again.stderr
    assert "271 MB" in run_verb("model", "show").stdout
    files = [file_change(path) for path in PATHS]
    diff = "".join(patch(path, path) for path in PATHS)
    change = make_change(("x", PATHS), files=files, diff=diff)
    proposal = propose(change, Settings(timeout_s=300))
    assert proposal[1:] == ("diffscribe-135m", (), ())
    assert propose(change, Settings(timeout_s=300)).draft == proposal.draft
    manifest = home / "data/diffscribe/diffscribe-135m/model.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"adapter_sha256": "0" * 64}))
    assert "of another version" in run_verb("model", "show").stdout
    assert "1 servers end" in run_verb("model", "remove").stdout
    assert not manifest.exists()
    assert "none is installed" in run_verb("model", "show").stdout
    assert propose(change, Settings()).made_by == "baseline"
    wait_until(lambda: not processes(home))
