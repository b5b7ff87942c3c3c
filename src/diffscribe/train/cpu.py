"""What makes training quick on a CPU, with the results of the code it stands in for.

torch's fused attention takes a third of a step on a CPU, nearly all of it backward, so
its backward pass here is matrix products over blocks of queries. PEFT converts what an
adapter reads to float32 and adds its result in a pass over all activations; here the
matrix product that makes the result adds it. TRL computes logits for a multiple of 256
tokens, twice, with their entropy; here only those of the answers are computed, once.
"""

from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch.nn import functional
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm
from trl.trainer import sft_trainer

ATTENTION = "causal_blocks"
"""The name of the attention among those of transformers."""
BLOCK = 256
"""Queries of a block: enough for a quick product, and few that see no use of half of
its keys. Also the tokens whose logits are kept at once."""
NORMS = (LlamaRMSNorm, Qwen2RMSNorm, Qwen3RMSNorm)
TRL_LOSS = sft_trainer._chunked_cross_entropy_loss


def attend_in_blocks(causal_lm: Any) -> None:
    """Replace torch's fused attention of a model; another one stays as it is."""
    if causal_lm.config._attn_implementation == "sdpa":
        ALL_ATTENTION_FUNCTIONS.register(ATTENTION, _attention)
        ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, _mask)
        causal_lm.set_attn_implementation(ATTENTION)


def fuse_modules(model: Any) -> None:
    """Replace how plain LoRA and frozen norms compute; others stay as they are."""
    for module in model.modules():
        if isinstance(module, LoraLinear) and _is_plain(module):
            module.forward = MethodType(_adapted, module)
        elif type(module) in NORMS and not module.weight.requires_grad:
            module.forward = MethodType(_normed, module)


def compute_loss_once() -> None:
    """Replace how TRL's trainers of this process compute the loss `chunked_nll`."""
    sft_trainer._chunked_cross_entropy_loss = _loss_of_answers


def _mask(*args: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
    """Return no mask for padding on the right, which no causal query looks at."""
    if attention_mask is not None and (attention_mask.int().diff() <= 0).all():
        attention_mask = None
    return sdpa_mask(*args, attention_mask=attention_mask, **kwargs)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return [batch, length, heads, width], as every attention of transformers."""
    is_causal = kwargs.get("is_causal")
    if (
        attention_mask is not None
        or dropout
        or not (module.is_causal if is_causal is None else is_causal)
        or query.shape[2] != key.shape[2]
        or query.shape[3] != value.shape[3]
    ):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **kwargs
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        query, key, value = (each.to(dtype) for each in (query, key, value))
    return CausalAttention.apply(query, key, value, scale), None


class CausalAttention(torch.autograd.Function):
    """softmax(query key^T scale) value, where no query sees a later key.

    Shapes are [batch, heads, length, width], the result's [batch, length, heads,
    width]. Key and value may have fewer heads, each for as many heads of query that
    follow each other.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Leave it to torch, whose forward pass is quick."""
        ctx.save_for_backward(query, key, value)
        ctx.scale = scale
        return functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scale, enable_gqa=True
        ).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """Compute the weights again: kept, they grow with the square of the length."""
        query, key, value = ctx.saved_tensors
        queries, keys, values = (
            _grouped(query, key),
            key.flatten(0, 1),
            value.flatten(0, 1),
        )
        gradients = _grouped(gradient.transpose(1, 2), key)
        to_queries = torch.empty(queries.shape, dtype=query.dtype)
        # Blocks add up here, and bfloat16 would lose a little of each.
        to_keys = torch.zeros(keys.shape, dtype=torch.float32)
        to_values = torch.zeros(values.shape, dtype=torch.float32)
        length = query.shape[2]
        for start in range(0, length, BLOCK):
            end = min(start + BLOCK, length)
            rows = gradients[:, :, start:end].flatten(1, 2)
            scaled = (queries[:, :, start:end] * ctx.scale).flatten(1, 2)
            weights = _weights(scaled, keys[:, :end], end - start)
            to_values[:, :end] += torch.bmm(weights.transpose(1, 2), rows)
            to_scores = torch._softmax_backward_data(
                torch.bmm(rows, values[:, :end].transpose(1, 2)),
                weights,
                -1,
                weights.dtype,
            )
            to_keys[:, :end] += torch.bmm(to_scores.transpose(1, 2), scaled)
            block = to_queries[:, :, start:end]
            product = torch.bmm(to_scores, keys[:, :end])
            torch.mul(product.view(block.shape), ctx.scale, out=block)
        return (
            to_queries.view(query.shape),
            to_keys.to(key.dtype).view(key.shape),
            to_values.to(value.dtype).view(value.shape),
            None,
        )


def _grouped(heads: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Return [batch * heads of key, heads for each of them, length, width]."""
    batch, _, length, width = heads.shape
    return heads.reshape(batch * key.shape[1], -1, length, width)


def _weights(scaled: torch.Tensor, keys: torch.Tensor, size: int) -> torch.Tensor:
    """Return the attention of the last `size` queries, of all heads of a key."""
    scores = torch.bmm(scaled, keys.transpose(1, 2))
    later = torch.full((size, size), -torch.inf, dtype=scores.dtype).triu(1)
    scores.view(len(scores), -1, *(size, keys.shape[1]))[..., -size:] += later
    return torch.softmax(scores, -1)


