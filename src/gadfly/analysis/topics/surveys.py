"""Who the people are and how they feel: counts and means of five people or more, and no others.

What a study's people say of themselves and of how they feel is seen by nobody singly. Whoever reads
it for this topic hands in what names no person, and the rule of ``care.feelings`` is applied once
more here:

* **Counts** under five are withheld, and where they are, the next smallest until the withheld ones
  hold five, so that the total gives none away (Ganguli et al. 2022, figure 4).
* **Answers** count by round: everybody's first to an instrument, everybody's second, and so on, of
  each the first people in order of their answers, in whole fives. Fewer than five have no round. So
  no summary grows by fewer than five people, and of a round each person has one answer.
* **Numbers** are rounded to a step; the ends of intervals outward, and given from ten people on.

Means of items are over all rounds (table 2 of the paper), with people as their units: they answer
several times. Change over time is that of the same people since their first answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, sqrt
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.stats import t

from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.exact_rate import exact_rate
from gadfly.analysis.statistics.jackknife import METHOD, mean_errors
from gadfly.analysis.statistics.protocol import Regime
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate

__all__ = [
    "ANSWER_COLUMNS",
    "LEAST",
    "SURVEYED",
    "BriefFeeling",
    "Choice",
    "ItemMean",
    "Question",
    "Round",
    "Surveys",
    "surveys",
]

LEAST = 5
"""Fewest people of whom anything is said; a test holds it to ``care.feelings.LEAST``."""
SURVEYED = Regime("conservative", members=10)
"""Where intervals are given, and hold their level: people."""
ANSWER_COLUMNS: dict[str, pl.DataType] = {
    "person": pl.Int64(),  # a number that means nothing
    "asked": pl.String(),  # on which occasion: "after a task", "survey", "review", "follow-up"
    "order": pl.Int64(),  # orders a person's answers on such occasions
    "at": pl.Float64(),  # seconds since 1970; it only orders people
    "instrument": pl.String(),  # id and version
    "item": pl.String(),  # of the instrument
    "scale": pl.String(),  # that the item belongs to; the item itself where it stands alone
    "value": pl.Float64(),  # the answer
    "step": pl.Float64(),  # what means of it are rounded to
}
"""Answers to items, one a row."""
_KEY = ["asked", "instrument", "item"]


class Choice(Record):
    """One answer to a question about oneself."""

    text: str
    """What was chosen."""
    people: int | None
    """How many chose it; null where that is withheld."""
    share: Estimate | None
    """Of all who answered, as a share of people like them; null where withheld."""


class Question(Record):
    """One question about oneself."""

    text: str
    """What was asked."""
    choices: tuple[Choice, ...]
    """In the order shown."""


class ItemMean(Record):
    """How far one feeling was felt."""

    asked: str
    """On which occasion."""
    instrument: str
    """Id and version."""
    item: str
    """The feeling, or the scale that is the mean of several."""
    people: int
    """How many people are in it."""
    mean: Estimate
    """Over answers, people as their units; ``n`` is the number of answers."""


class Round(Record):
    """The same people's answers as they go on."""

    asked: str
    """On which occasion."""
    instrument: str
    """Id and version."""
    item: str
    """The scale."""
    round: int
    """From 1: which of a person's answers."""
    mean: Estimate
    """Over people."""
    change: Estimate
    """Since the first answer, of the same people; no estimate for round 1."""


class BriefFeeling(Record):
    """How people felt after their first task under one brief, as owners see it."""

    brief: str
    """Its label."""
    people: int | None
    """How many are in it; null where withheld."""
    mean: float | None
    """Mean pleasure after, 0 to 1; null where withheld."""
    change: float | None
    """Mean of after less before; null where withheld."""
    reason: str
    """Why a number is withheld; empty where none is."""


class Surveys(Record):
    """What people said of themselves and of how they felt."""

    answered: int
    """How many people are counted in the questions about themselves."""
    questions: tuple[Question, ...]
    """Figure 4."""
    items: tuple[ItemMean, ...]
    """Table 2: items, then scales."""
    rounds: tuple[Round, ...]
    """Scales over time."""
    briefs: tuple[BriefFeeling, ...]
    """After the first task, by brief."""


def surveys(
    *,
    answered: int = 0,
    counts: Mapping[str, Mapping[str, int | None]] | None = None,
    answers: pl.DataFrame | None = None,
    briefs: Sequence[BriefFeeling] = (),
    least: int = LEAST,
    level: float = 0.95,
) -> Surveys:
    """What may be shown of the surveys of a study.

    :param answered: how many people the counts are of.
    :param counts: people by question and choice; ``None`` is withheld already.
    :param answers: the columns of :data:`ANSWER_COLUMNS`.
    :param briefs: as ``care.feelings.split`` made them.
    :param least: fewest people; 1 for counts that are published, as the paper's.
    """
    rows = pl.DataFrame(schema=ANSWER_COLUMNS) if answers is None else answers
    single = _counted(rows.filter(pl.col("item") != pl.col("scale")), least)
    scales = _counted(_scales(rows), least)
    questions = tuple(
        Question(text=text, choices=_choices(_safe(cells, least), answered, level))
        for text, cells in (counts or {}).items()
    )
    both = (*single.partition_by(_KEY, maintain_order=True), *_parts(scales))
    return Surveys(
        answered=answered,
        questions=questions,
        items=tuple(_item(part, level) for part in both),
        rounds=tuple(found for part in _parts(scales) for found in _rounds(part, level)),
        briefs=tuple(b for b in briefs if b.people is None or b.people >= least),
    )


