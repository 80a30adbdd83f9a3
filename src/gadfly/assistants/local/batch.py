"""A batch under way: its rows, what the model has read of them, and what they are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.assistants.local.shared import Layers

__all__ = ["Row", "State", "padded"]


@dataclass
class Row:
    """A reply in the making."""

    prompt: tuple[int, ...]
    """Token ids before it."""
    most: int
    """Tokens that it can have."""
    temperature: float
    """0 is greedy."""
    top_p: float
    """1 is all."""
    chances: list[float]
    """What its tokens are drawn by, one for each."""
    ids: list[int] = field(default_factory=list)
    """Tokens so far."""
    finished: bool = False
    """It has ended by itself."""

    @property
    def over(self) -> bool:
        """No further token is drawn."""
        return self.finished or len(self.ids) >= self.most


class State:
    """The rows that are still drawn, with their keys and values."""

    def __init__(
        self, rows: list[Row], which: Tensor, *, cache: Any, mask: Tensor, shared: Layers
    ) -> None:
        """From one row for each prompt to one row for each reply.

        :param which: [rows], the place of each row's prompt in ``cache`` and ``mask``.
        :param shared: what the model reads before every row.
        """
        import torch

        self.rows, self.cache, self.shared = rows, cache, shared
        self.drawn = 0
        """Tokens drawn so far."""
        device, most = mask.device, max(row.most for row in rows)
        self.cache.batch_select_indices(which)
        self._width = mask.shape[1]
        self._mask = torch.cat([mask[which], mask.new_ones((len(rows), most))], dim=1)
        self._lengths = torch.tensor([len(row.prompt) for row in rows], device=device)
        chances = [row.chances + [0.0] * (most - len(row.chances)) for row in rows]
        numbers: dict[str, Any] = {"dtype": torch.float64, "device": device}
        self.chances = torch.tensor(chances, **numbers)
        self.temperature = torch.tensor([row.temperature for row in rows], **numbers)
        self.top_p = torch.tensor([row.top_p for row in rows], **numbers)

    def keep(self, places: list[int]) -> None:
        """Let all other rows go."""
        import torch

        kept = torch.tensor(places, device=self._mask.device)
        self.rows = [self.rows[place] for place in places]
        self.cache.batch_select_indices(kept)
        for name in ("_mask", "_lengths", "chances", "temperature", "top_p"):
            setattr(self, name, getattr(self, name)[kept])

    def next_column(self) -> tuple[Tensor, Tensor]:
        """Mask and positions for the token just drawn."""
        positions = (self._lengths + self.drawn)[:, None]
        self.drawn += 1
        self._width += 1
        return self._mask[:, : self._width], positions


def padded(prompts: Sequence[Sequence[int]], pad: int, device: Any) -> tuple[Tensor, Tensor]:
    """Prompts of different lengths as one block with the padding on the left, and its mask."""
    import torch

    width = max(map(len, prompts))
    ids = [[pad] * (width - len(p)) + list(p) for p in prompts]
    mask = [[0] * (width - len(p)) + [1] * len(p) for p in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
