"""Intervals that hold at every moment at once, so that one may look at any time and stop.

A confidence sequence is a row of intervals [L₁, U₁], [L₂, U₂], … with

    P(L_k ≤ θ ≤ U_k for all k) ≥ level,

so that whoever looks after every attack and stops when it pleases errs no more often than promised.
An ordinary interval looked at after each attack covers less and less. It costs width: about 1.5 to
2 times as wide. There are two, because neither alone will do.

**Bounded** (exact, any number of members): for independent values in [0, 1] with mean θ, the
predictable plug-in empirical Bernstein sequence of Waudby-Smith & Ramdas 2023 (theorem 2, c = ½):

    Σ λᵢxᵢ / Σ λᵢ ± (log(2/α) + Σ (xᵢ − m̂ᵢ₋₁)² (−log(1 − λᵢ) − λᵢ)) / Σ λᵢ
    λᵢ = min(½, √(2 log(2/α) / (ŝ²ᵢ₋₁ i log(1 + i))))
    m̂ᵢ = (½ + Σ x) / (i + 1),  ŝ²ᵢ = (¼ + Σ (xⱼ − m̂ⱼ)²) / (i + 1)

The unit must be the member: attacks of one member are not independent, members are. Each gives the
first value that it made, which is known for good when it is made; an average of all its attacks
would change after it was counted, and then nothing is promised.

**Running** (asymptotic, from some ten effective members on): for an estimate over everything so
far, with a standard error that respects members. With information I = 1/se² and η its value at the
first look,

    θ̂ ± se √((1 + η/I) (log((I + η)/η) − 2 log α))

Robbins' normal mixture, which holds for a Brownian motion in time I. For estimates from members
who keep on attacking, Cov(θ̂_j, θ̂_k) = 1/I_k for j ≤ k, as for such a motion, whether new members
come or old ones go on: what all attacks of a member have in common stays, and lends no information
twice. This is exact for Gaussian data and equal numbers of attacks, approximate otherwise: the
tests and the calibration measure it where a few members make most attacks.

References: Waudby-Smith & Ramdas 2023, "Estimating means of bounded random variables by betting",
*JRSS B* 86(1), doi 10.1093/jrsssb/qkad009; Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024,
"Time-uniform central limit theory and asymptotic confidence sequences", *Annals of Statistics*
52(6); Robbins 1970, doi 10.1214/aoms/1177696786; Jennison & Turnbull 2000, *Group Sequential
Methods*, chapters 3 and 11 (information time).

>>> import numpy as np
>>> low, high = bounded_sequence(np.tile([0.0, 1.0], 500))
>>> round(float(low[-1]), 3), round(float(high[-1]), 3)
(0.436, 0.562)
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.protocol import Regime

__all__ = ["BOUNDED", "RUNNING", "bounded_sequence", "running_sequence"]

BOUNDED = Regime("anytime", assumes="one value a member, in the order in which they came")
"""Where :func:`bounded_sequence` holds its level."""
RUNNING = Regime("anytime", members=10, assumes="members do not change while they attack")
"""Where :func:`running_sequence` holds its level."""

_BOLDEST = 0.5  # c: the largest stake


def bounded_sequence(values: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Lower and upper ends after each value.

    :param values: independent, each in [0, 1], with one mean, in the order in which they came.
    """
    place = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (place + 1)
    spread = (0.25 + np.cumsum((values - mean) ** 2)) / (place + 1)
    guess = np.concatenate(([0.5], mean))[:-1]
    guessed_spread = np.concatenate(([0.25], spread))[:-1]
    most = np.log(2 / (1 - level))
    stake = np.sqrt(2 * most / (guessed_spread * place * np.log1p(place)))
    stake = np.minimum(stake, _BOLDEST)
    staked = np.cumsum(stake)
    centre = np.cumsum(stake * values) / staked
    paid = np.cumsum((values - guess) ** 2 * (-np.log1p(-stake) - stake))
    half = (most + paid) / staked
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def running_sequence(
    estimates: Floats, errors: Floats, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Lower and upper ends at each look.

    :param estimates: at each look, over everything until then.
    :param errors: their standard errors, above 0, which respect members.
    """
    ratio = (errors / errors[:1]) ** 2  # η / I
    width = np.sqrt((1 + ratio) * (np.log1p(1 / ratio) - 2 * np.log(1 - level)))
    return estimates - errors * width, estimates + errors * width
