"""One YAML file says what a study is, and its hash stands on every record.

The file is read strictly: an unknown key, a number out of range or a missing fact is a fault, and
every fault is reported at once, with its line and in plain words. The protocol hash is the hash of
what the file means (with the texts of its brief and its prompts), so comments, order and layout may
change freely; any other change is refused by the runner until it is told that a next version is
meant.

A study with people, and a study that attacks a server, must state its launch facts: who answers for
it, that everyone is an adult, what an ethics review said, who allowed the test, the least pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from gadfly.assistants.prompts import Prompt, read_prompt
from gadfly.care.forms import CareForms, read_forms
from gadfly.care.settings import CareSpec
from gadfly.care.wording import CareText, read_care_texts
from gadfly.errors import FileProblem, PersonError, StudyProblem, show
from gadfly.records.canonical import Record, content_hash
from gadfly.records.texts import plain
from gadfly.records.values import Scale, TeamType
from gadfly.redteam.assignment import ARMS_MAX
from gadfly.redteam.briefs import Brief, read_brief
from gadfly.redteam.members import Population
from gadfly.redteam.state import Rules
from gadfly.review.materials import Materials, read_materials
from gadfly.review.settings import ReviewSpec
from gadfly.study.arms import EndpointSpec, StudyArm
from gadfly.study.arrival import ArrivalSpec
from gadfly.study.faults import explain, read_yaml
from gadfly.study.fixed import BenignSpec, FixedList, StaticSpec, read_list

__all__ = [
    "Budget",
    "ConstantScorerSpec",
    "HumanMembers",
    "Launch",
    "Limit",
    "PayFloor",
    "SimulatedMembers",
    "Study",
    "StudyFile",
    "TrainedScorerSpec",
    "Version",
    "load_study",
]

Text = Annotated[str, Field(min_length=1)]
_HEADINGS = ("launch", "care", "review", "arrival")
_LATER = ("benign", "static", "brief_variants", "care", "review", "arrival")


class Limit(Record):
    """The most that may be spent on servers."""

    tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens, read and written together."""
    money: Annotated[float, Field(gt=0)] | None = None
    """Money, by the prices that the assistants state."""


class Budget(Record):
    """What the servers of a study may cost; no call is made that could exceed it."""

    study: Limit = Limit()
    """For the study as a whole."""
    member: Limit = Limit()
    """For each member."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """Three letters: USD."""

    @property
    def limited(self) -> bool:
        """Whether anything is limited."""
        limits = (self.study.tokens, self.study.money, self.member.tokens, self.member.money)
        return any(limit is not None for limit in limits)

    @property
    def in_money(self) -> bool:
        """Whether money is limited."""
        return self.study.money is not None or self.member.money is not None


class SimulatedMembers(Record):
    """Members with planted truth; no people."""

    kind: Literal["simulated"]
    """simulated."""
    count: Annotated[int, Field(ge=1, le=100_000)]
    """How many members there are."""
    world: Literal["scripted", "town"] = "scripted"
    """What they talk about: scripted assistants' phrases, or the embedded town."""
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = "sim"
    """Their names begin with this; members of different studies need different ones."""
    population: Population = Population()
    """How they differ."""


class HumanMembers(Record):
    """People."""

    kind: Literal["human"]
    """human."""
    count: Annotated[int, Field(ge=1, le=100_000)]
    """How many people you will invite."""


class TrainedScorerSpec(Record):
    """A preference model, made by gadfly train preference."""

    kind: Literal["linear", "neural"]
    """linear or neural."""
    path: Text
    """Its folder, beside the study file or absolute."""
    description_question: Annotated[Text | None, Field(exclude_if=lambda v: v is None)] = None
    """What stands before a task description when it is scored; a question of Gadfly's if absent."""


class ConstantScorerSpec(Record):
    """A fake that gives every reply one score."""

    kind: Literal["constant"]
    """constant."""
    value: float = 0.0
    """The score."""


class PayFloor(Record):
    """The least that an hour of a member's time is paid."""

    amount: Annotated[float, Field(gt=0)]
    """Money per hour, skipped work and breaks included."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """Three letters: USD."""


class Launch(Record):
    """Facts that a real study must state before it starts."""

    contact: Text | None = None
    """Whom members, platforms and model owners can reach: a name and an address."""
    adults_only: bool = False
    """true: every participant is an adult, and this is verified on arrival."""
    ethics_reference: Text | None = None
    """The ethics review: number and board, or the written reason why none was needed."""
    pay_floor: PayFloor | None = None
    """The least that an hour is paid."""
    authorisations: dict[str, Text] = Field(default_factory=dict)
    """For each endpoint's base_url: who allowed this test, and where that is written."""


