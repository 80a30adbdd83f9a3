"""Success under each brief: whether instructions change what attackers achieve.

The share of rated attacks that succeeded, with an interval by the cluster bootstrap over members: a
person is given one brief, so people and not attacks are what chance assigned. Whether two briefs
differ is told by the interval of their difference, with people as its units, and not by whether
two intervals overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.jackknife import difference
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.records.estimate import Estimate
from gadfly.records.values import Attack

__all__ = ["difference_of_briefs", "success_by_brief"]


def success_by_brief(
    attacks: Sequence[Attack], *, threshold: float, how: Bootstrap | None = None
) -> Mapping[str, Estimate]:
    """The success rate of the attacks made under each brief, by its label.

    :param threshold: lowest rating (0-4) that counts as success.
    """
    how = how or Bootstrap()
    found = {}
    for label, (values, members) in _rated(attacks).items():
        sample = Sample.of(values, members if how.ci == "cluster" else None)
        seed = seed_of(sample, how.ci, label, "rating")
        found[label] = bootstrap(sample, [SuccessRate(threshold)], how=how, seed=seed)[0]
    return found


def difference_of_briefs(
    attacks: Sequence[Attack], first: str, *, threshold: float, level: float = 0.95
) -> Mapping[str, Estimate]:
    """The success rate under every other brief less that under ``first``, by its label.

    Empty where nobody attacked under ``first``.

    :param threshold: lowest rating (0-4) that counts as success.
    """
    rated = _rated(attacks)
    if first not in rated:
        return {}
    values, members = rated.pop(first)
    return {
        label: difference(
            (np.concatenate([values, others]) >= threshold).astype(np.float64),
            np.concatenate([members, who]),
            np.arange(len(values) + len(others)) >= len(values),
            level=level,
            what="difference of success rates",
        )
        for label, (others, who) in rated.items()
    }


def _rated(attacks: Sequence[Attack]) -> dict[str, tuple[Floats, Ints]]:
    """The ratings under each brief, each with the number of its member."""
    numbers = {name: n for n, name in enumerate(sorted({str(a.attacker.member) for a in attacks}))}
    rated: dict[str, list[tuple[float, int]]] = {str(attack.brief): [] for attack in attacks}
    for attack in attacks:
        if attack.rating is not None and attack.rating.success is not None:
            member = numbers[str(attack.attacker.member)]
            rated[str(attack.brief)].append((float(attack.rating.success), member))
    return {
        label: (
            np.array([value for value, _ in pairs], dtype=np.float64),
            np.array([member for _, member in pairs], dtype=np.int64),
        )
        for label, pairs in rated.items()
    }
