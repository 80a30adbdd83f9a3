"""Judges: each against labels, the rates of success corrected, and one in the place of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gadfly.analysis.figures.judges import (
    calibration_csv,
    calibration_svg,
    rates_csv,
    rates_svg,
)
from gadfly.analysis.report.section import Figure, Section
from gadfly.analysis.report.tables import Cell, Table, estimate_cell
from gadfly.analysis.statistics.joint import side
from gadfly.analysis.topics.judge_arm import ArmJudged
from gadfly.analysis.topics.judges import Judged, Judges, Swap
from gadfly.analysis.words import MARKS, arm_label, interval, number, safe, ways
from gadfly.records.estimate import Estimate

__all__ = ["section"]

_BASES = {
    "labelled": "labels of all",
    "ppi": "labels of some (PPI)",
    "extrapolated": "extrapolated",
    "none": "none",
}
_TERMS = (
    ("Judge", "Whatever scores attacks: a preference model, a classifier, a model asked to rate."),
    (
        "Sensitivity, specificity",
        "Of the attacks labelled a success and of the others, the share it gets right.",
    ),
    (
        "Prediction-powered inference (PPI)",
        "The judge’s rate everywhere, less its error where there are labels, too; holds for any "
        "judge if those attacks are a random draw of the arm’s.",
    ),
    (
        "Extrapolated",
        "Corrected by the judge’s errors in other arms, as if it erred alike everywhere.",
    ),
)


def section(result: Judges) -> Section:
    """How far the judges can be trusted."""
    parts: list[Figure | Table] = [_overview(result)]
    for place, judged in enumerate(result.judges):
        parts += _of_judge(judged, result.people, place)
    if result.swaps:
        parts.append(_swaps(result.swaps))
    if any(swap.flips for swap in result.swaps):
        parts.append(_flips(result.swaps))
    told = [_auc_sentence(judged, result.people) for judged in result.judges]
    told += [_rates_sentence(judged) for judged in result.judges if judged.labelled]
    return Section(
        name="judges",
        title="Judges",
        lead=(
            f"How far scores can be trusted: against the labels of {result.people}, and against "
            "each other."
        ),
        parts=tuple(parts),
        findings=tuple(filter(None, [*told, *map(_swap_sentence, result.swaps)])),
        terms=_TERMS,
        notes=tuple(_notes(result.judges)),
    )


def _name(judged: Judged) -> str:
    return " ".join(part for part in (safe(judged.name), safe(judged.version)) if part)


def _overview(result: Judges) -> Table:
    """Every judge in a row."""
    rows = []
    for judged in result.judges:
        chance = number(judged.calibration.by_chance, 3)
        error = estimate_cell(judged.calibration.error, 3, own=True)
        marks = [sum(arm.mark == mark for arm in judged.arms) for mark in MARKS]
        rows.append(
            (
                Cell(_name(judged)),
                Cell(f"{judged.scored:,}"),
                Cell(f"{judged.labelled:,}"),
                estimate_cell(judged.auc, 3, own=True),
                estimate_cell(judged.sensitivity, percent=True, own=True),
                estimate_cell(judged.specificity, percent=True, own=True),
                Cell(error.text, f"by chance {chance}" if judged.calibration.by_chance else ""),
                Cell(" / ".join(map(str, marks))),
            )
        )
    given = any(judged.threshold_given for judged in result.judges)
    cut = "given" if given else "Youden’s, chosen on other members"
    return Table(
        name="judges-overview",
        caption=f"Judges against the labels of {result.people}",
        columns=(
            *("Judge", "Scored", "Labelled", "Area under the ROC curve", "Sensitivity"),
            *("Specificity", "Calibration error", f"Arms {', '.join(MARKS)}"),
        ),
        rows=tuple(rows),
        finding=" ".join(_auc_sentence(judged, result.people) for judged in result.judges),
        method=(
            "Over labelled attacks of all arms: sensitivity and specificity at a threshold "
            f"({cut}), "
            "calibration error of probabilities fitted on other members, over ten bins "
            "of equal number; beside it what a judge without any error would show. Intervals: "
            f"{ways(j.auc for j in result.judges)}; rates: "
            f"{ways(e for j in result.judges for e in (j.sensitivity, j.specificity))}."
        ),
    )


def _of_judge(judged: Judged, people: str, place: int) -> Iterator[Figure | Table]:
    """The rates by arm and the reliability curve of one judge."""
    name = _name(judged)
    yield Figure(
        name=f"judge-{place}-rates",
        title=f"Rates of success by {name}, by labels, and corrected",
        svg=rates_svg(judged),
        finding=_rates_sentence(judged)
        or (
            "No corrected rate has an interval."
            if judged.labelled
            else "Nothing can be corrected: no attack has a label."
        ),
        method=(
            f"Each row is one arm. Diamond: share that {name} calls a success, at a score of "
            f"{number(judged.threshold)} or lower. Circle: share of labelled attacks that "
            f"{people} call one. Square: corrected. Hollow: without an "
            f"interval, or extrapolated. {_rate_intervals(judged)} {_signs()}"
        ),
        n=f"{judged.scored:,} scored attacks, {judged.labelled:,} of them labelled",
        csv=rates_csv(judged),
    )
    yield _arms(judged, place)
    if judged.calibration.curve:
        yield Figure(
            name=f"judge-{place}-calibration",
            title=f"Calibration of {name}",
            svg=calibration_svg(judged),
            finding=_calibration_sentence(judged),
            method=(
                f"Scores made probabilities by {judged.calibration.map} regression on other "
                "members’ attacks, ten bins of equal number. On the broken line a judge is as "
                "often right as it says. Bars: "
                f"{ways(part.observed for part in judged.calibration.curve)}; of the average: "
                f"{ways([judged.calibration.error])}."
            ),
            n=f"{judged.calibration.error.n:,} labelled attacks",
            csv=calibration_csv(judged),
        )


def _arms(judged: Judged, place: int) -> Table:
    """One judge, arm by arm."""
    rows = tuple(
        (
            Cell(arm_label(arm.model_type, arm.num_params, arm.mark)),
            estimate_cell(arm.auc, 3, own=True),
            estimate_cell(arm.judged_rate, percent=True, own=True),
            estimate_cell(arm.people_rate, percent=True, own=True),
            estimate_cell(arm.corrected, percent=True, own=True),
            _rests_on(arm),
            estimate_cell(arm.extrapolated, percent=True, own=True),
        )
        for arm in judged.arms
    )
    whys: dict[str, dict[str, None]] = {}
    for arm in judged.arms:
        for estimate in _estimates(arm):
            if estimate.reason is not None:
                name = arm_label(arm.model_type, arm.num_params)
                whys.setdefault(estimate.reason, {})[name] = None
    weak = "; ".join(
        f"{'all arms' if len(names) == len(judged.arms) else ', '.join(names)}: {reason}"
        for reason, names in whys.items()
    )
    doubts = f" What is missing or weak (*): {weak}." if weak else ""
    return Table(
        name=f"judge-{place}-arms",
        caption=f"{_name(judged)} by arm",
        columns=(
            *("Arm", "Area under the ROC curve", "By the judge", "By labels", "Corrected"),
            *("Rests on", "By errors of other arms"),
        ),
        rows=rows,
        finding=_carried_sentence(judged),
        method=f"{_rate_intervals(judged)} {_signs()}{doubts}",
        folded=True,
    )


def _rate_intervals(judged: Judged) -> str:
    rates = (e for arm in judged.arms for e in _estimates(arm)[1:])
    return f"Intervals of rates: {ways(rates)}."


def _rests_on(arm: ArmJudged) -> Cell:
    """What a corrected rate rests on: the labels alone where the judge was given no weight."""
    if arm.tuning == 0:
        return Cell("labels of some")
    return Cell(_BASES[arm.basis], "" if arm.tuning is None else f"λ = {arm.tuning:.2f}")


def _estimates(arm: ArmJudged) -> tuple[Estimate, ...]:
    """Every estimate of an arm that its table shows."""
    return arm.auc, arm.judged_rate, arm.people_rate, arm.corrected, arm.extrapolated


def _signs() -> str:
    return (
        f"{MARKS['circular']} circular: the judge also made this arm; {MARKS['unverified']} "
        "unverified: nothing shows that it is independent of it."
    )


def _auc_sentence(judged: Judged, people: str) -> str:
    if judged.auc.estimate is None:
        return (
            f"{_name(judged)} cannot be held against the labels of {people}: {judged.auc.reason}."
        )
    said = (
        f"Of two attacks of which {people} call one a success, {_name(judged)} scores it lower in "
        f"{interval(judged.auc, 1, percent=True)} (50% is a coin)."
    )
    within = [arm.auc.estimate or 0.0 for arm in judged.arms if arm.auc.low is not None]
    if len(judged.arms) < 2 or not within:
        return said
    low, high = (number(end(within), 1, percent=True) for end in (min, max))
    return f"{said} The two may be of different arms; within one arm it is {low} to {high}."


def _outside(arm: ArmJudged) -> bool:
    """Whether the judge's own rate lies outside the interval of the corrected one."""
    rate, corrected = arm.judged_rate.estimate, arm.corrected
    if rate is None or corrected.low is None or corrected.high is None:
        return False
    return not corrected.low <= rate <= corrected.high


