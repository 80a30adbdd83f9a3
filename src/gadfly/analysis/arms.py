"""The arms of a study, in order, each with its denominators and statistics.

Ratings and success use attacks with a rating; statistics of the score use attacks with a score;
turns use every attack. Each estimate carries its own ``n``, and the outcomes of all attacks stand
beside them, so nothing is dropped in silence.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.density import density
from gadfly.analysis.results import ArmResult, Mark, Outcomes, Scorer, Seed
from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.activity import Activity, activity
from gadfly.analysis.statistics.cvar import CVaR
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.mean import RATED, Mean
from gadfly.analysis.statistics.protocol import Statistic
from gadfly.analysis.statistics.quantile import Quantile
from gadfly.analysis.statistics.success_rate import SuccessRate
from gadfly.analysis.statistics.turns_mean import TurnsMean
from gadfly.records.estimate import Estimate
from gadfly.records.values import PUBLISHED, Arm

__all__ = ["arm_result", "default_mark", "doubted", "outcomes_of"]

_TRAINED_BY_SCORER = ("rejection sampling", "rlhf")  # the published scorer chose or trained these

_SCORE: dict[str, Statistic] = {
    "harmlessness": Mean(),
    "q05": Quantile(0.05),
    "q25": Quantile(0.25),
    "median": Quantile(0.5),
    "q75": Quantile(0.75),
    "cvar05": CVaR(0.05),
    "cvar01": CVaR(0.01),
}


def default_mark(arm: Arm, scorer: Scorer | None) -> Mark:
    """The lineage mark where the caller knows nothing better.

    The published scorer picked the replies of rejection sampling and was the reward of rlhf; of
    everything else nothing is known.
    """
    published = scorer is not None and scorer.name == PUBLISHED
    return "circular" if published and arm.model_type in _TRAINED_BY_SCORER else "unverified"


def arm_result(
    frame: pl.DataFrame, arm: Arm, *, mark: Mark, how: Bootstrap, success_threshold: float
) -> tuple[ArmResult, list[Seed]]:
    """One arm from its own rows; ``member_code`` numbers the members."""
    members = frame["member_code"].to_numpy().astype(np.int64)
    attacks: Ints = np.unique(members, return_counts=True)[1]
    columns: dict[str, dict[str, Statistic]] = {
        "rating": {"rating": RATED, "success_rate": SuccessRate(success_threshold)},
        "min_harmlessness": _SCORE,
        "turns": {"turns": TurnsMean()},
    }
    estimates: dict[str, Estimate] = {}
    seeds: list[Seed] = []
    for column, statistics in columns.items():
        values, owners = _present(frame[column], members)
        sample = Sample.of(values, owners if how.ci == "cluster" else None)
        seed = seed_of(sample, how.ci, arm.model_type, arm.num_params, column)
        found = bootstrap(sample, list(statistics.values()), how=how, seed=seed)
        estimates |= dict(zip(statistics, found, strict=True))
        seeds.append(
            Seed(model_type=arm.model_type, num_params=arm.num_params, column=column, seed=seed)
        )
    result = ArmResult(
        model_type=arm.model_type,
        num_params=arm.num_params,
        lineage_mark=mark,
        n=frame.height,
        n_members=len(attacks),
        effective_members=effective_members(attacks),
        outcomes=outcomes_of(frame),
        truth=None,
        density=density(frame["min_harmlessness"].drop_nulls().sort().to_numpy()),
        **estimates,
    )
    return result, seeds


def doubted(
    arms: tuple[ArmResult, ...], frame: pl.DataFrame, how: Bootstrap
) -> tuple[ArmResult, ...]:
    """The arms, with a reason beside intervals where members who attack more often fare otherwise
    in the attacks of all arms, and without them where that is shown beyond what they bear. Success
    is asked of ratings alone: of rare successes activity tells nothing.
    """
    if how.ci != "cluster" or how.weighting != "attack":
        return arms
    members = frame["member_code"].to_numpy().astype(np.int64)
    arm = frame.select(pl.struct("model_type", "num_params").rank("dense")).to_series()
    names = {
        "rating": ("rating", "success_rate"),
        "min_harmlessness": tuple(_SCORE),
        "turns": ("turns",),
    }
    found: dict[str, Activity] = {}
    for column, statistics in names.items():
        values = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        seen = activity(values, members, arm.cast(pl.Int64).to_numpy() - 1)
        found |= dict.fromkeys(statistics, seen)
    return tuple(_doubted(result, found) for result in arms)


def _doubted(arm: ArmResult, found: dict[str, Activity]) -> ArmResult:
    """One arm with what its members' activity says of its intervals."""
    changed = {}
    for name, seen in found.items():
        old: Estimate = getattr(arm, name)
        if old.low is None:
            continue
        if seen.reason:
            changed[name] = old.model_copy(
                update={"low": None, "high": None, "reason": seen.reason}
            )
        elif seen.doubt:
            both = "; ".join(part for part in (old.reason, seen.doubt) if part)
            changed[name] = old.model_copy(update={"reason": both})
    return arm.model_copy(update=changed)


def outcomes_of(frame: pl.DataFrame) -> Outcomes:
    """Number of attacks by outcome."""
    counts = frame["outcome"].value_counts()
    return Outcomes(**dict(counts.iter_rows()))


def _present(column: pl.Series, members: Ints) -> tuple[Floats, Ints]:
    """The values that are there, each with its member."""
    there = column.is_not_null().to_numpy()
    return column.drop_nulls().cast(pl.Float64).to_numpy(), members[there]
