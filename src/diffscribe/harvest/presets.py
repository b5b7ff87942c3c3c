"""The filters of published datasets, a table each.

Where a dataset counts the tokens of a tokenizer that is not here, they are
estimated; what only a trained model could tell is left to later stages.
Sources: the papers and the published code of each; docs/data.md says more.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from posixpath import basename
from types import MappingProxyType
from typing import NamedTuple

from diffscribe.core.params import HarvestParams
from diffscribe.harvest.patches import ChangedFile

_VERBS = """
    abort accelerate access accumulate add address adjust advance align allot allow
    amplify annotate append apply archive arrange attach augment automate backup
    boost break bring build bump call change check choose clarify clean clear clone
    comment complete compress concatenate configure connect consolidate convert copy
    correct cover create customize cut debug decipher declare decommission
    decomplexify decompress decrease decrypt define delete deploy designate destroy
    detach determine develop diminish disable discard disentangle dismantle divide
    document downgrade drop duplicate edit embed emphasize enable encrypt enforce
    enhance enlarge enumerate eradicate escalate establish exclude exit expand
    expedite expire extend facilitate fix format gather generalize halt handle
    hasten hide implement improve include increase increment indent index inflate
    initialize insert install integrate interpolate interrupt introduce isolate join
    kill leverage load magnify maintain make manage mark mask mend merge migrate
    modify monitor move multiply normalize optimize orchestrate order package
    paraphrase paste patch plug prepare prepend print provision purge put quit raise
    read reannotate rearrange rebase reboot rebuild recomment recompile reconfigure
    reconnect rectify redact redefine reduce refactor reformat refresh reimplement
    reinforce relocate remove rename reorder reorganize repackage repair rephrase
    replace reposition reschedule reset reshape resolve restructure return revert
    revise revoke reword rework rewrite rollback save scale scrub secure select send
    set settle simplify solve sort split stabilize standardize stipulate stop store
    streamline strengthen structure substitute subtract support swap switch
    synchronize tackle tag terminate test throw tidy transform transpose trim
    troubleshoot truncate tweak unblock uncover undo unify uninstall unplug
    unpublish unravel unstage unsync untangle unwind update upgrade use validate
    verify watch watermark whitelist withdraw work write
"""
_PHRASES = ("brush up", "deal with", "speed up")
COMMITPACKFT_VERBS = tuple(f"{verb} " for verb in (*_VERBS.split(), *_PHRASES))
"""In small letters, each with the space after it."""


class PresetReason(StrEnum):
    """Which rule of a preset a commit or window broke."""

    SMALL_REPOSITORY = "small_repository"
    MESSAGE_TOO_SHORT = "message_too_short"
    MESSAGE_TOO_LONG = "message_too_long"
    NOT_CONVENTIONAL = "not_conventional"
    FINAL_PERIOD = "final_period"
    NOT_ASCII = "not_ascii"
    NOT_ENGLISH = "not_english"
    NOT_IMPERATIVE = "not_imperative"
    NOT_CAPITALISED = "not_capitalised"
    TRIVIAL = "trivial"
    BUMP = "bump"
    REFERENCE = "reference"
    FIRST_PERSON = "first_person"
    NAMES_FILE = "names_file"
    BOT = "bot"
    OTHER_LANGUAGE = "other_language"
    ADDED_OR_DELETED = "added_or_deleted"
    BINARY = "binary"
    FILE_TOO_LONG = "file_too_long"
    DIFF_TOO_SHORT = "diff_too_short"
    DIFF_TOO_LONG = "diff_too_long"


class Facts(NamedTuple):
    """What is known of a commit or window; each stage knows more."""

    message: str = ""
    """Of the newest commit."""
    author: str = ""
    """`name <e-mail>`."""
    history_commits: int = 0
    """How many commits of the repository are read."""
    files: Sequence[ChangedFile] = ()
    old_bytes: int = 0
    """Of all changed files before."""
    new_bytes: int = 0
    diff: str = ""

    @property
    def subject(self) -> str:
        """Return the first line of the message."""
        return self.message.split("\n", 1)[0].strip()


class PresetStep(StrEnum):
    """When a rule is asked: each stage costs more than the one before."""

    MESSAGE = "message"
    FILES = "files"
    DIFF = "diff"


class Rule(NamedTuple):
    """A reason to drop, and a function that is true where it holds."""

    reason: PresetReason
    stage: PresetStep
    holds: Callable[[Facts], object]


class Preset(NamedTuple):
    """The filters of one dataset."""

    limits: Mapping[str, int | float]
    """Of HarvestParams, by name; they replace those of params.yaml."""
    rules: tuple[Rule, ...]
    """The first that holds is the reason."""
    oversampling: int | None = None
    """Draw from only so many times the wanted number of the newest changes."""


def with_preset(params: HarvestParams) -> HarvestParams:
    """Return the params with the limits of their preset, if they name one."""
    if params.preset is None:
        return params
    return params.model_copy(update=dict(PRESETS[params.preset].limits))


def preset_reason(
    name: str | None, stage: PresetStep, facts: Facts
) -> PresetReason | None:
    """Return the first rule of a stage that holds, or None."""
    rules = PRESETS[name].rules if name is not None else ()
    return next(
        (rule.reason for rule in rules if rule.stage is stage and rule.holds(facts)),
        None,
    )


def oversampling(name: str | None) -> int | None:
    """Return how many times a cap of the newest changes it draws from, or None."""
    return PRESETS[name].oversampling if name is not None else None


def preset_reasons(name: str | None, *stages: PresetStep) -> tuple[PresetReason, ...]:
    """Return the reasons that a preset may give in some stages, in its order."""
    rules = PRESETS[name].rules if name is not None else ()
    return tuple(dict.fromkeys(each.reason for each in rules if each.stage in stages))


def _words(text: str) -> int:
    return len(text.split())


def _text_tokens(text: str) -> int:
    """Estimate T5's tokens of prose: words and marks."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def _code_tokens(text: str) -> int:
    """Estimate T5's tokens of a diff: five letters, two digits, or a mark.

    Full object names are no part of the diffs that were counted.
    """
    shown = re.sub(r"^index [0-9a-f.]+", "index", text, flags=re.MULTILINE)
    return len(re.findall(r"[^\W\d_]{1,5}|\d{1,2}|[^\w\s]|_", shown))


