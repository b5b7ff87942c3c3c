import pytest
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.eval.score_grounding import findings, scores

DIFF = """\
diff --git a/src/client.py b/src/client.py
--- a/src/client.py
+++ b/src/client.py
@@ -1,3 +1,3 @@ class HttpClient:
-    def read_all(self):
+    def fetch_all(self, retry=False):
     parser.add_argument("--max-retries")
"""
CASE = make_case(plan(commit("src/client.py")), diff=DIFF)


def answer(*messages):
    commits = [commit("src/client.py", "fix", each) for each in messages]
    return prediction(plan(*commits))


def measured(*messages):
    return scores(CASE, answer(*messages))


@pytest.mark.parametrize(
    ("subject", "grounded", "names", "something"),
    [
        ("let fetch_all retry", 1.0, 1.0, 1.0),
        ("let fetch_some retry", 0.0, 0.0, 1.0),
        ("let fetch_all call fetch_some", 0.0, 0.5, 1.0),
        ("stop the leak", 1.0, None, 0.0),
    ],
)
def test_names_are_looked_up_in_the_change(subject, grounded, names, something):
    values = measured(subject)
    assert values["grounded"] == grounded
    assert values["names_grounded"] == names
    assert values["names_something"] == something


def test_shares_are_of_messages():
    values = measured("let fetch_all retry", "let fetch_some retry", "stop the leak")
    assert values["grounded"] == pytest.approx(2 / 3)
    assert values["names_something"] == pytest.approx(2 / 3)
    assert values["names_grounded"] == 0.5


def test_bodies_count_and_so_do_issue_numbers():
    made = commit("src/client.py", "fix", "stop the leak", body="Closes #41.")
    assert scores(CASE, prediction(plan(made)))["grounded"] == 0.0
    found = findings(CASE, prediction(plan(made)))
    assert found["absent_names"] == ("#41",)


@pytest.mark.parametrize(
    ("subject", "polarity"),
    [
        ("add fetch_all", 1.0),
        ("add read_all", 0.0),
        ("remove read_all", 1.0),
        ("remove fetch_all", 0.0),
        ("Remove `fetch_all` for good", 0.0),
        ("remove read_all in favour of fetch_all", 1.0),
        ("add fetch_all to replace read_all", 1.0),
        ("add src/client.py", 1.0),
        ("add --max-retries", 1.0),
        ("add fetch_some", 1.0),
        ("rename read_all", None),
        ("add a retry", None),
    ],
)
def test_what_is_said_to_come_or_go_has_the_right_sign(subject, polarity):
    assert measured(subject)["polarity"] == polarity


def test_a_false_claim_is_told_in_words():
    found = findings(CASE, answer("add read_all", "remove fetch_all"))
    assert found["false_claims"] == ("added: read_all", "removed: fetch_all")


def test_without_a_message_every_measure_is_at_its_worst():
    assert set(scores(CASE, prediction(None)).values()) == {0.0}
    assert set(scores(CASE, prediction(plan())).values()) == {0.0}
    assert findings(CASE, prediction(None)) == {}
