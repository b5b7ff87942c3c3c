"""params.yaml as one strict, frozen model: a section a stage, no defaults.

A default here would be a second, hidden params.yaml.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from diffscribe.core.errors import ParamsError
from diffscribe.core.records import CommitType


def _quoted(value: object) -> object:
    if isinstance(value, date):
        raise ValueError(f"should be in quotes, '{value}': DVC reads no bare dates")
    return value


def spdx_expression(text: str) -> str:
    """Return a license in the spelling of the SPDX list; LicenseRef-... is one too.

    Raises:
        ValueError: if it names a license that is not in the list.
    """
    from packaging.licenses import canonicalize_license_expression

    if len(text) > MAX_LICENSE_CHARS:
        raise ValueError("it is longer than every SPDX id")
    return str(canonicalize_license_expression(text))


MAX_LICENSE_CHARS = 200
SpdxExpression = Annotated[str, AfterValidator(spdx_expression)]


def _sha_1(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError(
            "is of a repository that names its objects by SHA-256, which libgit2 "
            "cannot read; clone it yourself, and name the path of a copy that "
            "'git fast-export --all | git -C COPY fast-import' makes of it"
        )
    return value


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Natural = Annotated[int, Field(ge=0)]
Day = Annotated[date, BeforeValidator(_quoted)]
"""YAML reads a bare date as one, and DVC refuses it."""
NAME = r"^[\w~][\w.~+-]*(/[\w~][\w.~+-]*)*$"
"""The name of a repository: `acme/api`."""

WORDS = {
    "model_type": "should be keys with values",
    "too_short": "should not be empty",
    "tuple_type": "should be a list",
}
"""What pydantic says in words of Python, in words of YAML."""


class Section(BaseModel):
    """A frozen part of params.yaml that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        # Built where it is first used: most commands read few of the sections.
        defer_build=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_boolean(cls, value: object, field: ValidationInfo) -> object:
        """Refuse the booleans that would count as the numbers 0 and 1."""
        kind = cls.model_fields[str(field.field_name)].annotation
        if isinstance(value, bool) and kind in (int, float):
            raise ValueError("should be a number, not yes, no, on, off, true or false")
        return value


_SSH_OF_ANOTHER_USER = re.compile(r"(?!git@)[^/@]*@")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def may_hold_key(text: str) -> bool:
    """Tell whether a text has a URL with a query, or a user that is not git of ssh."""
    protocol, mark, rest = text.partition("://")
    if protocol.endswith("ssh"):
        rest = rest.removeprefix("git@")
    return bool(mark) and ("@" in rest or "?" in rest)


WITHOUT_KEY = (
    "should be a URL without user and query, as it is logged and may hold a key; git "
    "asks your credential helper, and an endpoint's key is in the environment variable "
    "that api_key_variable names"
)


def _refuse_keys(values: object, place: str = "") -> None:
    """Raise ValueError with the place of the first URL in a document with a key.

    Params go to lock files, logs and MLflow, so that is refused before it is told to
    anyone, the error included.
    """
    if isinstance(values, Mapping):
        for key, value in values.items():
            _refuse_keys(value, f"{place}.{key}".removeprefix("."))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            _refuse_keys(value, f"{place}.{number}")
    elif isinstance(values, str) and may_hold_key(values):
        raise ValueError(f"{place}: {WITHOUT_KEY}".removeprefix(": "))


def check_variable(name: str) -> str:
    """Return the name of an environment variable.

    Raises:
        ValueError: if it is none; it may be the key itself, and is not repeated.
    """
    if not _VARIABLE.fullmatch(name):
        raise ValueError(
            "should be the name of an environment variable, such as OPENAI_API_KEY, "
            "and not the key"
        )
    return name


def check_address(address: str) -> str:
    """Return the address of an endpoint, which logs and MLflow show.

    Raises:
        ValueError: if it is no address, or holds what may be a key.
    """
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_address = is_address and parts.port != 0 and not re.search(r"\s", address)
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("should be an address such as http://127.0.0.1:11434/v1")
    if "@" in address or parts.query or parts.fragment:
        raise ValueError(
            "should be an address without user and query; it is logged, so give a key "
            "in an environment variable that api_key_variable names"
        )
    return address


