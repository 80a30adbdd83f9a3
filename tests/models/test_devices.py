"""The same work on every device that is here: the CPU always, CUDA where there is one.

On a machine with CUDA nothing here skips: ``pytest tests/models/test_devices.py``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from gadfly.assistants.local.batching import Batcher
from gadfly.assistants.local.local import LocalAssistant, opener
from gadfly.assistants.training.folders import LOG
from gadfly.assistants.training.policy import train_policy
from gadfly.assistants.training.progress import read_log
from gadfly.assistants.training.settings import PolicySettings
from gadfly.preference.making import make_neural
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.scoring import open_scorer
from gadfly.records.values import Message, Sampling
from gadfly.records.writing import write_pairs
from tests.assistants.worlds import LikesE, asked
from tests.preference.worlds import planted
from tests.tiny import tiny_causal

HERE = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
TALK = [Message(role="human", text="Which mill turns?"), Message(role="assistant", text="All do.")]


@pytest.mark.parametrize("device", HERE)
def test_a_preference_model_learns_there_and_scores_as_on_the_cpu(
    tmp_path: Path, device: str
) -> None:
    base = tiny_causal(tmp_path / "base", layers=1)
    pairs = tmp_path / "pairs.jsonl"
    write_pairs(pairs, planted(120), format="pairs")
    settings = NeuralSettings(
        learning_rate=2e-3, epochs=4, batch_size=8, held_out=0.2, device=device
    )  # type: ignore[arg-type]
    made = make_neural(
        [pairs], tmp_path / "made", base=base, settings=settings, sources=["harmless"]
    )
    assert made is not None
    talks = [TALK * turns for turns in (1, 2, 3)]
    scorer = open_scorer(tmp_path / "made")
    (one, *more) = scorer.score(talks)
    assert len(one) == 1
    assert [len(scores) for scores in more] == [2, 3]
    apart = [scorer.score([talks[-1][: 2 * n]])[0][-1] for n in (1, 2, 3)]
    assert more[-1] == pytest.approx(tuple(apart), abs=1e-4)


@pytest.mark.parametrize("device", HERE)
def test_replies_follow_from_their_seed_in_any_batch(tmp_path: Path, device: str) -> None:
    folder = tiny_causal(tmp_path / "model")
    assistant = LocalAssistant(Batcher(opener(folder, device=device)), name="tiny")
    sampling = Sampling(temperature=1.0, max_tokens=8)

    async def replies(seeds: list[int]) -> list[str]:
        return [r.text for r in await assistant.reply(TALK[:1], seeds=seeds, sampling=sampling)]

    async def both() -> tuple[list[str], list[str]]:
        together = await replies([1, 2, 3])
        apart = [(await replies([seed]))[0] for seed in (1, 2, 3)]
        await assistant.close()
        return together, apart

    together, apart = asyncio.run(both())
    assert together == apart


@pytest.mark.parametrize("device", HERE)
def test_a_policy_takes_its_steps_there(tmp_path: Path, device: str) -> None:
    base = tiny_causal(tmp_path / "base")
    settings = PolicySettings(
        learning_rate=2e-2, steps=2, completions_per_step=8, num_generations=4,
        max_new_tokens=4, evaluate_every=2, save_every=2, device=device,
    )  # fmt: skip
    attacks = [[one] for one in asked(8)]
    held_out = [[one] for one in asked(12)[8:]]
    train_policy(
        base, tmp_path / "unused", attacks, attacks, tmp_path / "policy",
        settings=settings, held_out=held_out, scorer=LikesE(),
    )  # fmt: skip
    assert read_log(tmp_path / "policy" / LOG)
