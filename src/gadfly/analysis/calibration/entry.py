"""What a line of the table is: an estimand, a method with its claim, and studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gadfly.analysis.simulate import Settings
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.estimate import Estimate

__all__ = ["Entry", "Estimand", "Method", "Studies", "parts"]


@dataclass(frozen=True)
class Estimand:
    """What is estimated."""

    words: str
    """In words."""
    truth: Callable[[Settings], float]
    """The true value, given the settings."""
    estimates: Callable[..., Sequence[Estimate]]
    """The estimate of one study (frame and seed), or one for every look."""
    part: int | None = None
    """Which of the estimates it is, where several estimands come of one study at once."""


@dataclass(frozen=True)
class Method:
    """How the interval is made."""

    words: str
    """In words."""
    regime: Regime | None
    """What is claimed, and where; ``None`` where the method is shown beside others, unclaimed."""


@dataclass(frozen=True)
class Studies:
    """Studies that a method meets."""

    words: str
    """What they are like, in a few words."""
    settings: Settings
    """How they are drawn."""


@dataclass(frozen=True)
class Entry:
    """A line of the table."""

    name: str
    """Its own name."""
    of: Estimand
    """What is estimated."""
    by: Method
    """How."""
    on: Studies
    """From what."""
    shared: str = ""
    """Name that it shares with entries which are other parts of the same estimates."""

    @property
    def seeds(self) -> str:
        """What the seeds follow from."""
        return self.shared or self.name


def parts(
    name: str,
    on: Studies,
    of: Sequence[Estimand],
    by: Sequence[Method],
    only: Sequence[int] | None = None,
) -> list[Entry]:
    """Estimands that come of the same estimates, each with its method; ``only``: some of them."""
    chosen = range(len(of)) if only is None else only
    shared = f"{name}, {on.words}"
    return [
        Entry(f"{of[k].words}, {shared}", replace(of[k], part=k), by[k], on, shared) for k in chosen
    ]
