"""Success under each brief: whether instructions change what attackers achieve.

The share of rated attacks that succeeded, with an interval by the cluster bootstrap over members: a
person is given one brief, so people and not attacks are what chance assigned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Sample
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.records.estimate import Estimate
from gadfly.records.values import Attack

__all__ = ["success_by_brief"]


def success_by_brief(
    attacks: Sequence[Attack], *, threshold: float, how: Bootstrap | None = None
) -> Mapping[str, Estimate]:
    """The success rate of the attacks made under each brief, by its label.

    :param threshold: lowest rating (0-4) that counts as success.
    """
    how = how or Bootstrap()
    numbers = {name: n for n, name in enumerate(sorted({str(a.attacker.member) for a in attacks}))}
    rated: dict[str, list[tuple[float, int]]] = {str(attack.brief): [] for attack in attacks}
    for attack in attacks:
        if attack.rating is not None and attack.rating.success is not None:
            member = numbers[str(attack.attacker.member)]
            rated[str(attack.brief)].append((float(attack.rating.success), member))
    found = {}
    for label, pairs in rated.items():
        values = np.array([value for value, _ in pairs], dtype=np.float64)
        members = np.array([member for _, member in pairs], dtype=np.int64)
        sample = Sample.of(values, members if how.ci == "cluster" else None)
        seed = seed_of(sample, how.ci, label, "rating")
        found[label] = bootstrap(sample, [SuccessRate(threshold)], how=how, seed=seed)[0]
    return found
