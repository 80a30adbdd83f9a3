"""The care key: careful when left out, strict when given, and never under the floor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gadfly.care.settings import CareSpec, LegalContact, Limits, PaySpec


def test_left_out_it_limits_and_asks_for_what_has_no_default() -> None:
    spec = CareSpec.model_validate_json("{}")
    assert spec == CareSpec()
    assert [fact.split(" ")[0] for fact in spec.missing_facts()] == [
        "care.support",
        "care.legal_contact",
    ]
    assert spec.help_lines == ()


def test_complete_facts_are_enough() -> None:
    contact = LegalContact(name="Counsel", address="counsel@example.org")
    assert CareSpec(support="Ada, ada@example.org", legal_contact=contact).missing_facts() == []


def test_a_heading_without_keys_is_empty() -> None:
    assert CareSpec.model_validate_json('{"limits": null, "pay": null}') == CareSpec()


@pytest.mark.parametrize("what", ["minutes", "dialogues"])
def test_a_day_longer_than_its_week_is_a_fault(what: str) -> None:
    with pytest.raises(ValidationError, match=f"{what}_per_day is 61, more than"):
        Limits.model_validate({f"{what}_per_day": 61, f"{what}_per_week": 60})


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "@b.org", "a b@c.org", "http://example.org", "https://"]
)
def test_an_address_that_cannot_be_told_is_a_fault(address: str) -> None:
    with pytest.raises(ValidationError):
        LegalContact(name="Counsel", address=address)


@given(st.floats(0.01, 1e6), st.none() | st.floats(0.01, 1e6))
def test_the_rate_is_never_under_the_floor(floor: float, asked: float | None) -> None:
    spec = PaySpec(per_hour=asked)
    assert spec.rate(floor) >= floor
    assert (spec.fault(floor) is None) == (asked is None or asked >= floor)
