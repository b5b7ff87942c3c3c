"""Of several messages that a model gives for one commit, the one to keep.

The likeliest message of a small model is often too short, and what one draw says may be
made up. What most draws share is neither: the message that is most like all of them is
expected to be most like the wanted one. (Minimum Bayes risk, Kumar and Byrne 2004.)
"""

from collections.abc import Sequence

from diffscribe.core.params import StyleParams
from diffscribe.core.records import PlannedCommit
from diffscribe.eval.cases import Case
from diffscribe.eval.messages import chrf, flaws_of, text_of


def most_agreed(
    case: Case, messages: Sequence[PlannedCommit], style: StyleParams
) -> int:
    """Return the place of the message to keep, of equally good ones the first.

    Those with the fewest flaws come first, and of these the one with the highest mean
    chrF against all. `case` shows their commit alone.
    """
    texts = [text_of(each) for each in messages]
    flaws = [sum(map(len, flaws_of(case, each, style))) for each in messages]

    def merit(at: int) -> tuple[int, float]:
        return -flaws[at], sum(chrf(other, texts[at]) for other in texts)

    return max(range(len(messages)), key=merit)