def _safe(cells: Mapping[str, int | None], least: int) -> dict[str, int | None]:
    """Withheld as ``care.demographics.counts`` does, whatever came in."""
    known = {choice: n for choice, n in cells.items() if n is not None}
    by_size = sorted(known, key=lambda choice: known[choice])
    hidden = [choice for choice in by_size if known[choice] < least]
    others = [choice for choice in by_size if known[choice] >= least]
    whole = len(known) == len(cells)  # else they were withheld, and made safe, before
    while whole and hidden and others and sum(known[choice] for choice in hidden) < least:
        hidden.append(others.pop(0))
    return {choice: None if choice in hidden else n for choice, n in cells.items()}


def _choices(cells: Mapping[str, int | None], n: int, level: float) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            text=choice,
            people=k,
            share=None if k is None or k > n else exact_rate(k, n, level=level, unit="person"),
        )
        for choice, k in cells.items()
    )


def _scales(rows: pl.DataFrame) -> pl.DataFrame:
    """The mean of each scale in each complete answer, as an item of the scale's name."""
    items = pl.col("item").n_unique().over("instrument", "scale")
    return (
        rows.with_columns(items=items)
        .group_by("person", "asked", "order", "instrument", "scale")
        .agg(pl.col("at", "step", "items").first(), pl.col("value").mean(), given=pl.len())
        .filter(pl.col("given") == pl.col("items"))
        .with_columns(item=pl.col("scale"))
        .select(list(ANSWER_COLUMNS))
    )


def _counted(rows: pl.DataFrame, least: int) -> pl.DataFrame:
    """The answers that count, each with its round (from 1): whole fives of people in each."""
    ranked = rows.unique(["person", "order", *_KEY], keep="first", maintain_order=True)
    number = pl.col("order").rank("ordinal").over("person", *_KEY).cast(pl.Int64)
    ranked = ranked.with_columns(round=number)
    place = pl.struct("at", "person").rank("ordinal").over("round", *_KEY)
    whole = pl.len().over("round", *_KEY) // least * least
    return ranked.filter(place <= whole).sort(*_KEY, "round", "at", "person")


def _parts(rows: pl.DataFrame) -> list[pl.DataFrame]:
    return rows.partition_by(_KEY, maintain_order=True)


class _Of(NamedTuple):
    """What a part is of."""

    asked: str
    instrument: str
    item: str


def _of(part: pl.DataFrame) -> _Of:
    return _Of(*part.select(_KEY).row(0))


def _item(part: pl.DataFrame, level: float) -> ItemMean:
    codes = np.unique(part["person"].to_numpy(), return_inverse=True)[1]
    n = np.asarray(np.bincount(codes), dtype=np.float64)
    sums = np.asarray(np.bincount(codes, part["value"].to_numpy()), dtype=np.float64)
    mean, error, df = (float(x) for x in mean_errors(sums, n))
    estimate = _rounded(mean, error, df, len(n), part, level, f"mean; {METHOD}")
    return ItemMean(people=len(n), mean=estimate, **_of(part)._asdict())


def _rounds(part: pl.DataFrame, level: float) -> list[Round]:
    """Means of each round, and change of its people since their own first answers."""
    firsts = part.filter(pl.col("round") == 1).select("person", first="value")
    found = []
    for rows in part.partition_by("round", maintain_order=True):
        number, values = int(rows["round"][0]), rows["value"].to_numpy()
        both = rows.join(firsts, on="person", maintain_order="left")
        both = both.head(both.height // LEAST * LEAST)
        changes = (both["value"] - both["first"]).to_numpy()
        none = "the first answers are what change is counted from" if number == 1 else None
        found.append(
            Round(
                round=number,
                mean=_mean(values, rows, level, None),
                change=_mean(changes, both, level, none),
                **_of(part)._asdict(),
            )
        )
    return found


def _mean(values: Floats, rows: pl.DataFrame, level: float, none: str | None) -> Estimate:
    """Of one value for each person, by Student's t."""
    n, method = len(values), "mean over people; Student t"
    if none is None and not n:
        none = f"withheld: fewer than {LEAST} people have answered both"
    if none is not None:
        return Estimate.of(None, None, level=level, n=0, method=method, reason=none)
    error = float(values.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    return _rounded(float(values.mean()), error, n - 1, n, rows, level, method)


def _rounded(
    mean: float, error: float, df: float, people: int, rows: pl.DataFrame, level: float, method: str
) -> Estimate:
    """To the step, its ends outward; no interval of few."""
    step = float(rows["step"][0])
    sure = people >= SURVEYED.members and df > 1 and error > 0
    half = float(t.ppf((1 + level) / 2, df)) * error if sure else 0.0
    low, value, high = (
        round(steps * step, 6)
        for steps in (floor((mean - half) / step), round(mean / step), ceil((mean + half) / step))
    )
    return Estimate.of(
        value,
        (low, high) if sure else None,
        level=level,
        n=rows.height,
        method=f"{method}; rounded to {step:g}",
        reason=None
        if sure
        else f"no interval of fewer than {SURVEYED.members:g} people, or of equal answers",
    )