class StyleParams(Section):
    """What a good message keeps to, for label, curate, gate and eval alike."""

    message: Literal["conventional", "plain"]
    """How the student writes one: `type(scope): subject` and perhaps a body, or a
    capitalised line alone."""
    types: Annotated[tuple[CommitType, ...], Field(min_length=1)]
    headers: Literal["by_paths", "as_written"]
    """Of a history: types that the files decide and scopes that a path shows, which
    can be learned from histories of many houses; or those of one house, as they are."""
    max_header_chars: Positive
    """Type and scope included."""
    max_line_chars: Positive
    """Of a line of the body with more than one word."""
    body: Literal["none", "optional", "required"]
    """`none`: messages are headers alone, whatever histories hold."""
    imperative: bool
    """Subjects begin with a known verb in its base form."""
    lower_case: bool
    """Subjects do not begin with a capital, save names and acronyms."""
    full_stop: bool
    """Subjects may end with one."""
    english: bool
    """Messages are not surely in another language."""
    min_grounded_share: Fraction
    """Of the paths, identifiers and numbers that the messages of a change name, the
    share that the change shows."""


def _not_empty(
    sources: tuple["SourceParams", ...],
) -> tuple["SourceParams", ...]:
    # A minimal length would count what does not fit as missing too.
    if not any(each.read for each in sources):
        raise ValueError("should not be empty")
    return sources