def _strips_to(subject: str) -> str:
    """Cut the first and last word if CommitPackFT takes them for marks."""
    words = subject.replace("[skip ci]", "").split()
    if words and re.fullmatch(r"\[.*\]|.*:", words[0]):
        words = words[1:]
    if words and re.fullmatch(r"\[.*\]", words[-1]):
        words = words[:-1]
    return " ".join(words)


def _is_english(message: str) -> bool:
    letters = [letter for letter in message if letter.isalpha()]
    return sum(map(str.isascii, letters)) > len(letters) / 2


def _share_of(suffixes: str, files: Sequence[ChangedFile]) -> float:
    endings = tuple(f".{suffix}" for suffix in suffixes.split())
    return sum(file.path.endswith(endings) for file in files) / max(len(files), 1)


def _names_file(facts: Facts) -> bool:
    stems = [basename(file.path).split(".")[-2:-1] for file in facts.files]
    return any(stem[0] in facts.subject for stem in stems if stem)


def _nine_of_ten(text: str) -> bool:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[0] >= 26


JOCO_HEADER = re.compile(
    r"(?:feat|fix|chore|docs|refactor|test|style|perf|build|ci)(?:\([\w.-]+\))?: \S"
)
CHANGED_MODE = re.compile(r"^(?:old mode|new file mode|deleted file mode) ", re.M)
BINARY = re.compile(r"^(?:Binary files .* differ$|GIT binary patch)", re.M)
COMMITBENCH_TRIVIAL = re.compile(
    r"update changelog|prepare version|bump version|modify makefile|update submodule",
    re.IGNORECASE,
)
NNGEN_TRIVIAL = re.compile(
    r"ignore update '.*\.$"
    r"|updated? (?:changelog|gitignore|readme(?: ?\. ?md| file)?)\.?$"
    r"|prepare version v?[ \d.]+$"
    r"|bump (?:up )?version(?: number| code)?(?: to v?[ \d.]+(?:-snapshot)?)?\.?$"
    r"|modify (?:dockerfile|makefile)\.?$"
    r"|update submodules?\.?$",
    re.IGNORECASE,
)
COMMITPACKFT_TRIVIAL = re.compile(
    r"(?:readme|updated?|dummy|test|updated? readme(?:\.md)?)$"
    r"|.*(?:auto commit|update contributing|<\?xml|merge branch|merge pull request"
    r"|signed-off-by|cherry picked from commit|code ?review|\| leetcode|cdpcp|wip"
    r"|work in progress|thanks to .*for)"
    r"|v?\d+\.\d+\.\d+|[a-f0-9]+(?:-[a-f0-9]+)*$"
    r"|fix that bug where things didn't work but now they should$"
    r"|put the thingie in the thingie$|add a beter commit message$",
    re.IGNORECASE,
)
COMMITPACKFT_REFERENCE = re.compile(
    r"#|[a-f0-9]{40}|https?://|(?:issue|bug|feature)\s*\d", re.IGNORECASE
)
FIRST_PERSON = re.compile(r" i |i've|i'm", re.IGNORECASE)
BUMP = re.compile(r"Bump|Set version|Update version")

SINGLE = MappingProxyType({"max_window_commits": 1})
R, S = PresetReason, PresetStep