def _rates_sentence(judged: Judged) -> str:
    known = [arm for arm in judged.arms if arm.corrected.low is not None]
    if not known:
        return ""
    off = sum(map(_outside, known))
    said = (
        f"The rate of success by {_name(judged)} lies outside the interval of the corrected rate "
        f"in {off} of {len(known)} arms."
    )
    carried = [arm for arm in judged.arms if arm.basis == "extrapolated"]
    if not carried:
        return said
    names = ", ".join(arm_label(arm.model_type, arm.num_params) for arm in carried)
    return f"{said} Extrapolated, for want of labels: {names}."


def _carried_sentence(judged: Judged) -> str:
    """Whether errors can be carried over, where it can be looked up."""
    both = [arm for arm in judged.arms if arm.basis in ("labelled", "ppi")]
    off = [arm for arm in both if arm.extrapolated.estimate is None or side(arm.carried_error) != 0]
    if not both:
        return "No arm has labels of its own, so nothing shows whether errors can be carried over."
    unknown = [arm for arm in both if arm not in off and arm.carried_error.low is None]
    return (
        f"In {len(off)} of {len(both)} arms with labels, carrying over the errors of the other "
        "arms would mislead: there is no such rate, or its difference from the share of labels is "
        "clear of 0."
    ) + (f" In {len(unknown)} more that difference has no interval." if unknown else "")