class SourceParams(Section):
    """One entry of harvest.sources; a plain path in params.yaml has the defaults."""

    path: str | None = None
    """A repository, a folder of them, a bundle, or a glob; `~` is home."""
    url: str | None = None
    """The repository that `make clone` fetches."""
    feedback: str | None = None
    """A log of what a person made of proposals, which `git diffscribe` keeps."""
    revision: (
        Annotated[str, Field(pattern=r"^[0-9a-f]{40}$"), BeforeValidator(_sha_1)] | None
    ) = None
    """The sha of the newest commit to read; a url needs one, a path has none."""
    name: Annotated[str, Field(pattern=NAME, max_length=200)] | None = None
    """What its rows call it; None takes that of its remote, or its path's end."""
    private: bool = False
    """Marks the changes: no later stage sends them to another machine."""
    read: bool = True
    """With private; false marks what other entries name too, and reads nothing."""
    license: SpdxExpression | None = None
    """SPDX id; None takes the one that the tree's license file names."""
    max_changes: Positive | None = None
    """The most changes of each repository; None takes harvest.max_per_repo."""
    authors: tuple[str, ...] = ()
    """Parts of names or e-mails, one of which an author has; empty takes everyone."""
    since: Day | None = None
    """The first day of commits that are read, in UTC."""
    until: Day | None = None
    """The last day of commits that are read, in UTC."""
    branches: Literal["default", "all"] = "default"
    """Read the first parents of HEAD, or every commit of any branch."""
    paths_exclude: tuple[str, ...] = ()
    """Lists of commits/paths.toml and patterns as in .gitignore: files to leave out."""

    @model_validator(mode="before")
    @classmethod
    def _expand_path(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if [self.path, self.url, self.feedback].count(None) != 2:
            raise ValueError("should have either a path or a url, or feedback alone")
        known = {"feedback", "private", "license"}
        if self.feedback is not None and self.model_fields_set - known:
            raise ValueError("feedback has no other settings but private and license")
        if (self.url is None) != (self.revision is None):
            raise ValueError("a url needs a revision, the sha of a commit; a path none")
        if not self.read and not self.private:
            raise ValueError("read: false is for a private entry; take it out instead")
        url = self.url or ""
        if "#" in url or ("://" not in url and _SSH_OF_ANOTHER_USER.match(url)):
            raise ValueError(
                "should be a URL without fragment, and without a user but git; name "
                "another user of ssh in ~/.ssh/config"
            )
        return self


class HarvestParams(Section):
    """Which commits of which repositories become changes."""

    sources: Annotated[tuple[SourceParams, ...], AfterValidator(_not_empty)]
    """Paths, or mappings with a path or url and settings of their own."""
    on_bad_source: Literal["stop", "skip"]
    """End the stage at a source that cannot be read, or report it and go on."""
    min_message_chars: Positive
    """A commit with a shorter message is dropped; 1 drops empty messages."""
    max_message_chars: Positive
    """A commit with a longer message is dropped; beyond 8 KiB none is read."""
    max_window_commits: Positive
    """A change squashes 1 to this many consecutive first-parent commits."""
    windows_per_commit: Annotated[float, Field(gt=0)]
    """Mean number of windows that end at a commit."""
    composites_per_commit: Fraction
    """Share of kept commits that end a change of 2 or more non-adjacent commits."""
    max_commits_per_source: Positive
    """Read only this many of the newest first-parent commits."""
    max_files: Positive
    """A change with more files is dropped; a rename is one file."""
    max_diff_chars: Positive
    """A change with a longer diff is dropped."""
    max_changes: Positive | None
    """The most changes of all repositories together; a draw by content decides."""
    max_per_repo: Positive | None
    """The most changes of one repository."""
    max_per_author: Positive | None
    """The most changes of one e-mail address, over all repositories."""
    bot_authors: tuple[str, ...]
    """Parts of names or e-mails of bots, beside those that are known by their names."""
    workers: Natural
    """Processes that diff; 0 is one a core. The rows do not depend on it."""
    seed: int


class TeacherParams(Section):
    """The model that is asked, and how."""

    base_url: Annotated[str, AfterValidator(check_address)]
    """Ends in /v1 for most endpoints; holds no key."""
    model: Annotated[str, Field(min_length=1)]
    """Its name at the endpoint."""
    api_key_variable: Annotated[str, AfterValidator(check_variable)] | None
    """Environment variable that holds the key; None if none is needed."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None
    """None leaves it to the endpoint."""
    reasoning_effort: Annotated[str, Field(min_length=1)] | None
    """Such as `low`; None leaves it to the model."""
    max_prompt_chars: Positive
    """Hunks are cut to fit; a token is three to four characters."""
    max_answer_tokens: Positive
    """Thoughts included."""
    timeout_s: Annotated[float, Field(gt=0)]
    """Time limit of one answer."""
    concurrency: Positive
    """Maximum number of open requests."""
    requests_per_minute: Positive | None
    tokens_per_minute: Positive | None
    reasks: Natural
    """Number of times that an answer that does not count is asked for again."""
    seed: int


class PriceParams(Section):
    """US dollars for a million tokens of one model."""

    model: Annotated[str, Field(min_length=1)]
    """Full name at the endpoint."""
    date: Day
    """Day of the price; the latest one counts."""
    prompt: Annotated[float, Field(ge=0)]
    cached: Annotated[float, Field(ge=0)]
    """Of prompt tokens that the endpoint had read before."""
    completion: Annotated[float, Field(ge=0)]
    """Thoughts included."""
    batch_discount: Fraction | None = None
    """Share taken off in a batch; None if it is not known."""


class LabelParams(Section):
    """Where the plan of a change comes from."""

    source: Literal["history", "teacher", "blend"]
    """Blend: the history's messages where they keep to the rules and are rated
    high enough, the teacher's plan for all other changes."""
    nonconventional: Literal["guess", "reject"]
    """What to do with a header without a type: guess one, where files or words tell
    it, or reject."""
    mode: Literal["online", "batch", "batch_files"]
    """Ask and wait; or by the endpoint's batches; or by files of requests that
    somebody answers, such as `vllm run-batch`."""
    cleanup: Literal["rules", "teacher"]
    """Removes from the history's messages what a diff cannot tell."""
    raters: tuple[Annotated[str, Field(min_length=1)], ...]
    """Models of the endpoint that rate the history's messages, as they were and
    cleaned; a name twice: two samples. Empty: nothing is rated."""
    min_rating: Fraction
    """Lowest rating of cleaned messages for which blend does not ask the teacher."""
    teacher: TeacherParams
    max_failure_fraction: Fraction
    """Share of the changes asked about; with more failures the stage fails."""
    gate_rows: Positive
    """Number of changes that a person judges."""
    gate_threshold: Fraction | None
    """Share of these labels to be accepted before a run over more changes; None asks
    for no acceptance."""
    budget_usd: Annotated[float, Field(gt=0)] | None
    """Limit of what one run newly asks; None for no limit."""
    budget_tokens: Positive | None
    prices: tuple[PriceParams, ...]
    """The cost of a model without a price is told in tokens alone."""
    trace_fraction: Fraction
    """Share of the changes whose questions and answers MLflow shows; private changes
    are never shown."""

    @property
    def keeps_messages(self) -> bool:
        """Tell whether the messages of the history are what is learned."""
        return self.source == "history" and self.cleanup == "rules"

    @property
    def asks(self) -> bool:
        """Tell whether a model is asked at all."""
        by_model = self.cleanup == "teacher" or bool(self.raters)
        return self.source != "history" or by_model


class CurateParams(Section):
    """What is worth learning from, beside what `style` asks of a message."""

    min_diff_chars: Natural
    max_diff_chars: Positive
    max_files: Positive
    conventional_only: bool
    """Drop changes with an original commit whose header is not conventional."""
    licenses: tuple[SpdxExpression, ...]
    """SPDX ids that are allowed; with none here, all are, and no license too."""
    min_ratings: dict[str, Fraction]
    """By name of the rubric; a change without that rating passes."""
    min_teacher_agreement: Fraction
    """A teacher's share of files with the type of the history, and of pairs of files
    that both keep together or apart; changes without both labels pass."""
    max_per_repository: Positive | None
    max_per_type: Positive | None
    """Kept changes with a commit of a type; who stays is drawn by id."""
    near_duplicate_similarity: Annotated[float, Field(ge=0.5, le=1)]
    """Jaccard index of 5-grams of changed lines; from it on, only the first is kept.
    Not below 0.5, from which on split keeps changes together."""


class SplitParams(Section):
    """Which changes train, and which are held out to measure with."""

    by: Literal["repository", "time", "random"]
    """What stays whole: repositories, or the past of each one. Random keeps nothing
    apart and only shows what leaks."""
    validation_repos: tuple[str, ...]
    """Repositories kept for validation; empty means: draw by fraction."""
    test_repos: tuple[str, ...]
    validation_fraction: Fraction
    """Share of the rows, when no repositories are named; 0: no such split."""
    test_fraction: Fraction
    benchmarks: tuple[str, ...]
    """Kept out of all splits: repositories, or files of benchmark_sets/ that list
    repositories and commits."""
    junk_fraction: Fraction
    """Share of the changes that also get a variant with junk files."""
    max_junk_files: Positive
    seed: int

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        held_out = self.validation_fraction + self.test_fraction
        if held_out >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction = {held_out:g} leaves nothing "
                "to train on"
            )
        if self.by != "repository" and (self.validation_repos or self.test_repos):
            raise ValueError(
                f"by: {self.by} cuts every repository; empty validation_repos and "
                "test_repos, or set by: repository"
            )
        both = set(self.validation_repos) & set(self.test_repos)
        if both:
            raise ValueError(f"{sorted(both)} is in validation and test")
        return self

    def refuse_unknown(self, repos: Collection[str]) -> None:
        """Refuse names in validation_repos and test_repos that are not in `repos`.

        Raises:
            ParamsError: with the unknown names and the known ones.
        """
        unknown = {*self.validation_repos, *self.test_repos} - {*repos}
        if unknown:
            raise ParamsError(
                "split.validation_repos and test_repos: no rows of "
                f"{', '.join(sorted(unknown))}; known repositories are "
                f"{', '.join(sorted(repos)) or 'none'}"
            )


