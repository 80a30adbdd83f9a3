"""How a neural preference model is trained: everything that a person may choose.

Defaults are for a pretrained model of a usual size, and one epoch, as in Bai et al. 2022: a second
one fits the noise of the labels. Tiny models want a learning rate a hundred times as large.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gadfly.models.loading import Dtype
from gadfly.records.canonical import Record

__all__ = ["NeuralSettings"]


class NeuralSettings(Record):
    """Settings of one training; equal settings, data, base and seed give one model."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """Largest step size of AdamW, reached after the warm-up; a cosine leads down to 0."""
    epochs: Annotated[float, Field(gt=0)] = 1.0
    """How often each pair is seen; the last batch is filled from the beginning of the order."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Pairs in one step, over all processes together."""
    micro_batch_size: Annotated[int, Field(ge=1)] | None = None
    """Pairs that one process holds at once; ``None``: its whole share of the batch."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay of AdamW."""
    max_length: Annotated[int, Field(ge=8)] | None = None
    """Most tokens of a conversation, in training and in scoring; ``None``: the model's context."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the conversations that are kept to judge the model, and that it never sees."""
    mix: dict[str, Annotated[float, Field(gt=0)]] | None = None
    """Share of each source among the pairs, {"harmless": 0.5, "helpful": 0.5}; the surplus of the
    other sources is left out and counted. ``None``: all pairs as they come."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What the sums are done in; the weights being trained are float32 in any case."""
    saved_as: Dtype = "float32"
    """What the weights are rounded to when saved; the model is judged as it is saved."""
    device: Literal["cpu", "cuda"] | None = None
    """Where it is trained; ``None``: on CUDA where there is any."""
    gradient_checkpointing: bool = False
    """Less memory for more time."""
    checkpoints: Annotated[int, Field(ge=1)] = 10
    """How often the training is saved on its way, so that it can go on after a stop."""

    @field_validator("mix")
    @classmethod
    def _shares(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        """Shares sum to 1, so that nobody has to guess what 2 and 1 mean."""
        if value is not None and abs(sum(value.values()) - 1.0) > 1e-6:
            raise ValueError(f"the shares of the mix must sum to 1, got {sum(value.values()):g}")
        return value
