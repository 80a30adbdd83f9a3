"""Pay for time: what a person is owed for their work in a study.

Time is all that is paid: no rule here knows how many items were done, skipped or approved, so a
skipped item and an early exit are paid like all other time. What follows from it:

* **Breaks are paid**: the pauses between stretches of work, each up to the length that the study
  asks for, and as many as the work begun makes due.
* **Nobody who consented goes without**: at least the study's ``least_minutes`` are paid.
* **Amounts are whole minor units, rounded up**, from decimals and never from binary fractions; the
  rate is never under the floor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

from gadfly.care.limits import Piece, merged
from gadfly.care.settings import Limits, PaySpec

__all__ = ["Money", "money", "owed", "paid_seconds"]

_EXPONENTS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
"""Decimal places of a currency where they are not two (ISO 4217, list one)."""


@dataclass(frozen=True)
class Money:
    """An amount of money."""

    minor: int
    """In the currency's smallest unit: cents; yen."""
    currency: str
    """Three letters."""

    def __str__(self) -> str:
        """As people write it: 3.50 USD, 120 JPY."""
        places = _EXPONENTS.get(self.currency, 2)
        return f"{Decimal(self.minor).scaleb(-places):.{places}f} {self.currency}"


def paid_seconds(limits: Limits, pieces: Sequence[Piece]) -> float:
    """Seconds that are paid: work, skipped items among it, and the breaks between.

    :param pieces: all work of the person in this one study, in any order.
    """
    stretches = merged(pieces)
    work = sum(end - start for start, end in stretches)
    longest = limits.break_minutes * 60.0
    due = math.ceil(work / (limits.minutes_before_break * 60)) * longest
    gaps = (after[0] - before[1] for before, after in pairwise(stretches))
    return work + min(due, sum(min(gap, longest) for gap in gaps))


def owed(pay: PaySpec, seconds: float, *, floor: float, currency: str) -> Money:
    """What a person is owed in all, however they left; what was paid already is not taken off.

    :param seconds: from :func:`paid_seconds`; less than none counts as none.
    :param floor: launch.pay_floor.amount, money per hour.
    """
    time = max(Decimal(repr(float(seconds))), Decimal(60 * pay.least_minutes), Decimal(0))
    return money(Decimal(repr(pay.rate(floor))) * time / 3600, currency)


def money(amount: Decimal, currency: str) -> Money:
    """An amount in whole minor units, rounded up."""
    units = amount.scaleb(_EXPONENTS.get(currency, 2))
    return Money(int(units.to_integral_value(rounding=ROUND_CEILING)), currency)
