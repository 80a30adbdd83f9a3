"""What answers come to, and which of them call for help at once.

The rule for distress is ours. It is generous on purpose: being shown where help is costs a moment.
It is **no clinical screen**, was validated on nobody, and its silence says nothing about a person.
A person is taken to be in distress where one of these holds:

* pleasure on the Affective Slider lies in the lowest fifth (:data:`LOW_PLEASURE`), or fell by more
  than a third of the slider since the baseline (:data:`PLEASURE_FELL`);
* SPANE-B is -8 or lower: negative feelings are "often" where positive ones are "rarely" and less
  (each of its six pairs 4 against 2 would give -12, 3 against 2 gives -6), or it fell by twelve or
  more, two steps in each pair, since the baseline;
* "sad" or "afraid" is "very often or always".
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from gadfly.care.instruments.instrument import (
    SPANE_NEGATIVE,
    SPANE_POSITIVE,
    Instrument,
    check_answers,
)

__all__ = ["LOW_BALANCE", "LOW_PLEASURE", "distressed", "score"]

LOW_PLEASURE = 0.2
"""Pleasure (0-1) at or below which a person is shown help."""
PLEASURE_FELL = 1 / 3
"""Loss of pleasure (0-1) above which a person is shown help."""
LOW_BALANCE = -8.0
"""SPANE-B (-24 to 24) at or below which a person is shown help."""
BALANCE_FELL = 12.0
"""Loss of SPANE-B from which a person is shown help."""


def score(instrument: Instrument, answers: Mapping[str, float]) -> dict[str, float | None]:
    """The scores of an instrument; ``None`` where an answer that a score needs was not given.

    * sliders: each answer, 0-1 (Betella & Verschure 2016).
    * spane: P and N are sums of six answers, 6-30; B = P - N, -24 to 24 (Diener et al. 2010).
    * mean: for each scale the mean of its answers.

    :raises PersonError: an answer that the instrument does not allow.
    """
    check_answers(instrument, answers)
    if instrument.score == "sliders":
        return {item.id: answers.get(item.id) for item in instrument.items}
    if instrument.score == "spane":
        positive, negative = _sum(SPANE_POSITIVE, answers), _sum(SPANE_NEGATIVE, answers)
        balance = None if positive is None or negative is None else positive - negative
        return {"spane-p": positive, "spane-n": negative, "spane-b": balance}
    scales = dict.fromkeys(item.scale for item in instrument.items)
    out: dict[str, float | None] = {}
    for scale in scales:
        of = [item.id for item in instrument.items if item.scale == scale]
        total = _sum(of, answers)
        out[scale] = None if total is None else fmean(answers[item] for item in of)
    return out


def distressed(
    instrument: Instrument,
    answers: Mapping[str, float],
    *,
    baseline: Mapping[str, float] | None = None,
) -> bool:
    """Whether these answers call for the help page at once; see the module for the rule.

    :param baseline: the person's first answers to the same instrument, where there are any.
    :raises PersonError: an answer that the instrument does not allow.
    """
    now = score(instrument, answers)
    then = score(instrument, baseline or {})
    if instrument.score == "sliders":
        return _low(now, then, "pleasure", LOW_PLEASURE, PLEASURE_FELL + 1e-9)
    if instrument.score == "spane":
        worst = any(answers.get(item) == instrument.high for item in ("sad", "afraid"))
        return worst or _low(now, then, "spane-b", LOW_BALANCE, BALANCE_FELL)
    return False


def _low(
    now: Mapping[str, float | None],
    then: Mapping[str, float | None],
    name: str,
    least: float,
    fall: float,
) -> bool:
    value, before = now.get(name), then.get(name)
    if value is None:
        return False
    return value <= least or (before is not None and before - value >= fall)


def _sum(items: tuple[str, ...] | list[str], answers: Mapping[str, float]) -> float | None:
    if any(item not in answers for item in items):
        return None
    return float(sum(answers[item] for item in items))
