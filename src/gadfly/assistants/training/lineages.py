"""What shaped a checkpoint: its own training and everything that went before it.

A trained assistant carries ``lineage.json``, the lineage of :mod:`gadfly.preference.lineage`, so
that :func:`gadfly.preference.lineage.mark` finds a scorer that judges what it, or what its own
training data, shaped. It is the union over all that had a part: the checkpoint started from, the
teacher, the preference model, and the prompts. A checkpoint that Gadfly did not train adds its
name, or the hash of its weights: it was pretrained on what nobody lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from gadfly.assistants.training.folders import LINEAGE
from gadfly.errors import PersonError
from gadfly.models.loading import weights_hash
from gadfly.preference.lineage import Lineage, conversation_key, package_version
from gadfly.records.canonical import Record, content_hash
from gadfly.records.values import Message

__all__ = ["base_of", "checkpoint_lineage", "conversations_hash", "joined", "source_hash"]


def checkpoint_lineage(source: str | Path) -> Lineage | None:
    """The lineage that lies beside a checkpoint; ``None`` where there is none.

    :raises PersonError: there is one that cannot be read.
    """
    file = Path(source) / LINEAGE
    if not file.is_file():
        return None
    try:
        return Lineage.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise PersonError(f"{file}: is no lineage of Gadfly: {error}") from error


def source_hash(source: str | Path) -> str:
    """What tells a checkpoint from others: the hash of its weights, or its name on the hub."""
    folder = Path(source)
    return weights_hash(folder) if folder.is_dir() else str(source)


def base_of(source: str | Path) -> str:
    """The pretrained model that a checkpoint comes from, named as neural scorers name theirs."""
    lineage = checkpoint_lineage(source)
    if lineage is not None and lineage.base:
        return lineage.base
    return f"{Path(source).name}@{source_hash(source).removeprefix('sha256:')[:12]}"


def conversations_hash(conversations: Iterable[Sequence[Message]]) -> str:
    """The hash of conversations, in their order."""
    return content_hash([[[m.role, m.text] for m in messages] for messages in conversations])


def joined(
    kind: str,
    *,
    base: str,
    settings: Record,
    made_from: dict[str, str],
    training_data: Iterable[str],
    conversations: Iterable[Sequence[Message]],
    mix: dict[str, int],
    seed: int,
    before: Sequence[Lineage],
) -> Lineage:
    """The lineage of a new checkpoint: its own training and that of everything ``before`` it.

    :param made_from: hashes of the models and texts it was made from, by their part in it.
    """
    keys = {conversation_key(messages) for messages in conversations}
    members: set[str] = set()
    unknown = any(lineage.conversations is None for lineage in before)
    nameless = any(lineage.members is None for lineage in before)
    data = set(training_data)
    for lineage in before:
        keys |= set(lineage.conversations or ())
        members |= set(lineage.members or ())
        data |= set(lineage.training_data)
    plain = {k: v for k, v in settings.model_dump(mode="json").items() if v is not None}
    return Lineage(
        kind=kind,
        package_version=package_version(),
        features=plain | made_from,
        training_data=tuple(sorted(data)),
        seed=seed,
        mix=mix,
        base=base,
        conversations=None if unknown else tuple(sorted(keys)),
        members=None if nameless else tuple(sorted(members)),
    )