class BaselineParams(Section):
    """The classical baseline: what a model has to beat."""

    trees: Positive
    """Boosted trees that tell whether two files are of one commit."""
    seed: int


class BaseParams(Section):
    """The model to start from."""

    source: str
    """`diffscribe-135m` of this repository, `smollm2-135m` of the package index, a
    folder, or a hub id such as `Qwen/Qwen2.5-Coder-0.5B`."""
    revision: str | None
    """The hub commit to pin; needed for a hub id, null otherwise."""


class RenderParams(Section):
    """How a change becomes a chat sample."""

    task: Literal["plan", "message"]
    """Ask for plans, or for each commit of a plan alone, for its message."""
    message_fraction: Fraction
    """Beside plans: the share of the commits of those with several that the split train
    has alone too. Commits that are a change of their own anyway do not count."""
    max_prompt_tokens: Positive
    """With the chat template; hunks are cut until the prompt fits."""
    context_lines: Annotated[int, Field(ge=0, le=3)]
    """Unchanged lines shown around a change, after all changed lines; git has 3."""
    recent_subjects: Annotated[int, Field(ge=0, le=8)]
    """Subjects of the history before the change; a harvested change has eight."""
    answer: Literal["lines", "json"]
    """How the student answers; large models and teachers know JSON."""
    max_answer_tokens: Positive
    """A sample with a longer answer is dropped and counted, never cut."""


class LoraParams(Section):
    """PEFT's LoraConfig; keys that are not declared here go to it as they are."""

    model_config = ConfigDict(extra="allow")

    r: Positive
    lora_alpha: Positive
    target_modules: str | tuple[str, ...]


