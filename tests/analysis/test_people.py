"""People: planted learning and fatigue are found and told apart; groups are compared by people."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.simulate import Settings, simulate
from gadfly.analysis.statistics.joint import side
from gadfly.analysis.topics.people import People, by_brief, people
from gadfly.records.estimate import Estimate
from gadfly.records.frame import attack_frame
from gadfly.records.values import Arm, Attack, Attacker, SelfRating
from tests.analysis.studies import attacks

START = dt.datetime(2022, 3, 1, 9, tzinfo=dt.UTC)


def planted(
    *, learning: float = 0.0, fatigue: float = 0.0, seed: int = 1, ordered: bool = True
) -> pl.DataFrame:
    """Thirty members of sittings of eight attacks; better members stay for longer."""
    draw = np.random.default_rng(seed)
    rows = []
    for member in range(30):
        level = float(draw.normal())
        for k in range(8 * (1 + 3 * int(level > 0.5 * draw.normal()))):
            sitting, within = divmod(k, 8)
            arm = int(draw.integers(2))
            score = level + arm + learning * np.log2(k + 1) + fatigue * within
            at = START + dt.timedelta(days=sitting, minutes=10 * within)
            rows.append((member, arm, float(score + 0.3 * draw.normal()), at))
    base = attacks((("plain lm", "2.7B"),), n=len(rows)).with_columns(
        member=pl.Series([f"m{row[0]}" for row in rows]),
        model_type=pl.Series([("plain lm", "rlhf")[row[1]] for row in rows]),
        min_harmlessness=pl.Series([row[2] for row in rows]),
    )
    if not ordered:
        return base
    return base.with_columns(
        number=pl.int_range(1, len(rows) + 1),
        started_at=pl.Series([row[3] for row in rows], dtype=base.schema["started_at"]),
    )


def slopes(found: People) -> tuple[Estimate, Estimate]:
    """Learning and fatigue of the scores."""
    of = [{t.outcome: t.slope for t in kind} for kind in (found.learning, found.fatigue)]
    return of[0]["harmlessness"], of[1]["harmlessness"]


def holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_learning_is_of_a_member_and_not_of_who_stays() -> None:
    frame = planted()
    place = pl.int_range(pl.len()).over("member")
    naive = frame.select(pl.corr(place, "min_harmlessness")).item()
    learning, fatigue = slopes(people(frame, success_threshold=3))
    assert naive > 0.15  # better members stay, so late attacks are better
    assert holds(learning, 0)
    assert holds(fatigue, 0)


@pytest.mark.parametrize("content", [True, False])
def test_who_stops_after_a_success_or_a_failure_has_not_learned(content: bool) -> None:
    """With the last attack the means of these slopes are 0.06 and -0.09, and a third of the
    intervals hold.
    """
    slopes_of, held = [], 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        table = simulate(Settings(members=40, attacks=1200), seed)
        stops = (table["rating"] >= 3 if content else table["rating"] == 0).to_numpy()
        ended = table.with_columns(stop=stops & (draw.random(table.height) < 0.4))
        stayed = ended.filter(pl.col("stop").cum_sum().shift(1, fill_value=0).over("member") == 0)
        found = people(stayed, success_threshold=3).learning[1].slope
        assert found.estimate is not None
        slopes_of.append(found.estimate)
        held += holds(found, 0)
    assert abs(np.mean(slopes_of)) < 3 * np.std(slopes_of, ddof=1) / 60**0.5
    assert held >= 53  # 57 are expected


def test_learning_and_fatigue_are_told_apart() -> None:
    learning, fatigue = slopes(people(planted(learning=0.4, fatigue=-0.1), success_threshold=3))
    assert holds(fatigue, -0.1)
    assert not holds(fatigue, 0)
    assert learning.estimate is not None
    learning, fatigue = slopes(people(planted(learning=0.4), success_threshold=3))
    assert holds(learning, 0.4)
    assert holds(fatigue, 0)
    assert not holds(learning, 0.2)


def test_a_harder_arm_that_comes_late_is_no_learning() -> None:
    frame = planted().with_columns(late=pl.int_range(pl.len()).over("member") >= 4)
    kinds = pl.when("late").then(pl.lit("rlhf")).otherwise(pl.lit("plain lm"))
    was = (pl.col("model_type") == "rlhf").cast(pl.Float64)
    moved = pl.col("min_harmlessness") - was + pl.col("late").cast(pl.Float64)
    later = frame.with_columns(min_harmlessness=moved, model_type=kinds).drop("late")
    learning, _ = slopes(people(later, success_threshold=3))
    assert holds(learning, 0)


def test_no_order_no_learning() -> None:
    found = people(planted(learning=0.4, ordered=False), success_threshold=3)
    for trend in (*found.learning, *found.fatigue):
        assert trend.slope.estimate is None
        assert "in which order" in str(trend.slope.reason)
    timeless = planted().with_columns(started_at=pl.lit(None, pl.Datetime("us", "UTC")))
    learning, fatigue = slopes(people(timeless, success_threshold=3))
    assert learning.estimate is not None
    assert "when" in str(fatigue.reason)


def test_order_of_rows_changes_nothing() -> None:
    frame = planted(learning=0.2)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=4)
    a, b = slopes(people(frame, success_threshold=3)), slopes(people(shuffled, success_threshold=3))
    assert [x.estimate for x in a] == pytest.approx([x.estimate for x in b])


def test_attacks_of_one_time_or_number_have_no_order_of_rows() -> None:
    """Fatigue went from nothing to firm by the order of rows."""
    table = simulate(Settings(members=20, attacks=300), 3)
    later = pl.duration(minutes=20 * (pl.col("number") // 60))
    day = pl.datetime(2022, 1, 1, time_zone="UTC") + later
    twice = (pl.col("number") + 1) // 2
    timed = [table.with_columns(number=n, started_at=day) for n in (pl.lit(None, pl.Int64), twice)]
    found = [
        people(rows, success_threshold=3)
        for one in timed
        for rows in (one, one.reverse(), one.sample(fraction=1, shuffle=True, seed=1))
    ]
    assert found[0].fatigue[0].slope.estimate is not None
    assert all(every_slope(o) == pytest.approx(every_slope(found[0])) for o in found[1:])
    none = people(table.with_columns(number=twice), success_threshold=3)
    assert none.learning[0].slope.estimate is None


def every_slope(found: People) -> list[float | None]:
    return [t.slope.estimate for t in (*found.learning, *found.fatigue)]


def test_the_replicas_members(replica_frame: pl.DataFrame) -> None:
    found = people(replica_frame, success_threshold=3)
    made = found.concentration
    assert (len(made.counts), sum(made.counts)) == (324, 38_961)
    assert made.gini.estimate == pytest.approx(0.80, abs=0.01)
    assert [round(100 * top.share) for top in made.top] == [6, 30, 49, 81]
    assert made.members_for_80 == 49
    (upwork,) = [c for c in found.contrasts if c.outcome == "success_rate"]
    assert (upwork.column, upwork.second, upwork.design) == (
        "is_upworker",
        "Upwork",
        "observational",
    )


def test_briefs_are_randomised_and_teams_are_not() -> None:
    frame = planted().with_columns(
        brief=pl.when(pl.col("member").str.ends_with("1")).then(pl.lit("b")).otherwise(pl.lit("a")),
        team_type=pl.when(pl.col("member") == "m1").then(pl.lit("expert")).otherwise(pl.lit("x")),
    )
    found = people(frame, success_threshold=3, design="randomised")
    marks = {c.column: c.design for c in found.contrasts}
    assert marks == {"brief": "randomised", "team_type": "observational"}
    assert [g.name for g in found.groups["brief"]] == ["a", "b"]
    expert = next(c for c in found.contrasts if c.column == "team_type")
    assert expert.difference.low is None  # one person is no group
    assert "effective members" in str(expert.difference.reason)


def _attack(member: int, brief: str, success: int) -> Attack:
    return Attack(
        arm=Arm(model_type="plain lm", num_params="2.7B"),
        attacker=Attacker(kind="human", team_type="crowd", member=f"m{member}"),
        brief=brief,
        task_description="",
        turns=(),
        rating=SelfRating(success=success),  # type: ignore[arg-type]
        ending="complete",
    )


def test_the_difference_of_briefs_takes_people_as_its_units() -> None:
    """Forty people with ten like attacks each: ten times the attacks, and no more certainty."""
    draw = np.random.default_rng(2)
    few = [_attack(m, "ab"[m % 2], 4 * int(draw.random() < (0.3, 0.6)[m % 2])) for m in range(40)]
    frame, many = attack_frame(few), attack_frame(few * 10)
    rates, less = by_brief(frame, "a", success_threshold=3)
    once, often = less["b"], by_brief(many, "a", success_threshold=3)[1]["b"]
    assert once.estimate == pytest.approx(
        float(rates["b"].estimate or 0) - float(rates["a"].estimate or 0)
    )
    assert (once.low, once.high) == pytest.approx((often.low, often.high))
    assert by_brief(frame, "c", success_threshold=3) == (rates, {})


def test_published_concentration(shared: Path) -> None:
    figures = json.loads((shared / "reference" / "ganguli2022_figures.json").read_text())
    counts = figures["fig5_attacks_per_member_desc"]
    names = [f"m{i}" for i, n in enumerate(counts) for _ in range(n)]
    base = attacks((("plain lm", "2.7B"),), n=len(names)).with_columns(member=pl.Series(names))
    made = people(base, success_threshold=3).concentration
    assert made.counts == tuple(counts)
    assert [round(100 * top.share, 1) for top in made.top][:3] == [5.8, 30.4, 49.4]
    assert made.members_for_80 == 49


def test_of_many_changes_and_differences_chance_makes_few_stand_out() -> None:
    """Nothing is planted: one in five such studies has an interval that excludes 0."""
    some = firm = 0
    for seed in range(90):
        rng = np.random.default_rng(seed)
        briefs = [f"brief {k}" for k in rng.integers(0, 6, 40)]
        frame = simulate(Settings(members=40, attacks=320), seed).with_columns(
            brief=pl.col("member").replace_strict({f"m{k}": b for k, b in enumerate(briefs)})
        )
        found = people(frame, success_threshold=3, how=Bootstrap(resamples=100))
        tests = [(t.slope, t.firm) for t in found.learning]
        tests += [(c.difference, c.firm) for c in found.contrasts]
        assert all(side(estimate) for estimate, out in tests if out)
        some += any(side(estimate) for estimate, _ in tests)
        firm += any(out for _, out in tests)
    assert some >= 15
    assert firm <= 7
