"""Texts as vectors: the hidden states of a language model, averaged over tokens.

    embedding = mean over tokens of h_layer        layer: about 3/4 of the depth where not given

as in Ganguli et al. (2022, figure 2), who average over the tokens of a transcript at layer 48 of
64. Conversations of like length are read together; padding stands on the right, is masked, and is
in no mean, so a vector does not depend on what else was read (up to float32's last digits). A
conversation longer than the model's context is embedded by its beginning, and counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gadfly.errors import PersonError
from gadfly.models.loading import context_of
from gadfly.models.memory import enough_memory
from gadfly.models.tokens import Encoder
from gadfly.preference.neural.batches import buckets

if TYPE_CHECKING:
    from gadfly.models.loading import Loaded
    from gadfly.records.values import Message

__all__ = ["Embedded", "default_layer", "embed"]

_DEPTH = 0.75


@dataclass(frozen=True)
class Embedded:
    """Conversations as vectors."""

    vectors: NDArray[np.float32]
    """[conversations, width]; zeros for a conversation without a token."""
    layer: int
    """Which layer's output: 1 is the first one's, 0 the token embeddings."""
    cut: tuple[int, ...]
    """Places of conversations that are longer than the context: their beginning was read."""


def default_layer(layers: int) -> int:
    """The layer at about three quarters of the depth.

    >>> default_layer(64), default_layer(5), default_layer(1)
    (48, 4, 1)
    """
    return max(1, round(_DEPTH * layers))


def embed(
    loaded: Loaded,
    conversations: Sequence[Sequence[Message]],
    *,
    layer: int | None = None,
    batch_tokens: int = 8192,
) -> Embedded:
    """Embed conversations.

    :param layer: 0 to the number of layers; :func:`default_layer` where left out.
    :param batch_tokens: tokens that are read at once, padding among them.
    :raises PersonError: the model has no such layer.
    :raises OperatorError: the device has too little memory.
    """
    import torch

    text = loaded.model.config.get_text_config(decoder=True)
    depth, width = int(text.num_hidden_layers), int(text.hidden_size)
    layer = default_layer(depth) if layer is None else layer
    if not 0 <= layer <= depth:
        raise PersonError(f"layer: got {layer}; allowed: 0 to {depth} for {loaded.source}")
    encoder, most = Encoder(loaded.tokenizer), context_of(loaded.model.config)
    whole = [encoder.conversation(messages) for messages in conversations]
    ids = [tokens[:most] for tokens in whole]
    vectors = np.zeros((len(ids), width), dtype=np.float32)
    with torch.inference_mode(), enough_memory("embedding"):
        there = [place for place, tokens in enumerate(ids) if tokens]
        for batch in buckets([len(ids[place]) for place in there], batch_tokens):
            places = [there[number] for number in batch]
            vectors[places] = _read(loaded, [ids[place] for place in places], layer)
    cut = tuple(n for n, tokens in enumerate(whole) if most is not None and len(tokens) > most)
    return Embedded(vectors, layer, cut)


def _read(loaded: Loaded, texts: Sequence[Sequence[int]], layer: int) -> Any:
    """The mean hidden states of a batch, [texts, width]."""
    import torch

    width, pad = max(map(len, texts)), int(loaded.tokenizer.pad_token_id)
    padded = [[*tokens, *[pad] * (width - len(tokens))] for tokens in texts]
    real = [[1] * len(tokens) + [0] * (width - len(tokens)) for tokens in texts]
    ids, mask = (torch.tensor(block, device=loaded.device) for block in (padded, real))
    options: dict[str, Any] = {"output_hidden_states": True, "use_cache": False}
    if "logits_to_keep" in inspect.signature(loaded.model.forward).parameters:
        options["logits_to_keep"] = 1  # what comes next is not asked
    found = loaded.model(input_ids=ids, attention_mask=mask, **options)
    weights = mask[:, :, None].float()
    states = found.hidden_states[layer].float()
    return ((states * weights).sum(1) / weights.sum(1)).cpu().numpy()
