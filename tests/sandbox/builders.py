"""Builds of a hundredth of the smallest size that start in no time, to be killed."""

from __future__ import annotations

from pathlib import Path

from transformers import LlamaForCausalLM, LlamaForSequenceClassification  # noqa: F401
from trl.trainer.reward_trainer import RewardTrainer  # noqa: F401 - imported before the fork

from gadfly.assistants.training import distilled, policy  # noqa: F401
from gadfly.cli.console import progress
from gadfly.sandbox.build import build
from gadfly.sandbox.recipe import SHIPPED, cut_down
from tests.run.zygote import main


def _build(folder: str) -> int:
    build(cut_down(SHIPPED, share=0.01), Path(folder), stage=progress)
    return 0


if __name__ == "__main__":
    main(_build)
