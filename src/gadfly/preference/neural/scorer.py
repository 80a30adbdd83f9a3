"""The neural preference model: a transformers sequence classifier that reads conversations.

score(reply | context) is the classifier's one output at the terminator of the reply, the last token
of every text it was trained on; σ(score(a) − score(b)) is the probability that a is preferred to b.
Causal models score all replies of a conversation in one pass, other models one prefix after the
other (:mod:`gadfly.preference.neural.one_pass`); ``mode`` says which.

A conversation of more tokens than the model was trained for is not scored at all: a score of its
beginning would not be its minimum, and a score of its cut end would be of another conversation.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from gadfly.errors import PersonError
from gadfly.models.loading import Loaded, load_classifier, weights_hash
from gadfly.models.tokens import Encoder
from gadfly.preference.folder import Saved
from gadfly.preference.lineage import Lineage
from gadfly.preference.neural.batches import Padding, buckets
from gadfly.preference.neural.one_pass import Mode, find_mode, read_ends, read_places
from gadfly.records.values import Message

__all__ = ["KIND", "NeuralScorer", "from_saved", "model_version"]

KIND = "neural"

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Job:
    """One text to be fed, and where it is read."""

    owner: int
    """Which conversation it is of."""
    ids: list[int]
    """Its tokens."""
    places: list[int]
    """Places of terminators."""


@dataclass
class NeuralScorer:
    """A trained classifier, opened."""

    loaded: Loaded
    """Model and tokenizer."""
    lineage: Lineage
    """What it was made from."""
    name: str
    """What it is called in tables."""
    version: str
    """The package that made it, and the beginning of the hash of its weights."""
    window: int
    """Most tokens of a conversation that it scores."""
    batch_tokens: int | None = None
    """Most tokens fed at once, padding included; ``None``: 4,096 on a CPU, whose caches hold no
    more (16,384 took twice the time of the benchmark's model), 32,768 elsewhere."""
    wanted: Mode | None = None
    """A mode to use whatever the model allows, for comparisons; "prefixes" is always right."""
    padding: Padding = field(default_factory=Padding)
    """What it was fed since it was opened."""

    @cached_property
    def encoder(self) -> Encoder:
        """How conversations become its tokens."""
        return Encoder(self.loaded.tokenizer)

    @cached_property
    def mode(self) -> Mode:
        """How it scores the replies of one conversation; found by a probe of the model."""
        if self.wanted is not None:
            return self.wanted
        if not self.encoder.incremental:
            return "prefixes"
        return find_mode(self.loaded.model, pad=self._pad, window=self.window)

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[tuple[float, ...]]:
        """One score per assistant message, conditioned on everything before it.

        :raises PersonError: a conversation is longer than the window; :meth:`score_fitting` does
            without.
        """
        return self._all_fit(self.score_fitting(conversations))

    def score_fitting(
        self, conversations: Sequence[Sequence[Message]]
    ) -> list[tuple[float, ...] | None]:
        """As :meth:`score`; ``None`` for a conversation that is longer than the window."""
        found: list[list[float] | None] = [[] for _ in conversations]
        jobs: list[_Job] = []
        for owner, messages in enumerate(conversations):
            made = self._jobs(owner, messages)
            if any(len(job.ids) > self.window for job in made):
                found[owner] = None
            else:
                jobs += made
        for job, values in zip(jobs, self._read(jobs), strict=True):
            scores = found[job.owner]
            if scores is not None:
                scores += values
        return [None if scores is None else tuple(scores) for scores in found]

    def score_last(self, conversations: Sequence[Sequence[Message]]) -> list[float]:
        """The score of the reply that each conversation ends with: a reward, in few batches.

        :raises PersonError: a conversation is longer than the window.
        """
        ids = [self.encoder.conversation(messages) for messages in conversations]
        self._all_fit([None if len(one) > self.window else one for one in ids])
        jobs = [_Job(owner, one, [len(one) - 1]) for owner, one in enumerate(ids)]
        return [values[0] for values in self._read(jobs)]

    @property
    def how(self) -> str:
        """How it read what it was given so far, in one phrase."""
        return f"{self.mode}, padding {self.padding.waste:.0%} of the tokens fed"

    @property
    def _pad(self) -> int:
        return int(self.loaded.tokenizer.pad_token_id)

    def _all_fit(self, found: Sequence[_T | None]) -> list[_T]:
        fitting = [one for one in found if one is not None]
        if len(fitting) < len(found):
            raise PersonError(
                f"{self.name}: {len(found) - len(fitting):,} of {len(found):,} conversations have "
                f"more than {self.window:,} tokens, the most that this model scores; nothing is "
                "cut. Use a model with a longer context"
            )
        return fitting

    def _jobs(self, owner: int, messages: Sequence[Message]) -> list[_Job]:
        """What has to be fed for one conversation: up to its last reply, or up to each."""
        ends = [place for place, one in enumerate(messages, 1) if one.role == "assistant"]
        if not ends:
            return []
        if self.mode == "prefixes":
            prefixes = [self.encoder.conversation(messages[:end]) for end in ends]
            return [_Job(owner, ids, [len(ids) - 1]) for ids in prefixes]
        parts = self.encoder.messages(messages[: ends[-1]])
        lengths = list(itertools.accumulate(map(len, parts)))
        ids = [token for part in parts for token in part]
        return [_Job(owner, ids, [lengths[end - 1] - 1 for end in ends])]

    def _read(self, jobs: Sequence[_Job]) -> list[list[float]]:
        """The values at the places of each job, in its order."""
        found: list[list[float]] = [[] for _ in jobs]
        most = self.batch_tokens or (4_096 if self.loaded.device.type == "cpu" else 32_768)
        for batch in buckets([len(job.ids) for job in jobs], most):
            texts = [jobs[place].ids for place in batch]
            self.padding.add([len(text) for text in texts])
            if self.mode == "one pass":
                values = read_places(self.loaded.model, texts, [jobs[p].places for p in batch])
            else:
                values = [[one] for one in read_ends(self.loaded.model, texts, self._pad)]
            for place, value in zip(batch, values, strict=True):
                found[place] = value
        return found


def model_version(lineage: Lineage, weights: str) -> str:
    """The version of a model by the package that made it and the hash of its weights."""
    return f"{lineage.package_version}+{weights.removeprefix('sha256:')[:12]}"


def from_saved(saved: Saved) -> NeuralScorer:
    """The model in a folder whose files were checked; it scores in float32.

    :raises PersonError: the folder holds no classifier with one output, or says no window.
    """
    window = saved.lineage.features.get("max_length")
    if not isinstance(window, int) or isinstance(window, bool) or window < 1:
        raise PersonError(f"{saved.folder}: got max_length {window!r}; allowed: tokens from 1")
    loaded: Any = load_classifier(saved.folder, new_head=False)
    version = model_version(saved.lineage, weights_hash(saved.folder))
    return NeuralScorer(loaded, saved.lineage, saved.name or "gadfly-neural", version, window)
