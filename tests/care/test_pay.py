"""Pay: never under the floor, never by the item, in whole units of the currency."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.care.limits import Piece
from gadfly.care.pay import Money, money, owed, paid_seconds
from gadfly.care.settings import Limits, PaySpec

NOW = 1_800_000_000.0
LIMITS = Limits()


@pytest.mark.parametrize(
    ("rate", "seconds", "currency", "shown"),
    [
        (15.0, 3600, "USD", "15.00 USD"),
        (15.0, 3601, "USD", "15.01 USD"),
        (1100.0, 3601, "JPY", "1101 JPY"),
        (3.0, 3600, "KWD", "3.000 KWD"),
        (20.1, 3600, "EUR", "20.10 EUR"),  # 20.1 * 100 is 2010.0000000000002 in binary
        (15.0, 0, "USD", "1.25 USD"),  # whoever consented and left at once: five minutes
        (15.0, -60, "USD", "1.25 USD"),  # a clock that went back takes nothing away
    ],
)
def test_amounts(rate: float, seconds: float, currency: str, shown: str) -> None:
    assert str(owed(PaySpec(), seconds, floor=rate, currency=currency)) == shown


@given(
    st.floats(0.01, 1000),
    st.none() | st.floats(0.01, 1000),
    st.floats(0, 1e6),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_never_under_the_floor(
    floor: float, asked: float | None, seconds: float, currency: str
) -> None:
    got = owed(PaySpec(per_hour=asked), seconds, floor=floor, currency=currency)
    least = Decimal(repr(floor)) * Decimal(repr(seconds)) / 3600
    assert got.minor >= least.scaleb({"USD": 2, "JPY": 0, "KWD": 3}[currency])


@given(st.lists(st.floats(0, 1e5), max_size=8))
def test_time_paid_in_parts_is_never_paid_less(parts: list[float]) -> None:
    spec = PaySpec(least_minutes=0)
    whole = owed(spec, sum(parts), floor=15, currency="USD").minor
    assert sum(owed(spec, part, floor=15, currency="USD").minor for part in parts) >= whole - 1


def test_skipped_items_are_paid_as_time() -> None:
    reviewed = [Piece(NOW - 1200, NOW, dialogues=5)]
    skipped = [Piece(NOW - 1200, NOW, dialogues=0)]
    assert paid_seconds(LIMITS, reviewed) == paid_seconds(LIMITS, skipped)


def test_breaks_are_paid_up_to_their_length_and_number() -> None:
    first, second = Piece(NOW - 7200, NOW - 4500), Piece(NOW - 3900, NOW - 3300)
    assert paid_seconds(LIMITS, [first, second]) == 2700 + 600 + 600
    overnight = Piece(NOW - 100_000, NOW - 97_300)
    assert paid_seconds(LIMITS, [overnight, second]) == 2700 + 600 + 600
    moments = [Piece(NOW - 700 * n - 1, NOW - 700 * n) for n in range(100)]
    assert paid_seconds(LIMITS, moments) == 100 + 600  # nobody lives on breaks


def test_money_is_rounded_up_and_only_then() -> None:
    assert money(Decimal("0.001"), "USD") == Money(1, "USD")
    assert money(Decimal("0.01"), "USD") == Money(1, "USD")
    assert money(Decimal(0), "USD") == Money(0, "USD")
