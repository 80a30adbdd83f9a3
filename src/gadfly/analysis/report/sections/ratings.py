"""Agreement of raters: an overview of criteria, then coefficients, raters and classes of each.

Krippendorff's own words for α are quoted as what they are, a convention: 0.800 and more is
reliable, from 0.667 on conclusions are tentative (*Content Analysis*, 2019, chapter 12).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator

from gadfly.analysis.coefficients import Coefficients
from gadfly.analysis.report.section import Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.topics.ratings import CriterionAgreement, RatingsResult
from gadfly.analysis.words import interval, number, safe
from gadfly.records.estimate import Estimate

__all__ = ["overview", "section"]

_NAMES = {
    "fleiss_kappa": "Fleiss’ kappa",
    "kappa": "Cohen’s or Light’s kappa",
    "kappa_linear": "– linear weights",
    "kappa_quadratic": "– quadratic weights",
    "alpha_nominal": "Krippendorff’s alpha, nominal",
    "alpha_ordinal": "– ordinal",
    "alpha_interval": "– interval",
    "ac1": "Gwet’s AC1",
    "ac2_linear": "Gwet’s AC2, linear weights",
    "ac2_quadratic": "– quadratic weights",
    "icc_1_1": "ICC(1,1)",
    "icc_2_1": "ICC(2,1)",
    "icc_1_k": "ICC(1,k)",
    "icc_2_k": "ICC(2,k)",
}
_BOUNDS = (0.667, 0.8)
_MEANS = (
    "below what Krippendorff’s convention asks even of tentative conclusions (0.667)",
    "enough for tentative conclusions by Krippendorff’s convention (0.667)",
    "reliable by Krippendorff’s convention (0.800)",
)
_COMMON = 0.8  # share of one value from which chance agreement is high
_TERMS = (
    ("Kappa, alpha", "Agreement beyond what the raters’ values give by chance: 1 perfect, 0 none."),
    ("Cohen’s, Light’s kappa", "Of two raters; of more, the mean over all pairs of raters."),
    ("Gwet’s AC", "Expects less agreement by chance where nearly all ratings are one value."),
    ("ICC", "The share of the variance of ratings that is variance of the items."),
    ("Dawid and Skene’s model", "Guesses each item’s true value and each rater’s errors together."),
)


def section(result: RatingsResult) -> Section:
    """How far raters agree."""
    detailed = [c for c in result.criteria if c.scale != "binary"] or list(result.criteria[:1])
    parts: list[Table] = [overview(result)]
    for place, criterion in enumerate(result.criteria):
        if criterion in detailed:
            parts += _tables(criterion, f"ratings-{place}")
    return Section(
        name="ratings",
        title="Agreement of raters",
        lead="How far those who rated the same items agree, beyond chance.",
        parts=tuple(parts),
        findings=(_sentence(detailed[0]),) if detailed else (),
        terms=_TERMS,
        notes=tuple(_notes(result)),
    )


def _main(criterion: CriterionAgreement) -> tuple[Estimate, Estimate, Estimate]:
    """The α, κ and AC that suit the values."""
    c = criterion.coefficients
    if criterion.scale == "ordinal":
        alpha = c.alpha_ordinal if criterion.values else c.alpha_interval
        return alpha, c.kappa_quadratic, c.ac2_quadratic
    return c.alpha_nominal, c.kappa, c.ac1


def overview(result: RatingsResult) -> Table:
    """Every criterion in a row."""
    rows = []
    for criterion in result.criteria:
        fleiss = criterion.coefficients.fleiss_kappa
        rows.append(
            (
                Cell(_name(criterion)),
                Cell(f"{criterion.n_items:,}"),
                Cell(f"{criterion.n_raters:,}"),
                Cell(f"{criterion.n_ratings:,}"),
                *(estimate_cell(estimate, own=True) for estimate in (*_main(criterion), fleiss)),
            )
        )
    columns = (
        *("Criterion", "Items", "Raters", "Ratings"),
        *("Krippendorff’s alpha", "Cohen’s or Light’s kappa", "Gwet’s AC", "Fleiss’ kappa"),
    )
    method = (
        "Where values have an order alpha is ordinal, kappa and AC (AC2) have quadratic weights; "
        "else alpha is nominal, kappa unweighted, AC is AC1. Fleiss’ kappa knows no order and "
        f"takes items with the most usual number of ratings. Intervals: {result.level * 100:g}%, "
        f"items resampled, percentile, {result.resamples:,} resamples."
    )
    finding = " ".join(_sentence(criterion) for criterion in result.criteria[:3])
    return Table(
        "ratings-overview",
        "Agreement by criterion",
        columns,
        tuple(rows),
        frozenset(),
        finding,
        method,
    )


def _sentence(criterion: CriterionAgreement) -> str:
    """What its α comes to, with the paradox where one value is very common."""
    alpha, _, ac = _main(criterion)
    name = f"“{_name(criterion)}”"
    if alpha.estimate is None:
        return f"Agreement on {name} is not defined: {alpha.reason}."
    low, place, high = (
        bisect(_BOUNDS, alpha.estimate if end is None else end)
        for end in (alpha.low, alpha.estimate, alpha.high)
    )
    doubt = ", though the interval leaves that open" if low != high else ""
    if alpha.low is None:
        doubt = ", with no interval to say how surely"
    said = f"Raters’ alpha on {name} is {interval(alpha)}: {_MEANS[place]}{doubt}."
    share = max(criterion.counts, default=0) / max(criterion.n_ratings, 1)
    if share >= _COMMON and ac.estimate is not None and ac.estimate - alpha.estimate > 0.2:
        said += (
            f" One value makes up {share:.0%} of ratings, so chance alone would agree often; "
            f"Gwet’s coefficient, which allows for it, is {interval(ac)}."
        )
    return said


def _tables(criterion: CriterionAgreement, name: str) -> Iterator[Table]:
    shown = _name(criterion)
    yield Table(
        name,
        f"Every coefficient: {shown}",
        ("Coefficient", "Agreement", "Items", "Remark"),
        tuple(_coefficient_rows(criterion.coefficients)),
        method="Intervals as above"
        f"{'' if criterion.values else '; of the ICC by F (McGraw and Wong 1996)'}.",
        folded=True,
    )
    if criterion.by_rater:
        yield _raters(criterion, name)
    if criterion.classes is not None:
        yield _classes(criterion, name)


def _coefficient_rows(found: Coefficients) -> Iterator[tuple[Cell, ...]]:
    for name, words in _NAMES.items():
        estimate: Estimate = getattr(found, name)
        count = Cell(f"{estimate.n:,}" if estimate.n else "–")
        yield Cell(words), estimate_cell(estimate), count, Cell(estimate.reason or "")


def _raters(criterion: CriterionAgreement, name: str) -> Table:
    """Each rater beside the others, the one that agrees least on top."""
    ordered = sorted(
        criterion.by_rater,
        key=lambda r: (r.with_others.estimate is None, r.with_others.estimate or 0.0, r.rater),
    )
    rows = tuple(
        (
            Cell(safe(rater.rater)),
            Cell(f"{rater.n:,}"),
            estimate_cell(rater.with_others, own=True),
            estimate_cell(rater.alpha_without, own=True),
            Cell(number(rater.accuracy, 0, percent=True)),
        )
        for rater in ordered
    )
    alpha = _main(criterion)[0].estimate
    gains = [
        (rater.alpha_without.estimate - alpha, rater)
        for rater in ordered
        if alpha is not None and rater.alpha_without.estimate is not None
    ]
    finding = ""
    if gains and (best := max(gains, key=lambda gain: gain[0]))[0] > 0.01:
        without = interval(best[1].alpha_without)
        finding = f"Without {safe(best[1].rater)} alpha would rise most, to {without}."
    return Table(
        f"{name}-raters",
        f"Each rater beside the others: {_name(criterion)}",
        ("Rater", "Ratings", "Kappa with the others", "Alpha of the others", "Right (model)"),
        rows,
        finding=finding,
        method=(
            "Kappa: the mean over pairs with each other rater. Alpha: of all others, without this "
            "rater. Right: how often the rater names an item’s true value, by Dawid and Skene’s "
            "model; it has no interval, and from few ratings it says little. "
            f"{criterion.classes_reason or ''}"
        ).strip(),
        folded=True,
    )


def _classes(criterion: CriterionAgreement, name: str) -> Table:
    """Shares of ratings beside shares of items by the model."""
    classes = criterion.classes
    shares = classes.shares if classes else ()
    rows = tuple(
        (
            Cell(safe(value)),
            Cell(f"{count:,}"),
            Cell(number(count / criterion.n_ratings, 1, percent=True)),
            Cell(number(share, 1, percent=True)),
        )
        for value, count, share in zip(criterion.values, criterion.counts, shares, strict=True)
    )
    doubtful = classes.doubtful if classes else 0
    return Table(
        f"{name}-classes",
        f"Values: {_name(criterion)}",
        ("Value", "Ratings", "Share of ratings", "Share of items (model)"),
        rows,
        finding=f"Of {criterion.n_items:,} items {doubtful:,} have no value that is 90% likely.",
        method=(
            "Dawid and Skene’s model by EM, with a prior worth one answer on each rater’s row; "
            f"it converged in {classes.steps if classes else 0:,} steps."
        ),
        folded=True,
    )


def _notes(result: RatingsResult) -> Iterator[str]:
    for criterion in result.criteria:
        name = f"“{_name(criterion)}”"
        if criterion.repeats:
            yield (
                f"{criterion.repeats:,} repeated ratings of {name} are left out, the first of each "
                f"rater counts; {criterion.changed:,} of them differ from the first."
            )
        if criterion.missing:
            lines = "line" if criterion.missing == 1 else "lines"
            yield f"{name}: {criterion.missing:,} {lines} without a value (empty, null or NaN)."
    if result.ignored:
        names = ", ".join(safe(name) for name in result.ignored[:8])
        yield f"Columns of the ratings that were not used: {names}."


def _name(criterion: CriterionAgreement) -> str:
    return safe(criterion.name, longest=60)
