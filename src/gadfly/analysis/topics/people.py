"""The people who attacked: who made how much, whether they learn or tire, and groups of them.

* **Concentration** says who made the attacks (Ganguli et al. 2022, figure 5).
* **Learning** is the slope of success on the place of an attack in its member's own sequence, per
  doubling of the place, within members and within arms: that those who stay are better from the
  start is no learning.
* **Fatigue** is the slope on the place within a sitting, at equal place in the whole sequence. A
  sitting ends where a member starts nothing for :data:`GAP_MINUTES`.
* The **last** attack of a member is left out of learning, and the last of a sitting of fatigue. Who
  stops content after a success has one at the end, and who gives up has none: where nobody learned
  and many stopped after a success, most intervals with it denied that.
  Those before it all went on, so they are alike wherever they stand.
* **Groups**: briefs are given to people by chance, so their difference is a randomised contrast in
  a study; team types and platforms are as they are, so theirs is observational, always.

What stands out is said only of changes, and of differences, whose interval excludes 0 for all of
them at once (Bonferroni's, Dunn 1961, doi 10.1080/01621459.1961.10482090).

Where nobody knows the order of attacks, as in the released file, learning and fatigue are null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
import polars as pl

from gadfly.analysis.aggregation import named
from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.gini import gini, members_for, top_share
from gadfly.analysis.statistics.jackknife import difference, within_slope
from gadfly.analysis.statistics.joint import side
from gadfly.analysis.statistics.mean import Mean
from gadfly.analysis.statistics.protocol import Statistic
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.analysis.topics.cells import attributed
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "GAP_MINUTES",
    "Concentration",
    "Group",
    "GroupContrast",
    "People",
    "TopShare",
    "Trend",
    "by_brief",
    "people",
]

Design = Literal["observational", "randomised"]
Outcome = Literal["success_rate", "rating", "harmlessness"]
Column = Literal["brief", "team_type", "is_upworker"]
GAP_MINUTES = 30
"""Minutes between the end of an attack and the next start that end a sitting."""
_TOPS = (1, 10, 20, 50)
_SHARE = 0.8
_OUTCOMES: tuple[Outcome, ...] = ("success_rate", "rating", "harmlessness")
_GROUPS: tuple[Column, ...] = ("brief", "team_type", "is_upworker")


class TopShare(Record):
    """How much the busiest members made."""

    members: int
    """How many of the busiest."""
    share: float
    """Their share of all attacks, 0 to 1."""


class Concentration(Record):
    """How unevenly members shared the attacks."""

    counts: tuple[int, ...]
    """Attacks of each member, most first; it names nobody."""
    gini: Estimate
    """Gini's coefficient of them, 0 (all alike) to 1."""
    top: tuple[TopShare, ...]
    """Shares of the busiest 1, 10, 20 and 50 members, of those numbers that there are."""
    members_for_80: int
    """The fewest members who made at least 80% of the attacks."""


class Trend(Record):
    """How an outcome changes as a member goes on."""

    outcome: Outcome
    """What changes: the success rate, the rating (0-4) or min harmlessness."""
    slope: Estimate
    """Change for each doubling of the place (learning) or each attack later (fatigue), without the
    last attack."""
    firm: bool
    """Whether its interval excludes 0 for all changes at once."""


class Group(Record):
    """One group of members."""

    name: str
    """The brief, team type or platform."""
    members: int
    """How many members attacked in it."""
    attacks: int
    """How many attacks they made."""
    success_rate: Estimate
    """Share of the rated attacks that succeeded."""
    harmlessness: Estimate
    """Mean of the lowest scores."""


class GroupContrast(Record):
    """One group less another."""

    column: Column
    """What parts them."""
    first: str
    """The group that is subtracted: the one that most attacked in."""
    second: str
    """The group that it is subtracted from."""
    outcome: Outcome
    """What is compared."""
    difference: Estimate
    """Second less first, over attacks, members as what was drawn."""
    firm: bool
    """Whether its interval excludes 0 for all differences of groups at once."""
    design: Design
    """randomised where chance gave people their group; observational otherwise."""


Found = TypeVar("Found", Trend, GroupContrast)


class People(Record):
    """What is known of the people who attacked."""

    concentration: Concentration
    """Who made how many attacks."""
    learning: tuple[Trend, ...]
    """By outcome, for each doubling of the place in the member's own sequence."""
    fatigue: tuple[Trend, ...]
    """By outcome, for each attack later in the same sitting."""
    groups: dict[Column, tuple[Group, ...]]
    """Groups, where there are two or more: busiest first."""
    contrasts: tuple[GroupContrast, ...]
    """Every other group less the busiest one."""


