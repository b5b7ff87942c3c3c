"""A folder with a transformers model: where it comes from, and its tokenizer."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.core.files import write_json
from diffscribe.core.records import Message, TrainingSample


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Explain why a model folder, or a file of it, cannot be loaded.

    Raises:
        SourceError: for what transformers, tokenizers and safetensors raise of
            files that are missing, cut off or of another kind.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, StrictDataclassError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{path} cannot be loaded: {reason.rstrip('.')}; fetch it anew, or run "
            "the stage again that writes it"
        ) from error


def download(model: str, revision: str, patterns: Sequence[str], folder: Path) -> None:
    """Fill a folder with the files of a model of the hub that fit the patterns.

    Raises:
        ToolError: if the hub cannot be reached or does not have the model.
    """
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(
            model, revision=revision, allow_patterns=list(patterns), local_dir=folder
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        raise ToolError(
            f"base.source '{model}' at {revision} cannot be downloaded: "
            f"{str(error).splitlines()[0]}; check id, revision and network, or give "
            "a local folder"
        ) from error
    # Download records carry times, and equal inputs must give equal bytes.
    shutil.rmtree(folder / ".cache", ignore_errors=True)


NO_DRAWING = ("_from_model_config", "transformers_version", "use_cache", "max_length")
"""What generation_config.json may hold besides the ids of tokens."""


def drop_sampling(folder: Path) -> None:
    """Remove from a model folder how its maker would draw answers.

    llama.cpp's converter would copy it into a GGUF, where llama-server takes it for
    every request that says nothing else. A repetition penalty there forbids exactly
    what a plan repeats: types, scopes and paths.
    """
    from transformers import GenerationConfig

    options = GenerationConfig().to_dict()
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        if not path.is_file():
            continue
        with damage_explained(path):
            values = json.loads(path.read_text(encoding="utf-8"))
        kept = {
            key: value
            for key, value in values.items()
            if key in NO_DRAWING
            or key.endswith("_token_id")
            or key.startswith("output_")
            # Old models have some options in config.json, beside what it is for.
            or (name == "config.json" and key not in options)
        }
        if kept != values:
            write_json(path, kept)


def load_tokenizer(base: Path) -> Any:
    """Return the transformers tokenizer of a model folder.

    Read from tokenizer.json as it is: AutoTokenizer would import every model
    class for it, and for some model types replace its normalizer.

    Raises:
        SourceError: if the folder holds no tokenizer with a chat template, or
            one of them is damaged.
    """
    from jinja2 import TemplateError
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    document = base / "tokenizer.json"
    if not document.is_file():
        raise SourceError(
            f"{base}: no tokenizer.json; run 'dvc repro base' to make the base"
        )
    with damage_explained(document):
        # transformers would pass on a bare Exception; this is a ValueError.
        Tokenizer.from_buffer(document.read_bytes())
    with damage_explained(base):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    if not tokenizer.chat_template:
        raise SourceError(
            f"{base}: the tokenizer has no chat template; use an instruct model"
        )
    chat = [Message(role="system", content="a"), Message(role="user", content="b")]
    try:
        count_chat_tokens(tokenizer, chat, asks=True)
    except TemplateError as error:
        raise SourceError(
            f"{base}: the chat template cannot show a system and a user message: "
            f"{error}; use another instruct model"
        ) from error
    return tokenizer


def token_counters(
    base: Path,
) -> tuple[Callable[[str], int], Callable[[Sequence[Message]], int]]:
    """Return what counts a text and a chat that asks, by a model folder's tokenizer.

    Raises:
        SourceError: if it holds no tokenizer that can be loaded.
    """
    tokenizer = load_tokenizer(base)
    return (
        partial(count_text_tokens, tokenizer),
        partial(count_chat_tokens, tokenizer, asks=True),
    )


def has_encoder(folder: Path) -> bool:
    """Tell whether a model folder holds an encoder and a decoder, such as T5's."""
    config = folder / "config.json"
    with damage_explained(config):
        values = json.loads(config.read_bytes())
    return isinstance(values, dict) and bool(values.get("is_encoder_decoder"))


def load_encoder_tokenizer(base: Path) -> Any:
    """Return the tokenizer of a model with an encoder, which has no chat template.

    Raises:
        SourceError: if the folder holds none that can be loaded.
    """
    from transformers import AutoTokenizer

    with damage_explained(base):
        return AutoTokenizer.from_pretrained(base, trust_remote_code=False)


def encoder_counters(
    base: Path,
) -> tuple[Callable[[str], int], Callable[[Sequence[Message]], int]]:
    """Return what `token_counters` does, of a model with an encoder.

    Raises:
        SourceError: if it holds no tokenizer that can be loaded.
    """
    tokenizer = load_encoder_tokenizer(base)

    def count(text: str) -> int:
        return len(tokenizer(text, verbose=False)["input_ids"])

    return count, lambda chat: count("\n\n".join(each.content for each in chat))


def count_text_tokens(tokenizer: Any, text: str) -> int:
    """Count the tokens of plain text, without special tokens."""
    # The tokenizer's own call takes several times as long for a line.
    return len(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False))


def count_chat_tokens(
    tokenizer: Any, messages: Sequence[Message], *, asks: bool
) -> int:
    """Count the tokens of a chat; `asks` adds the head of the answer."""
    return len(
        tokenizer.apply_chat_template(
            [message.model_dump() for message in messages],
            add_generation_prompt=asks,
            tokenize=True,
            return_dict=False,
            tokenizer_kwargs={"verbose": False},
            **chat_template_kwargs(tokenizer),
        )
    )


def max_chat_tokens(tokenizer: Any, samples: Iterable[TrainingSample]) -> int:
    """Return the length of the longest sample, prompt and answer together."""
    return max(_sample_tokens(tokenizer, sample) for sample in samples)


def _sample_tokens(tokenizer: Any, sample: TrainingSample) -> int:
    prompt, completion = sample.prompt, sample.completion
    if isinstance(prompt, str) or isinstance(completion, str):
        # The end of the text is a token more.
        return count_text_tokens(tokenizer, f"{prompt}{completion}") + 1
    return count_chat_tokens(tokenizer, [*prompt, *completion], asks=False)


def chat_template_kwargs(tokenizer: Any) -> dict[str, Any]:
    """Return what the template needs to answer at once, without thinking."""
    return (
        {"enable_thinking": False}
        if "enable_thinking" in (tokenizer.chat_template or "")
        else {}
    )
