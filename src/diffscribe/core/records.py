"""What travels between stages: frozen records, one JSON object a line.

harvest ─ Change ─► label ─ LabeledChange ─► curate ─ CuratedChange
─► split ─ SplitChange ─► render ─ Sample ─► train, eval ─ Prediction, Score
git diffscribe ─ Feedback ─► harvest
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

SPLITS = ("train", "validation", "test")
CommitType = Literal[
    "feat",
    "fix",
    "docs",
    "style",
    "refactor",
    "perf",
    "test",
    "build",
    "ci",
    "chore",
    "revert",
]
"""The types of a plan: those of Conventional Commits and of Angular."""


class Record(BaseModel):
    """A frozen row that refuses unknown keys."""

    # Built where it is first used: a command reads few kinds.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class FileStatus(StrEnum):
    """What happened to a file, in the letters of `git diff --raw`."""

    ADDED = "A"
    MODIFIED = "M"
    DELETED = "D"
    RENAMED = "R"
    TYPE_CHANGED = "T"


class FileKind(StrEnum):
    """What lies at a path; the content of the last two lies elsewhere."""

    FILE = "file"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    LFS = "lfs"


class FileChange(Record):
    """One changed file; a rename is one entry that carries both paths."""

    path: str
    """The path at head, or at base if the file was deleted."""
    old_path: str | None
    """The path at base of a rename, else None."""
    status: FileStatus
    additions: int
    """Added lines; 0 if binary."""
    deletions: int
    """Deleted lines; 0 if binary."""
    is_binary: bool
    """Whether git shows a marker in place of the content; none if it only moved."""
    kind: FileKind = FileKind.FILE
    """At head, or at base if the file was deleted."""
    old_mode: str | None = Field(default=None, exclude_if=lambda mode: mode is None)
    """Mode at base, six octal digits, of a file whose mode differs at head; else not
    there, as of an added or deleted file."""
    mode: str | None = Field(default=None, exclude_if=lambda mode: mode is None)
    """Mode at head of such a file, else not there."""


class OriginalCommit(Record):
    """A commit as its author made it."""

    sha: str
    message: str
    """The whole message, without trailing blank lines."""
    files: tuple[str, ...]
    """Sorted paths that it changed against its first parent."""
    hunks: Mapping[str, tuple[int, ...]] = Field(
        default_factory=dict, exclude_if=lambda hunks: not hunks
    )
    """Of files that other commits of the change touched too, by the path in `files` of
    the change: numbers of the hunks that hold what this commit did, none if nothing of
    it is left, 1 for a file that is never split; else not there."""

    def __hash__(self) -> int:
        """Return a hash without the hunks: a mapping has none."""
        return hash((self.sha, self.message, self.files))


class Change(Record):
    """One or more commits, squashed to one working-tree change.

    The commits follow each other, or are a composite: commits of one history
    with others between them, that touch other files and so apply to one base.
    """

    id: str
    """sha256 of repo, base and head, in hex."""
    repo: str
    """`host/owner/name`, or the name of the folder or bundle."""
    base: str
    """sha of the commit that the change applies to."""
    head: str
    """sha of the commit with the change applied; of the tree, if a composite."""
    committed_at: str
    """When the last of the commits was committed, ISO 8601 in UTC."""
    languages: tuple[str, ...]
    """Sorted languages of the changed files, by file name."""
    files: tuple[FileChange, ...]
    """Changed files, sorted by path."""
    diff: str
    """git's own unified diff from base to head, never truncated."""
    is_utf8: bool = True
    """Else a byte that is no UTF-8, in diff or paths, is U+10FF00 plus the byte."""
    commits: tuple[OriginalCommit, ...]
    """The original commits, oldest first."""
    recent_subjects: tuple[str, ...] = ()
    """First lines of the last eight messages of the history up to base, newest first,
    without merges and bots; never one of a later commit."""
    gitignore: tuple[str, ...]
    """Patterns in force at base, of every .gitignore, relative to the root."""
    license: str | None
    """SPDX id: what params say, or what was found at head, or None."""
    private: bool = False
    """The source is marked so: nothing of it may be sent to another machine."""
    ignored: tuple[str, ...] = Field(default=(), exclude_if=lambda each: not each)
    """Patterns that a person added to .gitignore for files of the change that are in
    none of its commits, as a log of feedback has it; else not there."""


