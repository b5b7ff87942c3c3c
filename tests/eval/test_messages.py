import random

import pytest
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.eval import messages
from diffscribe.eval.messages import (
    align,
    aligned_type_share,
    chrf,
    edit_similarity,
    is_generic,
)
from diffscribe.eval.scores import similarity

DIFF = """\
diff --git a/src/client.py b/src/client.py
--- a/src/client.py
+++ b/src/client.py
@@ -1,3 +1,3 @@ class HttpClient:
-    def read_all(self):
+    def fetch_all(self, retry=False):
     parser.add_argument("--max-retries")
"""
CLIENT = make_case(plan(commit("src/client.py")), diff=DIFF)


def scores(case, answer):
    return messages.judge_messages(case, prediction(answer), HOUSE).values


def findings(case, answer):
    return messages.judge_messages(case, prediction(answer), HOUSE).found


def said(*subjects):
    return plan(*(commit("src/client.py", "fix", each) for each in subjects))


def test_types_are_compared_along_the_alignment_with_the_most_shared_files():
    target = plan(commit("a b c", "feat"), commit("d e", "fix"))
    # fix shares two files with feat's commit and one with its own.
    answer = plan(commit("a b d", "fix"), commit("c e", "feat"))
    assert aligned_type_share(target, answer) == 0.0
    assert aligned_type_share(target, plan(*target.commits[::-1])) == 1.0
    assert aligned_type_share(plan(commit("a")), plan(commit("b"))) == 0.0
    groups = ["a b", "c d", "e f", "g h"]
    target = plan(*(commit(files, "feat") for files in groups))
    assert aligned_type_share(target, target) == 1.0, "a tie never outweighs a file"


def test_each_commit_has_one_partner():
    target = plan(commit("a", "feat"), commit("b", "feat"))
    assert aligned_type_share(target, plan(commit("a b", "feat"))) == 0.5
    partners = [pair.partner for pair in align(target, plan(commit("a b", "feat")))]
    assert partners.count(None) == 1


def test_among_equal_alignments_the_worst_counts():
    target = plan(commit("a b", "feat"))
    guesses = (commit("a", "feat"), commit("b", "fix"))
    assert aligned_type_share(target, plan(*guesses)) == 0.0
    assert aligned_type_share(target, plan(*guesses[::-1])) == 0.0


def test_commits_that_fit_equally_are_aligned_by_content_not_by_order():
    target = plan(
        commit("a b", "fix", "stop early", scope="x"),
        commit("c d", "fix", "begin late", scope="y"),
    )
    one = commit("a c", "fix", "stop early", scope="x")
    other = commit("b d", "fix", "begin late", scope="y")
    found = [align(target, plan(*order)) for order in ((one, other), (other, one))]
    assert found[0] == found[1]


def test_scopes_and_breaking_marks_are_compared_along_it_too():
    target = plan(
        commit("a", scope="api", breaking=True),
        commit("b", scope=None),
        commit("c", scope="cli", breaking=True),
    )
    answer = plan(
        commit("a", scope="API", breaking=True),
        commit("b", scope="core", breaking=True),
        commit("c", scope="core"),
    )
    values = scores(make_case(target), answer)
    assert (values["scope"], values["breaking"]) == pytest.approx((1 / 3, 1 / 3))


def test_a_target_without_a_type_is_nothing_to_compare_with():
    case = make_case(plan(commit("a", "")), task="message")
    values = scores(case, plan(commit("a")))
    assert {values[name] for name in ("type", "scope", "breaking")} == {None}
    assert findings(case, plan(commit("a")))["types"] == []


def test_a_wrong_type_is_told_in_words():
    case = make_case(plan(commit("a", "fix"), commit("b", "docs")))
    answer = plan(commit("a", "feat"), commit("b", "docs"))
    assert findings(case, answer)["types"] == ["feat, not fix"]


@pytest.mark.parametrize(
    ("subject", "grounded", "something"),
    [
        ("let fetch_all retry", 1.0, 1.0),
        ("let fetch_some retry", 0.0, 1.0),
        ("let fetch_all call fetch_some", 0.0, 1.0),
        ("stop the leak", 1.0, 0.0),
        ("add fetch_all", 1.0, 1.0),
        ("add read_all", 0.0, 1.0),
        ("remove read_all", 1.0, 1.0),
        ("remove fetch_all", 0.0, 1.0),
        ("Remove `fetch_all` for good", 0.0, 1.0),
        ("remove read_all in favour of fetch_all", 1.0, 1.0),
        ("add fetch_all to replace read_all", 1.0, 1.0),
        ("add src/client.py", 1.0, 1.0),
        ("add --max-retries", 1.0, 1.0),
        ("rename read_all", 1.0, 1.0),
        ("add a retry", 1.0, 0.0),
    ],
)
def test_names_are_looked_up_and_have_the_sign_that_is_claimed(
    subject, grounded, something
):
    values = scores(CLIENT, said(subject))
    assert (values["grounded"], values["names_something"]) == (grounded, something)


