"""From logits and a chance to a token, and whether the draw was too close to call.

A chance u in [0, 1) falls into the first token whose cumulative probability exceeds it, tokens in
the order of their ids:

    p = softmax(logits / T)        top_p: the fewest most probable tokens with mass ≥ top_p, scaled
    F = cumsum(p)                  token = min {k : F(k) > u}         T = 0: argmax

The same tokens give logits that differ in their last digits with the shape of the batch, the more
the larger they are. Where no logit moves by more than e, F moves by at most 2·(e/T)·F·(1−F); a
chance closer to F than that might fall on either side, and is called close. Whoever asks settles it
by logits that do not depend on the batch. Where the border of the nucleus is in doubt, F may be off
by the mass of the tokens at it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Drawn", "draw"]


@dataclass(frozen=True)
class Drawn:
    """A token for each row."""

    tokens: Tensor
    """int64 [rows]."""
    close: Tensor
    """bool [rows]: noise in the logits might have changed the token."""


def draw(
    logits: Tensor, chances: Tensor, *, temperature: Tensor, top_p: Tensor, noise: float
) -> Drawn:
    """Draw a token for each row.

    :param logits: [rows, vocabulary].
    :param chances: float64 [rows], in [0, 1).
    :param temperature: float64 [rows]; 0 is greedy.
    :param top_p: float64 [rows], in (0, 1].
    :param noise: by how much a logit may be off, for each unit between the largest and the middle
        one.
    """
    import torch

    logits = logits.double()
    greedy = temperature == 0
    heat = torch.where(greedy, 1.0, temperature)
    off = noise * (logits.amax(-1) - logits.median(-1).values)
    shift = (off / heat)[:, None]
    probs = torch.softmax(logits / heat[:, None], dim=-1)
    close, doubtful = torch.zeros_like(greedy), torch.zeros_like(shift)
    if bool((top_p < 1).any()):
        probs, doubtful = _nucleus(probs, top_p[:, None], shift)
    ends = probs.cumsum(-1)
    ends = ends / ends[:, -1:]
    chances = chances.contiguous()[:, None]
    tokens = torch.searchsorted(ends, chances, right=True)
    tokens = tokens.clamp(max=logits.shape[-1] - 1)
    upper = ends.gather(1, tokens)
    lower = torch.where(tokens > 0, ends.gather(1, (tokens - 1).clamp(min=0)), 0.0)
    for edge in (lower, upper):
        close |= ((chances - edge).abs() <= _slack(edge, shift) + doubtful)[:, 0]
    two = logits.topk(2, dim=-1)
    return Drawn(
        torch.where(greedy, two.indices[:, 0], tokens[:, 0]),
        torch.where(greedy, two.values[:, 0] - two.values[:, 1] <= 2 * off, close),
    )


def _slack(mass: Tensor, shift: Tensor) -> Tensor:
    """By how much a cumulative probability may be off."""
    return 2 * shift * mass * (1 - mass)


def _nucleus(probs: Tensor, top_p: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """The probabilities of the nucleus alone, and the mass that may be in it or not, [rows, 1]."""
    import torch

    ranked, order = probs.sort(dim=-1, descending=True, stable=True)
    before = ranked.cumsum(-1) - ranked
    kept = before < top_p
    last = kept.sum(-1, keepdim=True) - 1
    after = (last + 1).clamp(max=probs.shape[-1] - 1)
    inside, outside = before.gather(1, last), before.gather(1, after)
    near = (top_p - inside <= _slack(inside, shift)) & (last > 0)
    near |= (outside - top_p).abs() <= _slack(outside, shift)
    lowest, next_one = ranked.gather(1, last), ranked.gather(1, after)
    near |= (lowest.log() - next_one.log() <= 2 * shift) & (after > last)
    alike = (ranked.log() - lowest.log()).abs() <= 2 * shift
    doubtful = torch.where(alike, ranked, 0.0).sum(-1, keepdim=True) + next_one
    nucleus = torch.zeros_like(probs).scatter(1, order, torch.where(kept, ranked, 0.0))
    whole = top_p >= 1
    mass = torch.where(kept, ranked, 0.0).sum(-1, keepdim=True)
    return torch.where(whole, probs, nucleus), torch.where(near & ~whole, doubtful / mass, 0.0)
