"""The models of appendix A.3 as a topic and a section: coding, versions, what is missing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gadfly.analysis.report.markdown import escape
from gadfly.analysis.report.sections.mixed import section
from gadfly.analysis.statistics.mixed_linear import fit_linear
from gadfly.analysis.topics.mixed import MixedModel, MixedModels, mixed_models
from gadfly.analysis.topics.mixed_fit import reach
from tests.analysis.conftest import frame

TYPES, SIZES = ("plain lm", "rlhf"), ("2.7B", "13B", "52B")


def attacks(
    seed: int = 1, *, members: int = 40, each: int = 30, confound: float = 0.0
) -> pl.DataFrame:
    """Scores rise by 1 with rlhf and 0.5 more at 52B; ``confound``: rlhf gets milder tasks."""
    rng = np.random.default_rng(seed)
    n = members * each
    member = np.repeat(np.arange(members), each)
    kind, size = rng.integers(0, 2, n), rng.integers(0, 3, n)
    task = rng.normal(size=n) + confound * kind
    effect = 0.6 * rng.normal(size=members)[member]
    of_upwork = member % 3 == 0
    score = kind - 2.0 * of_upwork + 0.5 * kind * (size == 2) + task + effect + rng.normal(size=n)
    rating = np.clip(np.round(1.5 - 0.8 * score + rng.normal(size=n)), 0, 4)
    table = frame([{}] * n)
    return table.with_columns(
        model_type=pl.Series([TYPES[k] for k in kind]),
        num_params=pl.Series([SIZES[k] for k in size]),
        member=pl.Series([f"member-{m}" for m in member]),
        min_harmlessness=pl.Series(score),
        task_description_harmlessness=pl.Series(task),
        rating=pl.Series(rating),
        is_upworker=pl.Series(of_upwork),
    )


def the(found: MixedModels, outcome: str, version: str, scale: str = "linear") -> MixedModel:
    (model,) = [
        m for m in found.models if (m.outcome, m.version, m.scale) == (outcome, version, scale)
    ]
    return model


def values(model: MixedModel) -> dict[str, float]:
    return {term.name: term.estimate.estimate or 0.0 for term in model.terms}


def test_planted_differences_of_arms_are_found() -> None:
    found = mixed_models(attacks())
    model = the(found, "harmlessness", "covariates")
    assert [term.name for term in model.terms] == [
        "intercept", "13B", "52B", "rlhf", "task_description_harmlessness", "is_mturk",
        "13B × rlhf", "52B × rlhf",
    ]  # fmt: skip
    planted = {"rlhf": 1, "52B × rlhf": 0.5, "task_description_harmlessness": 1, "13B": 0}
    planted["is_mturk"] = 2
    for name, value in planted.items():
        (term,) = [t for t in model.terms if t.name == name]
        assert abs(values(model)[name] - value) < 4 * term.se
        assert term.statistic == pytest.approx(values(model)[name] / term.se)
    assert model.sd_member == pytest.approx(0.6, abs=0.2)
    assert model.sd_residual == pytest.approx(1, abs=0.1)
    assert (found.reference_type, found.reference_size, found.members) == ("plain lm", "2.7B", 40)


def test_a_model_is_the_plain_fit_of_its_dummies() -> None:
    table = attacks()
    kind = (table["model_type"] == "rlhf").to_numpy()
    middle, large = ((table["num_params"] == s).to_numpy() for s in SIZES[1:])
    columns = (np.ones(len(kind)), middle, large, kind, middle & kind, large & kind)
    x = np.column_stack(columns).astype(np.float64)
    members = table["member"].rank("dense").to_numpy()
    fit = fit_linear(table["min_harmlessness"].to_numpy(), x, members)
    model = the(mixed_models(table), "harmlessness", "arms")
    assert list(values(model).values()) == pytest.approx(fit.coefficients.tolist())
    assert model.log_likelihood == pytest.approx(fit.log_likelihood)
    low = model.terms[3].estimate.low
    assert low == pytest.approx(fit.coefficients[3] - 1.959964 * fit.se[3], abs=1e-6)


def test_the_ordinal_model_turns_with_the_rating() -> None:
    model = the(mixed_models(attacks()), "rating", "covariates", "ordinal")
    assert [t.name for t in model.terms if t.kind == "threshold"] == ["0|1", "1|2", "2|3", "3|4"]
    assert values(model)["rlhf"] < 0
    assert (model.sd_residual, model.reason) == (None, None)


def test_without_covariates_the_ratings_are_fitted_as_ordered_by_the_arms_alone() -> None:
    bare = attacks().with_columns(task_description_harmlessness=pl.lit(None, pl.Float64))
    bare = bare.with_columns(is_upworker=pl.lit(None, pl.Boolean))
    model = the(mixed_models(bare), "rating", "arms", "ordinal")
    assert model.reason is None
    assert "rlhf" in values(model)


def test_where_members_answer_arms_differently_intervals_widen_and_the_section_says_so() -> None:
    table = attacks(members=60, each=60)
    kinds = table["model_type"].to_numpy() == "rlhf"
    member = table["member"].str.slice(7).cast(pl.Int64).to_numpy()
    apart = np.random.default_rng(2).normal(0, 1, 60)[member] * kinds
    apart_table = table.with_columns(min_harmlessness=pl.col("min_harmlessness") + apart)
    for frame_, wider in ((table, False), (apart_table, True)):
        found = mixed_models(frame_)
        (term,) = [t for t in the(found, "harmlessness", "arms").terms if t.name == "rlhf"]
        assert term.robust is not None
        wald, robust = ((e.high or 0) - (e.low or 0) for e in (term.estimate, term.robust))
        assert (robust > 1.5 * wald) is wider
        said = " ".join(section(found).notes)
        assert ("times as wide as lme4" in said) is wider
        assert "members differ by their level alone" in said


def test_covariates_that_explain_an_arm_are_seen_to() -> None:
    (confounded, _, _, _) = mixed_models(attacks(confound=2)).changes
    (first, _, third, _) = mixed_models(attacks(confound=0)).changes
    assert (third.outcome, third.before, third.after) == ("harmlessness", "arms", "covariates")
    assert abs(third.change) < 0.3
    (change,) = [
        c
        for c in mixed_models(attacks(confound=2)).changes
        if c.outcome == "harmlessness" and c.after == "covariates"
    ]
    assert (change.term, round(change.change)) == ("rlhf", -2)
    assert abs(confounded.change) > abs(first.change)
    hidden = mixed_models(attacks(confound=-1)).changes[2]  # tasks hide what rlhf does
    assert "rlhf" in hidden.differ
    assert third.differ == ()


def test_rows_in_any_order_give_the_same() -> None:
    table = attacks()
    one, two = (mixed_models(t) for t in (table, table.sample(fraction=1, shuffle=True, seed=3)))
    for a, b in zip(one.models, two.models, strict=True):
        assert values(a) == pytest.approx(values(b), abs=1e-6)
    assert MixedModels.model_validate_json(one.model_dump_json()) == one


def test_an_arm_that_nobody_attacked_has_no_coefficient() -> None:
    table = attacks().filter((pl.col("model_type") != "rlhf") | (pl.col("num_params") != "52B"))
    found = mixed_models(table)
    assert {model.aliased for model in found.models} == {("52B × rlhf",)}
    assert all(model.reason is None for model in found.models)


def test_one_size_or_no_plain_lm_is_a_smaller_design() -> None:
    table = attacks().filter(pl.col("num_params") == "13B")
    renamed = table.with_columns(pl.col("model_type").replace("plain lm", "prompted"))
    found = mixed_models(renamed)
    assert (found.reference_type, found.reference_size) == ("prompted", "13B")
    assert [t.name for t in the(found, "rating", "arms").terms] == ["intercept", "rlhf"]


REASONS = [
    (pl.lit(value=True), {}, None),
    (pl.col("model_type") == "rlhf", {"num_params": "13B"}, "one arm"),
    (pl.col("member") == "member-3", {}, "2 members or more, there is 1"),
    (pl.lit(value=False), {}, "the outcome is never recorded"),
    (pl.lit(value=True), {"rating": 2.0, "min_harmlessness": 1.0}, "outcome is the same for every"),
]


@pytest.mark.parametrize(("kept", "constant", "reason"), REASONS)
def test_degenerate_designs_give_a_reason(
    kept: pl.Expr, constant: dict[str, float | str], reason: str | None
) -> None:
    table = attacks(each=12).filter(kept)
    found = mixed_models(table.with_columns(pl.lit(v).alias(k) for k, v in constant.items()))
    assert len(found.models) == 7
    for model in found.models:
        assert (model.reason is None) == bool(model.terms) == (reason is None)
        if reason is not None:
            assert reason in (model.reason or "")
            assert (model.sd_member, model.icc, model.log_likelihood) == (None, None, None)
    assert section(found).parts


def test_what_was_never_recorded_is_left_out_and_said() -> None:
    nothing = pl.lit(None, dtype=pl.Float64)
    table = attacks().with_columns(
        task_description_harmlessness=nothing, is_upworker=pl.lit(value=False)
    )
    found = mixed_models(table)
    assert found.left_out == {
        "task_description_harmlessness": "never recorded",
        "is_mturk": "the same for every attack",
    }
    assert the(found, "rating", "arms").terms
    assert the(found, "rating", "covariates").reason == "there are no covariates"
    assert "harmlessness" in values(the(found, "rating", "other metric"))
    unrated = mixed_models(attacks().with_columns(rating=nothing))
    assert the(unrated, "rating", "arms").reason == "the outcome is never recorded"
    assert the(unrated, "harmlessness", "other metric").reason is not None
    assert the(unrated, "harmlessness", "covariates").terms


def test_attacks_that_lack_a_variable_are_counted() -> None:
    table = attacks().with_row_index()
    gaps = table.with_columns(rating=pl.when(pl.col("index") >= 100).then("rating"))
    found = mixed_models(gaps)
    assert (found.n, found.dropped) == (table.height - 100, 100)
    assert {t.estimate.n for m in found.models for t in m.terms} == {table.height - 100}
    assert any("leave out 100 attacks" in note for note in section(found).notes)


def test_few_members_have_estimates_without_intervals() -> None:
    terms = the(mixed_models(attacks(members=6)), "rating", "arms").terms
    why = "interval not estimable: 6 members, Wald's takes 10"
    assert {(term.estimate.low, term.estimate.reason) for term in terms} == {(None, why)}
    assert all(term.estimate.estimate is not None and term.se > 0 for term in terms)


def test_what_a_member_is_reaches_by_t_and_what_it_meets_by_the_normal() -> None:
    members = np.repeat(np.arange(12), 4)
    x = np.column_stack([np.ones(48), members % 3 == 0, np.arange(48) % 2])
    found = reach(x, members, level=0.9)
    t, normal = stats.t.ppf(0.95, 10), stats.norm.ppf(0.95)
    assert found.tolist() == pytest.approx([t, t, normal])
    terms = {term.name: term for term in mixed_models(attacks(members=12)).models[1].terms}
    wide = [
        (e.high - e.low) / 2 / terms[name].se
        for name in ("is_mturk", "rlhf")
        if (e := terms[name].estimate).low is not None and e.high is not None
    ]
    assert wide == pytest.approx([stats.t.ppf(0.975, 10), stats.norm.ppf(0.975)])


def test_the_section_tells_each_model_and_hides_hostile_names() -> None:
    evil = "<script>|\x1b[31m"
    table = attacks(each=12).with_columns(pl.col("model_type").replace("rlhf", evil))
    found = mixed_models(table)
    shown = section(found, marks={(evil, "52B"): "circular", (evil, "13B"): "unverified"})
    ratings, scores, changes = shown.parts
    assert [len(part.rows) for part in (changes,)] == [4]  # type: ignore[union-attr]
    heads = [row[0].text for row in scores.rows]  # type: ignore[union-attr]
    assert "<script>|\\x1b[31m †" in heads
    assert "13B × <script>|\\x1b[31m ‡" in heads
    assert not any("†" in row[0].text for row in ratings.rows)  # type: ignore[union-attr]
    assert "REML; member jackknife (CV3)" in scores.method  # what the intervals shown are
    assert "Wald" not in scores.method
    assert "quadrature; Wald interval" in ratings.method
    text = " ".join((*shown.findings, shown.lead, *heads))
    assert "\x1b" not in text
    assert "<script>" not in escape(text)
    assert len(shown.findings) == 2
