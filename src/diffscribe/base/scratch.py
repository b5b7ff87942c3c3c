"""A small base model from nothing: its own tokenizer, a short pre-training.

It learns from the training split alone, so that nothing of the test
repositories can be in it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from diffscribe.commits.plan import plan_json
from diffscribe.commits.prompt import Prompts
from diffscribe.commits.student_prompt import CHARACTERS, render_student_prompt
from diffscribe.core.params import ScratchParams
from diffscribe.core.records import LabeledChange
from diffscribe.doors.llama_cpp import QWEN2_PRETOKENIZER_REGEX
from diffscribe.doors.torch_runtime import has_bf16

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

MAX_DOCUMENT_CHARS = 4000
"""Of a pre-training document; longer diffs are rendered to it."""

DOCUMENT_CONTEXT_LINES = 1
"""Around a change: the base learns code more than what repeats around it."""


def documents(changes: Iterable[LabeledChange], prompts: Prompts) -> list[str]:
    """Return the texts to pre-train on, in an order that only they decide.

    The base sees what any code model has seen: diffs, the messages their
    authors wrote, and JSON plans; but no plan beside its own diff, since that
    is what fine-tuning teaches.
    """
    texts = set()
    for change in changes:
        rendered = render_student_prompt(
            change, prompts, MAX_DOCUMENT_CHARS, DOCUMENT_CONTEXT_LINES, CHARACTERS
        )
        if rendered is not None:
            messages = "\n\n".join(commit.message for commit in change.commits)
            texts.add(f"{rendered.messages[-1].content}\n\n{messages}")
        texts.add(plan_json(change.label.plan))
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())


def train_tokenizer(texts: Sequence[str], system: str, params: ScratchParams) -> Any:
    """Return a byte-level BPE with Qwen2's pre-tokenizer and ChatML.

    No normalizer and this very regex are what llama.cpp reproduces byte for
    byte under the name `qwen2`.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PRETOKENIZER_REGEX), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=params.vocab_size,
        special_tokens=[END_OF_TEXT, TURN_START, TURN_END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([system, *texts], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        bos_token=None,
        unk_token=None,
        model_max_length=params.context_tokens,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def initial_model(tokenizer: Any, params: ScratchParams) -> Any:
    """Return a Qwen3 with random weights that fits the tokenizer.

    Qwen3 and not Qwen2, for which transformers would force a tokenizer with a
    normalizer that llama.cpp does not have.
    """
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=params.hidden_size,
            intermediate_size=params.intermediate_size,
            head_dim=params.hidden_size // params.num_attention_heads,
            num_hidden_layers=params.num_hidden_layers,
            num_attention_heads=params.num_attention_heads,
            num_key_value_heads=params.num_key_value_heads,
            max_position_embeddings=params.context_tokens,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    )


def pretrain(
    model: Any, tokenizer: Any, texts: Sequence[str], params: ScratchParams
) -> Iterator[float]:
    """Train the model in place on packed texts and yield each step's loss.

    Texts are joined, cut to blocks of `block_tokens` and repeated in order
    until the steps are done; the learning rate warms up for a tenth of the
    steps and falls along a cosine to a tenth of itself.
    """
    import torch
    from transformers import get_cosine_with_min_lr_schedule_with_warmup

    blocks = _blocks(tokenizer, texts, params.block_tokens)
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=params.learning_rate, weight_decay=0.01, fused=True
    )
    schedule = get_cosine_with_min_lr_schedule_with_warmup(
        optimizer, params.steps // 10, params.steps, min_lr_rate=0.1
    )
    bf16 = has_bf16()
    for step in range(params.steps):
        rows = torch.arange(step * params.batch_size, (step + 1) * params.batch_size)
        batch = blocks[rows % len(blocks)]  # (batch, block)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        yield loss.item()
    model.eval()


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer as a folder that transformers loads."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _blocks(tokenizer: Any, texts: Sequence[str], block_tokens: int) -> Any:
    """Return (blocks, block_tokens) int64; the incomplete rest is dropped."""
    import torch

    end = tokenizer.eos_token_id
    encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    joined = [token for ids in encoded for token in (*ids, end)]
    # A split smaller than one block is repeated until it fills one.
    while len(joined) < block_tokens:
        joined += joined
    count = len(joined) // block_tokens
    return torch.tensor(joined[: count * block_tokens]).view(count, block_tokens)
