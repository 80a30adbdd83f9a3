"""Context distillation: a model learns to answer without a prompt as its teacher does with one.

The recipe is that of Bai et al. 2022, A.1 (PAPER §2.4): the teacher reads prompt and conversation,
its 50 likeliest next tokens at every place of the conversation are the target, and the student
reads the conversation alone; the loss is the KL divergence of :mod:`divergence`, averaged over the
places; the learning rate falls linearly to zero. Decisions:

* Prompt and conversation are encoded as one conversation, message by message
  (:class:`gadfly.models.tokens.Encoder`), and the student must read the very same tokens, after
  whatever its chat template prints first. Expected are the second and later tokens of the
  conversation, human ones too: the student reads nothing from which to expect the first.
* A conversation that does not fit into a model's context is left out and counted, never cut.
* Teacher and student may differ in size and not in vocabulary.
* The order of the batches, of similar lengths, follows from the seed; so a training that was
  stopped goes on as if it had not been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.assistants.training.cards import DistilledCard, distilled_markdown, made
from gadfly.assistants.training.divergence import Teacher, mean_divergence
from gadfly.assistants.training.folders import Part, finish, refuse_existing, start, trained
from gadfly.assistants.training.lineages import conversations_hash, joined, source_hash
from gadfly.assistants.training.progress import Row, Tell, quietly
from gadfly.assistants.training.settings import DistilSettings
from gadfly.assistants.training.texts import Texts, encode, ordered, padded
from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, best_device, load_causal
from gadfly.preference.lineage import lineage_hash
from gadfly.records.values import Message

if TYPE_CHECKING:
    import torch

__all__ = ["KIND", "train_distilled"]

KIND = "distilled"


def train_distilled(
    teacher: str | Path,
    prompt: Sequence[Message],
    conversations: Sequence[Sequence[Message]],
    folder: Path,
    *,
    settings: DistilSettings,
    student: str | Path | None = None,
    training_data: Iterable[str] = (),
    dropped: dict[str, int] | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Tell | None = None,
) -> DistilledCard:
    """Distil a prompted teacher into a student, and save it with its lineage and card.

    :param student: what to start from; the teacher's own weights where it is ``None``.
    :param training_data: hashes of the files that the conversations come from.
    :param dropped: what their reader left out already, by reason.
    :param progress: told steps done and steps in all.
    :raises PersonError: models that do not fit together, no conversation that fits, a folder that
        holds something else, or an unfinished training with other settings or data.
    """
    micro = settings.micro_batch or settings.batch_size
    if settings.batch_size % micro:
        raise PersonError(
            f"micro_batch: got {micro}; allowed: a divisor of batch_size, {settings.batch_size}"
        )
    refuse_existing(folder, force=force)
    origin = teacher if student is None else student
    device = str(best_device(settings.device))
    old = load_causal(teacher, device=device, dtype=settings.dtype)
    new = load_causal(origin, device=device)
    _same_vocabulary(old, new)
    texts = encode(old, new, prompt, [tuple(c) for c in conversations], settings, seed)
    texts_hash = conversations_hash([prompt, *conversations])
    asked: dict[str, Any] = {
        "kind": KIND,
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "teacher": source_hash(teacher),
        "student": source_hash(origin),
        "texts": texts_hash,
    }
    part = start(folder, asked)
    taught = Teacher(old.model, texts.prompt, settings.top)
    with quietly():
        log = _train(new, taught, texts, part, settings, seed, progress)
    lineage = joined(
        KIND,
        checkpoints=[origin, teacher],
        settings=settings,
        made_from={"teacher": asked["teacher"], "prompt": conversations_hash([prompt])},
        training_data=training_data or [texts_hash],
        conversations=conversations,
        mix={"conversations": len(texts.learned)},
        seed=seed,
    )
    measured = [row["divergence"] for row in log if row.get("divergence") is not None]
    card = DistilledCard(
        made=made(
            lineage=lineage_hash(lineage),
            command=command,
            seed=seed,
            settings=settings,
            dropped=dict(sorted((texts.dropped + Counter(dropped or {})).items())),
        ),
        teacher=asked["teacher"],
        student=asked["student"],
        n_prompt_tokens=len(texts.prompt),
        n_conversations=len(texts.learned),
        n_held_out=len(texts.held),
        divergence_before=float(measured[0] or 0),
        divergence_after=float(measured[-1] or 0),
    )
    finish(
        part,
        model=new.model,
        tokenizer=new.tokenizer,
        lineage=lineage,
        card=card,
        readme=distilled_markdown(card, log),
    )
    return card


def _same_vocabulary(teacher: Loaded, student: Loaded) -> None:
    if teacher.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise PersonError(
            f"{student.source}: has other tokens than the teacher {teacher.source}; "
            "a student is taught by a model of its own vocabulary"
        )


def _train(
    student: Loaded,
    teacher: Teacher,
    texts: Texts,
    part: Part,
    settings: DistilSettings,
    seed: int,
    tell: Tell | None,
) -> list[Row]:
    """Run the trainer from where it is; the log."""
    from transformers import Trainer, TrainingArguments

    pad = int(student.tokenizer.pad_token_id)

    class Distiller(Trainer):
        loss_is_scaled_for_ga = False

        def compute_loss(self, model: Any, inputs: Any, *rest: Any, **others: Any) -> torch.Tensor:
            return mean_divergence(model, teacher, texts.header, inputs["ids"], inputs["mask"])

    def measure(step: int) -> Row:
        return {"divergence": _measured(student.model, teacher, texts, settings, pad)}

    micro = settings.micro_batch or settings.batch_size
    arguments = TrainingArguments(
        output_dir=str(part.path),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=settings.batch_size // micro,
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="linear",
        train_sampling_strategy="sequential",
        bf16=settings.dtype == "bfloat16",
        use_cpu=student.device.type == "cpu",
        logging_steps=1,
        save_steps=settings.save_every,
        save_total_limit=1,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=seed,
    )
    trainer = Distiller(
        model=student.model,
        args=arguments,
        train_dataset=ordered(texts.learned, settings, seed),
        data_collator=lambda rows: padded(rows, pad),
    )
    every = settings.evaluate_every
    return trained(part, trainer, row=_row, evaluate=measure, evaluate_every=every, tell=tell)


def _row(entry: Row) -> Row | None:
    names = ("step", "loss", "learning_rate", "divergence")
    found = {name: entry[name] for name in names if name in entry}
    return found if len(found) > 1 and "train_runtime" not in entry else None


def _measured(
    model: Any, teacher: Teacher, texts: Texts, settings: DistilSettings, pad: int
) -> float:
    """Mean divergence per token on the conversations held out."""
    import torch

    size = settings.micro_batch or settings.batch_size
    total, places, training = 0.0, 0, model.training
    model.eval()
    with torch.no_grad():
        held = sorted(texts.held, key=len)
        for start_at in range(0, len(held), size):
            batch = padded(held[start_at : start_at + size], pad)
            ids, mask = batch["ids"].to(model.device), batch["mask"].to(model.device)
            n = int(mask[:, 1:].sum())
            total += n * float(mean_divergence(model, teacher, texts.header, ids, mask))
            places += n
    model.train(training)
    return total / places
