"""Which arm an attack gets: a biased coin, blind, with every probability recorded.

Members attack arms in different ways, and the paper's cells ended very unbalanced
(Ganguli et al. 2022, appendix A.3). Here every attack draws its arm from probabilities that favour
the arms this member has met least, then the arms furthest behind their share of the quota:

    w(a) = exp(−WITHIN · (m(a) − min m) − ACROSS · (b(a) − min b))
    p(a) = FLOOR + (1 − K · FLOOR) · w(a) / Σ w

over the K open arms, where m(a) is how often the member was assigned arm a and b(a) how many
attacks arm a is ahead of its share. No open arm falls below FLOOR, so that every attack can be
weighted by its stored probability and drawn anew with it. Biased coins for balance: Efron 1971,
doi 10.1093/biomet/58.3.403; within and across factors: Pocock and Simon 1975, doi 10.2307/2529712.

An arm is open until as many attacks were assigned to it as its quota says. Abandoned attacks stay
in every count. A round is a stretch of the study with one set of open arms: its number counts those
that closed, and the analysis tells rounds of one number apart by the arms that were open, where a
next version of the study added some (:func:`gadfly.records.frame.attack_frame`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from gadfly.records.values import Assignment

__all__ = [
    "ACROSS",
    "ARMS_MAX",
    "FLOOR",
    "POLICY",
    "WITHIN",
    "ArmCount",
    "Draw",
    "draw_arm",
    "probabilities",
]

POLICY = "biased-coin-1"
"""Id of this rule; a changed constant is a new id."""
FLOOR = 0.02
"""Least probability of an open arm."""
ARMS_MAX = 40
"""Most arms of a study: above 50 the floor cannot hold, and balance needs room above it."""
WITHIN = 2.0
"""How strongly the arms that a member has met least are favoured."""
ACROSS = 0.25
"""How strongly the arms furthest behind their quota are."""


@dataclass(frozen=True)
class ArmCount:
    """What the rule knows of one arm."""

    quota: int
    """Attacks that the study wants of it."""
    assigned: int
    """Attacks assigned so far, abandoned ones among them."""
    by_member: int
    """Those of the member who is to attack now."""


@dataclass(frozen=True)
class Draw:
    """The arm drawn and how."""

    arm: str
    assignment: Assignment


def probabilities(arms: Mapping[str, ArmCount]) -> dict[str, float]:
    """Probability of each open arm; empty where every quota is full."""
    still = {name: arm for name, arm in arms.items() if arm.assigned < arm.quota}
    if not still:
        return {}
    share = sum(a.assigned for a in arms.values()) / sum(a.quota for a in arms.values())
    ahead = {name: arm.assigned - share * arm.quota for name, arm in still.items()}
    met_least = min(arm.by_member for arm in still.values())
    behind_most = min(ahead.values())
    weight = {
        name: math.exp(-WITHIN * (arm.by_member - met_least) - ACROSS * (ahead[name] - behind_most))
        for name, arm in still.items()
    }
    free, total = 1 - FLOOR * len(still), sum(weight.values())
    return {name: FLOOR + free * w / total for name, w in weight.items()}


def draw_arm(arms: Mapping[str, ArmCount], draw: random.Random) -> Draw | None:
    """Draw an arm, or ``None`` where every quota is full."""
    p = probabilities(arms)
    if not p:
        return None
    (arm,) = draw.choices(list(p), weights=list(p.values()))
    closed = sum(a.assigned >= a.quota for a in arms.values())
    return Draw(arm, Assignment(policy=POLICY, round=1 + closed, probabilities=p))
