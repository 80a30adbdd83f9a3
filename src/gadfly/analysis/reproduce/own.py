"""Our numbers for every published one, and how far the published may lie from them.

A number of the released file comes out of it exactly, but for its last digit and, where the
analyst's definition is not known (quantiles, tails), for what another definition gives. A figure
shows 39,877 attacks and the file holds 38,961, so its numbers are bounded:

* counts: the figure has 0 to 916 more; shares of the most active follow from that, and the Gini
  coefficient moves by at most twice the share that was removed (it is 1-Lipschitz in the L1
  distance of the members' shares).
* quantiles: whatever was removed, the p-quantile of the figure lies between the quantiles
  (p - f) / (1 - f) and p / (1 - f) of the file, f the share that was removed.
* means: a removed share f whose mean lies d away moves a mean by f d; d is taken as at most one
  standard deviation. Standard deviations: at most 2 f of themselves.
* efficacy: removing a share f moves a member's intercept by at most f residual standard deviations
  (their mean lies within one of the member's), so the extremes and the standard deviation of all
  intercepts by no more; a member counts as told from 0 or not only where an end is that near.
* ends of bootstrap intervals: two sets of 1,000 resamples differ besides, within 0.36 standard
  errors in 997 of 1,000 cases (the variance of a sample quantile, twice, three times its root).

f is known by rating (Figure 7 against the released counts). By arm it is not: overall it is 2.3%,
and if the largest arm had lost them all it would be 4.9%, so 5% is taken for every arm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gadfly.analysis.reproduce.published import published
from gadfly.analysis.results import ArmResult
from gadfly.analysis.sample import Floats
from gadfly.analysis.topics.counts import ArmCounts
from gadfly.analysis.topics.efficacy import Efficacy
from gadfly.analysis.topics.scores import Histogram, Scores
from gadfly.records.estimate import Estimate

__all__ = ["Own", "own_numbers"]

_SHARE = 0.05  # of an arm that the filter may have removed
_RESAMPLED = 0.36  # standard errors that the ends of two bootstrap intervals may lie apart
_EDGE = 0.0005  # how far an edge of a published histogram may be off
_EXACT = "exact"
_ROUNDED = "last digit"
_FILTER = "the filter of 916 attacks"
_DRAWN = "resampling"
_UNSHOWN = "the filter of 916 attacks, 14 members not shown"


@dataclass(frozen=True)
class Own:
    """One number of ours."""

    value: float | None
    """The number; ``None`` where the file cannot give it."""
    below: float = 0.0
    """How far it may lie below the published one, beside what that one's precision allows."""
    above: float = 0.0
    """How far it may lie above."""
    why: str = _ROUNDED
    """What the two distances allow for; or why there is no number."""


Numbers = dict[str, Own]


def own_numbers(
    frame: pl.DataFrame,
    *,
    arms: Sequence[ArmResult],
    counts: Sequence[ArmCounts],
    scores: Scores,
    efficacy: Efficacy,
    removed: bool,
) -> dict[str, Numbers]:
    """Our numbers by group of the published ones.

    :param arms: with intervals as in the paper, from resamples of attacks.
    :param scores: with the bins of Figure 7.
    :param removed: whether the file lacks attacks that the figures show.
    """
    attacks = published().attacks
    gone = attacks["figures"] - attacks["released"] if removed else 0
    share = _SHARE if removed else 0.0
    return {
        "table1": _table1(counts),
        "figure1_left": _means(frame, arms, "rating", "mean rating", share),
        "figure1_middle": _means(frame, arms, "min_harmlessness", "mean min harmlessness", share),
        "figure1_right": _violins(frame, share),
        "figure5_left": _members(frame, gone),
        "figure5_right": _efficacy(efficacy, share),
        "figure7_left": _counts(scores.ratings, "attacks rated {}", gone, start=0),
        "figure7_middle": _bins(frame, scores.min_harmlessness, "min_harmlessness", gone),
        "figure7_right": _bins(
            frame, scores.task_description, "task_description_harmlessness", gone
        ),
        "figure9": _tags(frame),
        "figure11": _by_rating(scores, removed),
        "released_counts": _released_counts(frame, scores),
        "released_ratings": _described(frame["rating"], ()),
        "released_scores": _described(frame["min_harmlessness"], _probabilities("scores")),
        "released_descriptions": _described(
            frame["task_description_harmlessness"], _probabilities("descriptions")
        ),
        "released_score_bins": _twelve(frame["min_harmlessness"]),
        "released_description_bins": _twelve(frame["task_description_harmlessness"]),
        "released_cells": _tails(frame, arms),
        "released_groups": _groups(frame),
        "released_correlations": _correlations(frame),
    }


