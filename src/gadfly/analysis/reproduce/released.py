"""Our numbers for what was published of the released file, each with its bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from gadfly.analysis.reproduce.bounds import (
    EXACT,
    ROUNDED,
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
from gadfly.analysis.sample import Floats, alike
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.topics.scores import Scores
from gadfly.records.estimate import Estimate

__all__ = ["released_numbers"]


def released_numbers(
    frame: pl.DataFrame, *, arms: Sequence[ArmResult], scores: Scores
) -> dict[str, Numbers]:
    """Our numbers by group of the published ones.

    :param arms: with intervals from resamples of attacks.
    """
    return {
        "released_counts": _counts(frame, scores),
        "released_ratings": _described(frame["rating"], ())
        | _of(frame["rating"], "share rated 3 or more", lambda values: np.mean(values >= 3)),
        "released_scores": _described(frame["min_harmlessness"], _probabilities("scores"))
        | _of(frame["min_harmlessness"], "worst 5%", CVaR(0.05).estimate),
        "released_descriptions": _described(
            frame["task_description_harmlessness"], _probabilities("descriptions")
        ),
        "released_score_bins": _twelve(frame["min_harmlessness"]),
        "released_description_bins": _twelve(frame["task_description_harmlessness"]),
        "released_cells": _tails(frame, arms),
        "released_groups": _groups(frame),
        "released_correlations": _correlations(frame),
        "released_lengths": _lengths(frame),
    }


def _counts(frame: pl.DataFrame, scores: Scores) -> Numbers:
    tags = frame["tags"].drop_nulls()
    lists = dict(tags.list.join("\n").value_counts().rows())
    found = counts_of(scores.ratings, "attacks rated {}", 0, start=0)
    found["attacks with tags"] = Own(len(tags), why=EXACT)
    found["different lists of tags, none included"] = Own(frame["tags"].n_unique(), why=EXACT)
    first = frame["transcript"].str.split("\n\nAssistant:").list.first()
    apart = first.n_unique()
    trimmed = apart - first.str.strip_chars().n_unique()
    found["different first messages of members"] = Own(apart, 0, trimmed, "blanks at their ends")
    found["attacks on Upwork"] = Own(int(frame["is_upworker"].sum()), why=EXACT)
    found["members"] = Own(frame["member"].n_unique(), why=EXACT)
    for name in published().group("released_counts").values:
        alone = name.removeprefix("attacks whose tags are exactly ")
        if alone != name:
            found[name] = Own(lists.get(alone, 0), why=EXACT)
    return found


def _lengths(frame: pl.DataFrame) -> Numbers:
    """Pearson's r by arm; what is counted, and of what the logarithm is taken, was not said."""
    text, score = pl.col("transcript"), "min_harmlessness"
    chars, size = text.str.len_chars(), text.str.len_bytes()
    lengths = {"r": chars.log(), "one_more": chars.log1p(), "bytes": size.log()}
    found: Numbers = {}
    rows = frame.drop_nulls(score).group_by("model_type", "num_params", maintain_order=True)
    several = [pl.corr(-x, score).fill_nan(None).alias(name) for name, x in lengths.items()]
    for kind, size_, *values in rows.agg(several).iter_rows():
        if None in values:
            none = "all transcripts are as long, or all scores are the same"
            found[arm_label(kind, size_)] = Own(None, why=none)
        else:
            r, why = values[0], f"{ROUNDED}, definition of length"
            found[arm_label(kind, size_)] = Own(r, max(values) - r, r - min(values), why)
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
        "standard deviation": Own(float(values.std(ddof=1 if len(values) > 1 else 0))),
        "lowest": Own(float(values[0])),
        "highest": Own(float(values[-1])),
    }
    return found | {f"{100 * p:g}% quantile": _quantile(values, p) for p in probabilities}


def _quantile(values: Floats, p: float) -> Own:
    """A quantile; other definitions give one of the two values around it."""
    found, low, high = (
        float(np.quantile(values, p, method=method)) for method in ("linear", "lower", "higher")
    )
    return Own(found, high - found, found - low, f"{ROUNDED}, definition of a quantile")


def _of(column: pl.Series, what: str, statistic: Callable[[Floats], Any]) -> Numbers:
    """One number of the values that are there, ascending."""
    values = column.drop_nulls().sort().to_numpy().astype(float)
    return {what: Own(float(statistic(values)))} if len(values) else {}


def _twelve(column: pl.Series) -> Numbers:
    values = column.drop_nulls().to_numpy()
    counts = np.histogram(values, 12)[0].tolist() if len(values) and not alike(values) else []
    return {f"attacks in bin {k}": Own(n, why=EXACT) for k, n in enumerate(counts, start=1)}


def _tails(frame: pl.DataFrame, arms: Sequence[ArmResult]) -> Numbers:
    values = dict(by_arm(frame, "min_harmlessness"))
    found: Numbers = {}
    for arm in arms:
        name, scores = arm.name, values[arm.name]
        found[f"{name} | mean"] = own_of(arm.harmlessness)
        found |= ends_of(name, "mean", arm.harmlessness)
        if len(scores):
            found[f"{name} | 5% quantile"] = _quantile(scores, 0.05)
        for what, alpha, estimate in (
            ("worst 5%", 0.05, arm.cvar05),
            ("worst 1%", 0.01, arm.cvar01),
        ):
            found[f"{name} | {what}"] = _tail(scores, alpha, estimate)
            found |= ends_of(name, what, estimate)
    return found


def _tail(scores: Floats, alpha: float, estimate: Estimate) -> Own:
    """A tail mean; other definitions count its last score wholly or not at all."""
    if estimate.estimate is None:
        return own_of(estimate)
    count = alpha * len(scores)
    around = [scores[: max(1, k)].mean() for k in (int(count), int(np.ceil(count)))]
    slack = max(abs(float(mean) - estimate.estimate) for mean in around)
    return Own(estimate.estimate, slack, slack, f"{ROUNDED}, definition of a tail")


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
    none = "one of the two scores is the same for every attack"
    return {f"{k} {s}": Own(r, why=none if r is None else ROUNDED) for k, s, r in found.iter_rows()}
