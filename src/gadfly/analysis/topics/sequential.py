"""When a study could have stopped: intervals that hold at every moment of it at once.

At up to 100 looks over the study's own order, for each arm and for each arm against the first, the
interval of Robbins' mixture around the estimate so far (asymptotic, members as units, errors by the
member jackknife widened as Student's t; formula: ``statistics/confidence_sequence.py``). It begins
once ten effective members have attacked the arm. Of one arm they count for less where few members
had all that is not common (``jackknife.mean_freedom``): where most ratings are 0 an error rests on
those few, and without this more than one study in twenty erred. Attacks that began at one time are
looked at together, for nothing says which came first. One may stop at any look for any reason and
the last interval still holds: at most one study in twenty, stopped so, errs.

Beside it stands, for each arm, an exact interval that asks nothing of large numbers: each member's
first rated attack on the arm, which is independent of every other member's, by the empirical
Bernstein sequence. It is of first attacks, and wide.

Where arms were drawn at random, contrasts are of the attacks that either arm was open to, with
overlap weights (``statistics/overlap.py``): an arm that was added late is compared with those who
came late. Members' levels are left in, because they would look ahead.

"Could have stopped" is said for one arm or contrast by itself; nothing is corrected for several.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from scipy.stats import norm, t

from gadfly.analysis.order import arms_in_order
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.confidence_sequence import (
    RUNNING,
    bounded_sequence,
    running_sequence,
)
from gadfly.analysis.statistics.jackknife import mean_errors, mean_freedom, standard_errors
from gadfly.analysis.statistics.overlap import overlap_weights
from gadfly.analysis.topics.cells import chances_of, sorted_attacks
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = ["ArmSequence", "ContrastSequence", "Look", "Sequential", "sequential"]

Design = Literal["observational", "randomised"]
Outcome = Literal["rating", "success_rate"]
_LOOKS = (20, 100)  # least and most
_CELLS = 4_000_000  # looks times arms times members held at once
_LEAST = RUNNING.members
_TOP = 4.0  # the highest rating
_METHOD = "anytime-valid, asymptotic: normal mixture over the member jackknife"
_EXACT = "anytime-valid, exact: empirical Bernstein over each member's first rated attack"


class Look(Record):
    """One look at the study."""

    attacks: int
    """Attacks of the whole study until then, rated or not."""
    estimate: float
    """The estimate so far."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


class ArmSequence(Record):
    """One arm, as it went."""

    model_type: str
    """Its intervention."""
    num_params: str
    """Its size."""
    looks: tuple[Look, ...]
    """From the first look at which it has an interval."""
    last: Estimate
    """At the end of the study."""
    exact: Estimate
    """Of members' first attacks on it; its ends hold for any number of members."""
    precise_at: int | None
    """Attacks of the study after which the interval was first as narrow as wanted; null: never."""


class ContrastSequence(Record):
    """One arm less the first, as it went."""

    first: tuple[str, str]
    """Intervention and size that are subtracted."""
    second: tuple[str, str]
    """Those that they are subtracted from."""
    looks: tuple[Look, ...]
    """From the first look at which it has an interval."""
    last: Estimate
    """At the end of the study."""
    decided_at: int | None
    """Attacks of the study after which the interval first excluded 0; null: never."""


class Sequential(Record):
    """When a study could have stopped."""

    outcome: Outcome
    """What is estimated: mean rating, or the success rate."""
    precision: float
    """Half the width at which an arm is precise enough."""
    design: Design
    """Whether attacks were assigned to arms at random."""
    attacks: int
    """Attacks of the whole study."""
    reason: str | None
    """Why there is nothing; null where there is."""
    arms: tuple[ArmSequence, ...]
    """In order."""
    contrasts: tuple[ContrastSequence, ...]
    """Every other arm less the first, in order."""


def sequential(
    frame: pl.DataFrame,
    *,
    success_threshold: float,
    outcome: Outcome = "rating",
    precision: float | None = None,
    design: Design = "observational",
    level: float = 0.95,
) -> Sequential:
    """The study over again, looked at as it went.

    :param success_threshold: lowest rating (0-4) that counts as success.
    :param precision: half the width wanted of an arm's interval; 0.25 rating points, or 0.1.
    """
    wanted = (0.25 if outcome == "rating" else 0.1) if precision is None else precision
    attacks = sorted_attacks(frame)
    column, reason = _order(attacks)
    arms: tuple[ArmSequence, ...] = ()
    contrasts: tuple[ContrastSequence, ...] = ()
    if column is not None:
        study = _Study(attacks, column, outcome, success_threshold, level, design)
        arms = tuple(study.arm(place, wanted) for place in range(len(study.names)))
        contrasts = tuple(study.contrast(place) for place in range(1, len(study.names)))
    return Sequential(
        outcome=outcome,
        precision=wanted,
        design=design,
        attacks=frame.height,
        reason=reason,
        arms=arms,
        contrasts=contrasts,
    )


def _order(attacks: pl.DataFrame) -> tuple[str | None, str | None]:
    """The column that says in which order attacks were made, or why none does."""
    if attacks.is_empty():
        return None, "not estimable: there is no attack"
    if attacks["number"].null_count() == 0 and attacks["number"].is_unique().all():
        return "number", None
    missing, n = attacks["started_at"].null_count(), attacks.height
    if not missing:
        return "started_at", None
    return None, (
        "not estimable: nothing says in which order attacks were made: their numbers are missing "
        f"or repeat, and {missing:,} of {n:,} have no start"
    )