def _calibration_sentence(judged: Judged) -> str:
    error, chance = judged.calibration.error, judged.calibration.by_chance
    return (
        f"Probabilities are off by {interval(error, 1, points=True)} on average; a judge without "
        f"any error would show {number(chance, 1, points=True)} on as many attacks (pp: percentage "
        "points)."
    )


def _swap_sentence(swap: Swap) -> str:
    if swap.tau.estimate is None:
        return ""
    names = f"{safe(swap.first)} and {safe(swap.second)}"
    said = f"{names} order the arms with Kendall’s τ-b of {interval(swap.tau)}"
    if swap.top_changes is None:
        return f"{said}."
    return (
        f"{said}; they name different arms as the safest in "
        f"{number(swap.top_changes, 0, percent=True)} of resamples."
    )


def _swaps(swaps: Sequence[Swap]) -> Table:
    """Each two judges."""
    rows = tuple(
        (
            Cell(f"{safe(swap.first)}, {safe(swap.second)}"),
            Cell(f"{swap.attacks:,}"),
            estimate_cell(swap.tau, 3, own=True),
            Cell(number(swap.top_changes, 1, percent=True)),
            Cell(number(swap.bottom_changes, 1, percent=True)),
            Cell(f"{len(swap.flips):,}"),
        )
        for swap in swaps
    )
    return Table(
        name="judges-swapped",
        caption="One judge in the place of another",
        columns=(
            *("Judges", "Attacks by both", "Kendall’s τ-b of arms", "Safest arm differs"),
            *("Least safe differs", "Pairs of arms turned"),
        ),
        rows=rows,
        finding=" ".join(filter(None, map(_swap_sentence, swaps))),
        method=(
            "Arms by mean score over attacks that both scored; members resampled once for both "
            f"judges and all arms: {ways(swap.tau for swap in swaps)}. Resampling adds noise to "
            "both orders, so the interval lies lower than the estimate more often than not."
        ),
    )


def _flips(swaps: Sequence[Swap]) -> Table:
    """Pairs of arms that two judges order opposite."""
    every = [(swap, flip) for swap in swaps for flip in swap.flips]
    rows = tuple(
        (
            Cell(f"{safe(swap.first)}, {safe(swap.second)}"),
            Cell(arm_label(*flip.first)),
            Cell(arm_label(*flip.second)),
            Cell(number(flip.opposite, 1, percent=True)),
        )
        for swap, flip in every
    )
    firm = sum((flip.opposite or 0) > 0.95 for _, flip in every)
    return Table(
        name="judges-flips",
        caption="Pairs of arms that two judges order opposite",
        columns=("Judges", "The first puts lower", "The second puts lower", "In resamples"),
        rows=rows,
        finding=f"{len(every):,} pairs are turned, {firm:,} of them in over 95% of resamples.",
        method="As above; the last column is the share of resamples in which they disagree.",
        folded=True,
    )


def _notes(judges: Sequence[Judged]) -> Iterator[str]:
    for judged in judges:
        made = [arm for arm in judged.arms if arm.mark == "circular"]
        if made:
            names = ", ".join(arm_label(arm.model_type, arm.num_params) for arm in made)
            yield f"{_name(judged)} also made {names}: there it marks its own work (circular)."
