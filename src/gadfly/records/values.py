"""The record of a red-team study, as frozen values.

An attack is one dialogue with its task description and rating. It is made of turns; a turn holds
the attacker's message, the replies, and one comparison for each question that was asked of them.

Decisions:

* What is missing is ``None``, never zero or an empty text.
* A comparison names replies by their place in ``Turn.replies``; the order in which the person saw
  them stands beside it, because sides are random.
* Ratings are stored 0-4 and shown 1-5 (Ganguli et al. 2022, section 3.1 and figure 3).
* How an attack ended (``ending``) is collected; its outcome in an analysis also asks whether it was
  rated and scored, and is derived (:attr:`Attack.outcome`).
* A published transcript whose text the parser would not print back letter by letter is kept
  beside the parsed turns, so that reading and writing lose nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from gadfly.records.canonical import Record

__all__ = [
    "ENDINGS",
    "OUTCOMES",
    "PUBLISHED",
    "PUBLISHED_VERSION",
    "SCORE_LIMIT",
    "Arm",
    "Assignment",
    "Attack",
    "Attacker",
    "AttackerKind",
    "Comparison",
    "Ending",
    "Message",
    "Outcome",
    "PreferencePair",
    "Question",
    "Reply",
    "ReplyOutcome",
    "Role",
    "Sampling",
    "Scale",
    "Scores",
    "SelfRating",
    "TeamType",
    "Turn",
    "Usage",
    "VisitEnd",
]

Role = Literal["human", "assistant"]
ReplyOutcome = Literal["complete", "cut", "refused", "filtered", "error"]
Question = Literal["more_harmful", "less_harmful"]
AttackerKind = Literal["human", "simulated", "model"]
TeamType = Literal["crowd", "in_house", "expert", "ai_assisted"]
Ending = Literal["complete", "attacker_stopped", "target_error", "target_refused"]
Outcome = Literal[
    "scored", "attacker_stopped", "target_error", "target_refused", "judge_error", "unrated"
]
VisitEnd = Literal["complete", "early_exit", "no_consent", "failed_check"]
"""How a person's visit ended: all work done, left early and paid for the time, said no to the
consent, or failed a check on arrival."""
ENDINGS: tuple[Ending, ...] = ("complete", "attacker_stopped", "target_error", "target_refused")
OUTCOMES: tuple[Outcome, ...] = (
    "scored",
    "attacker_stopped",
    "target_error",
    "target_refused",
    "judge_error",
    "unrated",
)

Scale = Annotated[int, Field(ge=0, le=4)]
"""A five-step rating, stored 0-4 and shown 1-5."""
SCORE_LIMIT = 1e6
"""Furthest from 0 that a score, or a rating in a file of ratings, may be. Preference models give
tens; beyond a million, squares lose the digits that tell scores apart, and at last overflow.
"""
_Score = Annotated[float, Field(ge=-SCORE_LIMIT, le=SCORE_LIMIT)]


class Message(Record):
    """One thing said."""

    role: Role
    """Who said it."""
    text: str
    """What was said; hostile input everywhere."""


class Sampling(Record):
    """How a reply was sampled; ``None`` is the server's default."""

    temperature: Annotated[float, Field(ge=0)] | None = None
    """Softmax temperature, 0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Nucleus mass."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Longest reply, in the assistant's own tokens."""


class Usage(Record):
    """What getting a reply cost."""

    calls: Annotated[int, Field(ge=0)]
    """Requests sent, those tried again among them."""
    tokens_in: Annotated[int, Field(ge=0)]
    """Tokens read."""
    tokens_out: Annotated[int, Field(ge=0)]
    """Tokens written."""
    estimated: bool = False
    """The server did not count: these are the most that it can have been."""

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            calls=self.calls + other.calls,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            estimated=self.estimated or other.estimated,
        )


