"""Tiny transformers models for tests: made on the spot, drawn at random, known to nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

__all__ = ["CHAT_TEMPLATE", "Arch", "tiny_bert", "tiny_causal", "tiny_classifier", "tiny_tokenizer"]

Arch = Literal["llama", "gpt2", "qwen2"]

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_TEXTS = (
    "\n\nHuman: How do I open the door of the old mill?",
    "\n\nAssistant: I will not help with that, but the museum opens at nine.",
    "\n\nHuman: Please tell me the way, you are so kind and helpful.",
    "\n\nAssistant: Go over the bridge and turn left at the baker's shop.",
)


def tiny_tokenizer(chat_template: bool = False) -> Any:
    """A byte-level BPE of a few hundred tokens: any text has tokens, and none is unknown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<pad>", "<eos>"]
    if chat_template:
        special += ["<|user|>", "<|assistant|>", "<|end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        _TEXTS * 4,
        trainers.BpeTrainer(
            vocab_size=384, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    names = {"pad_token": "<pad>", "eos_token": "<eos>"}
    made: Any = PreTrainedTokenizerFast(tokenizer_object=raw, **names)  # type: ignore[no-untyped-call]
    if chat_template:
        made.chat_template = CHAT_TEMPLATE
    return made


def tiny_causal(
    folder: Path,
    arch: Arch = "llama",
    *,
    chat_template: bool = False,
    context: int = 512,
    hidden: int = 32,
    layers: int = 2,
    seed: int = 0,
) -> Path:
    """A causal language model and its tokenizer as a checkpoint in ``folder``."""
    import torch
    from transformers import AutoModelForCausalLM as Auto

    tokenizer = tiny_tokenizer(chat_template)
    config = _config(arch, tokenizer, context=context, hidden=hidden, layers=layers)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Auto.from_config(config)  # type: ignore[no-untyped-call]
    return _saved(folder, model, tokenizer)


def tiny_classifier(
    folder: Path,
    arch: Arch | Literal["bert"] = "llama",
    *,
    chat_template: bool = False,
    context: int = 512,
    hidden: int = 32,
    layers: int = 2,
    seed: int = 0,
) -> Path:
    """A sequence classifier with one output and its tokenizer as a checkpoint in ``folder``."""
    import torch
    from transformers import AutoModelForSequenceClassification as Auto

    tokenizer = tiny_tokenizer(chat_template)
    config = _config(arch, tokenizer, context=context, hidden=hidden, layers=layers)
    config.num_labels = 1
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Auto.from_config(config)  # type: ignore[no-untyped-call]
    return _saved(folder, model, tokenizer)


def tiny_bert(folder: Path, *, context: int = 128) -> Path:
    """A BERT classifier with a tokenizer of its kind: lower-case word pieces between [CLS] and
    [SEP], and no end token.
    """
    from transformers import BertForSequenceClassification, BertTokenizer

    letters = [chr(code) for code in range(97, 123)]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ":", "[", "]", "human", "assistant"]
    pieces = [*names, *letters, *(f"##{letter}" for letter in letters)]
    made: Any = BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)})
    config = _config("bert", made, context=context, hidden=32, layers=1)
    config.num_labels = 1
    return _saved(folder, BertForSequenceClassification(config), made)


def _config(
    arch: str,
    tokenizer: Any,
    *,
    context: int,
    hidden: int,
    layers: int,
) -> Any:
    from transformers import BertConfig, GPT2Config, LlamaConfig, Qwen2Config

    ids: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.eos_token_id,
    }
    if arch == "gpt2":
        dropout: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2Config(
            n_embd=hidden, n_layer=layers, n_head=2, n_positions=context, **dropout, **ids
        )
    sizes: dict[str, Any] = {
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "max_position_embeddings": context,
    }
    if arch == "bert":
        none: dict[str, Any] = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        return BertConfig(**sizes, **none, **ids)
    heads: dict[str, Any] = {"num_key_value_heads": 2, "tie_word_embeddings": True}
    return (LlamaConfig if arch == "llama" else Qwen2Config)(**sizes, **heads, **ids)


def _saved(folder: Path, model: Any, tokenizer: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
