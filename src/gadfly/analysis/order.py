"""The order of arms: types as in the paper, others as they appear; sizes by number where they are
one ("2.7B" before "13B"), then as they appear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["arms_in_order", "size_value"]

PAPER_TYPES = (
    "plain lm",
    "prompted",
    "context distillation",
    "distilled",
    "rejection sampling",
    "rlhf",
)
"""Interventions of the paper in its order, under the names of its release and under ours."""
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmbt]?)\s*", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def size_value(num_params: str) -> float | None:
    """A size as a number of parameters, ``None`` where the text is not one.

    >>> size_value("2.7B") < size_value("13B")
    True
    >>> size_value("large") is None
    True
    """
    found = _SIZE.fullmatch(num_params)
    return float(found[1]) * _UNITS[found[2].lower()] if found else None


def arms_in_order(present: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Arms as (model_type, num_params), from those present in order of appearance.

    >>> arms_in_order([("rlhf", "13B"), ("mine", "x"), ("rlhf", "2.7B"), ("plain lm", "13B")])
    [('plain lm', '13B'), ('rlhf', '2.7B'), ('rlhf', '13B'), ('mine', 'x')]
    """
    types = list(dict.fromkeys(kind for kind, _ in present))
    sizes = list(dict.fromkeys(size for _, size in present))

    def place(arm: tuple[str, str]) -> tuple[int, int, float, int]:
        kind, size = arm
        known = PAPER_TYPES.index(kind) if kind in PAPER_TYPES else len(PAPER_TYPES)
        number = size_value(size)
        return (
            known,
            types.index(kind),
            float("inf") if number is None else number,
            sizes.index(size),
        )

    return sorted(dict.fromkeys(present), key=place)
