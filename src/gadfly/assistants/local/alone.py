"""The logits after tokens that are read alone: the same whatever else is sampled.

Tokens are read in blocks of :data:`BLOCK`, counted from the first, so that a block's keys and
values come from the same computation every time and can be kept: of a long prompt that many replies
share only the last blocks are read anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.assistants.local.shared import Layers

__all__ = ["BLOCK", "Alone", "Forward"]

BLOCK = 64
"""Tokens that are read at once."""
_KEPT = 8192  # tokens whose keys and values are kept


class Forward(Protocol):
    """A pass of the model."""

    def __call__(
        self, ids: Tensor, mask: Tensor, positions: Tensor, *, cache: Any = None, shared: Layers
    ) -> Tensor:
        """The logits after the last column."""


class Alone:
    """Reads tokens of one conversation at a time."""

    def __init__(self, forward: Forward, config: Any, device: Any) -> None:
        self._forward, self._config, self._device = forward, config, device
        self._kept: OrderedDict[tuple[int, ...], Layers] = OrderedDict()

    def logits(self, ids: Sequence[int]) -> Tensor:
        """The logits after these tokens, [1, vocabulary]."""
        import torch

        from gadfly.assistants.local.kv import filled, new_cache, roomy

        tokens = tuple(ids)
        cache = new_cache(self._config)
        size = BLOCK if roomy(cache) else len(tokens)
        starts = range(0, len(tokens), size)
        start = max((s for s in starts if tokens[:s] in self._kept), default=0)
        while True:
            before, end = tokens[:start], min(start + size, len(tokens))
            if start:  # always from what is kept, so that every time all lies alike in memory
                self._kept.move_to_end(before)
                cache = filled(self._config, self._kept[before])
            row = torch.tensor([tokens[start:end]], device=self._device)
            positions = torch.arange(start, end, device=self._device)[None]
            mask = torch.ones((1, end), dtype=torch.long, device=self._device)
            logits = self._forward(row, mask, positions, cache=cache, shared=())
            if end == len(tokens):
                return logits
            self._keep(tokens[:end], [layer.first_row() for layer in roomy(cache)])
            start = end

    def _keep(self, tokens: tuple[int, ...], layers: Layers) -> None:
        self._kept[tokens] = layers
        while len(self._kept) > 1 and sum(map(len, self._kept)) > _KEPT:
            self._kept.popitem(last=False)