class TrainParams(Section):
    """Fine-tuning; keys that are not declared here go to TRL's SFTConfig."""

    model_config = ConfigDict(extra="allow")

    # As every params file had it before there was a choice, so that checkpoints and
    # locks of those stay what they are.
    architecture: Literal["causal", "seq2seq"] = Field(
        default="causal", exclude_if=lambda architecture: architecture == "causal"
    )
    """Or encoder and decoder, such as T5, by the trainer of transformers."""
    method: Literal["lora", "qlora", "full"]
    backend: Literal["auto", "trl", "unsloth"]
    adapter: str | None
    """Folder of an adapter of this base that is trained further, such as
    models/diffscribe-135m; its optimizer begins anew. Null begins a new adapter."""
    lora: LoraParams
    learning_rate: Annotated[float, Field(gt=0)]
    num_train_epochs: Annotated[float, Field(gt=0)]
    per_device_train_batch_size: Positive
    evaluations: Positive
    """How often the validation loss is measured and a checkpoint is kept."""
    max_validation_samples: Positive
    seed: int

    @model_validator(mode="after")
    def _stays_here(self) -> Self:
        for key in self.model_extra or ():
            if key.startswith(("hub_", "push_to_hub")):
                raise ValueError(
                    f"{key}: no stage sends a model away; take it out and push "
                    "models/ yourself"
                )
        return self

    @model_validator(mode="after")
    def _can_go_on_from_an_adapter(self) -> Self:
        if self.adapter and (self.method == "full" or self.backend == "unsloth"):
            raise ValueError(
                "train.adapter goes on with lora or qlora by TRL; set method and "
                "backend so, or adapter to null"
            )
        return self


QuantizationType = Literal[
    "f16",
    "q8_0",
    "q6_k",
    "q5_k_m",
    "q5_1",
    "q5_0",
    "q4_k_m",
    "q4_1",
    "q4_0",
    "q3_k_m",
]


class MergeQuantizeParams(Section):
    """The files that are shipped."""

    types: Annotated[tuple[QuantizationType, ...], Field(min_length=1)]
    """The first one is the default of the Modelfile."""
    base_type: QuantizationType
    """The type the untuned base is measured in."""
    num_ctx: Positive
    """Tokens of prompt and answer together."""


class EvalParams(Section):
    """How the student is compared."""

    max_samples: Positive
    """The most asked; a change and its variants stay together."""
    context_tokens: Positive
    """Prompt and answer together have to fit."""
    max_answer_tokens: Positive
    also: tuple[Literal["free", "hybrid", "rerank", "groups_given"], ...]
    """More rows of a student that answers in lines: without the grammar, with the
    baseline's groups, with a choice of those that the baseline deems about as likely,
    and with the target's groups."""
    full_prompt_chars: Positive | None
    """If given, the base is asked with the teacher's prompt too, hunks cut to it."""
    threads: Natural
    """Threads of llama-server; 0 is all cores but one."""
    slots: Positive
    """Questions answered at once; with several, answers may differ between runs."""
    candidates: Positive
    """Messages that are asked for where a commit is asked for alone; the one that the
    others agree with is kept."""
    page_samples: Positive | None
    """Changes that the page puts side by side for blind votes; None is all."""
    seed: int


class Root(Section):
    """The whole of a params file, whose seed its sections share."""

    experiment: ClassVar[str]
    """Where MLflow keeps the runs."""

    @model_validator(mode="before")
    @classmethod
    def _share_seed(cls, values: object) -> object:
        if isinstance(values, Mapping) and "seed" in values:
            return _with_seed(cls, values, values["seed"])
        return values


class Params(Root):
    """The whole of params.yaml."""

    experiment = "diffscribe"

    seed: int
    """Of all that is drawn; a section may set its own."""
    style: StyleParams
    harvest: HarvestParams
    label: LabelParams
    curate: CurateParams
    split: SplitParams
    baseline: BaselineParams
    base: BaseParams
    render: RenderParams
    train: TrainParams
    merge_quantize: MergeQuantizeParams
    eval: EvalParams

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        needs_type = self.render.task == "plan" and self.render.answer == "json"
        if self.style.message == "plain" and needs_type:
            raise ValueError(
                "style.message: plain needs render.answer: lines, as a plan in JSON "
                "has types"
            )
        tokens = self.render.max_prompt_tokens + self.render.max_answer_tokens
        limits = {
            "merge_quantize.num_ctx": self.merge_quantize.num_ctx,
            "eval.context_tokens": self.eval.context_tokens,
        }
        for key, limit in limits.items():
            if tokens > limit:
                raise ValueError(
                    "render.max_prompt_tokens + render.max_answer_tokens = "
                    f"{tokens} exceeds {key} = {limit}"
                )
        return self


