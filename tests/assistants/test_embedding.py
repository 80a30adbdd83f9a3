"""Hidden states as embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gadfly.assistants.local.embedding import embed
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, load_causal
from gadfly.models.tokens import Encoder
from gadfly.records.values import Message
from tests.tiny import tiny_causal

TALKS = [
    (
        Message(role="human", text="how " * count),
        Message(role="assistant", text="so " * (count % 7)),
    )
    for count in (1, 30, 4, 12, 2, 25)
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_causal(tiny_causal(tmp_path_factory.mktemp("model"), layers=4, context=128))


def test_a_vector_is_the_mean_of_a_layer(loaded: Loaded) -> None:
    found = embed(loaded, TALKS)
    assert (found.layer, found.cut) == (3, ())
    assert found.vectors.dtype == np.float32
    ids = torch.tensor([Encoder(loaded.tokenizer).conversation(TALKS[2])])
    with torch.no_grad():
        states = loaded.model(ids, output_hidden_states=True).hidden_states[3]
    np.testing.assert_allclose(found.vectors[2], states[0].mean(0).numpy(), atol=1e-5)


def test_no_logits_are_made_for_nothing(loaded: Loaded) -> None:
    made: list[torch.Size] = []
    hook = loaded.model.lm_head.register_forward_hook(lambda _, __, out: made.append(out.shape))
    embed(loaded, TALKS)
    hook.remove()
    assert [shape[1] for shape in made] == [1]


def test_it_does_not_depend_on_what_else_is_read(loaded: Loaded) -> None:
    together = embed(loaded, TALKS).vectors
    for batch_tokens in (1, 100):
        np.testing.assert_allclose(
            embed(loaded, TALKS, batch_tokens=batch_tokens).vectors, together, atol=1e-5
        )
    alone = [embed(loaded, [talk]).vectors[0] for talk in TALKS]
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 0.01


def test_layers_differ_and_have_names(loaded: Loaded) -> None:
    every = [embed(loaded, TALKS, layer=layer).vectors for layer in range(5)]
    assert len({vectors.tobytes() for vectors in every}) == 5
    with pytest.raises(PersonError, match="layer: got 5; allowed: 0 to 4 for "):
        embed(loaded, TALKS, layer=5)


def test_what_does_not_fit_is_counted(loaded: Loaded) -> None:
    long = (Message(role="human", text="mill " * 200),)
    found = embed(loaded, [TALKS[0], long, ()])
    assert found.cut == (1,)
    assert np.isfinite(found.vectors).all()
    assert not found.vectors[2].any()
    assert embed(loaded, []).vectors.shape == (0, 32)