class Issue(Record):
    """A remark on a file: something suspicious in the change."""

    path: str
    message: str


class PlannedCommit(Record):
    """One commit of a plan; its header reads `type(scope)!: subject`."""

    files: tuple[str, ...]
    hunks: Mapping[str, tuple[int, ...]] = Field(
        default_factory=dict, exclude_if=lambda hunks: not hunks
    )
    """Numbers from 1 of the hunks that are in this commit, by path; only of files that
    are split over commits, else not there."""
    type: str
    scope: str | None = None
    breaking: bool = False
    subject: str
    """The description only: no type, no scope, no full stop."""
    body: str = ""
    issues: tuple[Issue, ...] = ()

    def __hash__(self) -> int:
        """Return a hash without the hunks: a mapping has none, and caches need one."""
        return hash((self.files, self.type, self.subject, self.body))


class Plan(Record):
    """The one contract: how a working-tree change becomes clean commits."""

    commits: tuple[PlannedCommit, ...]
    gitignore: tuple[str, ...] = ()
    """Patterns to add to .gitignore for changed files that are junk."""


class Verdict(StrEnum):
    """What a person made of a proposal."""

    TAKEN = "taken"
    EDITED = "edited"
    THROWN_AWAY = "thrown_away"
    UNDONE = "undone"
    """Its commits were made, and taken back."""


class Feedback(Record):
    """A proposal and what a person made of it; redacted, and on this machine alone."""

    version: Literal[1] = 1
    id: str
    """sha256 of command, repository, HEAD and tree, in hex; of two with one id the
    later counts."""
    at: str
    """When the person decided, ISO 8601 in UTC."""
    command: Literal["commit", "message", "rewrite"]
    verdict: Verdict
    made_by: str
    """The model that worded the proposal, or `baseline`."""
    change: Change
    """What differed from HEAD, without files of keys; `commits` is empty."""
    proposed: Plan
    final: Plan | None
    """What was committed, or None if it was thrown away."""
    left_out: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)
    """Paths that are not committed, with the numbers of the hunks; none if whole."""
    shas: tuple[str, ...] = ()
    """Of the commits that were made, oldest first; one more than the plan has if
    patterns were added to .gitignore."""


class Usage(Record):
    """Tokens a teacher counted for one answer."""

    prompt_tokens: int
    completion_tokens: int


class Label(Record):
    """A plan and where it comes from."""

    plan: Plan
    source: Literal["history", "teacher"]
    teacher: str | None = None
    """The model that answered, or None for history."""
    prompt_sha256: str | None = None
    """Digest of the prompt the teacher saw, or None for history."""
    usage: Usage | None = None
    ratings: dict[str, float] = Field(default_factory=dict)
    """Scores from 0 to 1 by name of the rubric; may be empty."""
    history: "Label | None" = Field(
        default=None, exclude_if=lambda label: label is None
    )
    """What the history gave, where blend took the teacher's instead; else not there."""


class LabeledChange(Change):
    """A change with its plan."""

    label: Label


class RejectedChange(Record):
    """A row that curate dropped, redacted, with the first limit it broke."""

    reason: str
    change: LabeledChange


class CuratedChange(LabeledChange):
    """A labeled change worth learning from, and which others are much like it."""

    cluster: str
    """Smallest id among the kept changes that a chain of near-duplicates links to
    this one; its own id if there is none. Equal clusters belong in one split."""


class SplitChange(CuratedChange):
    """A curated change in a split, or a noisy variant of one."""

    parent_id: str | None
    """Id of the change that this variant was made of, or None."""
    junk: tuple[str, ...]
    """Sorted paths of the injected junk files; empty unless a variant."""
    decoys: tuple[str, ...] = ()
    """Sorted paths of the injected real files; empty unless a variant."""


_SPECIAL_TOKEN = re.compile(
    r"<(?=\|[^<>|\s]{1,40}\|>|(?:repo_?name|file_sep|filename|gh_stars|empty_output"
    r"|issue_(?:start|comment|closed)|jupyter_(?:start|text|code|output|script))>)"
)
"""The bracket of what code models read as one token: ChatML's and StarCoder's."""