def test_shares_are_of_messages_and_what_is_wrong_is_told_in_words():
    answer = said("let fetch_all retry", "let fetch_some retry", "add read_all")
    assert scores(CLIENT, answer)["grounded"] == pytest.approx(1 / 3)
    found = findings(CLIENT, answer)
    assert found["absent_names"] == ["fetch_some"]
    assert found["false_claims"] == ["added: read_all"]


def test_bodies_count_and_so_do_issue_numbers():
    made = plan(commit("src/client.py", "fix", "stop the leak", body="Closes #41."))
    assert scores(CLIENT, made)["grounded"] == 0.0
    assert findings(CLIENT, made)["absent_names"] == ["#41"]


@pytest.mark.parametrize("alike", [chrf, edit_similarity, similarity])
def test_similarities_keep_their_bounds_and_grow_with_what_is_shared(alike):
    assert alike("stop the leak", "stop the leak") == pytest.approx(1.0)
    assert alike("stop the leak", "") == 0.0
    rng = random.Random(7)
    words = ["stop", "start", "the", "a", "leak", "parser", "client", "in", "error"]
    for _ in range(300):
        first, second = (
            " ".join(rng.choices(words, k=rng.randint(1, 8))) for _ in "ab"
        )
        assert 0.0 <= alike(first, second) <= 1.0 + 1e-9
    near = alike("stop the leak in the parser", "stop the leak in a parser")
    far = alike("stop the leak in the parser", "describe how users log in")
    assert near > 0.7 > 0.4 > far


def test_chrf_is_what_sacrebleu_computes():
    from sacrebleu.metrics.chrf import CHRF

    theirs, rng = CHRF(), random.Random(7)
    letters = "ab cé\t\n"
    for _ in range(500):
        target, text = (
            "".join(rng.choices(letters, k=rng.randrange(12))) for _ in "ab"
        )
        is_empty = not target.strip() or not text.strip()
        score = 0.0 if is_empty else theirs.sentence_score(text, [target]).score
        assert chrf(target, text) == pytest.approx(score / 100, abs=1e-12)


def test_texts_are_compared_along_the_alignment():
    target = plan(
        commit("a", "fix", "stop the leak"), commit("b", "docs", "explain retries")
    )
    case = make_case(target)
    assert scores(case, plan(*target.commits[::-1])) == scores(case, target)
    half = scores(case, plan(target.commits[0]))
    assert half["edit_similarity"] == half["chrf"] == pytest.approx(0.5)


def test_the_body_is_part_of_the_message_and_the_type_is_not():
    target = plan(commit("a", "fix", "stop the leak", body="It kept every line."))
    case = make_case(target)
    assert scores(case, target)["chrf"] == pytest.approx(1.0)
    short = plan(commit("a", "feat", "stop the leak"))
    assert 0.2 < scores(case, short)["chrf"] < 0.6


@pytest.mark.parametrize(
    ("subject", "generic"),
    [
        ("update files", True),
        ("update the documentation for the project", True),
        ("improve code", True),
        ("fix bugs", True),
        ("add new functionality", True),
        ("various improvements", True),
        ("wip", True),
        ("update dependencies", True),
        ("stop the leak in the parser", False),
        ("add tests for the parser", False),
        ("update the documentation of --retries", False),
        ("fix off-by-one in pagination", False),
    ],
)
def test_a_generic_subject_fits_any_change(subject, generic):
    assert is_generic(commit("a", "fix", subject)) is generic
    answer = plan(commit("a", "fix", subject), commit("b", "fix", "mend the parser"))
    assert scores(make_case(), answer)["specific"] == 1 - generic / 2
    assert findings(make_case(), answer)["generic"] == [subject] * generic


def test_one_message_out_of_style_spoils_the_plan():
    good = commit("a.py", "fix", "stop early")
    bad = commit("b.py", "fix", "Stops all pumps.")
    assert scores(make_case(), plan(good))["style"] == 1.0
    assert scores(make_case(), plan(good, bad))["style"] == 0.0
    broken = ["full_stop", "capitalised", "not_imperative"]
    assert findings(make_case(), plan(good, bad))["style_rules"] == broken
    assert scores(make_case(), plan(commit("a.py", "", "stop early")))["style"] == 0.0


def test_a_plain_message_breaks_no_rule_of_types():
    asked = make_case(plan(commit("a.py", "", "Stop early")), message="plain")
    assert scores(asked, asked.target)["style"] == 1.0
    assert scores(asked, plan(commit("a.py", "", "Stops early")))["style"] == 0.0
    assert scores(asked, asked.target)["type"] is None
    typed = asked.model_copy(update={"message": "conventional"})
    assert scores(typed, asked.target)["style"] == 0.0
