import os
import subprocess
import sys
from ctypes import CDLL

import pytest

# torch and transformers are imported where a test runs: every worker reads this file.
pytestmark = pytest.mark.slow

LENGTHS = (300, 97, 40)
"""The longest has more than one block."""


def student(is_quick, **options):
    """Return a model of two layers with adapters that change what it computes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from diffscribe.train.cpu import attend_in_blocks, fuse_modules

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attention_bias=True,
    )
    lora = LoraConfig(
        r=4, target_modules="all-linear", init_lora_weights=False, **options
    )
    causal_lm = LlamaForCausalLM(config)
    if is_quick:
        attend_in_blocks(causal_lm)
    model = get_peft_model(causal_lm, lora)
    if is_quick:
        fuse_modules(model)
    return model.train()


def batch(lengths):
    """Return samples padded on the right, with loss on their last ten tokens."""
    import torch

    generator = torch.Generator().manual_seed(1)
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(1, 64, (length,), generator=generator)
        labels[row, length - 10 : length] = ids[row, length - 10 : length]
        mask[row, :length] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def loss_and_gradients(model, inputs):
    import torch

    model.zero_grad()
    loss = model(**inputs).loss
    loss.backward()
    learning = (p.grad for p in model.parameters() if p.requires_grad)
    return loss, torch.cat([gradient.flatten() for gradient in learning])


@pytest.mark.parametrize("length", [1, 255, 256, 600])
@pytest.mark.parametrize("heads_of_key", [1, 3, 9])
def test_attention_in_blocks_is_causal_attention(length, heads_of_key):
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from diffscribe.train.cpu import CausalAttention

    torch.manual_seed(length)
    shapes = [(2, heads, length, 16) for heads in (9, heads_of_key, heads_of_key)]
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    gradient = torch.randn(shapes[0])
    ours = CausalAttention.apply(*inputs, 0.25)
    theirs = scaled_dot_product_attention(
        *inputs, is_causal=True, scale=0.25, enable_gqa=True
    )
    theirs, gradient = theirs.transpose(1, 2), gradient.transpose(1, 2)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, gradient),
        torch.autograd.grad(theirs, inputs, gradient),
    )


@pytest.mark.parametrize(
    "options", [{}, {"lora_alpha": 9}, {"use_dora": True}, {"lora_bias": True}]
)
def test_a_padded_batch_learns_what_the_libraries_learn(options):
    import torch

    inputs = batch(LENGTHS)
    theirs = loss_and_gradients(student(is_quick=False, **options), inputs)
    ours = loss_and_gradients(student(is_quick=True, **options), inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_frozen_norm_is_that_of_transformers(dtype):
    import torch
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    from diffscribe.train.cpu import fuse_modules

    torch.manual_seed(0)
    norm = LlamaRMSNorm(48, eps=1e-3).to(getattr(torch, dtype))
    norm.requires_grad_(False).weight.uniform_(0.5, 2)
    x, gradient = torch.randn(2, 2, 9, 48).to(norm.weight.dtype)
    results = []
    for _ in range(2):
        given = (10 * x).requires_grad_()
        output = norm(given)
        results.append((output, *torch.autograd.grad(output, given, gradient)))
        fuse_modules(norm)
    torch.testing.assert_close(*results)


def losses(compute, answered, dtype, **options):
    """Return what a loss of two samples returns, and the gradients that it makes."""
    import torch

    dtype = getattr(torch, dtype)
    generator = torch.Generator().manual_seed(answered)
    hidden = torch.randn(2, 400, 16, generator=generator).to(dtype).requires_grad_()
    head = torch.randn(50, 16, generator=generator).to(dtype)
    head.requires_grad = options.pop("head_learns", False)
    labels = torch.full((2, 400), -100)
    places = torch.randperm(2 * 399, generator=generator)[:answered]
    places += 1 + places // 399  # the first token of a sample is no answer
    labels.view(-1)[places] = torch.randint(50, (answered,), generator=generator)
    if "lm_head_bias" in options:
        options["lm_head_bias"] = torch.full((50,), options["lm_head_bias"])
    loss, correct, _, count = compute(hidden, head, 256, labels=labels, **options)
    (loss * 3).backward()
    return loss, correct, count, hidden.grad, head.grad


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("answered", [0, 1, 256, 600])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_items_in_batch": 700},
        {"head_learns": True},
        {"logit_scale": 0.5},
        {"final_logit_softcapping": 2.0},
        {"lm_head_bias": 1.0},
    ],
)
def test_the_loss_of_answers_is_that_of_trl(answered, dtype, options):
    import torch

    from diffscribe.train.cpu import TRL_LOSS, _loss_of_answers

    ours = losses(_loss_of_answers, answered, dtype, **options)
    theirs = losses(TRL_LOSS, answered, dtype, **options)
    for one, other in zip(ours, theirs, strict=True):
        if one is None:
            assert other is None
        else:
            # The gradient of a logit is rounded to bfloat16 at another place.
            atol = 0.02 * float(other.abs().max()) if dtype == "bfloat16" else 1e-6
            torch.testing.assert_close(
                one, other, rtol=1e-5, atol=atol, check_dtype=False
            )


def test_padding_changes_nothing():
    import torch

    model = student(is_quick=True)
    masks = []
    attention = model.get_base_model().model.layers[0].self_attn
    attention.register_forward_pre_hook(
        lambda _, __, given: masks.append(given["attention_mask"]), with_kwargs=True
    )
    padded = model(**batch(LENGTHS)).logits
    for row, length in enumerate(LENGTHS):
        ids = batch(LENGTHS)["input_ids"][row : row + 1, :length]
        alone = model(input_ids=ids).logits[0]
        torch.testing.assert_close(padded[row, :length], alone)
    assert masks == [None] * (1 + len(LENGTHS))


def test_padding_on_the_left_is_still_masked():
    import torch

    inputs = batch((40,))
    del inputs["labels"]
    alone = student(is_quick=True)(**inputs).logits[0]
    for name in inputs:
        inputs[name] = torch.cat([torch.zeros(1, 9, dtype=torch.long), inputs[name]], 1)
    positions = torch.arange(49)[None] - 9
    padded = student(is_quick=True)(**inputs, position_ids=positions.clamp(min=0))
    torch.testing.assert_close(padded.logits[0, 9:], alone)


PROGRAM = """
from diffscribe.doors.torch_runtime import suit_torch_to_cpu
suit_torch_to_cpu()
import resource, torch
for size in (2**24, 2**23, 2**22):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(size)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(CDLL(None), "mallopt"), reason="malloc is not glibc's")
def test_threads_sleep_while_they_wait_and_memory_is_used_again():
    environment = {**os.environ, "OMP_DISPLAY_ENV": "true"}
    environment.pop("OMP_WAIT_POLICY", None)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in run.stderr
    _, *page_faults = map(float, run.stdout.split())
    # 2**22 numbers are 4,096 pages of 4 KiB.
    assert max(page_faults) < 1000