def as_text(content: str) -> str:
    """Return content in which no special token of a code model is spelled out.

    transformers and llama-server look for special tokens in a chat after the template
    is filled in. A diff that holds `<|im_end|>` would end its turn there, and the rest
    of it would speak for the system; it is shown as `< |im_end|>`.
    """
    return _SPECIAL_TOKEN.sub("< ", content)


class Message(Record):
    """One chat message, which cannot end its own turn."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, AfterValidator(as_text)]


class ToolSpec(Record):
    """A tool that a model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema of the arguments, which are an object."""


class ToolCall(Record):
    """A call of a tool, as a model asked for it."""

    id: str = ""
    """Tells parallel calls apart; '' where a log has none."""
    name: str
    arguments: dict[str, Any]
    """Always an object: chat templates print a string as JSON in JSON."""


class Turn(Record):
    """One turn of a conversation in which tools are called."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant."""
    tool_call_id: str = ""
    """Of a tool's result: which call it is of; '' where a log has none."""
    name: str = ""
    """Of a tool's result: the tool."""
    status: Literal["ok", "error", "denied"] | None = None
    """Of a tool's result, where it is known."""


class TrainingSample(Record):
    """What training reads of a sample: a chat, or text that is rendered already."""

    # Pipelines keep what they judge an answer by in rows of their own.
    model_config = ConfigDict(extra="ignore")

    id: str
    prompt: tuple[Message, ...] | str
    completion: tuple[Message, ...] | str
    """Of the kind of the prompt; the loss is computed on it alone."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if isinstance(self.prompt, str) != isinstance(self.completion, str):
            raise ValueError("prompt and completion should both be text, or both chats")
        return self

    def texts(self) -> tuple[str, str]:
        """Return input and target of a model with an encoder, which has no turns."""
        prompt, completion = (
            part
            if isinstance(part, str)
            else "\n\n".join(message.content for message in part)
            for part in (self.prompt, self.completion)
        )
        return prompt, completion


class Sample(Record):
    """What the student is shown and what it should answer."""

    id: str
    parent_id: str | None
    repo: str
    task: Literal["plan", "message"]
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    files: tuple[str, ...]
    """Every changed path, junk included, in the order of the prompt."""
    junk: tuple[str, ...]
    answer: Literal["json", "lines"] = Field(
        default="json", exclude_if=lambda answer: answer == "json"
    )
    """How the completion gives the plan; not there if as JSON."""
    message: Literal["conventional", "plain"] = Field(
        default="conventional", exclude_if=lambda message: message == "conventional"
    )
    """The style of messages in lines; plain is a capitalised line without a type."""
    target: Plan
    private: bool = Field(default=False, exclude_if=lambda private: not private)
    """Whether the change is private, so that no export has it; else not there."""


class Prediction(Record):
    """One answer of one system to one sample."""

    sample_id: str
    system: str
    """`student-q8_0`, `base`, `control-…`."""
    model: str = ""
    """The model's name in the ledger, of a GGUF with its digest; '' for a control."""
    text: str = ""
    """The raw answer; '' if none came."""
    plan: Plan | None = None
    error: str | None = None
    """Why there is no plan, or None."""
    latency_s: float = 0.0
    """As it was measured when the model answered; 0 if no answer came."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class PlannedChange(Record):
    """What the baseline plans for a change, by the change's id."""

    id: str
    plan: Plan
    others: tuple[Plan, ...] = Field(default=(), exclude_if=lambda others: not others)
    """Plans with other groups that are about as likely, likely ones first; else not
    there."""
    given: Plan
    """The plan if the label's groups are given, so that only types and messages are the
    baseline's."""


class Score(Record):
    """How good one prediction is, by every measure."""

    sample_id: str
    repo: str
    cluster: str
    """The sample and its variants share it."""
    system: str
    values: dict[str, float | None]
    """Every measure, always: None where there is nothing to measure, such as junk
    without junk. An answer that failed has the worst value of each."""
    findings: dict[str, tuple[str, ...]]
    """What was found, in words, such as the paths that are missing."""
