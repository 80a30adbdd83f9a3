"""TRL's ``RLOOTrainer`` as Gadfly runs it: which prompts a step has, and what it logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gadfly.assistants.training.folders import Part, trained
from gadfly.assistants.training.progress import Row, Tell
from gadfly.assistants.training.reward import Prompts, Reward
from gadfly.assistants.training.settings import PolicySettings
from gadfly.models.loading import Loaded
from gadfly.models.tokens import Encoder

__all__ = ["reinforce"]

_LOGGED = {
    "reward": "reward",
    "reward_attacks": "reward_attacks",
    "reward_benign": "reward_benign",
    "kl": "kl_per_token",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "unfinished",
    "entropy": "entropy",
    "loss": "loss",
    "learning_rate": "learning_rate",
}


def _order(prompts: Prompts, settings: PolicySettings, seed: int) -> list[int]:
    """The places of the prompts of every step, one step after another.

    Attacks and benign requests are each gone through in rounds, every one once a round.
    """
    draw = np.random.default_rng(seed)
    per_step = settings.completions_per_step // settings.num_generations
    n_benign = round(settings.benign_share * per_step)
    kinds = (
        (range(prompts.n_attacks), per_step - n_benign),
        (range(prompts.n_attacks, len(prompts.ids)), n_benign),
    )
    columns = []
    for places, each in kinds:
        wanted, drawn = each * settings.steps, list[int]()
        while len(drawn) < wanted:
            drawn += draw.permutation(list(places)).tolist()
        columns.append(np.array(drawn[:wanted], dtype=int).reshape(settings.steps, each))
    return np.concatenate(columns, axis=1).ravel().tolist()


def reinforce(
    policy: Loaded,
    encoder: Encoder,
    reward: Reward,
    part: Part,
    settings: PolicySettings,
    seed: int,
    measure: Callable[[int], Row],
    tell: Tell | None,
) -> list[Row]:
    """Run the trainer from where it is; the log."""
    from datasets import Dataset
    from trl.trainer.rloo_trainer import RLOOTrainer

    class Trainer(RLOOTrainer):
        def _tokenize_prompts(
            self, prompts: list[str]
        ) -> tuple[list[list[int]], None, dict[str, Any]]:
            return [list(reward.prompts.ids[int(place)]) for place in prompts], None, {}

    policy.model.generation_config.eos_token_id = sorted(encoder.stop_ids)
    order = _order(reward.prompts, settings, seed)
    trainer = Trainer(
        model=policy.model,
        reward_funcs=reward,
        args=_arguments(part, settings, seed, on_cpu=policy.device.type == "cpu"),
        train_dataset=Dataset.from_dict({"prompt": [str(place) for place in order]}),
        processing_class=policy.tokenizer,
    )
    every = settings.evaluate_every
    return trained(part, trainer, row=_row, evaluate=measure, evaluate_every=every, tell=tell)


def _arguments(part: Part, settings: PolicySettings, seed: int, *, on_cpu: bool) -> Any:
    """What the trainer is told; nothing that matters is left to a default."""
    from trl.trainer.rloo_config import RLOOConfig

    micro = settings.micro_batch or settings.completions_per_step
    return RLOOConfig(
        output_dir=str(part.path),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=settings.completions_per_step // micro,
        max_steps=settings.steps,
        num_generations=settings.num_generations,
        max_completion_length=settings.max_new_tokens,
        temperature=settings.temperature,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        beta=settings.beta,
        num_iterations=1,
        normalize_advantages=False,
        mask_truncated_completions=False,
        disable_dropout=True,
        shuffle_dataset=False,
        bf16=settings.dtype == "bfloat16",
        use_cpu=on_cpu,
        gradient_checkpointing=False,
        logging_steps=1,
        save_steps=settings.save_every,
        save_total_limit=1,
        report_to=[],
        disable_tqdm=True,
        seed=seed,
    )


def _row(entry: Row) -> Row | None:
    """A line of the log: a step, or a measurement on held-out requests."""
    if "held_out_n" in entry:
        return dict(entry)
    if entry.get("reward") is None:
        return None
    found: Row = {"step": entry["step"]}
    found |= {name: entry.get(theirs) for theirs, name in _LOGGED.items() if theirs in entry}
    per_token, length = found["kl_per_token"] or 0.0, found["length"] or 0.0
    return {**found, "kl": per_token * length}
