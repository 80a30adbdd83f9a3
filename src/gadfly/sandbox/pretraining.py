"""The town's language models, from nothing: a tokenizer, and Llamas trained on its documents.

The tokenizer is byte-level BPE, so any text can be typed; the two speakers and the end of a reply
are tokens of their own, and its chat template makes the models usable by any server. Merges that
are rarer than a syllable of a name are not made: every name stays two tokens, seen or unseen.

The loss is on what assistants say; what people say is drawn at random, and there is little to learn
from it. Batches hold documents of like length. Everything follows from the seed; training is
transformers' Trainer, whose checkpoints let an interrupted training go on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from gadfly.assistants.training.folders import finish, start, trained
from gadfly.assistants.training.progress import quietly
from gadfly.models.tokens import ASSISTANT, HUMAN, Encoder
from gadfly.preference.lineage import PRETRAINED, Lineage, lineage_hash, package_version
from gadfly.records.canonical import Record, content_hash
from gadfly.sandbox.dialogues import WORLD, document
from gadfly.sandbox.shipped import HOME
from gadfly.sandbox.world import Pool

__all__ = ["LanguageModelSize", "batches", "make_tokenizer", "pretrain"]

END, PAD = "<|end|>", "<|pad|>"
_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '\\n\\nHuman: ' if message.role == 'user' else '\\n\\nAssistant: ' }}{{ message.content }}"
    "{% if message.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}"
)
_CONTEXT = 1_024
_VOCABULARY = 1_024
_BATCH_TOKENS = 4_096
_TOKENIZER_DOCUMENTS = 6_000
KIND = PRETRAINED
_README = """# A language model of the embedded town, size {size}

{parameters:,} parameters, trained by `gadfly sandbox build` on {tokens:,} tokens of made-up
dialogues. It knows nothing but the town. Its lineage and its log stand beside it.
"""


class LanguageModelSize(Record):
    """The shape of a model and the length of its training."""

    name: str
    """What the size is called: "small"."""
    width: int
    """Hidden size."""
    layers: int
    """Transformer blocks."""
    heads: int
    """Attention heads."""
    tokens: int
    """Tokens of training text."""
    learning_rate: float
    """Peak learning rate of AdamW."""
    bf16: bool
    """Whether matrices are multiplied in bfloat16 while training."""


def make_tokenizer() -> Any:
    """The tokenizer of all models of the town; the same every time."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = [
        AddedToken(text, special=True, normalized=False) for text in (PAD, END, HUMAN, ASSISTANT)
    ]
    texts = [
        f" {message.text}"
        for index in range(_TOKENIZER_DOCUMENTS)
        for message in document("tokenizer", index, "assistants")
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=len(texts) // 400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    fast: Any = PreTrainedTokenizerFast
    return fast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[HUMAN, ASSISTANT],
        chat_template=_TEMPLATE,
        model_max_length=_CONTEXT,
    )


def _documents(
    encoder: Encoder, seed: str, pool: Pool, tokens: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Token ids and labels of documents, until so many tokens are through."""
    done = 0
    for index in count():
        said = document(seed, index, pool)
        ids: list[int] = []
        labels: list[int] = []
        for message, part in zip(said, encoder.messages(said), strict=True):
            ids += part
            learned = message.role == "assistant"
            labels += [-100, *part[1:]] if learned else [-100] * len(part)
        yield ids[:_CONTEXT], labels[:_CONTEXT]
        done += len(ids)
        if done >= tokens:
            return


def batches(encoder: Encoder, seed: str, pool: Pool, tokens: int) -> list[dict[str, Any]]:
    """Training batches of about 4,096 tokens: documents of like length side by side, padded."""
    import torch

    found = list(_documents(encoder, seed, pool, tokens))
    draw = random.Random(f"batches/{seed}")
    found.sort(key=lambda pair: (len(pair[0]) // 8, draw.random()))
    made, waiting = [], list[tuple[list[int], list[int]]]()
    for pair in found:
        if waiting and (len(waiting) + 1) * len(pair[0]) > _BATCH_TOKENS:
            made.append(waiting)
            waiting = []
        waiting.append(pair)
    made.append(waiting)
    draw.shuffle(made)

    def padded(rows: Sequence[list[int]], fill: int) -> Any:
        longest = max(map(len, rows))
        return torch.tensor([row + [fill] * (longest - len(row)) for row in rows])

    pad = encoder.tokenizer.pad_token_id
    return [
        {
            "input_ids": padded([ids for ids, _ in rows], pad),
            "labels": padded([labels for _, labels in rows], -100),
        }
        for rows in made
    ]


def pretrain(
    size: LanguageModelSize,
    folder: Path,
    *,
    pool: Pool,
    seed: int,
    tokenizer: Any,
    progress: Callable[[int, int], None] | None = None,
) -> float:
    """Train one language model from nothing and save it as float16; returns its last mean loss.

    Interrupted, it goes on from its last checkpoint.

    :raises PersonError: an unfinished training in the folder's place differs from this one.
    """
    import torch
    from transformers import Trainer, TrainingArguments

    generator = content_hash([size.model_dump(mode="json"), pool, seed, WORLD])
    part = start(folder, {"kind": KIND, "size": size.name, "text": generator})
    torch.manual_seed(seed)
    model = _untrained(size, tokenizer)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(part.path),
            num_train_epochs=1,
            per_device_train_batch_size=1,  # an item is a whole batch
            learning_rate=size.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=80,
            adam_beta2=0.98,
            weight_decay=0.05,
            max_grad_norm=1.0,
            bf16=size.bf16,
            use_cpu=True,
            seed=seed,
            save_steps=250,
            save_total_limit=1,
            logging_steps=5,
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        ),
        train_dataset=batches(Encoder(tokenizer), f"{size.name}/{seed}", pool, size.tokens),
        data_collator=lambda items: items[0],
    )
    with quietly():
        log = trained(
            part,
            trainer,
            row=lambda entry: (
                {"step": entry["step"], "loss": entry["loss"]} if "loss" in entry else None
            ),
            evaluate=lambda step: {},
            evaluate_every=1_000_000,
            tell=progress,
        )
    losses = [float(row["loss"] or 0) for row in log]
    lineage = Lineage(
        kind=KIND,
        package_version=package_version(),
        features={"pool": pool, **size.model_dump(mode="json", exclude={"name"})},
        training_data=(generator,),
        seed=seed,
        mix={},
        base=f"{HOME}{size.name}",
        conversations=(),  # no dialogue of a study; its names are those of its pool alone
        members=(),
    )
    card = {
        "losses": losses,
        "parameters": model.num_parameters(),
        "lineage": lineage_hash(lineage),
    }
    readme = _README.format(size=size.name, parameters=model.num_parameters(), tokens=size.tokens)
    finish(part, model=model.half(), tokenizer=tokenizer, lineage=lineage, card=card, readme=readme)
    return losses[-1]


def _untrained(size: LanguageModelSize, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.width,
            intermediate_size=8 * size.width // 3 // 8 * 8,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            max_position_embeddings=_CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