class Study(Record):
    """A study, as its file says."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """Short name: lower-case letters, digits and hyphens."""
    title: Text
    """What the study is called in its report."""
    purpose: Text
    """Why it is done, in a sentence or two."""
    team_type: TeamType
    """Where the attackers come from: crowd, in_house, expert or ai_assisted."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """From this every random draw of the study follows."""
    members: Annotated[SimulatedMembers | HumanMembers, Field(discriminator="kind")]
    """Who attacks."""
    arms: Annotated[tuple[StudyArm, ...], Field(min_length=1, max_length=ARMS_MAX)]
    """The assistants under attack."""
    scorer: Annotated[TrainedScorerSpec | ConstantScorerSpec, Field(discriminator="kind")]
    """The harmlessness preference model that scores every reply."""
    brief: Text = "open"
    """Instructions shown to attackers: a shipped name, or a Markdown file beside the study."""
    brief_variants: tuple[Text, ...] = ()
    """Other briefs to compare: each person is given one of all of them, at random."""
    task_size: Annotated[int, Field(ge=1, le=100)] = 5
    """Dialogues in one task of a member."""
    rules: Rules = Rules()
    """The rules of a dialogue."""
    success_threshold: Scale = 3
    """A rating (0-4) from which an attack counts as a success."""
    benign: BenignSpec | None = None
    """Harmless requests that every arm is asked beside the attacks; none where left out."""
    static: StaticSpec | None = None
    """Static prompts that every arm is asked, to hold beside live attacks; none where left out."""
    budget: Budget = Budget()
    """What servers may cost."""
    launch: Launch = Launch()
    """Facts that a study with people, or on a server, must state."""
    care: CareSpec = CareSpec()
    """How people are looked after: limits, pay, support."""
    review: ReviewSpec = ReviewSpec()
    """How attacks are reviewed."""
    arrival: ArrivalSpec = ArrivalSpec()
    """Who may come in, and through which platform."""

    @model_validator(mode="after")
    def _arms_differ(self) -> Study:
        names = [arm.arm.name for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two arms have the same model_type and num_params: {twice[0]}")
        return self

    @model_validator(mode="after")
    def _budget_can_be_kept(self) -> Study:
        for arm in self.arms if self.budget.limited else ():
            if not isinstance(arm.assistant, EndpointSpec):
                continue
            if arm.sampling.max_tokens is None:
                raise ValueError(
                    f"there is a budget, so arm {arm.arm.name} needs sampling.max_tokens: without "
                    "it nobody knows what a call can cost"
                )
            if self.budget.in_money and arm.assistant.price is None:
                raise ValueError(
                    f"money is limited, so arm {arm.arm.name} needs assistant.price (input and "
                    "output, for a million tokens)"
                )
        return self

    @property
    def attacks(self) -> int:
        """How many attacks the study wants."""
        return sum(arm.quota for arm in self.arms)

    @property
    def command(self) -> str:
        """The command that collects this study's attacks."""
        return "gadfly serve" if self.members.kind == "human" else "gadfly run"

    def missing_facts(self) -> list[str]:
        """Launch facts without which this study must not start, in plain words."""
        launch, missing = self.launch, []
        servers = {a.assistant.base_url for a in self.arms if isinstance(a.assistant, EndpointSpec)}
        for url in sorted(servers - launch.authorisations.keys()):
            missing.append(
                f"launch.authorisations has no entry for {url}: say who allowed you to attack this "
                "server, and where that is written (your own server: say so)"
            )
        if (self.members.kind == "human" or servers) and launch.contact is None:
            missing.append("launch.contact is missing: whom can members and owners reach?")
        if self.members.kind == "human":
            if not launch.adults_only:
                missing.append(
                    "launch.adults_only must be true: people under age may not take part"
                )
            if launch.ethics_reference is None:
                missing.append(
                    "launch.ethics_reference is missing: the number and board of the review, or "
                    "the written reason why none was needed"
                )
            if launch.pay_floor is None:
                missing.append(
                    "launch.pay_floor is missing: the least that an hour is paid (amount, currency)"
                )
            elif fault := self.care.pay.fault(launch.pay_floor.amount):
                missing.append(fault)
            missing += self.care.missing_facts()
        return missing


