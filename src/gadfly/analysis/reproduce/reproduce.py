"""Every figure and table of the paper, from one file: the entry of this package.

Intervals are given twice for Figure 1: from resamples of members, and as the paper has them, from
1,000 resamples of single attacks (the default of seaborn's bar plots, which its bars are).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import polars as pl

from gadfly.analysis.analyze import analyze
from gadfly.analysis.arms import arm_result
from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.reproduce.compare import Comparison, compare
from gadfly.analysis.reproduce.identity import Identity, identify
from gadfly.analysis.reproduce.own import own_numbers
from gadfly.analysis.reproduce.published import published
from gadfly.analysis.results import ArmResult, Results, SourceInfo
from gadfly.analysis.topics.counts import ArmCounts, counts
from gadfly.analysis.topics.one_attack import OneAttack, one_attack
from gadfly.analysis.topics.scores import Scores, scores
from gadfly.records.canonical import Record
from gadfly.records.values import Arm, AttackerKind

__all__ = ["PAPER_RESAMPLES", "Reproduction", "reproduce"]

PAPER_RESAMPLES = 1000
"""Resamples of the paper's intervals."""
SUCCESS = 3
"""Lowest rating that the paper counts as success."""


class Reproduction(Record):
    """The paper's analyses of one file, beside the paper."""

    schema_version: Literal[1] = 1
    """Version of this form."""
    identity: Identity
    """What the file is."""
    comparisons: tuple[Comparison, ...]
    """Every published number beside ours."""
    results: Results
    """The arms (Figure 1), with intervals from resamples of members."""
    paper_arms: tuple[ArmResult, ...]
    """The same with intervals as in the paper."""
    counts: tuple[ArmCounts, ...]
    """Table 1."""
    scores: Scores
    """Figures 7 and 11, and covariates."""
    one_attack: OneAttack | None
    """Figure 6; null where no attack is scored."""


def reproduce(
    frame: pl.DataFrame,
    *,
    source: SourceInfo,
    resamples: int = 2000,
    level: float = 0.95,
    attacker_kind: AttackerKind | None = None,
    attack: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Reproduction:
    """The paper's analyses of a frame of attacks with their transcripts.

    :param attack: the attack of Figure 6, from 1; a typical one where not given.
    :param progress: called with (steps done, steps).
    :raises PersonError: as :func:`gadfly.analysis.analyze.analyze`.
    """
    steps = iter(range(1, 100))

    def tell() -> None:
        if progress:
            progress(next(steps), 5)

    identity = identify(frame)
    tell()
    results = analyze(
        frame, source=source, resamples=resamples, level=level, attacker_kind=attacker_kind
    )
    chosen = frame.filter(pl.col("attacker_kind") == results.attacker_kind)
    tell()
    paper_arms = _paper_arms(chosen, results, level)
    tell()
    edges = published().edges
    found = scores(
        chosen,
        how=Bootstrap(resamples=resamples, level=level),
        score_range=edges["min_harmlessness"],
        description_range=edges["task_description_harmlessness"],
    )
    tell()
    counted = counts(chosen)
    own = own_numbers(
        chosen, arms=paper_arms, counts=counted, scores=found, removed=identity.removed
    )
    tell()
    return Reproduction(
        identity=identity,
        comparisons=compare(own, identity),
        results=results,
        paper_arms=paper_arms,
        counts=counted,
        scores=found,
        one_attack=one_attack(chosen, record=attack),
    )


def _paper_arms(frame: pl.DataFrame, results: Results, level: float) -> tuple[ArmResult, ...]:
    """The arms with the paper's intervals."""
    how = Bootstrap(ci="iid", resamples=PAPER_RESAMPLES, level=level)
    coded = frame.with_columns((pl.col("member").rank("dense") - 1).alias("member_code"))
    parts = coded.partition_by("model_type", "num_params", as_dict=True)
    return tuple(
        arm_result(
            parts[arm.model_type, arm.num_params],
            Arm(model_type=arm.model_type, num_params=arm.num_params),
            mark=arm.lineage_mark,
            how=how,
            success_threshold=SUCCESS,
        )[0]
        for arm in results.arms
    )