def _with_seed(
    kind: type[Section], values: Mapping[str, object], seed: object
) -> dict[str, object]:
    """Give the seed to every section of values that draws and sets none itself."""
    given = dict(values)
    for name, field in kind.model_fields.items():
        section, below = field.annotation, given.get(name)
        if name == "seed":
            given.setdefault(name, seed)
        elif isinstance(section, type) and isinstance(below, Mapping):
            given[name] = _with_seed(section, below, seed)
    return given


def load_params(path: Path) -> Params:
    """Read a params file.

    Raises:
        ParamsError: naming every key that is unknown, missing or out of range.
    """
    return parse_params(read_yaml(path), path)


def read_yaml(path: Path) -> Any:
    """Return the document in a file of params; a key in it is in no error.

    Raises:
        ParamsError: if it cannot be read, is no YAML, or a URL in it holds what may
            be a key.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        _refuse_keys(values)
    except OSError as error:
        raise ParamsError(
            f"{path}: {error.strerror}; name a params file with --params"
        ) from error
    except yaml.MarkedYAMLError as error:
        # Its own words quote the line, in which there may be a key.
        words = " ".join(filter(None, (error.context, error.problem)))
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ParamsError(f"{path}: not valid YAML: {words}, line {line}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ParamsError(f"{path}: not valid YAML: {reason}") from error
    except ValueError as error:
        raise ParamsError(f"{path}: {error}") from error
    return values


def parse_params(values: object, path: Path) -> Params:
    """Check a params document that came from a file."""
    return check_params(values, path, Params)


R = TypeVar("R", bound=Root)


def check_params(values: object, path: Path, kind: type[R]) -> R:
    """Check a params document of any pipeline that came from a file.

    Raises:
        ParamsError: naming every key that is unknown, missing or out of range.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(each) for each in error.errors())
        raise ParamsError(f"{path}: {problems}") from error


def shown_params(params: Root) -> dict[str, Any]:
    """Return params as MLflow and readers of a card see them: no private source."""
    values = params.model_dump(mode="json")
    if isinstance(params, Params):
        values["harvest"]["sources"] = [
            each if not each["private"] else {"private": True}
            for each in values["harvest"]["sources"]
        ]
    return values


def params_schema() -> dict[str, Any]:
    """Return the JSON Schema of params.yaml and profiles, for editors.

    No key is required in it: a profile names a few, and `load_params` tells what
    params.yaml lacks.
    """
    schema = Params.model_json_schema()
    for each in (schema, *schema["$defs"].values()):
        each.pop("required", None)
    sources = schema["$defs"]["HarvestParams"]["properties"]["sources"]
    sources["items"] = {"anyOf": [{"type": "string"}, sources["items"]]}
    schema["title"] = "params.yaml of diffscribe, or a profile"
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "The profile that this one is laid over.",
    }
    return schema


def merge_params(
    values: dict[str, object], overrides: dict[str, object]
) -> dict[str, object]:
    """Return values with the overrides of a profile laid over them.

    Mappings are merged key by key, everything else is replaced.
    """
    merged = dict(values)
    for key, override in overrides.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(override, dict):
            merged[key] = merge_params(below, override)
        else:
            merged[key] = override
    return merged


def merge_sources(values: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return `merge_params`, where private entries that are replaced stay as marks.

    Another list of sources must not make a repository public.
    """
    merged: dict[str, Any] = merge_params(values, overrides)
    before, after = _sources(values), _sources(merged)
    if after != before:
        marks = [each for each in private_marks(before) if each not in after]
        merged["harvest"] = {**merged["harvest"], "sources": [*after, *marks]}
    return merged


def private_marks(sources: Iterable[Any]) -> list[Any]:
    """Return the private entries of harvest.sources, which mark and read nothing."""
    return [
        {**each, "read": False}
        for each in sources
        if isinstance(each, Mapping) and each.get("private")
    ]


def _sources(values: Mapping[str, Any]) -> list[Any]:
    section = values.get("harvest")
    sources = section.get("sources") if isinstance(section, Mapping) else None
    return sources if isinstance(sources, list) else []


def _problem(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}' (a typo?)"
    if error["type"] == "missing":
        return f"key '{key}' is missing"
    message = WORDS.get(error["type"]) or error["msg"]
    given = error["input"]
    if isinstance(given, str | int | float) and error["type"] != "value_error":
        message += f", not {given!r}"
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: {message}" if key else message
