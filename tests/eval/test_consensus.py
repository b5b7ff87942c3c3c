import pytest
from tests.support.planned import HOUSE, commit, make_case

from diffscribe.eval.consensus import most_agreed

CASE = make_case(task="message", answer="lines")
"""Files a.py and b.py, of each a line that is `line`."""


@pytest.mark.parametrize(
    ("subjects", "kept"),
    [
        (["stop early"], 0),
        (["close pool", "stop the leak early", "stop a leak early", "add log"], 1),
        (["stop the leak", "stop the leak", "let it run on"], 0),
        # The others agree on a name that the change does not hold.
        (["stop `poll_all` early", "stop `poll_all` early", "stop early in a.py"], 2),
        # Two break a rule of style each, and the third says nothing at all.
        (["stops the leak", "Stop the leak.", "stop the leak", "update files"], 2),
        # Of flawed ones the least flawed.
        (["stops `poll_all`", "stops the leak", "stops `poll_all` early"], 1),
    ],
)
def test_the_message_that_most_agree_with_is_kept_if_nothing_in_it_is_wrong(
    subjects, kept
):
    messages = [commit("a.py b.py", "fix", subject) for subject in subjects]
    assert most_agreed(CASE, messages, HOUSE) == kept


def test_a_plain_message_needs_no_type():
    plain = CASE.model_copy(update={"message": "plain"})
    messages = [commit("a.py b.py", "", each) for each in ("Stops", "Stop the leak")]
    assert most_agreed(plain, messages, HOUSE) == 1
