"""Settings of the two trainings; equal settings, data, start and seed give one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gadfly.records.canonical import Record

__all__ = ["DistilSettings", "PolicySettings"]


class DistilSettings(Record):
    """Settings of a distillation."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """At the start; the paper's is 0.05 of that of pretraining."""
    steps: Annotated[int, Field(gt=0)] = 500
    """Steps of the optimiser."""
    batch_size: Annotated[int, Field(gt=0)] = 32
    """Conversations a step."""
    micro_batch: Annotated[int, Field(gt=0)] | None = None
    """Conversations at once, a divisor of the batch size; ``None`` for all."""
    top: Annotated[int, Field(gt=0)] = 50
    """The teacher's likeliest tokens that are kept; all others are one category."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Of AdamW."""
    held_out: Annotated[int, Field(gt=0)] = 64
    """Conversations that it is measured on; at most a fifth."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic: in the second the teacher is bfloat16, and the student's products are."""
    device: str | None = None
    """Where: cpu, cuda; ``None`` for the best there is."""
    evaluate_every: Annotated[int, Field(gt=0)] = 100
    """Steps between measurements."""
    save_every: Annotated[int, Field(gt=0)] = 100
    """Steps between checkpoints to go on from."""


class PolicySettings(Record):
    """Settings of a training by reinforcement."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """At the start; falls linearly to zero."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """Weight of the KL penalty, in points of reward per nat."""
    steps: Annotated[int, Field(gt=0)] = 30
    """Steps of the optimiser."""
    completions_per_step: Annotated[int, Field(gt=0)] = 128
    """Replies sampled for a step, over all prompts."""
    num_generations: Annotated[int, Field(ge=2)] = 8
    """Replies sampled for one prompt."""
    micro_batch: Annotated[int, Field(gt=0)] | None = None
    """Replies at once in the backward pass, a divisor of those of a step; ``None`` for all."""
    max_new_tokens: Annotated[int, Field(gt=0)] = 128
    """Longest reply, in tokens."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Of sampling."""
    benign_share: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Share of benign requests among the prompts of a step, to the nearest prompt."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic: weights are float32 in both, products are bfloat16 in the second."""
    device: str | None = None
    """Where: cpu, cuda; ``None`` for the best there is."""
    evaluate_every: Annotated[int, Field(gt=0)] = 10
    """Steps between measurements on held-out requests."""
    save_every: Annotated[int, Field(gt=0)] = 10
    """Steps between checkpoints to go on from."""