def people(
    frame: pl.DataFrame,
    *,
    success_threshold: float,
    design: Design = "observational",
    how: Bootstrap | None = None,
) -> People:
    """Concentration, learning, fatigue and groups of the members in a frame of attacks.

    :param success_threshold: lowest rating (0-4) that counts as success.
    :param design: randomised for a study, whose briefs were given by chance.
    :param how: level, and resamples of single groups' intervals.
    """
    how = how or Bootstrap()
    frame, unknown = _in_order(_coded(attributed(frame), success_threshold))
    groups = {
        column: tuple(_group(part, column, success_threshold, how) for part in parts)
        for column in _GROUPS
        if len(parts := _parts(frame, column)) > 1
    }

    def going(level: float) -> list[Trend]:
        ways = (_learning, _fatigue)
        return [way(frame, name, unknown, level) for way in ways for name in _OUTCOMES]

    def between(level: float) -> list[GroupContrast]:
        return [c for column in groups for c in _contrasts(frame, column, design, level)]

    trends = _firmly(going, lambda t: t.slope, how.level)
    contrasts = _firmly(between, lambda c: c.difference, how.level)
    return People(
        concentration=_concentration(frame, how.level),
        learning=trends[: len(_OUTCOMES)],
        fatigue=trends[len(_OUTCOMES) :],
        groups=groups,
        contrasts=contrasts,
    )


def _firmly(
    make: Callable[[float], list[Found]], of: Callable[[Found], Estimate], level: float
) -> tuple[Found, ...]:
    """What ``make`` finds at a level, firm where it excludes 0 at that of all of them at once."""
    found = make(level)
    known = sum(of(one).low is not None for one in found)
    if not any(side(of(one)) for one in found):
        return tuple(found)
    strict = make(1 - (1 - level) / known)
    return tuple(
        one.model_copy(update={"firm": side(of(other)) != 0})
        for one, other in zip(found, strict, strict=True)
    )