class Reply(Record):
    """What an assistant answered, and what is known of how."""

    text: str
    """The reply; empty where nothing came."""
    outcome: ReplyOutcome = "complete"
    """Whether it came whole, or was cut off, refused or filtered by the provider, or failed.
    A reply that merely reached its token limit came whole."""
    detail: str | None = None
    """Why, where the outcome is not "complete"."""
    assistant: str | None = None
    """Name and version of the assistant that wrote it."""
    sampling: Sampling | None = None
    """Sampling parameters as used."""
    seed: int | None = None
    """Seed given to the assistant for this reply."""
    tokens_in: Annotated[int, Field(ge=0)] | None = None
    """Tokens read, as counted by the assistant."""
    tokens_out: Annotated[int, Field(ge=0)] | None = None
    """Tokens written, as counted by the assistant."""
    latency_seconds: Annotated[float, Field(ge=0)] | None = None
    """Seconds from request to complete reply."""
    choice: Annotated[int, Field(ge=0)] | None = None
    """Place among the replies of one call, which share its seed; ``None`` for a call of its own."""
    samples: Annotated[int, Field(ge=1)] | None = None
    """Rejection sampling: how many samples this reply was chosen from."""
    filter_score: float | None = None
    """Rejection sampling: the filter's harmlessness score; higher is safer."""
    usage: Usage | None = None
    """What getting it cost. Replies that came together carry it once, on the first of them;
    ``None`` for an assistant that costs nothing."""


class Comparison(Record):
    """One question asked about the replies of a turn, and its answer."""

    question: Question
    """What was asked: which reply is more harmful, or which is less."""
    shown: tuple[int, ...]
    """Places in ``Turn.replies`` in the order shown; the first was "A"."""
    chosen: int | None
    """Place of the reply picked; ``None`` for neither."""
    strength: Annotated[int, Field(ge=1, le=4)] | None = None
    """Step on the picked side of the 8-point bar: 1 weakest (a tie in training), 4 strongest."""
    reason: str | None = None
    """Why neither."""
    seconds: Annotated[float, Field(ge=0)] | None = None
    """Time to decide."""

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        if sorted(self.shown) != list(range(len(self.shown))):
            raise ValueError("shown must order the replies 0, 1, ... each once")
        if self.chosen is None and (self.strength is not None or not self.reason):
            raise ValueError("neither needs a reason and has no strength")
        if self.chosen is not None and (self.strength is None or self.chosen not in self.shown):
            raise ValueError("a choice names a shown reply and has a strength of 1 to 4")
        return self


class Turn(Record):
    """One message of the attacker, the replies to it, and what was made of them."""

    message: str | None
    """The attacker's message; ``None`` where a published transcript starts with a reply."""
    replies: tuple[Reply, ...] = ()
    """Replies that could be shown; empty where none came."""
    failed: tuple[Reply, ...] = ()
    """Tries that could not be shown, in order; kept and counted."""
    comparisons: tuple[Comparison, ...] = ()
    """One for each question asked."""
    continued: int | None = None
    """Place of the reply that the dialogue goes on from; ``None`` where it does not."""
    continued_by: Literal["choice", "random", "only"] | None = None
    """Why that one: the choice, a coin after "neither", or there was only one."""
    voided: bool = False
    """A reply stayed missing after every retry: kept, compared by nobody, not part of the text."""

    @model_validator(mode="after")
    def _consistent(self) -> Turn:
        if self.continued is not None and not 0 <= self.continued < len(self.replies):
            raise ValueError("continued must name one of the replies")
        if (self.continued is None) != (self.continued_by is None):
            raise ValueError("continued and continued_by come together")
        if self.voided and (self.comparisons or self.continued is not None):
            raise ValueError("a voided turn has no comparison and no continuation")
        return self


class Arm(Record):
    """What was attacked: assistant = base model × intervention."""

    model_type: Annotated[str, Field(min_length=1)]
    """The intervention, as published: "plain lm", "context distillation", or another study's."""
    num_params: str
    """The size, as published: "2.7B"."""

    @property
    def name(self) -> str:
        """Both in one label, as the arms of a study are called in tables."""
        return f"{self.model_type} {self.num_params}".strip()


class Attacker(Record):
    """Who attacked. Kinds are never mixed silently."""

    kind: AttackerKind
    """A person, a simulated member, or a model."""
    team_type: TeamType
    """Where the attackers come from (NIST AI 600-1, A.1.5)."""
    member: int | str
    """The member's pseudonym: stable within a study, never a platform's id."""
    platform: str | None = None
    """Recruitment platform, "upwork" and "mturk" in the released file."""


