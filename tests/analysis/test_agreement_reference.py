"""Coefficients of agreement beside other packages' numbers, on drawn tables and on real ratings.

``agreement_reference.json`` is made by ``agreement_reference.py``. Of 300 more tables (8-59 items,
2-5 raters, 2-6 values, up to 30% missing) every coefficient was equal to 1e-14.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.statistics.agreement import Ratings
from gadfly.analysis.statistics.dawid_skene import dawid_skene
from gadfly.analysis.statistics.fleiss_kappa import fleiss_kappa
from gadfly.analysis.statistics.gwet import gwet_ac
from gadfly.analysis.statistics.icc import icc
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha
from gadfly.analysis.statistics.weighted_kappa import weighted_kappa
from gadfly.records.ratings import Criterion, criteria_of

TABLES = json.loads(Path(__file__).with_name("agreement_reference.json").read_text())
FEW = Bootstrap(ci="iid", resamples=100, unit="item")


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_every_coefficient_is_that_of_another_package(table: dict[str, Any]) -> None:
    ratings: Ratings = table["ratings"]
    close = {"abs": 1e-9, "rel": 0}
    for scale, value in table["alpha"].items():
        found = krippendorff_alpha(ratings, scale=scale, how=FEW)
        assert found.estimate == pytest.approx(value, **close)
    for weights, value in table["light"].items():
        found = weighted_kappa(ratings, weights=weights, how=FEW)
        assert found.estimate == pytest.approx(value, **close)
    for weights, value in table["gwet"].items():
        found = gwet_ac(ratings, weights=weights, how=FEW)
        assert found.estimate == pytest.approx(value, **close)
    if "fleiss" in table:
        found = fleiss_kappa(ratings, raters=len(ratings[0]), how=FEW)
        assert found.estimate == pytest.approx(table["fleiss"], **close)
    for form, values in table.get("icc", {}).items():
        found = icc(ratings, form=form)
        assert [found.estimate, found.low, found.high] == pytest.approx(values, **close)
        assert icc(ratings, form=form, how=FEW).estimate == pytest.approx(values[0], **close)
    if "icc_one_way" in table:
        for how in (None, FEW):
            found = icc(ratings, form="(1,1)", how=how)
            assert found.estimate == pytest.approx(table["icc_one_way"], **close)


def test_dawid_and_skene_as_crowd_kit_has_it() -> None:
    (table,) = [table for table in TABLES if "dawid_skene" in table]
    found = dawid_skene(table["ratings"], prior=0, tolerance=1e-14)
    expected = table["dawid_skene"]
    np.testing.assert_allclose(found.posterior, expected["posterior"], atol=1e-8)
    np.testing.assert_allclose(found.prevalence, expected["prevalence"], atol=1e-8)


def convabuse(shared: Path) -> Criterion:
    """Five steps from 1 (no abuse) to -3, one column each; one item is one turn of a dialogue."""
    path = shared / "data" / "convabuse" / "ConvAbuseEMNLPfull.csv"
    steps = {f"is_abuse.{value}": value for value in (1, 0, -1, -2, -3)}
    frame = pl.read_csv(path, infer_schema_length=None)
    assert frame.select(pl.sum_horizontal(*steps)).to_series().unique().to_list() == [1]
    item = pl.concat_str("conv_id", "prev_agent", "prev_user", "agent", "user", separator="\0")
    value = pl.sum_horizontal(pl.col(name) * step for name, step in steps.items())
    (found,) = criteria_of(
        frame.select(
            item=item.fill_null(""),
            rater="annotator_id",
            criterion=pl.lit("abuse"),
            value=value.cast(pl.String),
        )
    )
    return found


@pytest.mark.parametrize(
    ("scale", "published", "exact"),
    [
        ("ordinal", 0.660, 0.6597663979170503),
        ("nominal", 0.437, 0.4373744333609694),
        ("interval", 0.734, 0.7339219233702778),
    ],
)
def test_convabuse(shared: Path, scale: Any, published: float, exact: float) -> None:
    """Of 12,768 annotations 357 are repeats by the same rater; the first counts."""
    found = convabuse(shared)
    assert found.ratings.shape == (4185, 8)
    assert (found.repeats, found.changed) == (357, 28)
    sizes = np.bincount(np.isfinite(found.ratings).sum(axis=1))
    assert sizes.tolist() == [0, 0, 1094, 2445, 377, 235, 33, 1]
    alpha = krippendorff_alpha(found.ratings, scale=scale)
    assert alpha.estimate == pytest.approx(published, abs=5e-4)
    assert alpha.estimate == pytest.approx(exact, abs=1e-9)
    assert alpha.low is not None
    assert alpha.high is not None
    assert alpha.low < published < alpha.high < alpha.low + 0.06


# Kappa and alpha of three answers, kappa of refused or not: statsmodels and krippendorff.
XSTEST = {
    "llama2orig": (0.9292557111274871, 0.929331885645785, 0.9677419354838711),
    "mistralguard": (0.8923371385603938, 0.8924149367662081, 0.9062183673064328),
    "mistralinstruct": (0.9195449004469726, 0.9195970502386315, 0.9232736572890025),
}


def xstest(shared: Path, model: str) -> Ratings:
    """Two people's verdicts: 1 full compliance, 2 full refusal, 3 partial refusal."""
    path = shared / "data" / "xstest" / f"xstest_v2_completions_{model}.csv"
    frame = pl.read_csv(path).select("annotation_1", "annotation_2")
    return frame.select(pl.all().str.slice(0, 1).cast(pl.Float64)).to_numpy()


@pytest.mark.parametrize("model", XSTEST)
def test_xstest(shared: Path, model: str) -> None:
    ratings = xstest(shared, model)
    kappa, alpha, binary = XSTEST[model]
    found = weighted_kappa(ratings, weights="unweighted")
    assert found.estimate == pytest.approx(kappa, abs=1e-9)
    assert found.n == 450
    nominal = krippendorff_alpha(ratings, scale="nominal")
    assert nominal.estimate == pytest.approx(alpha, abs=1e-9)
    refused = weighted_kappa((np.asarray(ratings) > 1).astype(float), weights="unweighted")
    assert refused.estimate == pytest.approx(binary, abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert found.low < kappa < found.high
