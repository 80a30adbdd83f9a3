"""The study file's ``care`` key: how people are looked after, with careful defaults.

A study may leave the key out: every limit then has the default that ``docs/care.md`` gives its
reason for. What cannot have a default is asked for by :meth:`CareSpec.missing_facts`: whom a member
in distress reaches, and who is told of the worst content. No help line is invented: without any,
the help page says how to find local help. Nobody is paid less than the study's floor, whatever this
key says (:meth:`PaySpec.fault`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from gadfly.records.canonical import Record
from gadfly.records.values import Scale

__all__ = ["CareSpec", "HelpLine", "LegalContact", "Limits", "PaySpec", "TextNames"]

Text = Annotated[str, Field(min_length=1)]


class Limits(Record):
    """The most that a person works, in all studies of this server together."""

    minutes_per_day: Annotated[int, Field(ge=1, le=480)] = 120
    """Minutes of work in any 24 hours."""
    minutes_per_week: Annotated[int, Field(ge=1, le=2400)] = 360
    """Minutes of work in any 7 days."""
    dialogues_per_day: Annotated[int, Field(ge=1, le=500)] = 20
    """Dialogues, attacked or reviewed, in any 24 hours."""
    dialogues_per_week: Annotated[int, Field(ge=1, le=2500)] = 60
    """Dialogues, attacked or reviewed, in any 7 days."""
    severe_per_day: Annotated[int, Field(ge=1, le=500)] = 5
    """Severe dialogues in any 24 hours."""
    severe_from: Scale = 3
    """A rating or a reviewer's harm (0-4) from which a dialogue counts as severe."""
    minutes_before_break: Annotated[int, Field(ge=5, le=120)] = 45
    """Minutes of work after which a break is asked for."""
    break_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    """How long a break is, in minutes; it is paid."""

    @model_validator(mode="after")
    def _a_day_fits_into_a_week(self) -> Limits:
        for what in ("minutes", "dialogues"):
            day, week = getattr(self, f"{what}_per_day"), getattr(self, f"{what}_per_week")
            if day > week:
                raise ValueError(
                    f"{what}_per_day is {day}, more than {what}_per_week, {week}: give a day that "
                    "fits into the week"
                )
        return self


class PaySpec(Record):
    """What time is paid; the currency is that of launch.pay_floor."""

    per_hour: Annotated[float, Field(gt=0)] | None = None
    """Money for an hour of work, skipped items and breaks included; left out, the floor."""
    least_minutes: Annotated[int, Field(ge=0, le=60)] = 5
    """Whoever has consented is paid at least for so many minutes, however early they leave."""

    def fault(self, floor: float) -> str | None:
        """What is wrong with the rate, for the study's owner; ``None`` where nothing is.

        :param floor: launch.pay_floor.amount, money per hour.
        """
        if self.per_hour is None or self.per_hour >= floor:
            return None
        return (
            f"care.pay.per_hour is {self.per_hour:g}, less than launch.pay_floor, {floor:g}: give "
            "at least the floor, or leave it out"
        )

    def rate(self, floor: float) -> float:
        """Money per hour that is paid; never under the floor."""
        return max(floor, self.per_hour or floor)


class HelpLine(Record):
    """Where a person in distress finds help."""

    name: Text
    """What it is called, and for whom or where it is."""
    reach: Text
    """How to reach it: number, address, hours."""


class LegalContact(Record):
    """Who is told of the worst content."""

    name: Text
    """The person or office that answers for the study in law."""
    address: Text
    """An e-mail address, or an https address that takes notices. No notice holds any content."""

    @field_validator("address")
    @classmethod
    def _can_be_told(cls, value: str) -> str:
        local, at, host = value.partition("@")
        is_mail = bool(local and at and "." in host) and not any(c.isspace() for c in value)
        if not (is_mail or (value.startswith("https://") and len(value) > len("https://"))):
            raise ValueError("must be an e-mail address, or an address that starts with https://")
        return value


class TextNames(Record):
    """Which texts people are shown: shipped names, or Markdown files beside the study."""

    consent: Text = "consent"
    """What a member agrees to."""
    consent_reviewers: Text = "consent-reviewers"
    """What a reviewer agrees to."""
    risks: Text = "risks"
    """The risk disclosure, shown with the consent."""
    never_solicit: Text = "never-solicit"
    """What nobody may ask for, shown with every brief."""
    rest: Text = "rest"
    """Shown after a task and in a break."""
    debrief: Text = "debrief"
    """Stepping out of the attacker's role, after a task."""
    help: Text = "help"
    """Shown at a sign of distress, and behind the help link of every page."""
    resilience: Text = "resilience"
    """A plan that a person makes before the work."""
    withdrawal: Text = "withdrawal"
    """How to take back what one gave, and until when."""


class CareSpec(Record):
    """How a study looks after its people."""

    limits: Limits = Limits()
    """The most that a person works."""
    pay: PaySpec = PaySpec()
    """What time is paid."""
    support: Text | None = None
    """Whom a member reaches who feels bad: a person's name and address, shown on the help page."""
    help_lines: tuple[HelpLine, ...] = ()
    """Help lines where your members live; checked by you, for none is shipped."""
    legal_contact: LegalContact | None = None
    """Who is told of the worst content."""
    survey: tuple[Text, ...] = ("spane",)
    """Asked every so many tasks and at follow-ups: shipped instruments, or YAML files."""
    survey_every: Annotated[int, Field(ge=1, le=50)] = 2
    """After how many tasks the survey is asked."""
    follow_up_weeks: tuple[Annotated[int, Field(ge=1, le=52)], ...] = (1, 4)
    """Weeks after the last task at which whoever agreed to it is asked again."""
    topics: Annotated[tuple[Text, ...], Field(min_length=1)] = ("standard",)
    """Topics that a person may opt out of: standard, town, or YAML files beside the study."""
    demographics: Text = "standard"
    """What people may say of who they are: standard, or a YAML file beside the study."""
    texts: TextNames = TextNames()
    """Which texts people are shown."""

    @field_validator("limits", "pay", "texts", mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: object) -> object:
        """A heading with nothing but comments under it is empty, not wrong."""
        return {} if value is None else value

    def missing_facts(self) -> list[str]:
        """Facts without which a study with people must not start, in plain words."""
        missing = []
        if self.support is None:
            missing.append(
                "care.support is missing: whom does a member reach who feels bad? A person's name "
                "and address"
            )
        if self.legal_contact is None:
            missing.append(
                "care.legal_contact is missing: who is told of content about children, threats to "
                "real people or mass harm? Give name and address"
            )
        return missing