@dataclass(frozen=True)
class Version:
    """One version of a study's protocol: the study with its texts."""

    study: Study
    brief: Brief
    prompts: Mapping[str, Prompt]
    """By the name that the study file gives."""
    benign: FixedList | None
    """The list of harmless requests; ``None`` where the study asks none."""
    static: FixedList | None = None
    """The list of static prompts; ``None`` where the study asks none."""
    variants: tuple[Brief, ...] = ()
    """The other briefs."""
    texts: Mapping[str, CareText] = field(default_factory=dict)
    """What people are shown, by the name of its place in ``care.texts``."""

    @property
    def briefs(self) -> tuple[Brief, ...]:
        """Every brief that a person may be given."""
        return (self.brief, *self.variants)

    @property
    def fields(self) -> list[str]:
        """Fields whose experts get something of their own: attacks to judge, or a brief."""
        known = [brief.domain for brief in self.briefs if brief.domain is not None]
        return list({plain(name): name for name in (*known, *self.study.review.domains)}.values())

    def field(self, said: str) -> str:
        """A field as this study spells it.

        :raises PersonError: it has no such field.
        """
        for name in self.fields:
            if plain(name) == plain(said):
                return name
        raise PersonError(
            f"{show(said)} is no field of this study; allowed: {', '.join(self.fields)}. "
            "review.domains of the study file, and domain of a brief, name them"
        )

    @property
    def fixed(self) -> dict[int, str]:
        """The messages that every arm is asked once: harmless requests by their place in the list,
        from 1, and static prompts by minus their place.
        """
        found: dict[int, str] = {}
        both = ((self.benign, self.study.benign, 1), (self.static, self.study.static, -1))
        for there, spec, sign in both:
            if there is not None and spec is not None:
                asked = enumerate(there.items[: spec.count], start=1)
                found |= {sign * place: text for place, text in asked}
        return found


@dataclass(frozen=True, kw_only=True)
class StudyFile(Version):
    """A study as its file has it now."""

    path: Path
    materials: Materials
    """What reviewers work with; part of what the file means where people attack, or where the file
    says anything of reviews."""
    forms: CareForms
    """What people are asked; part of what the file means where people attack."""

    @property
    def protocol(self) -> dict[str, Any]:
        """What the file means, in JSON types: the study with its texts."""
        study = self.study.model_dump(mode="json")
        texts: dict[str, Any] = {
            "brief": self.brief.model_dump(mode="json", exclude_defaults=True),
            "prompts": {name: p.model_dump(mode="json") for name, p in self.prompts.items()},
        }
        for name in _LATER:  # a study without them keeps the hash that it had before they were
            if getattr(self.study, name) == Study.model_fields[name].default:
                del study[name]
        for name, listed in (("benign", self.benign), ("static", self.static)):
            if listed is not None:
                texts[name] = listed.model_dump(mode="json")
        if self.variants:
            texts["variants"] = [
                brief.model_dump(mode="json", exclude_defaults=True) for brief in self.variants
            ]
        if self.study.members.kind == "human":
            texts["texts"] = {name: t.model_dump(mode="json") for name, t in self.texts.items()}
            texts["forms"] = self.forms.model_dump(mode="json")
        if self.study.members.kind == "human" or "review" in study:
            texts["review"] = self.materials.model_dump(mode="json")
        return {"study": study, **texts}

    @property
    def protocol_hash(self) -> str:
        """Hash of what the file means; changes with the study or one of its texts."""
        return content_hash(self.protocol)

    @property
    def database_url(self) -> str:
        """Where the study is kept unless told otherwise: beside the file."""
        return f"sqlite:///{self.path.resolve().with_suffix('.db')}"


def load_study(path: Path) -> StudyFile:
    """Read and validate a study file.

    :raises FileProblem: it cannot be read.
    :raises StudyProblem: every fault of it, with its line.
    """
    if path.is_dir():
        raise FileProblem(path, "is a folder; give the study file inside it, often study.yaml")
    if not path.is_file():
        raise FileProblem(path, "no such file; gadfly init DIR writes a study to start from")
    document = read_yaml(path, headings=_HEADINGS)
    try:
        study = Study.model_validate_json(document.json)
    except ValidationError as error:
        raise StudyProblem(path, explain(error, Study, document)) from None
    named = {arm.prompt for arm in study.arms if arm.prompt is not None}
    prompts = {name: read_prompt(name, path.parent) for name in sorted(named)}
    return StudyFile(
        study=study,
        brief=read_brief(study.brief, path.parent),
        prompts=prompts,
        benign=read_list(study.benign, path),
        static=read_list(study.static, path),
        variants=tuple(read_brief(name, path.parent) for name in study.brief_variants),
        texts=read_care_texts(study.care, path.parent),
        path=path,
        materials=read_materials(study.review, path.parent),
        forms=read_forms(study.care, path.parent),
    )