def by_brief(
    frame: pl.DataFrame, first: str, *, success_threshold: float, how: Bootstrap | None = None
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """The success rate under each brief, and that under each other one less that under ``first``.

    Whether two briefs differ is told by the interval of their difference, which takes people as
    what chance assigned. There is no difference where nobody attacked under ``first``.
    """
    how = how or Bootstrap()
    frame = _coded(frame, success_threshold)
    parts = {_name(part, "brief"): part for part in _parts(frame, "brief")}
    rates = {n: _group(p, "brief", success_threshold, how).success_rate for n, p in parts.items()}
    base = parts.pop(first, None)
    if base is None:
        return rates, {}
    return rates, {n: _less(p, base, "success_rate", how.level) for n, p in parts.items()}


def _coded(frame: pl.DataFrame, threshold: float) -> pl.DataFrame:
    return named(frame).with_columns(
        success_rate=(pl.col("rating") >= threshold).cast(pl.Float64),
        member_code=pl.col("member").rank("dense") - 1,
        arm_code=pl.struct("model_type", "num_params").rank("dense") - 1,
    )


def _concentration(frame: pl.DataFrame, level: float) -> Concentration:
    counts = frame["member"].value_counts()["count"].sort(descending=True)
    made = counts.to_numpy().astype(np.float64)
    return Concentration(
        counts=tuple(counts),
        gini=gini(made, level=level),
        top=tuple(TopShare(members=n, share=top_share(made, n)) for n in _TOPS if n <= len(counts)),
        members_for_80=members_for(made, _SHARE),
    )


def _in_order(frame: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """With the place of each attack (from 1) in its member's sequence, or why nobody knows it.

    Numbers that repeat for a member are of several studies, and say nothing. Attacks that began at
    one time share their mean place.
    """
    own = frame.select(pl.struct("member", "number").is_unique().all()).item()
    known = [c for c in ("number", "started_at") if not frame[c].null_count()]
    column = next((c for c in known if own or c == "started_at"), None)
    if column is None:
        return frame, "not estimable: nothing says in which order members attacked"
    place = pl.col(column).rank("average").over("member")
    return frame.with_columns(place=place).sort("member_code", "place", "ended_at"), None


def _learning(frame: pl.DataFrame, outcome: Outcome, unknown: str | None, level: float) -> Trend:
    what = "change per doubling of the place, within member and arm, before the last attack"
    if unknown is not None:
        return _no_trend(outcome, what, unknown, level)
    rows = _went_on(frame, "member_code").drop_nulls(outcome)
    place = np.log2(rows["place"].to_numpy())
    return _trend(rows, outcome, place, _arms(rows), level, what)


def _went_on(frame: pl.DataFrame, *whole: str) -> pl.DataFrame:
    """Without the last attack of each member, or sitting."""
    return frame.filter(pl.col("place") < pl.col("place").max().over(whole))


def _fatigue(frame: pl.DataFrame, outcome: Outcome, unknown: str | None, level: float) -> Trend:
    what = "change per attack later in a sitting, within member and arm, before the last"
    if unknown is None and frame["started_at"].null_count():
        unknown = "not estimable: nothing says when attacks were made"
    if unknown is not None:
        return _no_trend(outcome, what, unknown, level)
    ended = pl.col("ended_at").fill_null(pl.col("started_at")).shift(1).over("member_code")
    later = (pl.col("started_at") - ended) > pl.duration(minutes=GAP_MINUTES)
    sitting = later.fill_null(value=True).cum_sum().over("member_code").alias("sitting")
    in_sitting = pl.col("place").rank("average").over("member_code", "sitting").alias("in_sitting")
    rows = frame.with_columns(sitting).with_columns(in_sitting)
    rows = _went_on(rows, "member_code", "sitting").drop_nulls(outcome)
    later_on = rows["in_sitting"].to_numpy().astype(np.float64)
    controls = np.column_stack([np.log2(rows["place"].to_numpy()), _arms(rows)])
    return _trend(rows, outcome, later_on, controls, level, what)


def _trend(
    rows: pl.DataFrame, outcome: Outcome, x: Floats, controls: Floats, level: float, what: str
) -> Trend:
    if rows.is_empty():
        return _no_trend(outcome, what, "no attack has a value", level)
    y, members = rows[outcome].to_numpy(), _codes(rows, "member_code")
    slope = within_slope(y, x, controls, members, level=level, what=what)
    return Trend(outcome=outcome, slope=slope, firm=False)


def _no_trend(outcome: Outcome, what: str, reason: str, level: float) -> Trend:
    none = Estimate.of(None, None, level=level, n=0, method=what, reason=reason)
    return Trend(outcome=outcome, slope=none, firm=False)


def _arms(rows: pl.DataFrame) -> Floats:
    """A column of 0 and 1 for each arm but one."""
    codes = np.unique(_codes(rows, "arm_code"), return_inverse=True)[1]
    return np.asarray(np.eye(codes.max(initial=0) + 1)[codes][:, 1:])


def _codes(rows: pl.DataFrame, column: str) -> Ints:
    return rows[column].to_numpy().astype(np.int64)


def _parts(frame: pl.DataFrame, column: Column) -> list[pl.DataFrame]:
    """The rows of each group, the busiest first."""
    known = frame.drop_nulls(column).sort(pl.len().over(column), column, descending=[True, False])
    return known.partition_by(column, maintain_order=True)


def _name(part: pl.DataFrame, column: Column) -> str:
    value = part[column][0]
    return str(value) if column != "is_upworker" else ("Upwork" if value else "others")


def _group(part: pl.DataFrame, column: Column, threshold: float, how: Bootstrap) -> Group:
    name = _name(part, column)

    def of(outcome: str, statistic: Statistic) -> Estimate:
        rows = part.drop_nulls(outcome)
        members = _codes(rows, "member_code") if how.ci == "cluster" else None
        sample = Sample.of(rows[outcome].to_numpy(), members)
        seed = seed_of(sample, how.ci, column, name, outcome)
        return bootstrap(sample, [statistic], how=how, seed=seed)[0]

    return Group(
        name=name,
        members=part["member_code"].n_unique(),
        attacks=part.height,
        success_rate=of("rating", SuccessRate(threshold)),
        harmlessness=of("harmlessness", Mean()),
    )


def _contrasts(
    frame: pl.DataFrame, column: Column, design: Design, level: float
) -> list[GroupContrast]:
    first, *others = _parts(frame, column)
    return [
        GroupContrast(
            column=column,
            first=_name(first, column),
            second=_name(second, column),
            outcome=outcome,
            difference=_less(second, first, outcome, level),
            firm=False,
            design=design if column == "brief" else "observational",
        )
        for second in others
        for outcome in _OUTCOMES
    ]


def _less(second: pl.DataFrame, first: pl.DataFrame, outcome: Outcome, level: float) -> Estimate:
    sides = [part.drop_nulls(outcome) for part in (first, second)]
    rows = pl.concat(sides)
    late = np.arange(rows.height) >= sides[0].height
    return difference(rows[outcome].to_numpy(), _codes(rows, "member_code"), late, level=level)
