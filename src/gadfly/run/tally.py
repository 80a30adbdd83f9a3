"""The tally: how a run is doing, for whoever watches it.

Counts only; nothing reads it to decide anything. What other runners did on the same study comes in
with every renewal of the lease.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gadfly.records.values import Reply
from gadfly.run.budget import cost
from gadfly.study.arms import Price

__all__ = ["ArmTally", "Tally"]

_WINDOW_SECONDS = 10.0


@dataclass
class ArmTally:
    """One arm's dialogues."""

    wanted: int = 0
    """Its quota."""
    over: int = 0
    """Dialogues that are over, by any runner."""
    lasting: int = 0
    """Dialogues under way, by any runner."""


@dataclass
class Tally:
    """One run's counts."""

    currency: str = "USD"
    priced: bool = False
    """Whether any assistant states a price."""
    arms: dict[str, ArmTally] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    """Requests to servers: "answered", and each kind of fault."""
    replies: Counter[str] = field(default_factory=Counter)
    """Replies by outcome, those of every kind of assistant."""
    last_loss: str | None = None
    """Why the last reply that was not complete was not."""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    """By the prices stated; with the tokens, of the study so far, by any runner."""
    probes_wanted: int = 0
    """Replies to fixed messages that the study wants."""
    probes: int = 0
    """Those that there are."""
    probed: int = 0
    """Those of them that came in this run."""
    pairs: int = 0
    """Pairs of replies that came in this run."""
    twins: int = 0
    """Those whose two replies are the same text."""
    lost: int = 0
    """Dialogues that another runner took over."""
    began_at: float = field(default_factory=time.monotonic)
    _began_over: int | None = None
    _samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=512))

    @property
    def calls(self) -> int:
        """Requests to servers, or replies where no server is asked."""
        return sum(self.requests.values()) or sum(self.replies.values())

    @property
    def over(self) -> int:
        """Dialogues that are over."""
        return sum(arm.over for arm in self.arms.values())

    @property
    def wanted(self) -> int:
        """Dialogues that the study wants, or has where these are more."""
        return sum(max(a.wanted, a.over + a.lasting) for a in self.arms.values())

    @property
    def progress(self) -> tuple[int, int]:
        """Done and wanted, fixed messages counted with the dialogues."""
        return self.over + self.probes, self.wanted + self.probes_wanted

    def recount(
        self, counts: Mapping[str, tuple[int, int]], tokens_in: int, tokens_out: int, spent: float
    ) -> None:
        """Take over what the database says: over and lasting, by arm, and what was spent."""
        self.tokens_in = max(self.tokens_in, tokens_in)
        self.tokens_out = max(self.tokens_out, tokens_out)
        self.cost = max(self.cost, spent)
        for name, (over, lasting) in counts.items():
            arm = self.arms.setdefault(name, ArmTally())
            arm.over, arm.lasting = over, lasting
        if self._began_over is None:
            self._began_over = self.over

    def replied(self, reply: Reply, price: Price | None) -> None:
        """Count a reply."""
        self.replies[reply.outcome] += 1
        if reply.outcome != "complete":
            self.last_loss = reply.detail
        if reply.usage is not None:
            self.tokens_in += reply.usage.tokens_in
            self.tokens_out += reply.usage.tokens_out
            self.cost += cost(price, reply.usage.tokens_in, reply.usage.tokens_out)

    def paired(self, replies: Sequence[Reply]) -> None:
        """Count the replies of one turn that came together: a comparison of twins says nothing."""
        if len(replies) > 1 and all(reply.outcome == "complete" for reply in replies):
            self.pairs += 1
            self.twins += len({reply.text for reply in replies}) == 1

    def rate(self) -> float:
        """Calls a second, over the last ten."""
        now = time.monotonic()
        self._samples.append((now, self.calls))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_SECONDS:
            self._samples.popleft()
        first, calls = self._samples[0]
        return (self.calls - calls) / (now - first) if now > first else 0.0

    def seconds_left(self) -> float | None:
        """Until the quotas are full at the pace of this run; ``None`` before the first is over."""
        done = self.over - (self._began_over or 0)
        if not done:
            return None
        return (time.monotonic() - self.began_at) / done * (self.wanted - self.over)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        faults = {kind: n for kind, n in self.requests.items() if kind != "answered"}
        return {
            "arms": {name: asdict(arm) for name, arm in self.arms.items()},
            "requests": sum(self.requests.values()),
            "faults": faults,
            "replies": dict(self.replies),
            "last_loss": self.last_loss,
            "fixed": {"wanted": self.probes_wanted, "answered": self.probes},
            "pairs": self.pairs,
            "twins": self.twins,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost": round(self.cost, 6) if self.priced else None,
            "currency": self.currency,
            "taken_over": self.lost,
            "seconds": round(time.monotonic() - self.began_at, 3),
        }