class _Study:
    """Sums over members at every look."""

    def __init__(
        self,
        attacks: pl.DataFrame,
        column: str,
        outcome: Outcome,
        threshold: float,
        level: float,
        design: Design,
    ) -> None:
        frame = attacks.sort(column, maintain_order=True)  # of one time, by member
        time = frame[column].rank("dense").to_numpy()
        self.level = level
        self.names = arms_in_order(frame.select("model_type", "num_params").rows())
        code = {name: i for i, name in enumerate(self.names)}
        rated = frame["rating"].is_not_null().to_numpy()
        rating = frame["rating"].drop_nulls().to_numpy()
        arm = np.array([code[name] for name in frame.select("model_type", "num_params").rows()])
        member = np.unique(frame["member"].to_numpy(), return_inverse=True)[1]
        self.top = _TOP if outcome == "rating" else 1.0
        self.values = rating if outcome == "rating" else (rating >= threshold).astype(np.float64)
        self.owners, self.arms = member[rated], arm[rated]
        self.shape = len(self.names), int(member.max(initial=0)) + 1
        most = int(np.clip(_CELLS // (self.shape[0] * self.shape[1]), *_LOOKS))
        at = np.linspace(0, frame.height, most + 1).round().astype(int)[1:]
        self.at = np.unique(np.searchsorted(time, time[at - 1], side="right"))
        self.time = time[rated]
        self.look = np.searchsorted(self.at, np.flatnonzero(rated) + 1)
        self.sums, self.counts = self._totals(np.ones(len(self.values)))
        chances = chances_of(frame, self.names) if design == "randomised" else None
        self.chances = None if chances is None else chances[rated]

    def _totals(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weighted sums of values, and of weights, up to each look, [looks, arms, members]."""
        place = (self.look, self.arms, self.owners)
        sums, counts = (np.zeros((len(self.at), *self.shape)) for _ in range(2))
        np.add.at(sums, place, weights * self.values)
        np.add.at(counts, place, weights)
        return np.cumsum(sums, axis=0), np.cumsum(counts, axis=0)

    def arm(self, place: int, wanted: float) -> ArmSequence:
        """One arm, as it went."""
        sums, counts = self.sums[:, place], self.counts[:, place]
        value, error, _ = mean_errors(sums, counts)
        found = value, error, mean_freedom(sums, counts)
        looks, last = self._looks(*found, n=int((self.arms == place).sum()), what="mean", least=0.0)
        precise = (look.attacks for look in looks if look.high - look.low <= 2 * wanted)
        kind, size = self.names[place]
        return ArmSequence(
            model_type=kind,
            num_params=size,
            looks=looks,
            last=last,
            exact=self._exact(place),
            precise_at=next(precise, None),
        )

    def contrast(self, place: int) -> ContrastSequence:
        """One arm less the first, as it went."""
        pair = [0, place]
        sums, counts, what = self.sums, self.counts, "difference of means"
        own = np.isin(self.arms, pair)
        if self.chances is not None:
            weights = np.zeros(len(own))
            second = (self.arms[own] == place).astype(np.int64)
            weights[own] = overlap_weights(self.chances[own][:, pair], second)
            sums, counts = self._totals(weights)
            own, what = weights > 0, f"{what} over attacks open to both, overlap-weighted"
        with np.errstate(invalid="ignore", divide="ignore"):
            found = standard_errors(sums[:, pair], counts[:, pair])
        looks, last = self._looks(*found, n=int(own.sum()), what=what, least=-self.top)
        decided = (look.attacks for look in looks if look.low > 0 or look.high < 0)
        return ContrastSequence(
            first=self.names[0],
            second=self.names[place],
            looks=looks,
            last=last,
            decided_at=next(decided, None),
        )

    def _looks(
        self, found: Floats, error: Floats, df: Floats, *, n: int, what: str, least: float
    ) -> tuple[tuple[Look, ...], Estimate]:
        """From the first look with members enough; ends from ``least`` to the top of the scale."""
        ready = (df >= _LEAST - 1) & np.isfinite(error) & (error > 0)
        method = f"{what}; {_METHOD}"
        if not ready[-1]:
            whole = float(found[-1]) if np.isfinite(found[-1]) else None
            reason = f"no interval: it takes {_LEAST:g} effective members whose values differ"
            return (), self._none(whole, n, method, "no attack has a value" if not n else reason)
        at, tail = self.at[ready], (1 + self.level) / 2
        wide = error[ready] * t.ppf(tail, df[ready]) / norm.ppf(tail)
        ends_of = running_sequence(found[ready], wide, level=self.level)
        low, high = np.clip(ends_of, least, self.top)
        looks = tuple(
            Look(attacks=int(a), estimate=float(e), low=float(lo), high=float(hi))
            for a, e, lo, hi in zip(at, found[ready], low, high, strict=True)
        )
        end = looks[-1]
        ends = end.low, end.high
        return looks, Estimate.of(end.estimate, ends, level=self.level, n=n, method=method)

    def _none(self, whole: float | None, n: int, method: str, reason: str) -> Estimate:
        return Estimate.of(whole, None, level=self.level, n=n, method=method, reason=reason)

    def _exact(self, place: int) -> Estimate:
        """Each member's first rated attack on the arm (mean of those that it began at one time),
        in the order of the study.
        """
        here = self.arms == place
        own = pl.DataFrame(
            {"owner": self.owners[here], "time": self.time[here], "value": self.values[here]}
        )
        first = own.filter(pl.col("time") == pl.col("time").min().over("owner"))
        means = first.group_by("owner", "time").agg(pl.col("value").mean())
        values = means.sort("time", "owner")["value"].to_numpy()
        if not len(values):
            return self._none(None, 0, _EXACT, "no attack has a value")
        low, high = bounded_sequence(values / self.top, level=self.level)
        ends = float(low[-1]) * self.top, float(high[-1]) * self.top
        mean, n = float(np.mean(values)), len(values)
        return Estimate.of(mean, ends, level=self.level, n=n, method=_EXACT)
