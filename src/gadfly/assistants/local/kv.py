"""Keys and values with room to grow: a step of sampling writes one column, and copies nothing.

Imported inside functions only, because it loads torch and transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from gadfly.errors import ProgrammerError

__all__ = ["Roomy", "filled", "new_cache", "roomy"]

_ROOM = 64  # columns that are added at once


class Roomy(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer whose columns lie in a buffer that is larger than they are."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write new columns behind those there; returns views of all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        had = self.get_seq_length()
        size = had + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < size:
            self._buffers = (
                self._larger(self.keys, key_states, size),
                self._larger(self.values, value_states, size),
            )
        keys, values = self._buffers
        keys[:, :, had:size] = key_states
        values[:, :, had:size] = value_states
        self.keys, self.values = keys[:, :, :size], values[:, :, :size]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, each as often as it is named."""
        self._buffers = None  # the next update makes room anew
        super().batch_select_indices(indices)

    def first_row(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of the first row, each [heads, tokens, width]."""
        if self.keys is None or self.values is None:
            raise ProgrammerError("nothing was read yet")
        return self.keys[0].contiguous(), self.values[0].contiguous()

    @staticmethod
    def _larger(old: torch.Tensor | None, like: torch.Tensor, size: int) -> torch.Tensor:
        rows, heads, _, width = like.shape
        made = like.new_zeros((rows, heads, size + _ROOM, width))
        if old is not None and old.numel():
            made[:, :, : old.shape[-2]] = old
        return made


def filled(config: Any, layers: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> DynamicCache:
    """A cache of one row that holds these keys and values, each [heads, tokens, width]."""
    cache = new_cache(config)
    for layer, (keys, values) in zip(roomy(cache), layers, strict=True):
        layer.update(keys[None], values[None])
    return cache


def roomy(cache: DynamicCache) -> list[Roomy]:
    """Its layers; none where any of them keeps other states than those of plain attention."""
    found = [layer for layer in cache.layers if isinstance(layer, Roomy)]
    return found if len(found) == len(cache.layers) else []


def new_cache(config: Any) -> DynamicCache:
    """An empty cache for a model; layers that see everything have room to grow."""
    cache = DynamicCache(config=config)
    cache.layers = [Roomy() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
