"""Training a neural preference model: from pairs to a folder with a card.

Conversations drawn by the seed are kept back, and the model is judged on them as it was saved, by
the scorer that will read the folder. It does not learn from them afterwards: what is judged is what
is used. A training that was stopped goes on (:mod:`gadfly.preference.neural.work`), to the same
model. Under ``accelerate launch`` the first process alone writes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gadfly.errors import PersonError
from gadfly.models.loading import load_classifier, quiet, weights_hash
from gadfly.models.tokens import Encoder
from gadfly.preference.card import Card, TrainingFile, card_json, card_markdown, limits_text
from gadfly.preference.evaluate import evaluate_margins, margins
from gadfly.preference.folder import refuse_existing, write_folder
from gadfly.preference.lineage import (
    Lineage,
    further_families,
    inherited,
    lineage_hash,
    package_version,
)
from gadfly.preference.measures import Resampling
from gadfly.preference.neural.one_pass import padding_is_inert
from gadfly.preference.neural.scorer import KIND, NeuralScorer, model_version
from gadfly.preference.neural.sequences import Sequences, encode, held_out, mixed
from gadfly.preference.neural.settings import NeuralSettings
from gadfly.preference.neural.trainer import arguments_for, pad_apart, run_trainer, wait, window_of
from gadfly.preference.neural.work import begin, work_folder
from gadfly.preference.origin import checkpoint_lineage, family_of, source_hash
from gadfly.preference.pairs import Prepared, prepare
from gadfly.records.canonical import content_hash
from gadfly.records.values import PreferencePair

__all__ = ["LOG", "train_neural"]

LOG = "training_log.json"
"""File of the folder: loss and accuracy of the steps."""
_LIBRARIES = ("accelerate", "numpy", "tokenizers", "torch", "transformers", "trl")

Progress = Callable[[int, int], None]
Settled = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class _Plan:
    """A training before its first step."""

    folder: Path
    """What is to be made."""
    settings: NeuralSettings
    """As given."""
    sequences: Sequences
    """All pairs that fit, in the stated mix."""
    judged: NDArray[np.bool_]
    """Which of them are kept to judge the model."""
    lineage: Lineage
    """What the model will have been made from."""
    window: int
    """Most tokens of a conversation."""
    name: str
    """What the model will be called."""
    command: str
    """The command that makes it."""
    files: tuple[TrainingFile, ...]
    """Where the pairs are from."""


def train_neural(
    pairs: Sequence[PreferencePair],
    *,
    base: str | Path,
    folder: Path,
    settings: NeuralSettings,
    training_data: Iterable[str] = (),
    members: Iterable[str] | None = None,
    dropped: Mapping[str, int] | None = None,
    files: Sequence[TrainingFile] = (),
    name: str | None = None,
    base_name: str | None = None,
    seed: int = 0,
    force: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> Card:
    """Train a sequence classifier on pairs and save it with its card; begun before, it goes on.

    :param base: a transformers checkpoint: local folder or hub id. A causal model gets a new head.
    :param training_data: hashes of the files that the pairs are from; those of ``files`` are added.
    :param members: the study members whose picks the pairs are, where that is known.
    :param dropped: what the reader of the pairs left out, by reason.
    :param base_name: what stands for the base in the lineage; by default the base's own family: the
        one that its lineage names, else its name and the beginning of the hash of its weights.
    :param progress: told of (done, total) steps.
    :raises PersonError: no pair is left, the base cannot be opened, the folder holds something, or
        its work folder holds another training.
    """
    from transformers import set_seed

    refuse_existing(folder, force=force)
    set_seed(seed)  # a new head is drawn from it
    loaded = load_classifier(base, device="cpu")
    encoder = Encoder(loaded.tokenizer)
    pad_apart(loaded, encoder)
    window = window_of(loaded, settings.max_length)
    if not padding_is_inert(loaded.model, pad=loaded.tokenizer.pad_token_id, window=window):
        raise PersonError(
            f"{base}: what this model makes of a text depends on the padding beside it, so it can "
            "be neither trained nor trusted in batches; use another base"
        )
    fitting = encode(prepare(pairs, dropped), encoder, window)
    sequences = mixed(fitting, settings.mix, seed)
    judged = held_out(sequences.prepared.conversation, settings.held_out, seed)
    lineage = _lineage(
        sequences.prepared.only(~judged),
        base,
        base_name,
        features={**_settled(settings), "max_length": window},
        training_data=[*training_data, *(file.sha256 for file in files)],
        members=members,
        seed=seed,
    )
    plan = _Plan(
        folder=folder,
        settings=settings,
        sequences=sequences,
        judged=judged,
        lineage=lineage,
        window=window,
        name=name or "gadfly-neural",
        command=command,
        files=tuple(files),
    )
    with quiet():
        return _train(plan, loaded, force=force, progress=progress)


def _lineage(
    learned: Prepared,
    base: str | Path,
    base_name: str | None,
    *,
    features: Settled,
    training_data: Iterable[str],
    members: Iterable[str] | None,
    seed: int,
) -> Lineage:
    """What the model will have been made from: these pairs, and all that shaped the base."""
    before = checkpoint_lineage(base)
    had = inherited([] if before is None else [before])
    family = family_of(base)
    own = base_name or family
    unknown, nameless = had.conversations is None, members is None or had.members is None
    return Lineage(
        kind=KIND,
        package_version=package_version(),
        features={
            **features,
            "base_weights": source_hash(base),
            "pairs": content_hash([pair.model_dump(mode="json") for pair in learned.pairs]),
        },
        training_data=tuple(sorted({*training_data, *had.training_data})),
        seed=seed,
        mix=learned.mix,
        base=own,
        conversations=None
        if unknown
        else tuple(sorted({*learned.conversation.tolist(), *(had.conversations or ())})),
        members=None if nameless else tuple(sorted({*(members or ()), *(had.members or ())})),
        families=further_families(own, [family, *had.families]),
    )


def _train(plan: _Plan, loaded: Any, *, force: bool, progress: Progress | None) -> Card:
    """Train by plan in the work folder, judge, and put the model in its place."""
    work = work_folder(plan.folder)
    learned = np.flatnonzero(~plan.judged).tolist()
    arguments = arguments_for(work, plan.settings, pairs=len(learned), seed=plan.lineage.seed or 0)
    first = arguments.process_index == 0
    if first:
        begin(work, _run(plan))
    wait(arguments)
    log = run_trainer(
        loaded,
        [plan.sequences.chosen[place] for place in learned],
        [plan.sequences.rejected[place] for place in learned],
        arguments=arguments,
        settings=plan.settings,
        into=work / "trained",
        progress=progress,
    )
    card = work / "card.json"
    if first:
        card.write_bytes(card_json(_judged(plan, work, log)))
    wait(arguments)
    made = Card.model_validate_json(card.read_bytes())
    wait(arguments)
    if first:
        write_folder(
            plan.folder,
            lineage=plan.lineage,
            arrays={},
            card=card_json(made),
            readme=card_markdown(made),
            name=plan.name,
            files=sorted((work / "model").iterdir()),
            force=force,
        )
        shutil.rmtree(work)
    return made


def _judged(plan: _Plan, work: Path, log: list[dict[str, float]]) -> Card:
    """Save the model as it will be used, judge it on what it did not see, and write its card."""
    final = work / "model"
    shutil.rmtree(final, ignore_errors=True)
    device = plan.settings.device
    trained = load_classifier(work / "trained", device="cpu", dtype=plan.settings.saved_as)
    trained.model.save_pretrained(final)
    trained.tokenizer.save_pretrained(final)
    (final / LOG).write_bytes(orjson.dumps(log, option=orjson.OPT_INDENT_2))
    scorer = NeuralScorer(
        load_classifier(final, device=device),
        plan.lineage,
        plan.name,
        model_version(plan.lineage, weights_hash(final)),
        plan.window,
    )
    prepared, lineage = plan.sequences.prepared, lineage_hash(plan.lineage)
    kept = prepared.only(plan.judged)
    found = evaluate_margins(
        margins(scorer, kept),
        kept,
        scorer=(scorer.name, scorer.version, lineage),
        seen=np.zeros(len(kept.pairs), dtype=np.bool_),
        resampling=Resampling(
            seed=plan.lineage.seed or 0, note="conversations held out, by first human turn; "
        ),
    )
    learned = prepared.only(~plan.judged)
    return Card(
        name=scorer.name,
        version=scorer.version,
        lineage=lineage,
        command=plan.command,
        package_version=package_version(),
        libraries={library: version(library) for library in _LIBRARIES},
        seed=plan.lineage.seed or 0,
        kind=KIND,
        base=plan.lineage.base,
        settings={**plan.lineage.features, "mode": scorer.mode},
        files=plan.files,
        mix=learned.mix,
        dropped=prepared.dropped,
        n_pairs=len(learned.pairs),
        n_conversations=learned.n_conversations,
        held_out=found,
        limits=limits_text("limits-neural.md"),
    )


def _run(plan: _Plan) -> dict[str, Any]:
    """What tells this training from any other."""
    return {
        **{f"settings.{key}": value for key, value in plan.settings.model_dump().items()},
        **plan.lineage.model_dump(mode="json", exclude={"features", "conversations"}),
        "lineage": lineage_hash(plan.lineage),
        "dropped": plan.sequences.prepared.dropped,
        "name": plan.name,
    }


def _settled(settings: NeuralSettings) -> Settled:
    """The settings that shape a model, in the plain values of a lineage."""
    plain: Settled = {}
    for name, value in settings.model_dump(exclude={"device", "checkpoints"}).items():
        if isinstance(value, dict):
            plain |= {f"{name}.{key}": share for key, share in sorted(value.items())}
        elif value is not None:
            plain[name] = value
    return plain