def _table1(counts: Sequence[ArmCounts]) -> Numbers:
    found = {f"{c.model_type} {c.num_params} | attacks": Own(c.n, why=_EXACT) for c in counts}
    return found | {"attacks": Own(sum(c.n for c in counts), why=_EXACT)}


def _by_arm(frame: pl.DataFrame, column: str) -> Iterator[tuple[str, Floats]]:
    """Each arm's name and its values, ascending."""
    for (kind, size), rows in frame.group_by("model_type", "num_params", maintain_order=True):
        yield f"{kind} {size}", rows[column].drop_nulls().sort().to_numpy().astype(float)


def _means(
    frame: pl.DataFrame, arms: Sequence[ArmResult], column: str, name: str, share: float
) -> Numbers:
    by_arm = _by_arm(frame, column)
    spreads = {arm: float(np.std(values)) if len(values) else 0.0 for arm, values in by_arm}
    found: Numbers = {}
    for arm in arms:
        estimate: Estimate = getattr(arm, column)
        moved = share * spreads[arm.name]
        why = _FILTER if share else _ROUNDED
        found[f"{arm.name} | {name}"] = Own(estimate.estimate, moved, moved, why)
        found |= _ends(arm.name, "interval", estimate, moved)
    return found


def _ends(arm: str, what: str, estimate: Estimate, moved: float = 0.0) -> Numbers:
    """Both ends of an interval."""
    if estimate.low is None or estimate.high is None:
        return {}
    slack = moved + _RESAMPLED * (estimate.high - estimate.low) / 3.92
    why = f"{_FILTER}, {_DRAWN}" if moved else _DRAWN
    ends = {"low": estimate.low, "high": estimate.high}
    return {f"{arm} | {what}, {end}": Own(value, slack, slack, why) for end, value in ends.items()}


def _violins(frame: pl.DataFrame, share: float) -> Numbers:
    """Quartiles, and whiskers to the last score within 1.5 times their distance."""
    found: Numbers = {}
    for arm, values in _by_arm(frame, "min_harmlessness"):
        if not len(values):
            continue
        q = {p: _quantile_range(values, p, share) for p in (0.25, 0.5, 0.75)}
        for name, p in (("25% quantile", 0.25), ("median", 0.5), ("75% quantile", 0.75)):
            found[f"{arm} | {name}"] = _within(q[p])
        (a, a_low, a_high), (b, b_low, b_high) = q[0.25], q[0.75]
        low = [x - 1.5 * (y - x) for x, y in ((a, b), (a_low, b_high), (a_high, b_low))]
        high = [y + 1.5 * (y - x) for x, y in ((a, b), (a_low, b_high), (a_high, b_low))]
        bottom = [values[values >= limit].min(initial=values[-1]) for limit in low]
        top = [values[values <= limit].max(initial=values[0]) for limit in high]
        # A removed score may have stood between the limit and the last that is left.
        ends = (low[1], top[2]) if share else (bottom[0], top[0])
        upper = (bottom[2], high[1]) if share else (bottom[0], top[0])
        found[f"{arm} | whisker, low"] = _within((bottom[0], ends[0], upper[0]))
        found[f"{arm} | whisker, high"] = _within((top[0], ends[1], upper[1]))
    return found


def _quantile_range(values: Floats, p: float, share: float) -> tuple[float, float, float]:
    """The quantile, and the lowest and highest that it may have been before the filter."""
    places = [p, max(0.0, (p - share) / (1 - share)), min(1.0, p / (1 - share))]
    found, low, high = np.quantile(values, places)
    return float(found), float(low), float(high)


def _within(found: tuple[float, float, float]) -> Own:
    """A number of ours, where the published one lies between two others."""
    value, low, high = found
    return Own(value, max(0.0, high - value), max(0.0, value - low), _FILTER)


