"""TRL's ``RewardTrainer``, told all that matters, on one process or several.

It is given tokens, the columns ``chosen_ids`` and ``rejected_ids``: then it adds no end token and
cuts or filters nothing (TRL 1.16, ``RewardTrainer._prepare_dataset``), so a text is trained on
exactly as it is scored. Its loss is that of Bai et al. 2022, log(1 + exp(r_bad − r_good)). A
classifier reads at the last token that is no padding, so padding must not look like the terminator:
where a tokenizer has one token for both, another one pads.

Dropout is off, the order of pairs is fixed beforehand, and the gradient is the mean over the pairs
of a step: one process and several with the same batch give the same curve. Of TRL's defaults those
that do not hold on a CPU (bf16, gradient checkpointing) are set here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, best_device
from gadfly.models.tokens import Encoder
from gadfly.preference.neural.sequences import order
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.neural.work import last_checkpoint
from gadfly.records.values import Message

__all__ = ["arguments_for", "pad_apart", "run_trainer", "wait", "window_of"]

_LOGGED = ("step", "loss", "accuracy", "margin", "grad_norm", "learning_rate")
_LOG_LINES = 1_000  # at most, over a training
_UNKNOWN = 10**6  # a tokenizer that knows no limit says 10^30
_PROBE = (Message(role="human", text="one"), Message(role="assistant", text="two"))

Log = list[dict[str, float]]


def arguments_for(work: Path, settings: NeuralSettings, *, pairs: int, seed: int) -> Any:
    """The trainer's arguments; making them joins the other processes, where there are any.

    :raises PersonError: the processes cannot share a batch evenly.
    """
    from trl.trainer.reward_config import RewardConfig

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    share, rest = divmod(settings.batch_size, processes)
    held = settings.micro_batch_size or share
    if rest or not share or share % held:
        raise PersonError(
            f"batch_size: got {settings.batch_size}, which {processes} processes that hold "
            f"{held or 1} at once cannot share; allowed: multiples of {processes * (held or 1)}"
        )
    on_cpu = best_device(settings.device).type == "cpu"
    _refuse_idle_cards(on_cpu, processes)
    steps = len(order([1] * pairs, epochs=settings.epochs, batch=settings.batch_size, seed=0))
    steps //= settings.batch_size
    return RewardConfig(
        output_dir=str(work),
        per_device_train_batch_size=held,
        gradient_accumulation_steps=share // held,
        num_train_epochs=1,  # the order holds all epochs
        train_sampling_strategy="sequential",
        max_length=None,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        bf16=settings.dtype == "bfloat16",
        activation_checkpointing=settings.gradient_checkpointing,
        use_cpu=on_cpu,
        ddp_backend="gloo" if on_cpu and processes > 1 else None,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=not on_cpu,
        disable_dropout=True,
        seed=seed,
        report_to=[],
        disable_tqdm=True,
        logging_steps=-(-steps // _LOG_LINES),
        save_steps=max(1, steps // settings.checkpoints),
        save_total_limit=2,  # whenever it stops, one of them is whole
    )


def _refuse_idle_cards(on_cpu: bool, processes: int) -> None:
    """The trainer takes one card for each process, and none of the ways of torch to share."""
    import torch

    if not on_cpu and processes == 1 and torch.cuda.device_count() > 1:
        raise PersonError(
            f"this machine shows {torch.cuda.device_count()} CUDA devices to one process; put "
            "accelerate launch -m gadfly.cli.main in place of gadfly, or set CUDA_VISIBLE_DEVICES=0"
        )


def wait(arguments: Any) -> None:
    """Until every process is here."""
    if arguments.world_size > 1:
        arguments.distributed_state.wait_for_everyone()


def pad_apart(loaded: Loaded, encoder: Encoder) -> None:
    """Pad with a token that is not the terminator of a reply, in tokenizer and model."""
    terminator, tokenizer = encoder.conversation(_PROBE)[-1], loaded.tokenizer
    if tokenizer.pad_token_id == terminator:
        others = [*tokenizer.all_special_ids, 0, 1]
        other = next(token for token in others if token != terminator)
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(other)
    loaded.model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    loaded.model.config.pad_token_id = tokenizer.pad_token_id


def window_of(loaded: Loaded, wanted: int | None) -> int:
    """Most tokens of a conversation: what was asked for, else the model's context.

    :raises PersonError: more was asked for than the model takes, or it does not say what it takes.
    """
    known = (
        getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None),
        loaded.tokenizer.model_max_length,
    )
    limits = [int(limit) for limit in known if limit is not None and 0 < limit < _UNKNOWN]
    if wanted is None and not limits:
        raise PersonError(f"{loaded.source}: does not say how long a context it takes; max_length")
    if wanted is not None and limits and wanted > min(limits):
        raise PersonError(f"max_length: got {wanted}; allowed: up to the context, {min(limits)}")
    return wanted if wanted is not None else min(limits)


def _telling(progress: Callable[[int, int], None]) -> Any:
    """A callback of the trainer that tells (steps done, steps in all)."""
    from transformers import TrainerCallback

    class Telling(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Telling()


def run_trainer(
    loaded: Loaded,
    chosen: Sequence[list[int]],
    rejected: Sequence[list[int]],
    *,
    arguments: Any,
    settings: NeuralSettings,
    into: Path,
    progress: Callable[[int, int], None] | None,
) -> Log:
    """Train, from the last checkpoint where there is one, and save the model; returns its log."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl.trainer.reward_trainer import RewardTrainer

    lengths = [max(len(a), len(b)) for a, b in zip(chosen, rejected, strict=True)]
    places = order(lengths, epochs=settings.epochs, batch=settings.batch_size, seed=arguments.seed)
    columns = Dataset.from_dict({"chosen_ids": list(chosen), "rejected_ids": list(rejected)})
    trainer = RewardTrainer(
        model=loaded.model.train(),
        args=arguments,
        train_dataset=columns.select(places),
        processing_class=loaded.tokenizer,
        callbacks=[_telling(progress)] if progress and arguments.process_index == 0 else [],
    )
    trainer.remove_callback(PrinterCallback)
    found = last_checkpoint(Path(arguments.output_dir))
    trainer.train(resume_from_checkpoint=None if found is None else str(found))
    trainer.save_model(str(into))
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    return [{name: entry[name] for name in _LOGGED if name in entry} for entry in logged]
