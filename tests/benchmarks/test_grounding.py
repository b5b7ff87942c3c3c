from click.testing import CliRunner
from grounding import main
from tests.support.rows import make_change

from diffscribe.core.files import write_jsonl

NAMES = ("read_all", "writeSome", "HttpClient", "parse_line", "openFile", "to_json")


def commit(n, subject, shown):
    diff = (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
        f"@@ -1 +1 @@\n-{shown} = {n}\n+{shown} = None\n"
    )
    return make_change((f"fix: {subject}", ("a.py",)), head=f"b{n}", diff=diff)


def test_swaps_are_planted_and_found_and_absent_names_suspected(tmp_path):
    rows = [commit(n, f"reset {name}", name) for n, name in enumerate(NAMES)]
    rows += [commit(9, "reset elsewhere_defined", "here")]
    rows += [commit(10, "say nothing", "here")]
    write_jsonl(tmp_path / "h.jsonl", rows)
    done = CliRunner().invoke(main, [str(tmp_path / "h.jsonl"), "--swaps", "50"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    [identifiers] = [line.split() for line in lines if line.startswith("identifier")]
    assert identifiers == ["identifier", "7", "85.7", "50", "100.0"]
    assert "specificity 87.5 % of 8 subjects" in lines
    assert "specificity 85.7 % of 7 with a name" in lines
    assert "recall 100.0 % of 50" in lines
