"""Requests of a batch that are on their way, and what becomes of them."""

from diffscribe.llm.batch.parts import Part
from diffscribe.llm.batch.results import read_answers
from diffscribe.llm.budget import Budget, Cost
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.ledger.answers import Ledger
from diffscribe.llm.request import Answer, Request


class Pending:
    """Keys of what is not answered yet; answers go to the ledger and the bill."""

    def __init__(self, ledger: Ledger, budget: Budget) -> None:
        """Begin with nothing on its way."""
        self.failed: dict[str, AnswerError] = {}
        """Why a request has no answer, by key."""
        self.answered = 0
        self.was_left_out = False
        """Whether a request did not fit into the budget."""
        self._ledger = ledger
        self._budget = budget
        self._most: dict[str, Cost | None] = {}
        """By key, the most it can cost; None if an earlier run submitted it."""

    def __len__(self) -> int:
        return len(self._most)

    def take_over(self, part: Part) -> None:
        """Count on the answers to what an earlier run submitted."""
        self._most |= dict.fromkeys(part.asked())

    def add(self, key: str, request: Request) -> bool:
        """Return whether a request is new, and fits into the budget."""
        if key in self._most:
            return False
        most = self._budget.most(request)
        if not self._budget.reserve(most):
            self.was_left_out = True
            return False
        self._most[key] = most
        return True

    def settle(self, key: str, model: str, result: Answer | AnswerError | None) -> None:
        """Take what became of a request; None if it may be asked again."""
        most = self._most.pop(key)
        usage = result.usage if isinstance(result, Answer) else None
        if most is not None:
            self._budget.settle(most, model, usage)
        elif usage is not None:
            self._budget.bill.add(model, usage)
        if isinstance(result, AnswerError):
            self.failed[key] = result
        self.answered += isinstance(result, Answer)

    def collect(self, part: Part) -> None:
        """Take the file of answers of a part; all of it is on the disk then."""
        asked = part.asked()
        puts = []
        for key, result in read_answers(part.answers):
            if key in asked and key in self._most:
                model, about = asked[key]
                if isinstance(result, Answer):
                    put = self._ledger.put_soon(key, model, result, about=about)
                    puts.append(put)
                self.settle(key, model, result)
        for put in puts:
            put.result()

    def finish(self, part: Part, *, is_final: bool) -> int:
        """Delete a part, and return how many of its requests are settled.

        Args:
            part: what was collected of it counts.
            is_final: whether what has no answer failed, or may be asked again.
        """
        asked = part.asked()
        left = [key for key in asked if key in self._most]
        for key in left:
            error = AnswerError("the batch ended without an answer")
            self.settle(key, asked[key].model, error if is_final else None)
        part.remove()
        return len(asked) if is_final else len(asked) - len(left)
