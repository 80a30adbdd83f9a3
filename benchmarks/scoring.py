"""Scoring by a neural preference model: one pass for each conversation, against one for each reply.

The turn mix is that of the replica (3.2 replies an attack), its texts as they are; the model is a
Llama of half a million parameters made on the spot, untrained, because what it says does not matter
here, and its tokenizer is learned from the same texts. Both ways run by turns in this process on
one thread, encoding included, in seconds of CPU time, and must agree within 1e-4.

Bounds: one pass is at least twice as fast. Printed beside it: the share of what was fed that is
padding, with batches of like lengths and with batches as they come.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gadfly.models.loading import load_classifier, quiet
from gadfly.preference.constant import untrained
from gadfly.preference.neural.batches import Padding
from gadfly.preference.neural.scorer import NeuralScorer
from gadfly.records.reading import read_attacks
from gadfly.records.transcript import attack_messages
from gadfly.records.values import Message

__all__ = ["main"]

BOUND_RATIO = 2.0
ATTACKS, ROUNDS = 600, 3

Talk = Sequence[Message]


def _made(folder: Path, talks: Sequence[Talk]) -> Path:
    """A small Llama with a head, and a byte-level BPE of 1,024 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_024,
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator((one.text for talk in talks for one in talk), trainer)
    names: dict[str, Any] = {"pad_token": "<pad>", "eos_token": "<eos>"}
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=raw, **names)
    torch.manual_seed(0)
    config: Any = LlamaConfig(
        vocab_size=1_024, hidden_size=96, intermediate_size=256, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=2_048,
        pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    config.num_labels = 1
    model: Any = LlamaForSequenceClassification(config)
    model.score.weight.data *= 30
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _scorer(folder: Path, **options: Any) -> NeuralScorer:
    return NeuralScorer(
        load_classifier(folder, device="cpu"), untrained("neural", {}), "bench", "1", 2_048,
        **options,
    )  # fmt: skip


def _timed(scorer: NeuralScorer, talks: Sequence[Talk]) -> tuple[float, list[tuple[float, ...]]]:
    begun = time.process_time()
    scores = scorer.score(talks)
    return time.process_time() - begun, scores


def _as_they_come(scorer: NeuralScorer, talks: Sequence[Talk], size: int = 32) -> float:
    """The padding of batches of so many conversations in the order of the file."""
    lengths, padding = [len(scorer.encoder.conversation(talk)) for talk in talks], Padding()
    for start in range(0, len(lengths), size):
        padding.add(lengths[start : start + size])
    return padding.waste


def main(replica: Path) -> None:
    """Print the ratio, the padding, and whether the bound holds."""
    import torch

    torch.set_num_threads(1)
    attacks = read_attacks(replica).attacks[:ATTACKS]
    talks = [attack_messages(attack.turns) for attack in attacks]
    replies = sum(one.role == "assistant" for talk in talks for one in talk)
    with tempfile.TemporaryDirectory() as folder:
        made = _made(Path(folder) / "model", talks)
        whole, parts = _scorer(made), _scorer(made, wanted="prefixes")
        assert whole.mode == "one pass"
        _timed(whole, talks[:20]), _timed(parts, talks[:20])  # warm
        rounds = [(_timed(whole, talks), _timed(parts, talks)) for _ in range(ROUNDS)]
    ratio = statistics.median(prefixes[0] / one[0] for one, prefixes in rounds)
    (seconds, ours), (slow, theirs) = rounds[-1]
    apart = max(
        abs(a - b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)
    )
    assert apart <= 1e-4, apart
    print(
        f"scoring {len(talks):,} attacks ({replies:,} replies): one pass {seconds:.1f} s of CPU, "
        f"prefixes {slow:.1f} s, {ratio:.2f} times as long (at least {BOUND_RATIO:g} wanted); "
        f"scores differ by {apart:.1e} at most (allowed 1e-4)"
    )
    print(
        f"padding of what was fed: {whole.padding.waste:.1%} in one pass, "
        f"{parts.padding.waste:.1%} by prefixes; "
        f"{_as_they_come(whole, talks):.1%} if conversations were taken as they come"
    )
