"""The demo's site: people who may look at everything at once, each by a link of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.care.journey import Consented, Felt, Passed, Step, TopicsChosen
from gadfly.records.canonical import canonical_json
from gadfly.store.audit import SYSTEM
from gadfly.store.people import Person, Role
from gadfly.web.serving import Serving

__all__ = ["Shown", "show_around"]

_AT_ONCE: tuple[Step, ...] = (
    Consented(agreed=True, adult=True, texts=("demo",)),
    TopicsChosen(avoid=()),
    Passed(place="demographics"),
    Felt(moment="before", answered=False),
)
"""Whoever runs the demo on their own machine goes straight to the brief."""


@dataclass(frozen=True)
class Shown:
    """Where to begin, as addresses within the site."""

    attack: str
    """Red team the embedded assistants at once."""
    arrive: str
    """Come as a new member would, from the consent on."""
    review: str
    """Review what the simulated members did."""
    study: str
    """The owner's pages of the simulated study."""
    site: str
    """The owner's pages of the people's study."""


def show_around(serving: Serving, *, simulated: str, people: str) -> Shown:
    """Links for whoever runs the demo.

    :param simulated: name of the simulated study.
    :param people: name of the people's.
    """
    member = _somebody(serving, people, ["member"])
    for number, step in enumerate(_AT_ONCE):
        serving.people.add_step(member, number, canonical_json(step).decode())
    staff: tuple[Role, ...] = ("owner", "review_lead", "care")
    return Shown(
        attack=_link(serving, people, member),
        arrive=f"/{people}",
        review=_link(serving, simulated, _somebody(serving, simulated, ["reviewer"])),
        study=_link(serving, simulated, _somebody(serving, simulated, staff)),
        site=_link(serving, people, _somebody(serving, people, staff)),
    )


def _somebody(serving: Serving, study: str, roles: Sequence[Role]) -> Person:
    return serving.people.add(serving.studies[study].id, roles)


def _link(serving: Serving, study: str, person: Person) -> str:
    return f"/{study}/come/{serving.people.link_for(person, by=SYSTEM)}"
