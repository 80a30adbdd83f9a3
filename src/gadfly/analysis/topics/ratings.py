"""How far raters agree: every coefficient, by criterion, by tag and by rater.

The reviews of a study are asked the same, as :mod:`gadfly.records.review_ratings` lays them out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap, refuse_level
from gadfly.analysis.coefficients import (
    MOST_RATERS,
    MOST_VALUES,
    Coefficients,
    Scale,
    coefficients,
    kappa,
)
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.dawid_skene import DawidSkene, NoModel, dawid_skene
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.ratings import Criterion, RatingsFile, criteria_of, read_ratings

__all__ = [
    "Classes",
    "CriterionAgreement",
    "RaterAgreement",
    "RatingsResult",
    "agreement_of",
    "ratings_of_reviews",
    "ratings_result",
]


class RaterAgreement(Record):
    """One rater beside the others."""

    rater: str
    """As named in the file; hostile."""
    n: int
    """Items that it rated."""
    with_others: Estimate
    """Mean κ with each other rater; quadratic weights where values have an order."""
    alpha_without: Estimate
    """Krippendorff's α of all others, ordinal where values have an order: much higher than with
    the rater means that agreement is better without."""
    accuracy: float | None
    """How often it names the class that an item truly has, by Dawid and Skene's model (0-1)."""
    confusion: tuple[tuple[float, ...], ...] | None
    """By true class, the probability of each answer, by that model; ``None`` where it is not."""


class Classes(Record):
    """What items truly are by Dawid and Skene's model."""

    shares: tuple[float, ...]
    """Share of each value among items, in the order of ``values``."""
    doubtful: int
    """Items whose likeliest class has a probability below 0.9."""
    steps: int
    """Steps until it converged."""
    log_likelihood: float
    """Penalised log-likelihood."""


class CriterionAgreement(Record):
    """One criterion."""

    name: str
    """As named in the file; hostile."""
    scale: Scale
    """Two values; names of classes; or numbers, which have an order."""
    values: tuple[str, ...]
    """Values that occur, in order; hostile. Empty where they are too many to be ratings."""
    counts: tuple[int, ...]
    """How often each was given."""
    n_items: int
    """Items with a rating."""
    n_raters: int
    """Raters with a rating."""
    n_ratings: int
    """Ratings: the first by each rater of each item."""
    items_by_ratings: tuple[int, ...]
    """Number of items with 0, 1, 2, … ratings."""
    missing: int
    """Lines without a value."""
    repeats: int
    """Lines in which a rater rated an item again; left out."""
    changed: int
    """Repeats that differ from the first rating."""
    coefficients: Coefficients
    """Agreement of all raters."""
    by_rater: tuple[RaterAgreement, ...]
    """Each rater; empty with more than 30, and on two values where other criteria have more."""
    classes: Classes | None
    """Dawid and Skene's model; ``None`` where it does not hold."""
    classes_reason: str | None
    """Why not."""


class RatingsResult(Record):
    """Agreement of the raters of one file, or of a study's reviewers."""

    name: str
    """Name of the file, or of the study."""
    sha256: str | None
    """Hash of the file; ``None`` for a study."""
    rows: int
    """Lines of the file."""
    ignored: tuple[str, ...]
    """Columns of the file that were left out; hostile."""
    level: float
    """Level of the intervals."""
    resamples: int
    """Resamples of items that they rest on."""
    criteria: tuple[CriterionAgreement, ...]
    """In the order of the file."""


def ratings_result(
    path: Path | str, *, resamples: int = 2000, level: float = 0.95
) -> RatingsResult:
    """Agreement of the raters of a file in long form (see :mod:`gadfly.records.ratings`).

    :raises PersonError: it cannot be read, told with every fault of it; or the level is none.
    """
    return agreement_of(read_ratings(path), resamples=resamples, level=level)


