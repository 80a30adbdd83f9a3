"""What shaped a checkpoint: its own training and everything that went before it.

A trained assistant carries ``lineage.json``, the lineage of :mod:`gadfly.preference.lineage`, so
that :func:`gadfly.preference.lineage.mark` finds a scorer that judges what it, or what its own
training data, shaped. It is the union over all that had a part: the checkpoint started from, the
teacher, the preference model, and the prompts. A checkpoint that Gadfly did not train adds its
family, which is known by the hash of its weights: it was pretrained on what nobody lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gadfly.preference.lineage import (
    Lineage,
    conversation_key,
    further_families,
    inherited,
    package_version,
)
from gadfly.preference.origin import checkpoint_lineage, family_of, source_hash
from gadfly.records.canonical import Record, content_hash
from gadfly.records.values import Message

__all__ = ["checkpoint_lineage", "conversations_hash", "joined", "source_hash"]


def conversations_hash(conversations: Iterable[Sequence[Message]]) -> str:
    """The hash of conversations, in their order."""
    return content_hash([[[m.role, m.text] for m in messages] for messages in conversations])


def joined(
    kind: str,
    *,
    checkpoints: Sequence[str | Path],
    settings: Record,
    made_from: dict[str, str],
    training_data: Iterable[str],
    conversations: Iterable[Sequence[Message]],
    mix: dict[str, int],
    seed: int,
    before: Sequence[Lineage | None] = (),
) -> Lineage:
    """The lineage of a new checkpoint: its own training and that of everything before it.

    :param checkpoints: the one it started from, then those that taught it. One without a lineage
        adds its family alone (:mod:`gadfly.preference.lineage` says why).
    :param made_from: hashes of the models and texts it was made from, by their part in it.
    :param before: what else shaped it; ``None`` for a model of which nothing is known.
    """
    sources = list(dict.fromkeys(map(str, checkpoints)))
    beside = [checkpoint_lineage(source) for source in sources]
    had = inherited([*(one for one in beside if one is not None), *before])
    families = [family_of(source) for source in sources]
    keys = {conversation_key(messages) for messages in conversations}
    plain = {k: v for k, v in settings.model_dump(mode="json").items() if v is not None}
    return Lineage(
        kind=kind,
        package_version=package_version(),
        features=plain | made_from,
        training_data=tuple(sorted({*training_data, *had.training_data})),
        seed=seed,
        mix=mix,
        base=families[0],
        conversations=None
        if had.conversations is None
        else tuple(sorted(keys | had.conversations)),
        members=None if had.members is None else tuple(sorted(had.members)),
        families=further_families(families[0], [*families, *had.families]),
    )