class AdaptedLinear(torch.autograd.Function):
    """x (weight + scaling up down)^T + bias, of which only down and up learn."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Add the adapter in the product that makes it."""
        rows = x.flatten(0, -2)
        down, up = down.to(x.dtype), (up * scaling).to(x.dtype)
        thin = rows @ down.T
        output = functional.linear(rows, weight, bias).addmm_(thin, up.T)
        ctx.save_for_backward(rows, thin, weight, down, up)
        ctx.shape, ctx.scaling = x.shape, scaling
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """Give no gradient to what nothing below learns from, the first layer's x."""
        rows, thin, weight, down, up = ctx.saved_tensors
        gradient = gradient.flatten(0, -2)
        to_thin = gradient @ up
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (gradient @ weight).addmm_(to_thin, down).view(ctx.shape)
        to_down = (to_thin.T @ rows).float()
        # The product of few rows is quicker than that of few columns.
        to_up = (thin.T @ gradient).T.float() * ctx.scaling
        return to_x, None, None, to_down, to_up, None


class FrozenNorm(torch.autograd.Function):
    """x / sqrt(mean(x^2) + epsilon) weight, over the last dimension, in float32.

    Autograd would keep two copies of x in float32, a quarter of a step's memory.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float
    ) -> torch.Tensor:
        """Round as the models of transformers do."""
        wide = x.float()
        scale = (wide.square().mean(-1, keepdim=True) + epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        # A float32 x is its own copy, and not ours to change.
        wide = wide * scale if wide is x else wide.mul_(scale)
        return weight * wide.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """Give the weight no gradient."""
        x, weight, scale = ctx.saved_tensors
        to_normed = (gradient * weight).float()
        wide = x.float()
        along = (to_normed * wide).mean(-1, keepdim=True) * scale.pow(3)
        return (
            (to_normed * scale).addcmul_(wide, along, value=-1).to(x.dtype),
            None,
            None,
        )


def _normed(module: Any, x: torch.Tensor) -> torch.Tensor:
    return FrozenNorm.apply(x, module.weight, module.variance_epsilon)


class AnswerLoss(torch.autograd.Function):
    """The summed cross-entropy at a frozen head, and the number of likeliest tokens.

    `hidden` is [tokens, width]. Its gradient is made while the logits are there, so
    they are computed once.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Round as TRL does: the products as `hidden` is, the softmax in float32."""
        weight = weight.to(hidden.dtype)
        gradient = torch.empty_like(hidden)
        loss, correct = torch.zeros(()), torch.zeros(())
        for start in range(0, len(labels), BLOCK):
            block = slice(start, start + BLOCK)
            logits = (hidden[block] @ weight.T).float()
            targets = labels[block, None]
            correct += (logits.argmax(-1, keepdim=True) == targets).sum()
            logits -= logits.logsumexp(-1, keepdim=True)
            loss -= logits.gather(-1, targets).sum()
            if ctx.needs_input_grad[0]:
                ones = torch.ones(targets.shape)
                logits.exp_().scatter_add_(-1, targets, -ones)
                torch.mm(logits.to(weight.dtype), weight, out=gradient[block])
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(correct)
        return loss, correct

    @staticmethod
    def backward(ctx: Any, to_loss: torch.Tensor, _: torch.Tensor) -> Any:
        """Give the head no gradient."""
        (gradient,) = ctx.saved_tensors
        return gradient * to_loss, None, None


def _loss_of_answers(
    hidden_states: torch.Tensor,
    lm_head_weight: torch.Tensor,
    chunk_size: int,
    labels: torch.Tensor | None = None,
    num_items_in_batch: torch.Tensor | int | None = None,
    logit_scale: float = 1.0,
    **others: Any,
) -> tuple[torch.Tensor, ...]:
    """Return the loss, tokens that were right, no entropy, and the number of tokens."""
    plain = logit_scale == 1 and not any(each is not None for each in others.values())
    if labels is None or lm_head_weight.requires_grad or not plain:
        return TRL_LOSS(
            hidden_states,
            lm_head_weight,
            chunk_size,
            labels=labels,
            num_items_in_batch=num_items_in_batch,
            logit_scale=logit_scale,
            **others,
        )
    labels = labels[..., 1:]
    answered = labels >= 0
    hidden, labels = hidden_states[..., :-1, :][answered], labels[answered]
    loss, correct = AnswerLoss.apply(hidden, lm_head_weight, labels)
    count = answered.sum()
    if num_items_in_batch is None:
        num_items_in_batch = count.clamp(min=1)
    return loss / num_items_in_batch, correct, torch.tensor(torch.nan), count


def _is_plain(module: Any) -> bool:
    """Tell whether an adapter is LoRA as first described, without dropout."""
    (name, *others) = module.active_adapters
    return (
        type(module.base_layer) is torch.nn.Linear
        and not others
        and not module.lora_variant
        and not module.lora_bias[name]
        and isinstance(module.lora_dropout[name], torch.nn.Identity)
    )


def _adapted(module: Any, x: torch.Tensor) -> torch.Tensor:
    (name,) = module.active_adapters
    base = module.base_layer
    down, up = module.lora_A[name].weight, module.lora_B[name].weight
    return AdaptedLinear.apply(
        x, base.weight, base.bias, down, up, module.scaling[name]
    )