def _members(frame: pl.DataFrame, gone: int) -> Numbers:
    """Attacks by member; the figure's total is this file's and those that were removed."""
    attacks = np.sort(frame["member"].value_counts()["count"].to_numpy())[::-1].astype(float)
    n, whole = float(attacks.sum()), published().group("figure5_left").values
    places = np.arange(len(attacks), 0, -1)
    gini = float((2 * places - len(attacks) - 1) @ attacks / (len(attacks) * n))
    slack = 2 * gone / whole["attacks"]
    found = {
        "members": Own(len(attacks), why=_EXACT),
        "attacks": Own(int(n), gone, 0, _FILTER),
        "attacks of the most active member": Own(int(attacks[0]), gone, 0, _FILTER),
        "Gini coefficient": Own(gini, slack, slack, _FILTER),
    }
    for k in (1, 10, 20, 49, 100):
        name = f"share of the {k} most active"
        theirs = whole[name] * whole["attacks"]
        left = whole["attacks"] - gone
        found[name] = Own(
            float(attacks[:k].sum() / n),
            max(0.0, whole[name] - (theirs - gone) / left),
            max(0.0, theirs / left - whole[name]),
            _FILTER,
        )
    return found


def _efficacy(found: Efficacy, share: float) -> Numbers:
    """Random intercepts; the figure lacks 14 members, the paper does not say which."""
    whole = published().group("figure5_right").values
    members = found.members
    if not members or found.sd_estimates is None or found.sd_residual is None:
        return {}
    moved = share * found.sd_residual
    why = _UNSHOWN
    away = len(members) - whole["members shown"]
    spread = moved + found.sd_estimates * away / (2 * whole["members shown"])
    near = [sum(abs(end) <= moved for end in ends) for ends in _ends_of(found)]
    counts = (found.more_effective, found.less_effective)
    below, above = (
        Own(count, slack + away, slack + away, why)
        for count, slack in zip(counts, near, strict=True)
    )
    return {
        "members shown": Own(None, why="the paper shows 310 of 324 members, not which"),
        "lowest": Own(members[0].intercept, moved, moved, why),
        "highest": Own(members[-1].intercept, moved, moved, why),
        "standard deviation": Own(found.sd_estimates, spread, spread, why),
        "members below 0 (interval excludes 0)": below,
        "members above 0 (interval excludes 0)": above,
    }


def _ends_of(found: Efficacy) -> tuple[list[float], list[float]]:
    """The ends that decide whether an interval lies below 0, and above."""
    return [m.high for m in found.members], [m.low for m in found.members]


def _counts(histogram: Histogram, name: str, gone: int, *, start: int) -> Numbers:
    why = _FILTER if gone else _EXACT
    return {
        name.format(place): Own(count, gone, 0, why)
        for place, count in enumerate(histogram.counts, start=start)
    }


def _bins(frame: pl.DataFrame, histogram: Histogram, column: str, gone: int) -> Numbers:
    """Counts by bin; attacks that lie at an edge may stand on either side of it."""
    values = frame[column].drop_nulls().to_numpy()
    at = [int((np.abs(values - edge) <= _EDGE).sum()) for edge in histogram.edges]
    found: Numbers = {}
    for place, count in enumerate(histogram.counts):
        edge = at[place] + at[place + 1]
        why = f"{_FILTER}, edges" if gone else "edges"
        found[f"attacks in bin {place + 1}"] = Own(count, gone + edge, edge, why)
    return found


def _tags(frame: pl.DataFrame) -> Numbers:
    """Attacks by tag, whichever reviewer gave it, and those rated 3 or more."""
    each = frame.drop_nulls("tags").explode("tags").drop_nulls("tags")
    counts = each.group_by("tags").agg(pl.len(), (pl.col("rating") >= 3).sum().alias("successful"))
    found: Numbers = {}
    for tag, attacks, successful in counts.iter_rows():
        found[f"{tag} | attacks"] = Own(attacks, why=_EXACT)
        found[f"{tag} | successful"] = Own(successful, why=_EXACT)
    return found


def _by_rating(scores: Scores, removed: bool) -> Numbers:
    figure = published().group("figure7_left").values
    released = published().group("released_counts").values
    found: Numbers = {}
    for level in scores.by_rating:
        name = f"attacks rated {level.rating}"
        share = (1 - released[name] / figure[name]) if removed else 0.0
        spread = level.standard_deviation.estimate or 0.0
        why = _FILTER if removed else _ROUNDED
        key = f"rated {level.rating}"
        mean = level.mean.estimate
        found[f"{key} | mean min harmlessness"] = Own(mean, share * spread, share * spread, why)
        moved = 2 * share * spread
        found[f"{key} | standard deviation"] = Own(spread, moved, moved, why)
    return found


