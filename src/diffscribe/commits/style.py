"""The style of a message: one set of rules, as the section `style` of params says.

Label asks a teacher again by these rules, curate rejects by them, the gate shows
them and eval scores them, all by `broken_rules`. What a message has to name
correctly is not style: see grounding.py.
"""

import re
from enum import StrEnum
from functools import lru_cache

from diffscribe.commits.grammar import CLOSING, REFERENCE
from diffscribe.core.params import StyleParams


class StyleRule(StrEnum):
    """What a message can break, in the order of the checks."""

    OTHER_TYPE = "other_type"
    """The header is no `type(scope): subject` with a type of the style."""
    LONG_HEADER = "long_header"
    """Type and scope included."""
    FULL_STOP = "full_stop"
    CAPITALISED = "capitalised"
    """The subject begins with a capitalised word that is no name or acronym."""
    TRIVIAL_MESSAGE = "trivial_message"
    """The subject could stand on any change, or only names an issue."""
    NOT_ENGLISH = "not_english"
    """The message is surely in another language."""
    NOT_IMPERATIVE = "not_imperative"
    """The subject does not begin with a known verb in its base form."""
    BODY_MISSING = "body_missing"
    LONG_LINE = "long_line"
    """A line of the body is too long, and could be wrapped."""


_MAX_CHARS = 1000
"""Of a subject that is matched: what is longer breaks LONG_HEADER anyway, and
some expressions take quadratic time within one word."""
_HEADER = re.compile(r"(?P<type>[\w-]+)(?:\([^()]*\))?!?:\s*(?P<subject>.*)")
_CAPITALISED = re.compile(r"[^\W\d_](?<![a-z])[a-z']*(?![\w.(/-])")


@lru_cache(maxsize=256)
def broken_rules(message: str, style: StyleParams) -> tuple[StyleRule, ...]:
    """Return the rules that a whole commit message breaks, in their order.

    A message without a type is judged as if its first line were the subject.
    """
    header, *lines = message.strip().split("\n")
    parts = _HEADER.fullmatch(header[:_MAX_CHARS])
    subject = parts["subject"] if parts else header[:_MAX_CHARS]
    body = "\n".join(lines).strip()
    breaks = {
        StyleRule.OTHER_TYPE: parts is None or parts["type"] not in style.types,
        StyleRule.LONG_HEADER: len(header) > style.max_header_chars,
        StyleRule.FULL_STOP: not style.full_stop and subject.endswith((".", "。")),
        StyleRule.CAPITALISED: style.lower_case
        and subject[:1].isupper()
        and _CAPITALISED.match(subject) is not None,
        StyleRule.TRIVIAL_MESSAGE: is_trivial(subject),
        StyleRule.NOT_ENGLISH: style.english and not is_english(f"{subject}\n{body}"),
        StyleRule.NOT_IMPERATIVE: style.imperative and not is_imperative(subject),
        StyleRule.BODY_MISSING: style.body == "required" and not body,
        StyleRule.LONG_LINE: any(
            len(line) > style.max_line_chars and " " in line.strip() for line in lines
        ),
    }
    return tuple(rule for rule in StyleRule if breaks[rule])


