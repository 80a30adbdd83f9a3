"""Reading a sequence classifier: at every reply of a conversation at once, or at its end alone.

A causal model's state at a token does not depend on what comes after it. So one pass over a whole
conversation holds, at the terminator of each reply, just what a pass over the conversation up to
there would end with, and the head can be applied to all of them. Whether a model is causal is not
guessed from its name: :func:`find_mode` changes the end of a text and looks whether the states
before it move, and checks that the head at the last token is what the model itself answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

__all__ = ["Mode", "find_mode", "padding_is_inert", "read_ends", "read_places"]

Mode = Literal["one pass", "prefixes"]
"""How a model scores the replies of one conversation."""

_PROBED = 48  # tokens of the probe
_STILL = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 5e-3}  # of the size of the states


def read_places(
    model: Any, texts: Sequence[Sequence[int]], places: Sequence[Sequence[int]]
) -> list[list[float]]:
    """The head's answer at the given places of each text, by one pass; for causal models only.

    Padding stands behind the text, where no state that is read can see it, so no mask is needed.
    """
    import torch

    longest = max(map(len, texts))
    padded = [[*text, *[text[-1]] * (longest - len(text))] for text in texts]
    rows = [row for row, wanted in enumerate(places) for _ in wanted]
    columns = [place for wanted in places for place in wanted]
    with torch.inference_mode():
        states = _states(model, torch.tensor(padded, device=model.device))
        values = iter(model.score(states[rows, columns])[:, 0].float().tolist())
    return [[next(values) for _ in wanted] for wanted in places]


def read_ends(model: Any, texts: Sequence[Sequence[int]], pad: int) -> list[float]:
    """The model's own answer for each whole text."""
    import torch

    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *[pad] * (longest - len(text))] for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    with torch.inference_mode():
        found = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))
    return [float(value) for value in found.logits[:, 0].float().tolist()]


def _states(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Last hidden states of the model below the head, (texts, tokens, width)."""
    below = getattr(model, model.base_model_prefix)
    states: torch.Tensor = below(input_ids=ids, use_cache=False).last_hidden_state
    return states


def find_mode(model: Any, *, pad: int, window: int) -> Mode:
    """ "one pass" where that is the same as prefix by prefix, found out by trying.

    The probe is a text of tokens and the same with another second half. Its sums are done in the
    model's own type.
    """
    import torch

    if not _can_be_read(model):
        return "prefixes"
    text = _probe(model, pad, min(_PROBED, window))
    half, size = len(text) // 2, int(model.config.get_text_config().vocab_size)
    other = text[:half] + [(token + 5) % size for token in text[half:]]
    with torch.inference_mode():
        one, two = _states(model, torch.tensor([text, other], device=model.device)).float()
    bound = _still(model) * float(one.abs().max())
    if float((one[:half] - two[:half]).abs().max()) > bound:
        return "prefixes"
    [[ours]] = read_places(model, [text], [[half - 1]])
    [theirs] = read_ends(model, [text[:half]], pad)
    return "one pass" if abs(ours - theirs) <= _still(model) * max(1.0, abs(theirs)) else "prefixes"


def padding_is_inert(model: Any, *, pad: int, window: int) -> bool:
    """Whether a text is answered alike alone and beside a longer one, found out by trying.

    Without that there is no training in batches: transformers 5.23 has models that look ahead in a
    text that stands alone, and do not in one that is padded.
    """
    import torch

    text = _probe(model, pad, min(_PROBED, window))
    half = len(text) // 2
    below = getattr(model, model.base_model_prefix)
    padded = torch.tensor([[*text[:half], *[pad] * half], text[: 2 * half]], device=model.device)
    mask = torch.ones_like(padded)
    mask[0, half:] = 0
    with torch.inference_mode():
        beside = below(input_ids=padded, attention_mask=mask).last_hidden_state[0, :half]
        alone = below(input_ids=padded[:1, :half], attention_mask=mask[1:, :half])
        alone = alone.last_hidden_state[0]
    bound = _still(model) * float(alone.abs().max())
    return float((alone - beside).abs().max()) <= bound


def _probe(model: Any, pad: int, length: int) -> list[int]:
    """Tokens spread over the vocabulary, padding not among them."""
    size = int(model.config.get_text_config().vocab_size)
    text = [(7919 * place + 11) % size for place in range(length)]
    return [token if token != pad else (token + 1) % size for token in text]


def _still(model: Any) -> float:
    """How far sums of the model's type may differ in another order, of their size."""
    return _STILL[str(model.dtype).removeprefix("torch.")]


def _can_be_read(model: Any) -> bool:
    """Whether there is a head ``score`` over a model that it is the head of."""
    from torch import nn

    below = getattr(model, "base_model_prefix", "")
    return isinstance(getattr(model, "score", None), nn.Linear) and isinstance(
        getattr(model, below or "-", None), nn.Module
    )
