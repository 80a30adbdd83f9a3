"""Preference pairs: as published, and drawn from the comparisons of a study.

A published pair holds two whole texts, ``chosen`` and ``rejected``. Both are cut after their last
assistant marker: what stands before and with it is the prefix and must be the same, what stands
after it is the reply, letter by letter, so that prefix and reply together are the published text.

Pairs that teach nothing are dropped and counted by reason (:data:`DROPPED`): that is no error. A
row that is not a pair of texts is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gadfly.records.released import MISSING, Fault, is_text
from gadfly.records.rows import show_json
from gadfly.records.transcript import ASSISTANT_MARKER, attack_messages, render
from gadfly.records.values import Attack, Comparison, Message, PreferencePair, Turn

__all__ = [
    "DROPPED",
    "Dropped",
    "PairsFromAttacks",
    "attack_pairs",
    "pair_fault",
    "pair_unknown_fields",
    "source_of_path",
    "to_pair",
    "to_pair_row",
]

UNSTATED = "unstated"
"""Source of a pair of which nobody said where it comes from."""

Dropped = Literal[
    "no reply",
    "prefix differs",
    "empty reply",
    "identical replies",
    "tie",
    "neither",
    "not two replies",
]
DROPPED: dict[Dropped, str] = {
    "no reply": "a text has no assistant marker",
    "prefix differs": "the texts differ before their last replies",
    "empty reply": "a reply holds nothing but white space",
    "identical replies": "both replies are the same",
    "tie": "the choice had the weakest strength (Bai et al. 2022, section 2.2)",
    "neither": "neither reply was picked",
    "not two replies": "the question was asked about one reply, or about more than two",
}
"""Why a pair is dropped."""

_TEXTS = ("chosen", "rejected")
_KNOWN = {*_TEXTS, "source"}
_SOURCES = ("harmless", "helpful")


def pair_fault(row: object) -> Fault | None:
    """The first thing wrong with a published pair, or ``None``."""
    if type(row) is not dict:
        return Fault("record", show_json(row), "a JSON object with chosen and rejected")
    for field in (*_TEXTS, "source"):
        if field not in row:
            if field in _TEXTS:
                return Fault(field, MISSING, "a text")
        elif not is_text(row[field]):
            return Fault(field, show_json(row[field]), "a text")
    return None


def pair_unknown_fields(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Keys beyond the known ones, and how many records have each."""
    found = Counter(key for row in rows for key in row if key not in _KNOWN)
    return dict(sorted(found.items()))


def source_of_path(path: Path | str) -> str:
    """Where pairs come from, by the nearest part of their path that says harmless or helpful."""
    for part in reversed(Path(path).absolute().parts):
        said = [source for source in _SOURCES if source in part.lower()]
        if len(said) == 1:
            return said[0]
    return UNSTATED


def to_pair(row: dict[str, Any], *, source: str) -> PreferencePair | Dropped:
    """The pair of a published row without :func:`pair_fault`, or why it is dropped."""
    chosen, rejected = row["chosen"], row["rejected"]
    ends = [text.rfind(ASSISTANT_MARKER) for text in (chosen, rejected)]
    if min(ends) < 0:
        return "no reply"
    cuts = [end + len(ASSISTANT_MARKER) for end in ends]
    prefix = chosen[: cuts[0]]
    if rejected[: cuts[1]] != prefix:
        return "prefix differs"
    replies = chosen[cuts[0] :], rejected[cuts[1] :]
    return _useless(*replies) or PreferencePair(
        prefix=prefix, chosen=replies[0], rejected=replies[1], source=source
    )


def _useless(chosen: str, rejected: str) -> Dropped | None:
    if not chosen.strip() or not rejected.strip():
        return "empty reply"
    return "identical replies" if chosen == rejected else None


def to_pair_row(pair: PreferencePair) -> dict[str, str] | None:
    """A pair as published, with its source; ``None`` where reading it again would lose it."""
    row = {text: pair.prefix + getattr(pair, text) for text in _TEXTS} | {"source": pair.source}
    again = to_pair(row, source=pair.source)
    if not isinstance(again, PreferencePair):
        return None
    return row if again.prefix == pair.prefix else None


@dataclass(frozen=True)
class PairsFromAttacks:
    """What the comparisons of a study teach."""

    pairs: tuple[PreferencePair, ...]
    """One for each comparison that decided something."""
    dropped: dict[Dropped, int]
    """The others, by reason."""


def attack_pairs(
    attacks: Iterable[Attack], *, source: str | None = None, keep_ties: bool = False
) -> PairsFromAttacks:
    """Pairs from the comparisons of attacks, in order.

    The prefix is the dialogue as it went on up to the turn, its message included. Where a turn was
    asked both questions, each answer gives a pair of its own. The source is the study's name.

    :param keep_ties: whether a choice of the weakest strength, which stands for "about the same or
        unsure", is a pair, too; Bai et al. 2022 (section 2.2) drop it.
    """
    pairs: list[PreferencePair] = []
    dropped: Counter[Dropped] = Counter()
    for attack in attacks:
        name = source or attack.study or UNSTATED
        for place, turn in enumerate(attack.turns):
            if not turn.comparisons:
                continue
            before = _prefix(attack.turns[:place], turn)
            for comparison in turn.comparisons:
                made = _compared(turn, comparison, before, name, keep_ties)
                if isinstance(made, PreferencePair):
                    pairs.append(made)
                else:
                    dropped[made] += 1
    return PairsFromAttacks(tuple(pairs), dict(sorted(dropped.items())))


def _prefix(turns: tuple[Turn, ...], turn: Turn) -> str:
    messages = attack_messages(turns)
    if turn.message is not None:
        messages = (*messages, Message(role="human", text=turn.message))
    return render(messages) + ASSISTANT_MARKER


def _compared(
    turn: Turn, comparison: Comparison, prefix: str, source: str, keep_ties: bool
) -> PreferencePair | Dropped:
    if comparison.chosen is None:
        return "neither"
    if len(comparison.shown) != 2:
        return "not two replies"
    if comparison.strength == 1 and not keep_ties:
        return "tie"
    picked = comparison.chosen
    other = next(place for place in comparison.shown if place != picked)
    better, worse = (picked, other) if comparison.question == "less_harmful" else (other, picked)
    replies = [f" {turn.replies[place].text}" for place in (better, worse)]
    return _useless(*replies) or PreferencePair(
        prefix=prefix,
        chosen=replies[0],
        rejected=replies[1],
        source=source,
        strength=comparison.strength,
    )