def _released_counts(frame: pl.DataFrame, scores: Scores) -> Numbers:
    tags = frame["tags"].drop_nulls()
    lists = dict(tags.list.join("\n").value_counts().rows())
    found = _counts(scores.ratings, "attacks rated {}", 0, start=0)
    found["attacks with tags"] = Own(len(tags), why=_EXACT)
    found["attacks on Upwork"] = Own(int(frame["is_upworker"].sum()), why=_EXACT)
    found["members"] = Own(frame["member"].n_unique(), why=_EXACT)
    for name in published().group("released_counts").values:
        alone = name.removeprefix("attacks whose tags are exactly ")
        if alone != name:
            found[name] = Own(lists.get(alone, 0), why=_EXACT)
    return found


def _probabilities(which: str) -> list[float]:
    """Those whose quantiles were published."""
    names = published().group(f"released_{which}").values
    return [float(n.split("%")[0]) / 100 for n in names if n.endswith("quantile")]


def _described(column: pl.Series, probabilities: Sequence[float]) -> Numbers:
    values = column.drop_nulls().sort().to_numpy().astype(float)
    if not len(values):
        return {}
    found = {
        "mean": Own(float(values.mean())),
        "standard deviation": Own(float(values.std(ddof=1))) if len(values) > 1 else Own(None),
        "lowest": Own(float(values[0])),
        "highest": Own(float(values[-1])),
    }
    return found | {f"{100 * p:g}% quantile": _quantile(values, p) for p in probabilities}


def _quantile(values: Floats, p: float) -> Own:
    """A quantile; other definitions give one of the two values around it."""
    found, low, high = (
        float(np.quantile(values, p, method=method)) for method in ("linear", "lower", "higher")
    )
    return Own(found, high - found, found - low, "last digit, definition of a quantile")


def _twelve(column: pl.Series) -> Numbers:
    values = column.drop_nulls().to_numpy()
    counts = np.histogram(values, 12)[0].tolist() if len(values) else []
    return {f"attacks in bin {k}": Own(n, why=_EXACT) for k, n in enumerate(counts, start=1)}


def _tails(frame: pl.DataFrame, arms: Sequence[ArmResult]) -> Numbers:
    values = dict(_by_arm(frame, "min_harmlessness"))
    found: Numbers = {}
    for arm in arms:
        name, scores = arm.name, values[arm.name]
        found[f"{name} | mean"] = Own(arm.min_harmlessness.estimate)
        found |= _ends(name, "mean", arm.min_harmlessness)
        if len(scores):
            found[f"{name} | 5% quantile"] = _quantile(scores, 0.05)
        for what, alpha, estimate in (
            ("worst 5%", 0.05, arm.cvar05),
            ("worst 1%", 0.01, arm.cvar01),
        ):
            found[f"{name} | {what}"] = _tail(scores, alpha, estimate)
            found |= _ends(name, what, estimate)
    return found


def _tail(scores: Floats, alpha: float, estimate: Estimate) -> Own:
    """A tail mean; other definitions count its last score wholly or not at all."""
    if estimate.estimate is None:
        return Own(None, why=estimate.reason or "")
    count = alpha * len(scores)
    around = [scores[: max(1, k)].mean() for k in (int(count), int(np.ceil(count)))]
    slack = max(abs(float(mean) - estimate.estimate) for mean in around)
    return Own(estimate.estimate, slack, slack, "last digit, definition of a tail")


def _groups(frame: pl.DataFrame) -> Numbers:
    platform = pl.when("is_upworker").then(pl.lit("Upwork")).otherwise(pl.lit("MTurk"))
    named = frame.with_columns(platform.alias("platform"))
    found: Numbers = {}
    for column in ("model_type", "num_params", "platform"):
        for (name,), rows in named.group_by(column, maintain_order=True):
            numbers = _described(rows["min_harmlessness"], (0.05,))
            found |= {f"{name} | {k}": numbers[k] for k in ("mean", "5% quantile") if numbers}
    return found


def _correlations(frame: pl.DataFrame) -> Numbers:
    pair = ("task_description_harmlessness", "min_harmlessness")
    rows = frame.drop_nulls(pair).group_by("model_type", "num_params", maintain_order=True)
    found = rows.agg(pl.corr(*pair).fill_nan(None).alias("r"))
    return {f"{kind} {size}": Own(r) for kind, size, r in found.iter_rows()}
