"""What travels between the stages of this pipeline.

collect ─ Memory, Attempt ─► curate ─ Episode ─► split ─ Episode ─► render ─ PairSample
"""

from typing import Literal, get_args

from diffscribe.core.log_params import MemoryTask
from diffscribe.core.records import Message, Record
from diffscribe.memory import Attempt

TASKS: tuple[MemoryTask, ...] = get_args(MemoryTask)
SCRIPT_TASKS: tuple[MemoryTask, ...] = ("scaffold", "repair", "polish")
"""Those that are answered with a script."""


class Operation(Record):
    """One step of a specification."""

    name: str
    target_file: str | None = None
    details: str = ""
    """Whatever else the log says of it, as JSON with sorted keys; else ''."""


class Memory(Record):
    """One success, as a line of any generation of the log told it."""

    id: str
    """sha256 of all below but rating, core, generation and place, in hex."""
    at: str
    """ISO 8601 in UTC."""
    issue_id: str | None
    issue: str
    target_files: tuple[str, ...]
    operations: tuple[Operation, ...]
    diff: str
    diff_is_cut: bool
    """Whether the logger kept the beginning only."""
    script: str | None
    script_hash: str | None
    """As it was logged; Python's own hash of a string is a salted number."""
    patch_source: str
    core: str | None
    rating: int | None
    """1 to 5 of a person, or None."""
    generation: Literal[1, 2, 3]
    source: str
    """Name of the file."""
    line: int


class LoggedAttempt(Attempt, Record):
    """An attempt as a stage writes it."""


class Episode(Record):
    """Everything known of one task: its success, if any, and all attempts at it."""

    id: str
    at: str
    """Of the success, or of the last attempt."""
    issue: str
    memory: Memory | None
    attempts: tuple[LoggedAttempt, ...]
    """By time; what reviews accepted is in the attempts that they are of."""
    cluster: str
    """After curate: an id that episodes with an equal answer share; after split: one
    that those with a like issue share too."""


class PairSample(Record):
    """What a student is shown and what it should answer."""

    id: str
    parent_id: str
    """Of the episode."""
    cluster: str
    task: MemoryTask
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    base: Literal["causal", "seq2seq"] = "causal"
    given: str = ""
    """The script in the prompt that is to be changed; '' of other tasks."""
    names: tuple[str, ...] = ()
    """What the prompt names: files and operations, sorted."""
    operations: tuple[str, ...] = ()
    """Operations that the script should carry out, as they were named."""