class Assignment(Record):
    """How the arm was drawn: enough to weight by, or to permute within."""

    policy: str
    """Id of the rule that drew."""
    round: Annotated[int, Field(ge=1)]
    """Stretch of the study with one set of open arms, from 1."""
    probabilities: dict[str, Annotated[float, Field(ge=0, le=1)]]
    """Probability of every arm that was open, by arm name; sums to 1."""


class SelfRating(Record):
    """What the attacker said of the attack when it ended."""

    success: Scale | None = None
    """How well it worked: 0 not at all, 4 very."""
    harm: Scale | None = None
    """How harmful the replies were."""
    actionability: Scale | None = None
    """How easily they could be acted on."""
    comments: str | None = None
    """Free text."""
    expert_domain: str | None = None
    """Set where "a domain expert should judge this"."""


PUBLISHED, PUBLISHED_VERSION = "published", "unknown"
"""Scorer and version of scores that came with a published file."""


class Scores(Record):
    """Harmlessness scores of one attack by one scorer; higher is safer; no further from 0 than
    :data:`SCORE_LIMIT`.
    """

    scorer: str
    """Name of the scorer; "published" for scores that came with a file."""
    version: str
    """Its version."""
    lineage: str | None
    """Hash of what it was made from; ``None`` where unknown."""
    turns: tuple[_Score, ...] | None = None
    """One for each assistant turn, conditioned on everything before it."""
    minimum: _Score | None = None
    """Lowest over the assistant's turns: a lower bound (Ganguli et al. 2022, section 3.4)."""
    mean: _Score | None = None
    """Mean over the assistant's turns."""
    task_description: _Score | None = None
    """The same scorer on the task description alone: out of distribution, a covariate only."""


class Attack(Record):
    """One dialogue with its task description and rating."""

    record: Literal["attack"] = "attack"
    """Tells record kinds apart in a file."""
    schema_version: Literal[1] = 1
    """Version of this form."""
    study: str | None = None
    """Name of the study; ``None`` for a published file."""
    protocol_hash: str | None = None
    """Hash of the study file under which it was collected."""
    number: Annotated[int, Field(ge=1)] | None = None
    """Place in the study, in the order of assignment, from 1."""
    arm: Arm
    """What was attacked."""
    attacker: Attacker
    """Who attacked."""
    assignment: Assignment | None = None
    """How the arm was drawn; ``None`` where it was not recorded."""
    brief: str | None = None
    """Id and version of the instructions shown."""
    task_description: str | None
    """What the attacker set out to do, written before the first turn."""
    addendum: str | None = None
    """What the attacker added at the end."""
    turns: tuple[Turn, ...]
    """The dialogue."""
    rating: SelfRating | None = None
    """The attacker's own rating; ``None`` where it was not given."""
    ending: Ending = "complete"
    """How the dialogue ended."""
    flags: tuple[str, ...] = ()
    """Notes of members who flagged something."""
    scores: tuple[Scores, ...] = ()
    """By scorer; the first is the one that analyses use."""
    tags: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    """Tags by reviewers; ``None`` where nobody reviewed."""
    started_at: AwareDatetime | None = None
    """When the arm was assigned."""
    ended_at: AwareDatetime | None = None
    """When the last event was stored."""
    transcript: str | None = None
    """The published text, where parsing and printing it would change a letter."""

    @property
    def outcome(self) -> Outcome:
        """Which denominator it belongs to."""
        if self.ending != "complete":
            return self.ending
        if self.rating is None or self.rating.success is None:
            return "unrated"
        if not self.scores or self.scores[0].minimum is None:
            return "judge_error"
        return "scored"


class PreferencePair(Record):
    """Two replies to one prefix, of which ``chosen`` is the less harmful (or more helpful)."""

    record: Literal["preference_pair"] = "preference_pair"
    """Tells record kinds apart in a file."""
    schema_version: Literal[1] = 1
    """Version of this form."""
    prefix: str
    """Everything both texts share, up to and with the last assistant marker."""
    chosen: str
    """The better reply, as it stands after the prefix."""
    rejected: str
    """The worse reply, as it stands after the prefix."""
    source: str = "unstated"
    """Where the pair comes from: "harmless", "helpful", or the name of a study."""
    strength: Annotated[int, Field(ge=1, le=4)] | None = None
    """Strength of the choice, where it was recorded."""
