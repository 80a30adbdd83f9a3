"""Attention in two parts: to keys that all rows share, and to each row's own.

    softmax([q·Sᵀ, q·Kᵀ])·[V_s, V] = (exp(q·Sᵀ − m)·V_s + exp(q·Kᵀ − m)·V) / (sum of all exps)

The shared part is one product for all rows, where copies of it in every row would be read anew for
each: with a prompt of some hundred tokens before every conversation that is most of the work.
Imported inside functions only, because it loads torch and transformers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from gadfly.assistants.local.kv import new_cache, roomy

__all__ = ["Layers", "read_shared", "sharing"]

Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""For each layer the keys and the values, each [heads, tokens, width]."""

_NAME = "gadfly_shared"
_SHARED: ContextVar[Layers] = ContextVar("shared")


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls in every layer; ``key`` and ``value`` are the rows' own."""
    keys, values = _SHARED.get()[module.layer_idx]
    rows, heads, columns, width = query.shape
    groups, own = key.shape[1], key.shape[2]
    shape = (rows, groups, heads // groups * columns, width)
    query = (query * (width**-0.5 if scaling is None else scaling)).reshape(shape)
    together = query.transpose(0, 1).reshape(groups, -1, width)
    to_shared = (together @ keys.transpose(1, 2)).float()
    to_shared = to_shared.view(groups, rows, shape[2], -1).transpose(0, 1)
    to_own = (query @ key.transpose(2, 3)).float().view(rows, groups, -1, columns, own)
    to_own = to_own.masked_fill(~attention_mask[:, :, None], float("-inf")).view(*shape[:3], own)
    most = torch.maximum(to_shared.amax(-1, keepdim=True), to_own.amax(-1, keepdim=True))
    to_shared, to_own = (to_shared - most).exp(), (to_own - most).exp()
    whole = to_shared.sum(-1, keepdim=True) + to_own.sum(-1, keepdim=True)
    to_shared, to_own = (to_shared / whole).to(value.dtype), (to_own / whole).to(value.dtype)
    from_shared = to_shared.transpose(0, 1).reshape(groups, -1, keys.shape[1]) @ values
    out = from_shared.view(groups, rows, shape[2], -1).transpose(0, 1) + to_own @ value
    return out.view(rows, heads, columns, -1).transpose(1, 2), None


def _mask(**given: Any) -> torch.Tensor | None:
    """The mask of the rows' own keys, always spelled out."""
    return sdpa_mask(**given | {"allow_is_causal_skip": False})


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, _mask)


@contextmanager
def sharing(model: Any, layers: Layers) -> Iterator[None]:
    """Within, the model reads these tokens before every row."""
    had = model.config._attn_implementation
    token = _SHARED.set(layers)
    model.config._attn_implementation = _NAME
    try:
        yield
    finally:
        model.config._attn_implementation = had
        _SHARED.reset(token)


def read_shared(model: Any, ids: Sequence[int]) -> Layers:
    """The keys and values of tokens that stand before every row; empty where a layer keeps others
    than those of plain attention.
    """
    cache = new_cache(model.config)
    layers = roomy(cache)
    if not layers:
        return ()
    row = torch.tensor([list(ids)], device=model.device)
    model(input_ids=row, attention_mask=torch.ones_like(row), past_key_values=cache, use_cache=True)
    return [layer.first_row() for layer in layers]
