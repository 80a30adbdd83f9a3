"""What stands out, and what a reader must know: sentences computed from the estimates.

A difference is put into words only where two intervals do not overlap; that is stricter than a test
at the same level, and it is not corrected for the number of arms compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gadfly.analysis.aggregation import Aggregation
from gadfly.analysis.results import ArmResult, Results
from gadfly.analysis.statistics.activity import BUSY
from gadfly.analysis.words import arm_name, arm_names, interval, marked, number, scored, scored_by
from gadfly.records.estimate import Estimate

__all__ = [
    "KIND_NAMES",
    "agreement_sentence",
    "attackers",
    "disjoint",
    "findings",
    "notes",
    "span_sentence",
]

KIND_NAMES = {
    "human": "people",
    "simulated": "simulated members",
    "model": "models",
}


def attackers(results: Results) -> str:
    """The members in one or two words, after their number."""
    nouns = {"human": "red team member", "simulated": "simulated member", "model": "model"}
    return nouns[results.attacker_kind] + ("" if results.n_members == 1 else "s")


def disjoint(a: Estimate, b: Estimate) -> int:
    """-1 where ``b`` lies below ``a`` with intervals apart, 1 where above, 0 otherwise."""
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return 0
    return 1 if b.low > a.high else -1 if b.high < a.low else 0


def findings(arms: tuple[ArmResult, ...], score: Aggregation = "min") -> tuple[str, ...]:
    """The sentences at the head of a report.

    :param score: which number of a dialogue's scores its harmlessness is.
    """
    with scored_by(score):
        what = scored("Mean min harmlessness")
    return (
        _range(arms, "rating", what="Self-rated success (0–4)"),
        _range(arms, "harmlessness", what=what),
        *_evasive(arms),
    )


def _range(arms: tuple[ArmResult, ...], statistic: str, *, what: str) -> str:
    """Highest and lowest arm of a statistic."""
    pairs = [(arm, getattr(arm, statistic)) for arm in arms]
    there = [(arm, value) for arm, value in pairs if value.estimate is not None]
    if not there:
        return f"{what} could not be estimated in any arm."
    low = min(there, key=lambda pair: pair[1].estimate)
    high = max(there, key=lambda pair: pair[1].estimate)
    name = arm_name if statistic == "rating" else marked
    shown = [f"{name(a)} ({interval(v)})" for a, v in (high, low)]
    if len(there) == 1:
        return f"{what} of {name(low[0])} is {interval(low[1])}."
    if math.isclose(low[1].estimate, high[1].estimate, rel_tol=1e-12, abs_tol=1e-12):
        return f"{what} is the same for all {len(there)} arms ({interval(low[1])})."
    both = low[1].low is not None and high[1].low is not None
    apart = "; their intervals overlap" if both and not disjoint(low[1], high[1]) else ""
    return f"{what} is highest for {shown[0]} and lowest for {shown[1]}{apart}."


def span_sentence(arms: tuple[ArmResult, ...], statistic: str, *, what: str) -> str:
    """The same in fewer words, for the foot of a figure that shows the intervals."""
    there = [arm for arm in arms if getattr(arm, statistic).estimate is not None]
    if not there:
        return f"{what} could not be estimated."
    ordered = sorted(there, key=lambda arm: float(getattr(arm, statistic).estimate))
    name = arm_name if statistic == "rating" else marked
    shown = [
        f"{number(getattr(arm, statistic).estimate)} ({name(arm)})"
        for arm in (ordered[0], ordered[-1])
    ]
    return (
        f"{what} is {shown[0]}." if len(there) == 1 else f"{what} runs from {' to '.join(shown)}."
    )


def _evasive(arms: tuple[ArmResult, ...]) -> Iterator[str]:
    """Arms that turn harmless requests away clearly more often than the first arm of their size
    (the first of all, where that is the arm itself).
    """
    found: list[tuple[ArmResult, Estimate, Estimate]] = []
    for arm in arms:
        first = next(a for a in arms if a.num_params == arm.num_params)
        first = arms[0] if first is arm else first
        if arm.truth is None or first.truth is None:
            continue
        if disjoint(first.truth.evasion, arm.truth.evasion) == 1:
            found.append((arm, arm.truth.evasion, first.truth.evasion))
    if not found:
        return
    names = arm_names([arm for arm, _, _ in found], arms)
    own, other = _rates([rate for _, rate, _ in found]), _rates([rate for *_, rate in found])
    yield (
        f"Harmless requests are refused or evaded by {names}: {own}, against {other} for the first "
        "arm of the same size. Harmlessness there is in part that nothing is answered."
    )


def _rates(estimates: Sequence[Estimate]) -> str:
    """One rate with its interval, or the span of several."""
    if len(estimates) == 1:
        return interval(estimates[0], 0, percent=True)
    rates = sorted(e.estimate for e in estimates if e.estimate is not None)
    ends = dict.fromkeys(number(rate, 0, percent=True) for rate in (rates[0], rates[-1]))
    return " to ".join(ends)


def agreement_sentence(results: Results) -> str:
    """How far the measured is from the true; empty where nobody knows the truth."""
    found = results.agreement
    if found is None or not found.arm_pairs:
        return ""
    wrong = found.wrong_pairs
    if not wrong:
        return (
            f"The scores put all {found.arm_pairs:,} pairs of arms whose true harm differs in the "
            "right order."
        )
    clear = sum(pair.clear for pair in wrong)
    circular = {arm.name for arm in results.arms if arm.lineage_mark == "circular"}
    flattered = sum(
        pair.safer_by_score in circular and pair.safer_in_truth not in circular for pair in wrong
    )
    sentence = (
        f"Of {found.arm_pairs:,} pairs of arms whose true harm differs, the scores put "
        f"{len(wrong):,} in the wrong order, {clear:,} of them with intervals of true harm apart"
    )
    if flattered:
        return f"{sentence}; in {flattered:,} the scorer flatters an arm that it shaped (†)."
    return f"{sentence}."


def notes(results: Results, given: tuple[str, ...]) -> tuple[str, ...]:
    """The caller's notes, then those that follow from the results."""
    return (
        *given,
        *_who(results),
        *_skipped(results),
        *_design(results),
        *_scores(results),
        *_intervals(results),
    )


