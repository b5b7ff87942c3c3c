"""A small history with what is odd to commit, played back by the real command."""

import json

import pytest
from click.testing import CliRunner
from replay import main
from tests.propose.working_trees import run

DATES = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-01T00:00:00Z")
"""The commits have the same shas, by which windows are drawn, each time."""

pytestmark = pytest.mark.slow


@pytest.fixture
def top(tmp_path):
    """A history whose commits add, rename, ignore and break files."""
    top = tmp_path / "top"
    run(tmp_path, "init", "-q", "-b", "main", "top")
    for item in (("user.name", "A"), ("user.email", "a@b.example")):
        run(top, "config", *item)

    def commit(message, **files):
        for name, content in files.items():
            (top / name.replace("_", ".")).write_text(content)
        run(top, "add", "--all", "--force")
        run(top, "commit", "-q", "-m", message, **DATES)

    lines = "".join(f"line {n}\n" for n in range(40))
    commit("begin", a_txt=lines, _gitignore="*.log\n", c_json="{}")
    commit("feat: add b", b_py="print(1)\n", a_txt=f"first\n{lines}")
    commit("fix(c): break c", c_json="{", a_txt=f"first\n{lines}last\n")
    commit("fix(c): mend c", c_json=json.dumps({"a": 1}))
    run(top, "mv", "b.py", "d.py")
    commit("refactor: move b")
    commit("feat: keep a log", kept_log="kept\n")
    commit("chore: set a token", _env="TOKEN=1\n", a_txt="other\n")
    return top


def test_each_window_becomes_commits_and_what_is_kept_back_is_counted(top):
    done = CliRunner().invoke(main, [str(top), "--each", "9"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    # Windows, valid, made, kept back; the rest depends on what is drawn.
    assert lines[-1].split()[1:5] == ["5", "100", "100", "1"]
    assert lines[-1].endswith("True")
    assert next(line for line in lines if "keeps back" in line).endswith("'.env'")
