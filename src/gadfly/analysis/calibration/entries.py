"""What is calibrated: one entry a line of the table.

To add one: a function from a study's frame and a seed to its estimates (at module level, with
``functools.partial`` for options: processes must be able to send it), and an ``Entry`` in
:data:`ENTRIES` with the studies, the true value and the claim.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
from scipy.special import stdtrit

from gadfly.analysis.bootstrap import Bootstrap, bootstrap
from gadfly.analysis.calibration.measure import Entry
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.simulate import Quantity, Settings, truth
from gadfly.analysis.statistics import (
    agreement,
    jackknife,
    joint,
    korn_graubard,
    ppi,
    quantile,
    wild,
)
from gadfly.analysis.statistics.confidence_sequence import (
    BOUNDED,
    RUNNING,
    bounded_sequence,
    running_sequence,
)
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.jackknife import difference
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha
from gadfly.analysis.statistics.mean import Mean
from gadfly.analysis.statistics.mixed_linear import fit_linear
from gadfly.analysis.statistics.ppi import prediction_powered
from gadfly.analysis.statistics.protocol import PERCENTILES, Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.analysis.topics import mixed
from gadfly.analysis.topics.contrasts import contrasts
from gadfly.records.estimate import Estimate

__all__ = ["ENTRIES"]

_HOW = Bootstrap(resamples=499)  # fewer than an analysis takes: the studies are many
_IID = replace(_HOW, ci="iid")
_EVEN = Settings(members=40, attacks=800)
_UNEVEN = Settings(members=80, attacks=1600, activity_sd=1.3)
_PAPER = Settings(members=300, attacks=2400, activity_sd=1.3)
_PAIRED = Settings(members=30, attacks=900, effects=(0.0, 0.5), interaction_sd=0.2)


def _few(members: int) -> Settings:
    return replace(_EVEN, members=members, attacks=20 * members)


def _owners(frame: pl.DataFrame) -> Ints:
    return frame["member"].rank("dense").cast(pl.Int64).to_numpy() - 1


def _arm(
    frame: pl.DataFrame, seed: int, *, column: str, statistic: Statistic, how: Bootstrap = _HOW
) -> list[Estimate]:
    """A statistic of all attacks, as the analysis of an arm makes it."""
    there = frame.filter(pl.col(column).is_not_null())
    owners = _owners(there) if how.ci == "cluster" else None
    sample = Sample.of(there[column].to_numpy(), owners)
    return bootstrap(sample, [statistic], how=how, seed=seed)


_RATING = partial(_arm, column="rating", statistic=Mean())
_SCORE = partial(_arm, column="min_harmlessness", statistic=Mean())
_RATE = partial(_arm, column="rating", statistic=SuccessRate())


def _contrast(frame: pl.DataFrame, seed: int, *, how: Bootstrap = _HOW) -> list[Estimate]:
    """Rating of the second arm less that of the first, as the analysis of contrasts makes it."""
    found = contrasts(frame, how=how, design="observational").contrasts
    (one,) = [c for c in found if c.outcome == "rating" and c.kind == "intervention"]
    e = one.difference
    if one.first == "arm0" or e.estimate is None or e.low is None or e.high is None:
        return [e]
    turned = {"estimate": -e.estimate, "low": -e.high, "high": -e.low}  # arms come as they appear
    return [e.model_copy(update=turned)]


def _second(frame: pl.DataFrame) -> Floats:
    return (frame["model_type"] == "arm1").cast(pl.Float64).to_numpy()


def _by_hand(value: float, ends: tuple[float, float] | None, n: int) -> Estimate:
    """An estimate from a method that gives ends alone."""
    low, high = ends or (None, None)
    reason = None if ends else "interval not estimable"
    return Estimate(
        estimate=value, low=low, high=high, level=0.95, n=n, method="interval", reason=reason
    )


def _wild_slope(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The coefficient of the second arm in a regression of rating on arm."""
    y, x = frame["rating"].to_numpy(), np.column_stack([np.ones(frame.height), _second(frame)])
    ends = wild.wild_interval(
        y, x, _owners(frame), of=1, level=0.95, resamples=_HOW.resamples, seed=seed
    )
    return [_by_hand(0.0, ends, len(y))]


