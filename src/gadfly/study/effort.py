"""What a study will take: calls, tokens, money, hours and pay, from assumptions that are printed.

    replies = attacks · turns asked · k      k: 2, or the samples of rejection sampling
    tokens  = k · Σ over turns t of (prompt + t · message + (t − 1) · reply) read,
              and a reply each written
    fixed messages: one turn each on every arm, k: 1, or the samples of rejection sampling
    money   = tokens · price, for servers that state one
    hours of people = (attacks · minutes a dialogue + reviews · minutes a review) / 60
    reviews = attacks · share reviewed · reviews of each

Lengths are the medians of the released file (206 tokens and about 3 turns a transcript, 13 tokens
a first message); minutes follow from at least two tasks of five dialogues an hour
(Ganguli et al. 2022, section 3.3); those of a review are our own guess. A prompt's tokens are taken
as a quarter of its characters.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gadfly.redteam.state import REPLIES
from gadfly.study.arms import EndpointSpec, RejectionSamplingSpec, StudyArm
from gadfly.study.protocol import StudyFile

__all__ = ["Effort", "estimate_effort"]

_MESSAGE_TOKENS = 15
_REPLY_TOKENS = 55
_TOKEN_CHARACTERS = 4
_DIALOGUE_MINUTES = 6.0
_REVIEW_MINUTES = 4.0
_CALL_SECONDS = 2.0


@dataclass(frozen=True)
class Effort:
    """What a study will take, roughly."""

    attacks: int
    """Dialogues that the quotas ask for."""
    calls: int
    """Replies asked of all assistants, rejected samples among them."""
    endpoint_calls: int
    """Those of them that go to a server."""
    tokens_in: int
    """Tokens that servers read, where each reply is a call of its own."""
    tokens_out: int
    """Tokens that servers write."""
    cost: float
    """Money for those tokens, at the prices stated, in the budget's currency."""
    cost_currency: str
    """Of the cost."""
    machine_hours: float
    """Hours of waiting for servers, at the given number of dialogues at once."""
    member_hours: float
    """Hours of people's time, members' and reviewers'; 0 for simulated members."""
    pay: float
    """Least pay for those hours, in the study's currency; 0 without people."""
    currency: str
    """Of the pay."""
    assumptions: tuple[str, ...]
    """What the estimate rests on."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def estimate_effort(file: StudyFile, *, concurrency: int) -> Effort:
    """Estimate a study from its quotas, rules, prompts and prices."""
    study = file.study
    turns = study.rules.turns_asked
    served = [arm for arm in study.arms if isinstance(arm.assistant, EndpointSpec)]
    people = study.members.kind == "human"
    reviews = study.attacks * study.review.share * study.review.per_attack
    minutes = study.attacks * _DIALOGUE_MINUTES + reviews * _REVIEW_MINUTES
    hours = minutes / 60 if people else 0.0
    floor = study.launch.pay_floor
    return Effort(
        attacks=study.attacks,
        calls=sum(_replies(file, arm) for arm in study.arms),
        endpoint_calls=sum(_replies(file, arm) for arm in served),
        tokens_in=sum(_read(file, arm) for arm in served),
        tokens_out=sum(_replies(file, arm) for arm in served) * _REPLY_TOKENS,
        cost=sum(_cost(file, arm) for arm in served),
        cost_currency=study.budget.currency,
        machine_hours=sum(a.quota for a in served) * turns * _CALL_SECONDS / 3600 / concurrency,
        member_hours=hours,
        pay=hours * floor.amount if floor else 0.0,
        currency=floor.currency if floor else "",
        assumptions=(
            f"{turns} turns a dialogue, {REPLIES} replies a turn, no retries",
            f"{_MESSAGE_TOKENS} tokens a message, {_REPLY_TOKENS} a reply",
            f"{_CALL_SECONDS:g} s a call, {concurrency} dialogues at once",
            f"{_DIALOGUE_MINUTES:g} minutes of a person's time a dialogue",
            *([f"{reviews:,.0f} reviews of {_REVIEW_MINUTES:g} minutes"] if people else []),
        ),
    )


def _drawn(arm: StudyArm, shown: int) -> int:
    filtered = arm.intervention
    return filtered.samples if isinstance(filtered, RejectionSamplingSpec) else shown


def _replies(file: StudyFile, arm: StudyArm) -> int:
    asked = file.study.rules.turns_asked * _drawn(arm, REPLIES)
    return arm.quota * asked + len(file.fixed) * _drawn(arm, 1)


def _read(file: StudyFile, arm: StudyArm) -> int:
    turns = file.study.rules.turns_asked
    prompt = file.prompts.get(arm.prompt or "")
    before = len(prompt.text) // _TOKEN_CHARACTERS if prompt else 0
    talk = (t * _MESSAGE_TOKENS + (t - 1) * _REPLY_TOKENS for t in range(1, turns + 1))
    attacks = arm.quota * _drawn(arm, REPLIES) * (turns * before + sum(talk))
    return attacks + len(file.fixed) * _drawn(arm, 1) * (before + _MESSAGE_TOKENS)


def _cost(file: StudyFile, arm: StudyArm) -> float:
    if arm.price is None:
        return 0.0
    wrote = _replies(file, arm) * _REPLY_TOKENS
    return (arm.price.input * _read(file, arm) + arm.price.output * wrote) / 1e6
