import json

from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.core.records import Score
from diffscribe.review.report_page import listed, shown

DIFF = """diff --git a/new.py b/new.py
new file mode 100644
index 0000000..1111111
--- /dev/null
+++ b/new.py
@@ -0,0 +1,2 @@
+first
++second
diff --git a/old.py b/moved.py
similarity index 90%
rename from old.py
rename to moved.py
index 1111111..2222222 100644
--- a/old.py
+++ b/moved.py
@@ -1,2 +1 @@
 kept
-gone
diff --git a/logo.png b/logo.png
deleted file mode 100644
index 1111111..0000000
Binary files a/logo.png and /dev/null differ
"""


def whole_of(case, answer, **values):
    score = Score(
        sample_id=case.id,
        repo=case.repo,
        cluster=case.id,
        system="student",
        values={"ari": 1 / 3, "junk": None, **values},
        findings={"paths_missing": ("b.py",)},
    )
    return shown(case, {"student": answer}, {"student": score}, ["ari", "junk"])


def case_of(**fields):
    target = plan(commit("new.py moved.py logo.png"))
    return make_case(target, diff=DIFF, **fields)


def test_files_say_what_became_of_them():
    lines = [each["line"] for each in whole_of(case_of(), prediction(None))["files"]]
    assert lines == [
        "A new.py +2 -0",
        "R old.py => moved.py +0 -1",
        "D logo.png binary",
    ]


def test_paths_of_the_change_are_places_and_invented_ones_are_names():
    answer = prediction(plan(commit("moved.py nowhere.py")))
    found = whole_of(case_of(), answer)["answers"]["student"]
    assert found["plan"]["commits"][0]["files"] == [1, "nowhere.py"]


def test_the_answer_as_it_came_is_there_if_the_plan_does_not_say_it():
    made = plan(commit("new.py"))
    plain = whole_of(case_of(), prediction(made))["answers"]["student"]
    assert plain["text"] is None
    fenced = whole_of(case_of(), prediction(made, "```json"))["answers"]["student"]
    assert fenced["text"] == "```json"
    failed = whole_of(case_of(), prediction(None, "no"))["answers"]["student"]
    assert (failed["plan"], failed["text"]) == (None, "no")


def test_values_are_in_the_order_asked_for_and_findings_whole():
    found = whole_of(case_of(), prediction(None))["answers"]["student"]
    assert found["values"] == [0.333, None]
    assert found["findings"] == {"paths_missing": ("b.py",)}


def test_a_diff_that_git_did_not_write_is_shown_whole():
    case = make_case(plan(commit("a.py")), diff="nonsense")
    files = whole_of(case, prediction(None))["files"]
    assert files == [
        {"path": "", "line": "diff", "text": "nonsense"},
        {"path": "a.py", "line": "a.py", "text": ""},
    ]


def test_the_list_names_a_case_by_the_target():
    case = case_of(languages=("Python",), repo="r")
    assert listed(case)["title"] == "feat: do it"
    junk = make_case(plan(gitignore=("*.log",)), junk=("x.log",))
    assert listed(junk)["title"] == "junk alone"
    assert json.dumps(listed(case))