def _jackknife(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The difference of two arms by the member jackknife."""
    return [difference(frame["rating"].to_numpy(), _owners(frame), _second(frame) > 0)]


def _mixed(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Fixed effect of the second arm on the score, with Wald's interval."""
    x = np.column_stack([np.ones(frame.height), _second(frame)])
    fit = fit_linear(frame["min_harmlessness"].to_numpy(), x, _owners(frame))
    half = 1.959964 * float(fit.se[1])
    value = float(fit.coefficients[1])
    return [_by_hand(value, (value - half, value + half), fit.n)]


def _powered(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """The success rate from ratings of 30% of the attacks and a judge of all."""
    people = (frame["rating"] >= 3).cast(pl.Float64).to_numpy().copy()
    people[np.random.default_rng(seed).random(len(people)) > 0.3] = np.nan
    judge = (frame["min_harmlessness"] <= -2.5).cast(pl.Float64).to_numpy()
    found = prediction_powered(people, judge, members=_owners(frame), level=0.95)
    return [found.estimate]


def _first_attacks(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Success of each member's first attack, looked at after every member."""
    first = frame.unique("member", keep="first", maintain_order=True)["rating"].to_numpy() >= 3
    low, high = bounded_sequence(first.astype(np.float64))
    return [_by_hand(0.5, ends, len(first)) for ends in zip(low, high, strict=True)]


def _looks(frame: pl.DataFrame, seed: int, *, naive: bool = False) -> list[Estimate]:
    """Mean rating over all attacks so far at twenty looks, the first after a fifth of them."""
    y, owners = frame["rating"].to_numpy(), _owners(frame)
    means, errors, df = [], [], []
    for n in np.linspace(len(y) / 5, len(y), 20).astype(int):
        sizes, sums = np.bincount(owners[:n]), np.bincount(owners[:n], y[:n])
        left = (sums.sum() - sums) / (n - sizes)
        means.append(sums.sum() / n)
        errors.append(np.sqrt(((left - means[-1]) ** 2).sum() * (1 - 1 / len(sizes))))
        df.append(n**2 / (sizes @ sizes) - 1)
    centre, error = np.array(means), np.array(errors)
    half = error * stdtrit(np.array(df), 0.975)
    low, high = (centre - half, centre + half) if naive else running_sequence(centre, error)
    return [_by_hand(float(m), e, len(y)) for m, *e in zip(centre, low, high, strict=True)]  # type: ignore[arg-type]


def _reviewed(frame: pl.DataFrame, seed: int) -> list[Estimate]:
    """Agreement of three reviewers who see true harm, or in 30% of cases answer anything."""
    rng = np.random.default_rng(seed)
    harm = frame["true_harm"].to_numpy().astype(int)[:, None]
    seen = np.where(
        rng.random((frame.height, 3)) < 0.7, harm, rng.integers(0, 5, (frame.height, 3))
    )
    how = replace(_IID, unit="item")
    return [krippendorff_alpha(seen.tolist(), scale="nominal", how=how)]


def _agreement(settings: Settings) -> float:
    """The alpha of those reviewers over all attacks that there could be."""
    above = [1.0, *(truth(settings, "harm_rate", threshold=k) for k in range(1, 5)), 0.0]
    share = -np.diff(above)
    marginal = 0.7 * share + 0.06
    alike = share @ np.full(5, 0.76**2) + (1 - share) @ np.full(5, 0.06**2)
    return float(1 - (1 - alike) / (1 - marginal @ marginal))


def _apart(settings: Settings, quantity: Quantity) -> float:
    return truth(settings, quantity, arm=1) - truth(settings, quantity, arm=0)


_MEAN, _RATE_OF = partial(truth, quantity="mean_rating"), partial(truth, quantity="rate")
_BY_MEMBER = replace(_HOW, weighting="member")
_STUDIES = {
    "6 even members": _few(6),
    "12 even members": _few(12),
    "20 even members": _few(20),
    "40 even members": _EVEN,
    "40 uneven members (13 effective)": replace(_UNEVEN, members=40, attacks=800),
    "80 uneven members (22 effective)": _UNEVEN,
    "as the paper: 300 members (65 effective)": _PAPER,
}
_TAILED = [like for like in _STUDIES if like[:2] in ("40", "80", "as") and "13 eff" not in like]
_HARMLESS = replace(_EVEN, intercept=-0.5)
_CLUSTERED = "cluster bootstrap"


def _statistics() -> list[Entry]:
    """Statistics of one arm."""
    tail, cut = partial(truth, quantity="cvar"), partial(truth, quantity="quantile")
    cvar = partial(_arm, column="min_harmlessness", statistic=CVaR(0.05))
    q05 = partial(_arm, column="min_harmlessness", statistic=Quantile(0.05))
    median = partial(_arm, column="min_harmlessness", statistic=Quantile(0.5))
    entries = []
    for like, studies in _STUDIES.items():
        rows = [
            ("mean rating", "wild cluster bootstrap", _MEAN, _RATING, wild.REGIME),
            ("success rate", "Korn-Graubard", _RATE_OF, _RATE, korn_graubard.REGIME),
        ]
        if studies.members >= 20:
            rows += [
                ("5% quantile", "Korn-Graubard, inverted", cut, q05, quantile.REGIME),
                (
                    "median",
                    "Korn-Graubard, inverted",
                    partial(cut, share=0.5),
                    median,
                    quantile.REGIME,
                ),
            ]
        if like in _TAILED:
            method = f"{_CLUSTERED}, symmetric t"
            rows.append(("CVaR 5%", method, tail, cvar, CVaR(0.05).regime))
        entries += [
            Entry(f"{what}, {like}", method, what, studies, true, estimates, regime, like)
            for what, method, true, estimates, regime in rows
        ]
    many, few = replace(_EVEN, members=150, attacks=1500), "40 even members, few successes"
    broke = replace(_EVEN, breakthrough_share=0.1, member_sd=0.4)
    return [
        *entries,
        Entry(
            "mean rating, many members",
            f"{_CLUSTERED}, expanded percentiles",
            "mean rating",
            many,
            _MEAN,
            _RATING,
            PERCENTILES,
            "150 even members",
        ),
        Entry(
            "mean rating, member-weighted",
            f"{_CLUSTERED} or wild, by effective members",
            "mean rating by member",
            replace(_UNEVEN, activity_efficacy=0.5),
            partial(_MEAN, weighting="member"),
            partial(_RATING, how=_BY_MEMBER),
            wild.REGIME,
            "80 uneven members, the active ones succeed more",
        ),
        Entry(
            "mean rating, few successes",
            "wild cluster bootstrap",
            "mean rating",
            _HARMLESS,
            _MEAN,
            _RATING,
            wild.REGIME,
            few,
        ),
        Entry(
            "success rate, few successes",
            "Korn-Graubard",
            "success rate",
            _HARMLESS,
            _RATE_OF,
            _RATE,
            korn_graubard.REGIME,
            few,
        ),
        Entry(
            "success rate, next to none",
            "Korn-Graubard",
            "success rate",
            replace(_EVEN, intercept=-1.8),
            _RATE_OF,
            _RATE,
            korn_graubard.REGIME,
            "40 even members, most studies without a success",
        ),
        Entry(
            "CVaR 5%, breakthroughs",
            f"{_CLUSTERED}, symmetric t",
            "CVaR 5%",
            broke,
            tail,
            cvar,
            CVaR(0.05).regime,
            "40 even members, 10% of attacks break through",
        ),
    ]


def _comparisons() -> list[Entry]:
    """Differences, models, corrections, sequences, agreement."""
    rating, score = partial(_apart, quantity="mean_rating"), partial(_apart, quantity="mean_score")
    between = replace(_PAIRED, assignment="between", interaction_sd=0.0)
    paired, what = "30 members, every arm each", "difference of mean ratings"
    within = replace(_PAIRED, interaction_sd=0.0)
    few = replace(_PAIRED, members=8, attacks=320)
    labelled = replace(_EVEN, members=60, attacks=2400)
    items = Settings(members=60, attacks=60)
    return [
        Entry(
            "contrast within members",
            f"{_CLUSTERED}, joint",
            what,
            _PAIRED,
            rating,
            _contrast,
            joint.REGIME,
            paired,
        ),
        Entry(
            "contrast between members",
            f"{_CLUSTERED}, joint",
            what,
            between,
            rating,
            _contrast,
            joint.REGIME,
            "30 members, one arm each",
        ),
        Entry(
            "contrast within members, wild",
            "wild cluster bootstrap of a regression",
            what,
            few,
            rating,
            _wild_slope,
            wild.REGIME,
            "8 members, every arm each",
        ),
        Entry(
            "contrast within members, jackknife",
            "member jackknife",
            what,
            few,
            rating,
            _jackknife,
            jackknife.REGIME,
            "8 members, every arm each",
        ),
        Entry(
            "mixed model",
            "linear mixed model, Wald",
            "effect of an arm on the score",
            within,
            score,
            _mixed,
            mixed.REGIME,
            paired,
        ),
        Entry(
            "rate with a judge",
            "prediction-powered",
            "success rate",
            labelled,
            _RATE_OF,
            _powered,
            ppi.REGIME,
            "60 even members, 30% labelled",
        ),
        Entry(
            "agreement",
            "bootstrap of items, expanded percentiles",
            "Krippendorff's alpha",
            items,
            _agreement,
            _reviewed,
            agreement.REGIME,
            "60 items, 3 reviewers",
        ),
        Entry(
            "success rate at every look, bounded",
            "confidence sequence, bounded",
            "success rate of first attacks",
            replace(_EVEN, members=200, attacks=1000),
            _RATE_OF,
            _first_attacks,
            BOUNDED,
            "200 even members, a look after each",
        ),
        Entry(
            "mean rating at every look, running",
            "confidence sequence, running",
            "mean rating",
            _EVEN,
            _MEAN,
            _looks,
            RUNNING,
            "40 even members, 20 looks",
        ),
        Entry(
            "mean rating at every look, running, uneven",
            "confidence sequence, running",
            "mean rating",
            _PAPER,
            _MEAN,
            _looks,
            RUNNING,
            "as the paper, 20 looks",
        ),
    ]


def _shown() -> list[Entry]:
    """What is not claimed: attacks as if independent, and studies that break an assumption."""
    iid = "attacks as independent (iid)"
    score = partial(truth, quantity="mean_score")
    cvar = partial(_arm, column="min_harmlessness", statistic=CVaR(0.05), how=_IID)
    apart = partial(_apart, quantity="mean_rating")
    active = replace(_PAPER, activity_efficacy=0.5)
    alike = replace(_PAIRED, interaction_sd=0.0, member_sd=1.2)
    harm = replace(_EVEN, missing=0.1, missing_by_harm=0.5)
    often = "as the paper, the active ones succeed more"
    what = "difference of mean ratings"
    return [
        Entry(
            "iid mean rating",
            iid,
            "mean rating",
            _EVEN,
            _MEAN,
            partial(_RATING, how=_IID),
            None,
            "40 even members",
        ),
        Entry(
            "iid mean score",
            iid,
            "mean min harmlessness",
            _PAPER,
            score,
            partial(_SCORE, how=_IID),
            None,
            "as the paper",
        ),
        Entry(
            "iid success rate",
            iid,
            "success rate",
            _PAPER,
            _RATE_OF,
            partial(_RATE, how=_IID),
            None,
            "as the paper",
        ),
        Entry(
            "iid CVaR 5%",
            iid,
            "CVaR 5%",
            _PAPER,
            partial(truth, quantity="cvar"),
            cvar,
            None,
            "as the paper",
        ),
        Entry(
            "iid contrast",
            iid,
            what,
            alike,
            apart,
            partial(_contrast, how=_IID),
            None,
            "30 members, every arm each, members far apart",
        ),
        Entry(
            "looked at twenty times",
            "member jackknife at every look",
            "mean rating",
            _EVEN,
            _MEAN,
            partial(_looks, naive=True),
            None,
            "40 even members, 20 looks",
        ),
        Entry(
            "mean rating, active succeed",
            "wild cluster bootstrap",
            "mean rating",
            active,
            _MEAN,
            _RATING,
            None,
            often,
        ),
        Entry(
            "success rate, active succeed",
            "Korn-Graubard",
            "success rate",
            active,
            _RATE_OF,
            _RATE,
            None,
            often,
        ),
        Entry(
            "mean rating, missing by harm",
            "wild cluster bootstrap",
            "mean rating",
            harm,
            _MEAN,
            _RATING,
            None,
            "40 even members, worse attacks are rated less often",
        ),
        Entry(
            "mean rating, missing at random",
            "wild cluster bootstrap",
            "mean rating",
            replace(_EVEN, missing=0.2),
            _MEAN,
            _RATING,
            None,
            "40 even members, a fifth not rated",
        ),
    ]


ENTRIES: tuple[Entry, ...] = (*_statistics(), *_comparisons(), *_shown())
"""Every line of the table."""
