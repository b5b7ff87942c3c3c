"""Family text: how near the words come to the target's, and what they are like.

A message is subject and body, without type and scope, which have their own
measures; messages are compared along the alignment of `types`, and a commit of the
target without a partner has 0. No overlap with one reference says that a message
is good: the same change can be told in other words. The measures are for the
distance to the controls, not for their own height.
"""

import re
from functools import lru_cache
from typing import Any

from diffscribe.commits.grammar import TYPES, format_header
from diffscribe.commits.style import wording_problem
from diffscribe.core.records import Plan, PlannedCommit, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import Measure
from diffscribe.eval.score_types import align

MEASURES = {
    "chrf": Measure("text", "character n-grams shared with the target (chrF)"),
    "rouge_l": Measure("text", "longest common run of words, F1 (ROUGE-L)"),
    "edit_similarity": Measure("text", "1 less the edits to the target's message"),
    "description_similarity": Measure("text", "joco's similarity of subjects"),
    "joco_score": Measure("text", "joco's points for form, of 100", high=100.0),
    "specific": Measure("text", "messages that are no generic phrase"),
}
_WORD = re.compile(r"[a-z0-9]+")
_STOP_WORDS = """
    all and are but can for from has have into its not that the this use used using was
    when where which with
"""
_META = re.compile(
    r"here(?: is|'s)|this (?:is|commit)|i (?:would|can)|based on|the following|a short"
    r"|short commit|commit (?:description|message)|summari[sz]es?|captures?",
    re.IGNORECASE,
)
_GENERIC = re.compile(
    r"(?:(?:update|change|modify|improve|fix|add|refactor|clean ?up|adjust|edit|tweak"
    r"|enhance|implement|remove)[sd]?\s+)"
    r"(?:(?:the|a|an|some|various|several|multiple|all|project|source|existing|new"
    r"|minor|small|other|related|and|code)\s+)*"
    r"(?:files?|code|changes?|things?|stuff|project|functionality|features?|logic"
    r"|implementation|documentation|docs|tests?|issues?|bugs?|improvements?"
    r"|updates?|codebase|repository|modules?|components?|dependencies)"
    r"(?:\s+(?:for|in|of|to)\s+(?:the\s+)?(?:project|code|codebase|repository|app"
    r"|application|system|module|files?))?",
    re.IGNORECASE,
)


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer; the means over the target's commits."""
    plan = prediction.plan or Plan(commits=())
    pairs = align(case.target, plan)
    texts = [(text_of(t), text_of(p) if p else "") for t, p in pairs]
    subjects = [(t.subject, p.subject if p else "") for t, p in pairs]
    generic = [is_generic(commit) for commit in plan.commits]
    return {
        "chrf": _mean([chrf(*each) for each in texts]),
        "rouge_l": _mean([rouge_l(*each) for each in texts]),
        "edit_similarity": _mean([edit_similarity(*each) for each in texts]),
        "description_similarity": _mean(
            [description_similarity(*each) for each in subjects]
        ),
        "joco_score": _mean([joco_score(each) for each in plan.commits]),
        "specific": 1 - _mean(list(map(float, generic))) if generic else 0.0,
    }


def findings(prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return the subjects that say nothing of any change."""
    commits = prediction.plan.commits if prediction.plan else ()
    return {"generic": tuple(each.subject for each in commits if is_generic(each))}


def text_of(commit: PlannedCommit) -> str:
    """Return subject and body."""
    return f"{commit.subject}\n\n{commit.body}".strip()


def chrf(target: str, text: str) -> float:
    """Return the F2 score of shared character n-grams up to six, 0 to 1.

    Recall counts twice as much as precision; white space does not count. Equal
    texts have 1; an empty one 0. (Popovic 2015, by sacrebleu, over 100.)
    """
    if not target.strip() or not text.strip():
        return 0.0
    return float(_chrf().sentence_score(text, [target]).score) / 100


def rouge_l(target: str, text: str) -> float:
    """Return the F1 of the longest common subsequence of words, 0 to 1.

    Words are runs of ASCII letters and digits in lower case, unstemmed. 0 if
    one has no words. (Lin 2004, with the words of Google's rouge-score; the
    subsequence by rapidfuzz.)
    """
    from rapidfuzz.distance import LCSseq

    expected, given = _WORD.findall(target.lower()), _WORD.findall(text.lower())
    if not expected or not given:
        return 0.0
    return 2 * int(LCSseq.similarity(expected, given)) / (len(expected) + len(given))


def edit_similarity(target: str, text: str) -> float:
    """Return 1 less the edits over the longer text's length, 0 to 1; empty is 0.

    Edits insert, delete or replace a character. (Levenshtein 1966, by rapidfuzz;
    in use, edits to the final text are what tells a good suggestion best.)
    """
    from rapidfuzz.distance import Levenshtein

    if not text:
        return 0.0
    return float(Levenshtein.normalized_similarity(target, text))


def description_similarity(target: str, text: str) -> float:
    """Return joco's similarity of two subjects, 0 to 1; an empty one has 0.

    0.5 Jaccard index of the words with more than two characters that are no
    stop words + 0.35 edit similarity + 0.15 shorter over longer length, all in
    lower case. Two subjects without such words have an index of 0.
    """
    first, second = target.lower().strip(), text.lower().strip()
    if not first or not second:
        return 0.0
    words, others = _telling_words(first), _telling_words(second)
    union = words | others
    jaccard = len(words & others) / len(union) if union else 0.0
    lengths = sorted((len(first), len(second)))
    return (
        0.5 * jaccard
        + 0.35 * edit_similarity(first, second)
        + 0.15 * lengths[0] / lengths[1]
    )


def joco_score(commit: PlannedCommit) -> float:
    """Return joco's points for the form of a header, 0 to 100.

    Type known 30, subject there 20, header of at most 72 characters 20 and of 30
    to 60 15, lower-case start 10, no full stop 5; 20 less for words about the
    message itself; not below 0. The second of joco's four formulas. A subject
    that fits every change can have 100: this is no measure of content.
    """
    subject, length = commit.subject.strip(), len(format_header(commit))
    points = 30 * (commit.type in TYPES) + 20 * bool(subject) + 20 * (length <= 72)
    points += 15 * (30 <= length <= 60) + 10 * subject[:1].islower()
    points += 5 * (bool(subject) and not subject.endswith("."))
    return float(max(0, points - 20 * bool(_META.match(subject))))


def is_generic(commit: PlannedCommit) -> bool:
    """Tell a subject that fits any change, such as `update the documentation`."""
    subject = commit.subject.strip().rstrip(".")
    problem = wording_problem(commit, english_only=False, imperative_only=False)
    return problem is not None or bool(_GENERIC.fullmatch(subject))


@lru_cache(maxsize=1)
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def _telling_words(text: str) -> set[str]:
    return {w for w in re.findall(r"\w+", text) if len(w) > 2}.difference(
        _STOP_WORDS.split()
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