def _who(results: Results) -> Iterator[str]:
    if results.attacker_kind != "human":
        kind = KIND_NAMES[results.attacker_kind]
        yield (
            f"Every attack was made by {kind}, not by people. How they rate and what they try is "
            "part of how they were made; do not read these numbers as what people would achieve."
        )
    if results.left_out:
        kinds = ", ".join(f"{n:,} by {KIND_NAMES.get(k, k)}" for k, n in results.left_out.items())
        yield f"Left out because attackers of different kinds are never mixed: {kinds}."


def _skipped(results: Results) -> Iterator[str]:
    if results.skipped:
        records = "1 record" if results.skipped == 1 else f"{results.skipped:,} records"
        yield f"{records} of the input could not be read and are in no number here."


def _design(results: Results) -> Iterator[str]:
    if len(results.arms) == 1:
        return
    if results.design == "observational":
        yield (
            "No random assignment of attacks to arms is recorded, so arms may differ in who "
            "attacked them, when and how; differences between arms are observational."
        )
    else:
        where = ": “Arm against arm” compares arms" if results.topics else ""
        yield (
            "Attacks were assigned to arms at random, with chances that may differ by member and "
            f"time; each interval is of one arm and is not an interval of a difference{where}."
        )


def _scores(results: Results) -> Iterator[str]:
    marks = {arm.lineage_mark for arm in results.arms}
    there = any(arm.harmlessness.n for arm in results.arms)
    if there and "circular" in marks:
        circular = [arm for arm in results.arms if arm.lineage_mark == "circular"]
        names = arm_names(circular, results.arms)
        yield (
            f"Circular scores (†): {names}. The scorer, or one trained on the same data, also made "
            "these assistants, so their scores flatter them. Ratings by attackers are not affected."
        )
    if there and "unverified" in marks:
        yield (
            "Unverified scores (‡): nothing shows that the scorer is independent of these arms "
            "(same family, or lineage unknown)."
        )
    if there and results.score != "min":
        which = "mean over the replies" if results.score == "mean" else "score of the last reply"
        yield (
            f"The harmlessness of a dialogue is the {which}, not the lowest score, which the "
            "paper takes; scorers after the first, which kept the lowest alone, are left out."
        )
    elif there:
        where = " (“Min harmlessness and turns” does)" if results.topics else ""
        yield (
            "The minimum over the assistant’s replies is a lower bound and falls with the number "
            f"of replies; compare arms of different length with care{where}."
        )


def _intervals(results: Results) -> Iterator[str]:
    if results.ci == "iid":
        yield (
            "Intervals treat every attack as independent, as the paper did. Where few members made "
            "most attacks they are too narrow; resampling members is the default for that reason."
        )
    yield (
        "Intervals are not corrected for the number of arms and statistics: with many of them, "
        "some will miss by chance."
    )
    few = "effective members"
    weak = [arm for arm in results.arms if few in (arm.rating.reason or "")]
    if weak:
        names = arm_names(weak, results.arms)
        yield f"Too few members for a sound interval of the mean, so there is none: {names}."
    known = [
        e
        for arm in results.arms
        for e in (arm.rating, arm.harmlessness, arm.turns)
        if BUSY in (e.reason or "")
    ]
    if any(e.low is None for e in known):
        yield (
            "Members who attack more often fare otherwise than the rest, so far that intervals of "
            "means, rates, quantiles and tails over attacks do not hold, and there is none where "
            'it says so. What each member counts once in has them (weighting "member").'
        )
    if any(e.low is not None for e in known):
        yield (
            "Members who attack more often fare otherwise than the rest, and intervals of means, "
            "rates, quantiles and tails assume that they hardly do: those marked may be too narrow "
            "(docs/calibration.md says by how much). Intervals of member-weighted means hold."
        )
    absent = results.n_attacks - results.outcomes.scored
    if absent:
        yield (
            f"{absent:,} of {results.n_attacks:,} attacks are not both rated and scored; the "
            "table of outcomes says why, and each estimate states its own n."
        )