PRESETS: dict[str, Preset] = {
    "seed000": Preset(
        {**SINGLE, "max_diff_chars": 5000},
        (
            Rule(
                R.MESSAGE_TOO_SHORT, S.MESSAGE, lambda f: len(f.message.encode()) < 20
            ),
            Rule(
                R.MESSAGE_TOO_LONG, S.MESSAGE, lambda f: len(f.message.encode()) >= 500
            ),
        ),
        oversampling=3,
    ),
    "joco": Preset(
        {**SINGLE, "max_diff_chars": 8000},
        (
            Rule(
                R.NOT_CONVENTIONAL,
                S.MESSAGE,
                lambda f: not JOCO_HEADER.match(f.subject),
            ),
            Rule(R.MESSAGE_TOO_LONG, S.MESSAGE, lambda f: len(f.subject) > 72),
            Rule(R.FINAL_PERIOD, S.MESSAGE, lambda f: f.subject.endswith(".")),
            Rule(R.DIFF_TOO_SHORT, S.DIFF, lambda f: len(f.diff) < 50),
        ),
    ),
    "git_smart_commit": Preset(
        {
            "max_window_commits": 8,
            "max_commits_per_source": 500,
            "max_files": 20,
            "max_diff_chars": 200_000,
        },
        (
            Rule(R.SMALL_REPOSITORY, S.MESSAGE, lambda f: f.history_commits < 10),
            Rule(R.BINARY, S.DIFF, lambda f: BINARY.search(f.diff)),
        ),
    ),
    "commitbench": Preset(
        SINGLE,
        (
            Rule(R.MESSAGE_TOO_SHORT, S.MESSAGE, lambda f: _text_tokens(f.message) < 8),
            Rule(
                R.MESSAGE_TOO_LONG, S.MESSAGE, lambda f: _text_tokens(f.message) > 128
            ),
            Rule(R.BOT, S.MESSAGE, lambda f: "bot" in f.author),
            Rule(R.NOT_ENGLISH, S.MESSAGE, lambda f: not _is_english(f.message)),
            Rule(R.TRIVIAL, S.MESSAGE, lambda f: COMMITBENCH_TRIVIAL.search(f.message)),
            Rule(
                R.OTHER_LANGUAGE,
                S.FILES,
                lambda f: _share_of("java py rb php go js", f.files) <= 0.5,
            ),
            Rule(
                R.ADDED_OR_DELETED,
                S.FILES,
                lambda f: any(file.status in "AD" for file in f.files),
            ),
            Rule(R.BINARY, S.DIFF, lambda f: BINARY.search(f.diff)),
            Rule(R.ADDED_OR_DELETED, S.DIFF, lambda f: CHANGED_MODE.search(f.diff)),
            Rule(R.DIFF_TOO_LONG, S.DIFF, lambda f: _code_tokens(f.diff) > 511),
        ),
    ),
    "commitchronicle": Preset(
        {**SINGLE, "max_files": 16, "max_diff_chars": 42_785},
        (
            Rule(R.NOT_ASCII, S.MESSAGE, lambda f: not f.message.isascii()),
            Rule(R.TRIVIAL, S.MESSAGE, lambda f: NNGEN_TRIVIAL.match(f.message)),
            Rule(
                R.MESSAGE_TOO_SHORT,
                S.MESSAGE,
                lambda f: len(f.message) < 12 or _words(f.message) < 2,
            ),
            Rule(
                R.MESSAGE_TOO_LONG,
                S.MESSAGE,
                lambda f: len(f.message) > 491 or _words(f.message) > 53,
            ),
            Rule(
                R.DIFF_TOO_SHORT,
                S.DIFF,
                lambda f: len(f.diff) < 240 or _words(f.diff) < 20,
            ),
            Rule(R.DIFF_TOO_LONG, S.DIFF, lambda f: _words(f.diff) > 3740),
        ),
    ),
    "commitpackft": Preset(
        {**SINGLE, "max_files": 1},
        (
            Rule(
                R.REFERENCE,
                S.MESSAGE,
                lambda f: COMMITPACKFT_REFERENCE.search(f.subject),
            ),
            Rule(
                R.MESSAGE_TOO_SHORT,
                S.MESSAGE,
                lambda f: (
                    len(_strips_to(f.subject)) <= 10
                    or _words(_strips_to(f.subject)) <= 4
                ),
            ),
            Rule(R.MESSAGE_TOO_LONG, S.MESSAGE, lambda f: len(f.subject) >= 1000),
            Rule(
                R.NOT_CAPITALISED,
                S.MESSAGE,
                lambda f: not _strips_to(f.subject)[:1].isupper(),
            ),
            Rule(
                R.NOT_IMPERATIVE,
                S.MESSAGE,
                lambda f: (
                    not _strips_to(f.subject).lower().startswith(COMMITPACKFT_VERBS)
                ),
            ),
            Rule(
                R.TRIVIAL,
                S.MESSAGE,
                lambda f: COMMITPACKFT_TRIVIAL.match(_strips_to(f.subject)),
            ),
            Rule(R.FIRST_PERSON, S.MESSAGE, lambda f: FIRST_PERSON.search(f.subject)),
            Rule(
                R.BUMP,
                S.MESSAGE,
                lambda f: BUMP.match(f.subject) and _nine_of_ten(f.message),
            ),
            Rule(R.NAMES_FILE, S.FILES, _names_file),
            Rule(R.FILE_TOO_LONG, S.FILES, lambda f: f.old_bytes >= 50_000),
            Rule(R.ADDED_OR_DELETED, S.FILES, lambda f: f.new_bytes == 0),
        ),
    ),
}
"""By name; `harvest.preset` takes one."""
