"""Our numbers for the paper's tables and figures, each with its bounds (:mod:`.bounds`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gadfly.analysis.aggregation import named
from gadfly.analysis.reproduce.bounds import (
    EXACT,
    FILTER,
    ROUNDED,
    SHARE,
    Numbers,
    Own,
    arm_label,
    by_arm,
    counts_of,
    ends_of,
    own_of,
)
from gadfly.analysis.reproduce.published import published
from gadfly.analysis.results import ArmResult
from gadfly.analysis.sample import Floats
from gadfly.analysis.topics.counts import ArmCounts
from gadfly.analysis.topics.efficacy import Efficacy
from gadfly.analysis.topics.scores import Histogram, Scores
from gadfly.records.estimate import Estimate

__all__ = ["figure_numbers"]

_EDGE = 0.0005  # how far an edge of a published histogram may be off
_UNSHOWN = "the filter of 916 attacks, 14 members not shown"


def figure_numbers(
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
    share = SHARE if removed else 0.0
    return {
        "table1": _table1(counts),
        "figure1_left": _means(frame, arms, "rating", "mean rating", share),
        "figure1_middle": _means(
            named(frame), arms, "harmlessness", "mean min harmlessness", share
        ),
        "figure1_right": _violins(frame, share),
        "figure5_left": _members(frame, gone),
        "figure5_right": _efficacy(efficacy, share),
        "figure7_left": counts_of(scores.ratings, "attacks rated {}", gone, start=0),
        "figure7_middle": _bins(frame, scores.harmlessness, "min_harmlessness", gone),
        "figure7_right": _bins(
            frame, scores.task_description, "task_description_harmlessness", gone
        ),
        "figure9": _tags(frame),
        "figure11": _by_rating(scores, removed),
    }


def _table1(counts: Sequence[ArmCounts]) -> Numbers:
    found = {
        f"{arm_label(c.model_type, c.num_params)} | attacks": Own(c.n, why=EXACT) for c in counts
    }
    return found | {"attacks": Own(sum(c.n for c in counts), why=EXACT)}


def _means(
    frame: pl.DataFrame, arms: Sequence[ArmResult], column: str, name: str, share: float
) -> Numbers:
    spreads = {
        arm: float(np.std(values)) if len(values) else 0.0 for arm, values in by_arm(frame, column)
    }
    found: Numbers = {}
    for arm in arms:
        estimate: Estimate = getattr(arm, column)
        moved = share * spreads[arm.name]
        why = FILTER if share else ROUNDED
        found[f"{arm.name} | {name}"] = own_of(estimate, moved, why)
        found |= ends_of(arm.name, "interval", estimate, moved)
    return found


def _violins(frame: pl.DataFrame, share: float) -> Numbers:
    """Quartiles, and whiskers to the last score within 1.5 times their distance."""
    found: Numbers = {}
    for arm, values in by_arm(frame, "min_harmlessness"):
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
    return Own(value, max(0.0, high - value), max(0.0, value - low), FILTER)


def _members(frame: pl.DataFrame, gone: int) -> Numbers:
    """Attacks by member; the figure's total is this file's and those that were removed."""
    attacks = np.sort(frame["member"].value_counts()["count"].to_numpy())[::-1].astype(float)
    n, whole = float(attacks.sum()), published().group("figure5_left").values
    places = np.arange(len(attacks), 0, -1)
    gini = float((2 * places - len(attacks) - 1) @ attacks / (len(attacks) * n))
    slack = 2 * gone / whole["attacks"]
    found = {
        "members": Own(len(attacks), why=EXACT),
        "attacks": Own(int(n), gone, 0, FILTER),
        "attacks of the most active member": Own(int(attacks[0]), gone, 0, FILTER),
        "Gini coefficient": Own(gini, slack, slack, FILTER),
    }
    for k in (1, 5, 10):
        few = int((attacks < k).sum())  # of these, too, some may have had k
        same = int((attacks == k).sum())
        found[f"members with exactly {k}"] = Own(same, min(few, gone), min(same, gone), FILTER)
    few = int((attacks < 5).sum())
    found["members with fewer than 5"] = Own(few, 0, min(few, gone), FILTER)
    for k in (1, 10, 20, 49, 100):
        name = f"share of the {k} most active"
        theirs = whole[name] * whole["attacks"]
        left = whole["attacks"] - gone
        found[name] = Own(
            float(attacks[:k].sum() / n),
            max(0.0, whole[name] - (theirs - gone) / left),
            max(0.0, theirs / left - whole[name]),
            FILTER,
        )
    return found


def _efficacy(found: Efficacy, share: float) -> Numbers:
    """Random intercepts; the figure lacks 14 members, the paper does not say which."""
    whole = published().group("figure5_right").values
    members = found.members
    if not members or found.sd_estimates is None or found.sd_residual is None:
        missing = Own(None, why=found.reason or "nobody attacked")
        return dict.fromkeys(whole, missing)
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


def _bins(frame: pl.DataFrame, histogram: Histogram, column: str, gone: int) -> Numbers:
    """Counts by bin; attacks that lie at an edge may stand on either side of it."""
    values = frame[column].drop_nulls().to_numpy()
    at = [int((np.abs(values - edge) <= _EDGE).sum()) for edge in histogram.edges]
    found: Numbers = {}
    for place, count in enumerate(histogram.counts):
        edge = at[place] + at[place + 1]
        why = f"{FILTER}, edges" if gone else "edges"
        found[f"attacks in bin {place + 1}"] = Own(count, gone + edge, edge, why)
    return found


def _tags(frame: pl.DataFrame) -> Numbers:
    """Attacks by tag, whichever reviewer gave it, and those rated 3 or more."""
    each = frame.drop_nulls("tags").explode("tags").drop_nulls("tags")
    counts = each.group_by("tags").agg(pl.len(), (pl.col("rating") >= 3).sum().alias("successful"))
    found: Numbers = {}
    for tag, attacks, successful in counts.iter_rows():
        found[f"{tag} | attacks"] = Own(attacks, why=EXACT)
        found[f"{tag} | successful"] = Own(successful, why=EXACT)
    return found


def _by_rating(scores: Scores, removed: bool) -> Numbers:
    figure = published().group("figure7_left").values
    released = published().group("released_counts").values
    found: Numbers = {}
    for level in scores.by_rating:
        name = f"attacks rated {level.rating}"
        share = (1 - released[name] / figure[name]) if removed else 0.0
        spread = level.standard_deviation.estimate or 0.0
        why = FILTER if removed else ROUNDED
        key = f"rated {level.rating}"
        found[f"{key} | mean min harmlessness"] = own_of(level.mean, share * spread, why)
        moved = 2 * share * spread
        found[f"{key} | standard deviation"] = Own(spread, moved, moved, why)
    return found
