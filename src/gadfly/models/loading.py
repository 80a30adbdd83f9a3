"""Opening transformers checkpoints: a local folder, or a name on the hub.

Weights are read from safetensors alone and no code that comes with a checkpoint is ever run. No
weight is drawn at random but the new head of a classifier that is to be trained. What a checkpoint
is made of is known by the hash of its weights; what it was made *from* stands in
``lineage.json`` beside them where Gadfly trained it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gadfly.errors import OperatorError, PersonError
from gadfly.models.memory import enough_memory

if TYPE_CHECKING:
    import torch

__all__ = [
    "Loaded",
    "best_device",
    "context_of",
    "load_causal",
    "load_classifier",
    "load_tokenizer",
    "quiet",
    "weights_hash",
]

Dtype = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked, with its tokenizer."""

    model: Any
    """A ``transformers`` model in evaluation mode, on its device."""
    tokenizer: Any
    """Its tokenizer."""
    device: torch.device
    """Where the model is."""
    source: str
    """The folder or hub name that it came from."""


def best_device(wanted: str | None = None) -> torch.device:
    """The device asked for, else the first CUDA device, else the CPU.

    :raises OperatorError: the device asked for is not there.
    """
    import torch

    try:
        device = torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise PersonError(f"device: got {wanted!r}; allowed: cpu, cuda, cuda:0, ...") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise OperatorError(f"device: got {wanted!r}, but this machine has no CUDA device; use cpu")
    return device


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer of a checkpoint, which must know where a text ends: BERT's and its like by the
    token that separates texts (sep_token).

    :raises PersonError: there is none, or it has no end token.
    """
    from transformers import AutoTokenizer

    tokenizer = _load(AutoTokenizer.from_pretrained, source, "tokenizer")
    if tokenizer.eos_token_id is None and tokenizer.sep_token_id is not None:
        tokenizer.eos_token = tokenizer.sep_token
    if tokenizer.eos_token_id is None:
        raise PersonError(f"{source}: its tokenizer has no end token (eos_token); give it one")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_causal(
    source: str | Path, *, device: str | None = None, dtype: Dtype = "float32"
) -> Loaded:
    """A causal language model, for sampling or for its hidden states.

    :raises PersonError: the folder or name holds none, or a classifier, or not all of its weights.
    :raises OperatorError: the device has too little memory.
    """
    from transformers import AutoModelForCausalLM

    loaded, missing = _loaded(AutoModelForCausalLM.from_pretrained, source, device, dtype)
    made_as = loaded.model.config.architectures or []
    if any(name.endswith("ForSequenceClassification") for name in made_as):
        raise PersonError(
            f"{source}: this is no language model but a classifier, as a preference model is; give "
            "a causal language model (or use it where a preference model is asked for)"
        )
    if missing:
        raise PersonError(f"{source}: this is no language model: {_named(missing)} missing")
    return loaded


def load_classifier(
    source: str | Path,
    *,
    device: str | None = None,
    dtype: Dtype = "float32",
    new_head: bool = True,
) -> Loaded:
    """A sequence classifier with one output.

    :param new_head: a head that the checkpoint lacks is drawn anew, for training to start from.
    :raises PersonError: the folder or name holds no model that can be one, or not all of its
        weights.
    :raises OperatorError: the device has too little memory.
    """
    from transformers import AutoModelForSequenceClassification

    def open_one(place: str, **options: Any) -> Any:
        return AutoModelForSequenceClassification.from_pretrained(place, num_labels=1, **options)

    loaded, missing = _loaded(open_one, source, device, dtype)
    body = f"{loaded.model.base_model_prefix}."
    if new_head:  # a pooler belongs to the head, whichever part of the model it is counted to
        missing = [name for name in missing if name.startswith(body) and ".pooler." not in name]
    if missing:
        raise PersonError(
            f"{source}: {_named(missing)} missing, so this is no "
            + ("whole checkpoint" if new_head else "trained preference model; train one from it")
        )
    loaded.model.config.pad_token_id = loaded.tokenizer.pad_token_id
    return loaded


def _loaded(
    opener: Any, source: str | Path, device: str | None, dtype: Dtype
) -> tuple[Loaded, list[str]]:
    """The model, and its weights that the checkpoint lacks (tied ones are not lacking)."""
    import torch

    place = best_device(device)
    tokenizer = load_tokenizer(source)
    options = {"dtype": getattr(torch, dtype), "use_safetensors": True, "output_loading_info": True}
    with enough_memory(f"opening {source}"):
        model, told = _load(opener, source, "model", **options)
        loaded = Loaded(model.to(place).eval(), tokenizer, place, str(source))
    return loaded, sorted(told["missing_keys"])


def _named(missing: list[str]) -> str:
    """ "score.weight is", "score.weight and 3 more are"."""
    more = len(missing) - 1
    return f"{missing[0]} and {more:,} more are" if more else f"{missing[0]} is"


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of transformers, and without its report on heads that are new."""
    import transformers

    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _load(opener: Any, source: str | Path, what: str, **options: Any) -> Any:
    folder = Path(source)
    if isinstance(source, Path) and not folder.is_dir():
        raise PersonError(f"{source}: no such folder; give a transformers checkpoint")
    try:
        with quiet():
            return opener(str(source), trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        where = "this folder" if folder.is_dir() else "the hub (or give a local folder)"
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PersonError(f"{source}: no {what} could be opened from {where}: {first}") from error


def weights_hash(folder: Path) -> str:
    """ "sha256:..." over the safetensors files of a local checkpoint, by name and content.

    :raises PersonError: it has none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise PersonError(f"{folder}: holds no .safetensors file, so it is no checkpoint")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def context_of(config: Any) -> int | None:
    """How many tokens a model reads, by whichever name its configuration gives them; ``None`` where
    nothing limits them.
    """
    text = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        found = getattr(text, name, None)
        if isinstance(found, int) and found > 0:
            return found
    return None