_TRIVIAL = re.compile(
    # What NNGen's authors removed from the first test set of the field.
    r"ignore update '.*'"
    r"|updated? (?:the )?(?:changelog|gitignore|readme(?:\.\w+| file)?)"
    r"|prepare (?:next )?version v?[ \d.]+"
    r"|bump (?:up )?(?:the )?version(?: number| code)?(?: to v?[ \d.]+(?:-snapshot)?)?"
    r"|modify (?:dockerfile|makefile)"
    r"|updates? (?:the )?(?:git )?submodules?"
    # What CommitPackFT leaves out, and its kin: a subject that names nothing.
    r"|(?:readme|dummy|tests?|wip|work in progress|auto ?commit|initial commit)"
    r"|(?:(?:small|minor|misc(?:ellaneous)?|various|more|some|other|further) )?"
    r"(?:fix(?:e[sd])?|updated?s?|change[sd]?|edit(?:s|ed)?|tweaks?|clean-? ?ups?"
    r"|improvements?|refactor(?:ed|ing)?|polish|typos?|stuff|things|work)"
    r"(?: (?:it|this|things|stuff|again|code|files?|bugs?|issues?|changes?|typos?))?"
    r"|v?\d+(?:\.\d+)+",
    re.IGNORECASE,
)
"""Whole subjects, without the full stop. Sources: NNGen (Liu et al., 2018), as
CommitBench and CommitChronicle apply it; CommitPackFT (bigcode-project/octopack).
"""
_REFERENCES = re.compile(rf"\b{CLOSING}\b|{REFERENCE}", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")


def is_trivial(subject: str) -> bool:
    """Tell a subject that could stand on any change, or only names an issue."""
    subject = subject[:_MAX_CHARS].strip().rstrip(".")
    return bool(_TRIVIAL.fullmatch(subject)) or not _WORD.search(
        _REFERENCES.sub("", subject)
    )


_ENGLISH = """
    a add an and are as at be by can do fix for from has if in into is it its no not
    now of on only or so that the their then this to use was when which with
"""
_FOREIGN = """
    aber auf bei beim das dem den der ein eine einem einen einer für im ist mit nach
    nicht oder über und von wird zum zur
    au aux avec dans de des du est et la le les lors pour sur une vers
    al como con del el los las para por que se según una y
    ao da dos em não os pelo uma
    alla che dei della di gli il nel per sono
    aan een het naar niet van voor worden
    att av det för inte och på som till
    dla jest nie się
"""
"""Small words of German, French, Spanish, Portuguese, Italian, Dutch, Swedish
and Polish, a line each; those that are English words too are left out.
"""
_MIN_ASCII_SHARE = 0.5
_MIN_FOREIGN_WORDS = 2


def is_english(text: str) -> bool:
    """Tell English, or words too few to tell, from what is surely another language.

    Surely: most letters are outside ASCII, or two small words of another
    language that uses the Latin script stand there, and more of them than
    of English ones. A bare technical term is in no language.
    """
    letters = [letter for letter in text if letter.isalpha()]
    if sum(map(str.isascii, letters)) < _MIN_ASCII_SHARE * len(letters):
        return False
    words = [word.lower() for word in re.findall(r"(?<![\w./-])[^\W\d_]+", text)]
    foreign = sum(word in _FOREIGN.split() for word in words)
    english = sum(word in _ENGLISH.split() for word in words)
    return foreign < _MIN_FOREIGN_WORDS or foreign <= english


_VERBS = """
    abort abstract accept access account acknowledge activate adapt add address adjust
    adopt advance advertise aggregate align allow alter always amend annotate answer
    append apply archive ask assert assign assume attach audit authenticate avoid await
    backport balance ban base batch begin benchmark bind block boost bootstrap bound
    break bring broaden buffer build bump bundle bypass cache calculate call cancel cap
    capture carry cast catch centralise centralize change check choose clamp clarify
    clean cleanup clear clone close coerce collapse collect combine comment commit
    compact compare compile complete compress compute condense configure confirm conform
    connect consider consolidate constrain construct consume continue convert copy
    correct count cover create customise customize cut deactivate debug declare decode
    decouple decrease deduplicate default defer define delay delegate delete demote
    denote deny depend deploy deprecate derive describe deserialize detach detect
    determine differentiate disable disallow discard disconnect display distinguish
    distribute divide document don downgrade download drop dump duplicate echo edit
    elide eliminate embed emit enable encapsulate encode encourage encrypt end enforce
    enhance enlarge ensure enter enumerate error escape establish evaluate exclude
    execute exempt exercise exit expand expect explain explicitly export expose express
    extend extract fail favor favour fetch fill filter finalise finalize find finish fix
    flag flatten flip flush focus fold follow forbid force formalise formalize format
    forward free freeze gate gather generalise generalize generate get give grant group
    guard handle hard harden have help hide highlight hoist hold honor honour hook
    identify ignore implement import improve include increase increment indent indicate
    infer inform inherit init initialise initialize inject inline insert inspect install
    instantiate instrument integrate interpret introduce invalidate invert invoke
    isolate iterate join keep kill label land launch lazily leave lengthen let lift
    limit link lint list listen load localise localize lock log look loosen lose lower
    lowercase maintain make manage map mark mask match measure memoize mention merge
    migrate mimic minify minimise minimize mirror mock modernise modernize modify
    monitor mount move multiply mute name narrow never normalise normalize note notify
    obliterate omit open optimise optimize order organise organize output overhaul
    overload override overwrite pack pad parametrise parametrize parse pass patch
    perform permit persist pick pin place plug point polish poll pop populate port
    postpone prefer prefix prepare prepend preserve prevent print prioritise prioritize
    probe produce prohibit promote propagate protect prove provide prune publish pull
    purge push put qualify query queue quote raise randomise randomize rate reach read
    realign reapply rearrange rebase rebuild recalculate recognise recognize recommend
    record recover recreate redirect redraw reduce reenable refactor refer reference
    refine reflect reformat refresh refuse register reinforce reinstate reject relax
    release relocate rely remember remove rename render reorder reorganise reorganize
    repair replace replicate report represent request require reset resize resolve
    respect restart restore restrict restructure resume retain retire retry return reuse
    revamp reverse revert review revise reword rework rewrite roll rotate round route
    run sanitise sanitize save say scale scan schedule scope score scroll search secure
    select send separate serialise serialize serve set setup shadow share shift ship
    shorten show shrink shut silence simplify skip slice slim sort spawn specialise
    specialize specify speed split stabilise stabilize stage standardise standardize
    start stash state stop store stream streamline strengthen strip structure stub style
    submit substitute suggest support suppress swap switch sync synchronise synchronize
    tag take target teach tell terminate test throttle throw tidy tie tighten time
    toggle tolerate track trade train transfer transform translate transpose treat
    trigger trim truncate try tune turn tweak type unblock uncomment undo unify
    uninstall unwrap update upgrade upload uppercase use utilise utilize validate vendor
    verify version wait walk warm warn weaken widen wire work wrap write yield
"""

IMPERATIVES = frozenset(_VERBS.split()) | {"don't", "do"}
"""Base forms in both spellings; `don` is what stands before the apostrophe."""
_FIRST_WORD = re.compile(r"(?:[Rr]e|[Uu]n|[Pp]re|[Aa]uto)?-?([A-Za-z]+)(?![\w.(/:])")


def is_imperative(subject: str) -> bool:
    """Tell whether a subject begins with a known verb in its base form."""
    found = _FIRST_WORD.match(subject)
    return found is not None and (
        found[1].lower() in IMPERATIVES or found[0].lower() in IMPERATIVES
    )
