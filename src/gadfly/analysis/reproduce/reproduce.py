"""Every figure and table of the paper, from one file: the entry of this package.

Intervals are given twice for Figure 1: from resamples of members, and as the paper has them, from
1,000 resamples of single attacks (the default of seaborn's bar plots, which its bars are). The map
is of transcripts, as the paper's is; without an embedding it is made of their words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
from numpy.typing import NDArray

from gadfly.analysis.aggregation import Aggregation, aggregated
from gadfly.analysis.analyze import analyze
from gadfly.analysis.arms import arm_result
from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.embedding import checked
from gadfly.analysis.reproduce.compare import Comparison, compare
from gadfly.analysis.reproduce.figures import figure_numbers
from gadfly.analysis.reproduce.identity import Identity, identify
from gadfly.analysis.reproduce.published import published
from gadfly.analysis.reproduce.released import released_numbers
from gadfly.analysis.results import ArmResult, Results, SourceInfo
from gadfly.analysis.topics.counts import ArmCounts, counts
from gadfly.analysis.topics.efficacy import Efficacy, efficacy
from gadfly.analysis.topics.map import MapResult, map_of
from gadfly.analysis.topics.mixed import MixedModels, mixed_models
from gadfly.analysis.topics.one_attack import OneAttack, one_attack
from gadfly.analysis.topics.scores import Scores, scores
from gadfly.analysis.topics.tags import TagsResult, tags_result
from gadfly.records.canonical import Record
from gadfly.records.values import Arm, AttackerKind

__all__ = ["PAPER_RESAMPLES", "MapOptions", "Reproduction", "reproduce"]

PAPER_RESAMPLES = 1000
"""Resamples of the paper's intervals."""
SUCCESS = 3
"""Lowest rating that the paper counts as success."""
_STEPS = {"identity": 1, "arms": 2, "paper": 6, "scores": 2, "models": 6, "members": 1, "map": 30}
"""Steps with the seconds that each takes of the full file on two cores, about."""


@dataclass(frozen=True)
class MapOptions:
    """How the map is made."""

    embedding: NDArray[Any] | None = None
    """[attacks, any width] instead of the words of transcripts."""
    seed: int = 0
    """Of everything random in it."""
    terms: bool = False
    """Whether the result holds members' words that name clusters."""
    cache: Path | None = None
    """A folder for layouts, made where it is not there."""


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
    map: MapResult | None
    """Figure 2; null where it was not asked for."""
    efficacy: Efficacy
    """Figure 5."""
    one_attack: OneAttack | None
    """Figure 6; null where no attack is scored."""
    scores: Scores
    """Figures 7 and 11, and covariates."""
    tags: TagsResult | None
    """Figure 9; null where no attack was reviewed."""
    mixed: MixedModels
    """The models of appendix A.3."""


def reproduce(
    frame: pl.DataFrame,
    *,
    source: SourceInfo,
    resamples: int = 2000,
    level: float = 0.95,
    attacker_kind: AttackerKind | None = None,
    score: Aggregation = "min",
    attack: int | None = None,
    map_options: MapOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Reproduction:
    """The paper's analyses of a frame of attacks with their transcripts.

    :param score: which number of a dialogue's scores its harmlessness is; what is published is of
        the lowest and stands beside the lowest, whatever this is.
    :param attack: the attack of Figure 6, from 1; a typical one where not given.
    :param map_options: how the map is made; no map where not given.
    :param progress: called with (seconds of work done, of all work), about.
    :raises PersonError: as :func:`gadfly.analysis.analyze.analyze`, or the attack or the embedding
        does not fit.
    """
    started = time.monotonic()
    shown = one_attack(frame, record=attack)
    tell = _Clock(progress, with_map=map_options is not None).tell
    identity = identify(frame)
    tell("identity")
    results = analyze(
        frame,
        source=source,
        resamples=resamples,
        level=level,
        attacker_kind=attacker_kind,
        score=score,
        topics=False,
    )
    chosen = aggregated(frame.filter(pl.col("attacker_kind") == results.attacker_kind), score)
    if map_options is not None and map_options.embedding is not None:
        checked(map_options.embedding, chosen.height)
    tell("arms")
    paper_arms = _paper_arms(chosen, results, level)
    tell("paper")
    how = Bootstrap(resamples=resamples, level=level)
    edges = published().edges
    distributions = scores(
        chosen,
        how=how,
        score_range=edges["min_harmlessness"] if score == "min" else None,
        description_range=edges["task_description_harmlessness"],
    )
    tell("scores")
    models = mixed_models(chosen, level=level)
    tell("models")
    members = efficacy(chosen, level=level)
    tell("members")
    counted = counts(chosen)
    if score == "min":
        figures = figure_numbers(
            chosen,
            arms=paper_arms,
            counts=counted,
            scores=distributions,
            efficacy=members,
            removed=chosen.height != published().attacks["figures"],
        )
        released = released_numbers(chosen, arms=paper_arms, scores=distributions)
        compared = compare(figures | released, identity)
    else:
        compared = reproduce(
            frame, source=source, resamples=resamples, level=level, attacker_kind=attacker_kind
        ).comparisons
    drawn = None if map_options is None else _map(chosen, map_options, how)
    tell("map")
    tags = tags_result(chosen, threshold=SUCCESS, how=how)
    took = {"duration_seconds": round(time.monotonic() - started, 3)}
    made = {"provenance": results.provenance.model_copy(update=took)}
    return Reproduction(
        identity=identity,
        comparisons=compared,
        results=results.model_copy(update=made),
        paper_arms=paper_arms,
        counts=counted,
        map=drawn,
        efficacy=members,
        one_attack=shown,
        scores=distributions,
        tags=tags,
        mixed=models,
    )


class _Clock:
    """What is done of the work, in seconds that it takes on two cores."""

    def __init__(self, progress: Callable[[int, int], None] | None, *, with_map: bool) -> None:
        self._progress = progress
        self._steps = {k: v for k, v in _STEPS.items() if with_map or k != "map"}
        self._done = 0

    def tell(self, step: str) -> None:
        """A step is done."""
        self._done += self._steps.get(step, 0)
        if self._progress:
            self._progress(self._done, sum(self._steps.values()))


def _map(frame: pl.DataFrame, options: MapOptions, how: Bootstrap) -> MapResult:
    texts = frame["transcript"].fill_null("").to_list()
    return map_of(
        texts,
        frame["rating"].to_list(),
        members=frame["member"].to_list(),
        how=how,
        embedding=options.embedding,
        terms=options.terms,
        cache=options.cache,
        seed=options.seed,
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
