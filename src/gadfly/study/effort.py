"""What a study will take: calls, tokens, hours and pay, from assumptions that are printed.

    calls  = attacks · turns asked · 2
    tokens = 2 · Σ over turns t of (t · message + (t − 1) · reply) read, a reply a call written
    hours of members = attacks · minutes a dialogue / 60

Lengths are the medians of the released file (206 tokens and about 3 turns a transcript, 13 tokens
a first message); minutes follow from at least two tasks of five dialogues an hour
(Ganguli et al. 2022, section 3.3).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gadfly.redteam.state import REPLIES
from gadfly.study.protocol import EndpointSpec, Study

__all__ = ["Effort", "estimate_effort"]

_MESSAGE_TOKENS = 15
_REPLY_TOKENS = 55
_DIALOGUE_MINUTES = 6.0
_CALL_SECONDS = 2.0


@dataclass(frozen=True)
class Effort:
    """What a study will take, roughly."""

    attacks: int
    """Dialogues that the quotas ask for."""
    calls: int
    """Replies asked of all assistants."""
    endpoint_calls: int
    """Those of them that go to a server."""
    tokens_in: int
    """Tokens that servers read."""
    tokens_out: int
    """Tokens that servers write."""
    machine_hours: float
    """Hours of waiting for servers, at the given number of dialogues at once."""
    member_hours: float
    """Hours of people's time; 0 for simulated members."""
    pay: float
    """Least pay for those hours, in the study's currency; 0 without people."""
    currency: str
    """Of the pay."""
    assumptions: tuple[str, ...]
    """What the estimate rests on."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def estimate_effort(study: Study, *, concurrency: int) -> Effort:
    """Estimate a study from its quotas and rules."""
    turns = study.rules.turns_asked
    served = sum(a.quota for a in study.arms if isinstance(a.assistant, EndpointSpec))
    read = sum(t * _MESSAGE_TOKENS + (t - 1) * _REPLY_TOKENS for t in range(1, turns + 1))
    endpoint_calls = served * turns * REPLIES
    people = study.members.kind == "human"
    hours = study.attacks * _DIALOGUE_MINUTES / 60 if people else 0.0
    floor = study.launch.pay_floor
    return Effort(
        attacks=study.attacks,
        calls=study.attacks * turns * REPLIES,
        endpoint_calls=endpoint_calls,
        tokens_in=served * read * REPLIES,
        tokens_out=endpoint_calls * _REPLY_TOKENS,
        machine_hours=served * turns * _CALL_SECONDS / 3600 / concurrency,
        member_hours=hours,
        pay=hours * floor.amount if floor else 0.0,
        currency=floor.currency if floor else "",
        assumptions=(
            f"{turns} turns a dialogue, {REPLIES} replies a turn, no retries",
            f"{_MESSAGE_TOKENS} tokens a message, {_REPLY_TOKENS} a reply",
            f"{_CALL_SECONDS:g} s a call, {concurrency} dialogues at once",
            f"{_DIALOGUE_MINUTES:g} minutes of a person's time a dialogue",
        ),
    )