def agreement_of(
    file: RatingsFile, *, resamples: int = 2000, level: float = 0.95, unit: str = "item"
) -> RatingsResult:
    """Agreement of the raters of a file that was read.

    :param unit: what was rated, in a word.
    :raises PersonError: the level is none.
    """
    refuse_level(level, resamples)
    how = Bootstrap(ci="iid", resamples=resamples, level=level, unit=unit)
    many = [c for c in file.criteria if len(np.unique(c.ratings[np.isfinite(c.ratings)])) > 2]
    detailed = {c.name for c in many or file.criteria[:1]}
    return RatingsResult(
        name=file.name,
        sha256=file.sha256,
        rows=file.rows,
        ignored=file.ignored,
        level=how.level,
        resamples=how.resamples,
        criteria=tuple(_agreement(c, how, raters=c.name in detailed) for c in file.criteria),
    )


def ratings_of_reviews(
    frame: pl.DataFrame, *, name: str, resamples: int = 2000, level: float = 0.95
) -> RatingsResult:
    """Agreement of a study's reviewers, as :mod:`gadfly.records.review_ratings` lays them out."""
    file = RatingsFile(name, None, frame.height, (), criteria_of(frame))
    return agreement_of(file, resamples=resamples, level=level, unit="attack")


def _agreement(criterion: Criterion, how: Bootstrap, *, raters: bool) -> CriterionAgreement:
    """All that is said of one criterion, and with ``raters`` of each of them."""
    ratings = criterion.ratings
    there = np.isfinite(ratings)
    values, counts = np.unique(ratings[there], return_counts=True)
    many = len(values) > MOST_VALUES
    scale: Scale = "nominal" if criterion.labels else "ordinal"
    scale = "binary" if len(values) <= 2 else scale
    model, reason = _model(criterion.ratings, many=many)
    labels = criterion.labels or tuple(f"{v:g}" for v in values)
    return CriterionAgreement(
        name=criterion.name,
        scale=scale,
        values=() if many else labels,
        counts=() if many else tuple(counts.tolist()),
        n_items=len(criterion.items),
        n_raters=len(criterion.raters),
        n_ratings=int(there.sum()),
        items_by_ratings=tuple(np.bincount(there.sum(axis=1)).tolist()),
        missing=criterion.missing,
        repeats=criterion.repeats,
        changed=criterion.changed,
        coefficients=coefficients(ratings, scale, how, many=many),
        by_rater=_raters(criterion, scale, how, model) if raters and not many else (),
        classes=None if model is None else _classes(model),
        classes_reason=reason,
    )


def _model(ratings: Floats, *, many: bool) -> tuple[DawidSkene | None, str | None]:
    """Dawid and Skene's model, or why there is none."""
    if many:
        return None, f"more than {MOST_VALUES} different values are no classes"
    try:
        return dawid_skene(ratings), None
    except NoModel as error:
        return None, str(error)


def _classes(model: DawidSkene) -> Classes:
    return Classes(
        shares=tuple(model.prevalence.tolist()),
        doubtful=int((model.posterior.max(axis=1) < 0.9).sum()),
        steps=len(model.log_likelihood),
        log_likelihood=model.log_likelihood[-1],
    )


def _raters(
    criterion: Criterion, scale: Scale, how: Bootstrap, model: DawidSkene | None
) -> tuple[RaterAgreement, ...]:
    """Each rater beside the others."""
    ratings, names = criterion.ratings, criterion.raters
    if len(names) > MOST_RATERS:
        return ()
    ordered = scale == "ordinal"
    return tuple(
        RaterAgreement(
            rater=name,
            n=int(np.isfinite(ratings[:, k]).sum()),
            with_others=kappa(ratings, "quadratic" if ordered else "unweighted", how, k),
            alpha_without=krippendorff_alpha(
                np.delete(ratings, k, axis=1), scale="ordinal" if ordered else "nominal", how=how
            ),
            accuracy=None if model is None else float(model.accuracy[k]),
            confusion=None if model is None else tuple(map(tuple, model.confusion[k].tolist())),
        )
        for k, name in enumerate(names)
    )
