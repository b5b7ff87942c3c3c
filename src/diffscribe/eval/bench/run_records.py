"""What a run keeps: the same bytes however often it was killed, and what cannot be."""

from diffscribe.core.records import Record


class Identity(Record):
    """All that decides the answers; its digest is the name of the run."""

    solver: int
    """How a case is asked and a reply is read; see solver.SOLVER."""
    cases_sha256: str
    """Of all cases with their targets, in order."""
    requests_sha256: str
    """Of all that is sent but the model's name: prompts, schemas, decoding, seed."""
    model: dict[str, str | int]
    """Address and name of an endpoint's; digest, context and slots of a GGUF."""


class RunFile(Record):
    """run.json: what a run is, before anything is asked."""

    identity: Identity
    system: str
    """The name in tables: the model's, or the stem of the GGUF."""
    case_file: str
    """Its name alone; what is in it decides, not where it lies."""
    case_format: str
    cases: int
    settings: dict[str, str | int | float | bool | None]
    """As they were given; what they did to the requests is in the identity."""


class Output(Record):
    """One answer as it came, or why none came."""

    sample_id: str
    text: str
    error: str | None
    """Of the request; whether the text holds a plan is for the scorers."""
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    model: str
    """What the endpoint says it served; empty if it does not say."""


class Timing(Record):
    """What differs each time the same is asked."""

    sample_id: str
    latency_s: float
    """Of the attempt that succeeded; of all, if none did."""
    cached_tokens: int
    session: int
    """1 for the first start of the run, one more each time it went on."""
    done_s: float
    """Since that start."""


class Entry(Record):
    """A line of the journal."""

    output: Output
    timing: Timing
