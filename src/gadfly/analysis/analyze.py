"""From a frame of attacks to results: the one entry of this package.

The frame has the columns of :data:`gadfly.records.frame.ATTACK_COLUMNS`, of which those beyond arm,
member, rating, score, turns, outcome and kind of attacker may be left out; text columns are not
looked at. Attackers of different kinds are never mixed: with more than one kind in the frame the
caller must choose.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version
from typing import cast, get_args

import polars as pl
from pydantic import JsonValue
from threadpoolctl import threadpool_limits

from gadfly.analysis.aggregation import Aggregation, aggregated
from gadfly.analysis.arms import arm_result, default_mark, doubted, outcomes_of
from gadfly.analysis.bootstrap import CI, Bootstrap, Weighting, refuse_level
from gadfly.analysis.findings import findings
from gadfly.analysis.findings import notes as all_notes
from gadfly.analysis.order import arms_in_order
from gadfly.analysis.provenance import git_state, library_versions
from gadfly.analysis.questions import STEPS, Beside, Question, Texts, answered
from gadfly.analysis.results import (
    ArmResult,
    Design,
    Mark,
    Provenance,
    Results,
    Seed,
    SourceInfo,
    Topics,
)
from gadfly.analysis.topics.tags import Rule, Success, check_choices
from gadfly.analysis.truth import Truth, agreement, arm_truth
from gadfly.errors import PersonError, ProgrammerError, show
from gadfly.records.frame import ATTACK_COLUMNS, TEXT_COLUMNS
from gadfly.records.values import OUTCOMES, Arm, AttackerKind

__all__ = ["analyze"]

_COLUMNS = {
    "model_type": pl.String,
    "num_params": pl.String,
    "member": pl.String,
    "rating": pl.Float64,
    "min_harmlessness": pl.Float64,
    "turns": pl.Int64,
    "outcome": pl.String,
    "attacker_kind": pl.String,
}
_CHOICES = {
    "ci": CI,
    "design": Design,
    "score": Aggregation,
    "success_by": Success,
    "tag_rule": Rule,
    "weighting": Weighting,
}
_NUMBERS = ("rating", "min_harmlessness", "turns")


def analyze(
    frame: pl.DataFrame,
    *,
    source: SourceInfo | None = None,
    ci: CI = "cluster",
    resamples: int = 2000,
    level: float = 0.95,
    success_threshold: float = 3,
    attacker_kind: AttackerKind | None = None,
    marks: Mapping[Arm, Mark] | None = None,
    design: Design = "observational",
    notes: Sequence[str] = (),
    truth: Truth | None = None,
    beside: Beside | None = None,
    topics: bool = True,
    texts: Texts | None = None,
    weighting: Weighting = "attack",
    score: Aggregation = "min",
    tag_rule: Rule = "any",
    success_by: Success = "author",
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Statistics with intervals for every arm of a frame of attacks.

    ``source`` says where they come from and who scored them; a frame alone knows neither.
    ``marks`` gives each arm's lineage mark; an arm that it lacks gets
    :func:`gadfly.analysis.arms.default_mark`. ``notes`` are sentences that the report must carry.
    ``truth`` is what is known beyond ratings and scores; with it the frame may have a column
    ``true_harm`` (0-4, null where nobody knows it).
    ``beside`` is what a study has beside its attacks: reviews, surveys.
    ``topics``: ask what is asked beyond the arms, too; without it an analysis takes a moment.
    ``texts``: what is asked of the texts, which the frame must then have (``TEXT_COLUMNS``).
    ``weighting``: whether every attack counts once in an arm's numbers, or every member; beyond
    the arms members weigh by their attacks.
    ``score``: which number of a dialogue's scores is its harmlessness: the lowest, the mean or the
    last; others than the lowest take ``turn_scores``.
    ``tag_rule``: which of an attack's reviewers must give a tag; others than "any" take reviews.
    ``success_by``: whose verdict makes an attack a success where attacks are counted by tag: its
    author's, or a majority of its reviewers', which takes reviews.
    ``progress`` is called with (steps done, steps): each arm is one, and each further question.
    """
    started = time.monotonic()
    given: dict[str, JsonValue] = {
        "attacker_kind": attacker_kind,
        "ci": ci,
        "design": design,
        "level": level,
        "marks": None if marks is None else {a.name: m for a, m in marks.items()},
        "notes": list(notes),
        "resamples": resamples,
        "score": score,
        "success_by": success_by,
        "success_threshold": success_threshold,
        "tag_rule": tag_rule,
        "weighting": weighting,
    }
    _check_choices(given)
    source = source or SourceInfo(title="A frame of attacks", name="frame")
    _check_options(resamples=resamples, level=level, success_threshold=success_threshold)
    if topics:
        check_choices(tag_rule, success_by, reviewed=(beside or Beside()).reviewed)
    _check_frame(frame, texts)
    kind, whole, left_out = _one_kind(frame, attacker_kind)
    whole = aggregated(whole, score)
    chosen = _arms_frame(whole)
    how = Bootstrap(ci=ci, resamples=resamples, level=level, weighting=weighting)
    used_marks = _marks(chosen, marks or {}, source)
    steps = _Steps(len(used_marks) + topics * STEPS, progress)
    arms, seeds = _arms(chosen, used_marks, how, success_threshold, truth, steps)
    question = Question(
        how=replace(how, weighting="attack"),
        design=design,
        success_threshold=success_threshold,
        scorer=source.scorer,
        marks=used_marks,
        truth=truth,
        beside=beside or Beside(),
        texts=texts,
        tag_rule=tag_rule,
        success_by=success_by,
        score=score,
    )
    used = given | {
        "attacker_kind": kind,
        "marks": cast(JsonValue, {a.name: m for a, m in used_marks.items()}),
    }
    results = Results(
        title=source.title,
        attacker_kind=kind,
        n_attacks=chosen.height,
        n_members=chosen["member_code"].n_unique(),
        outcomes=outcomes_of(chosen),
        left_out=left_out,
        skipped=source.skipped,
        design=design,
        ci=ci,
        weighting=weighting,
        score=score,
        resamples=resamples,
        level=level,
        success_threshold=float(success_threshold),
        scorer=source.scorer,
        findings=findings(arms, score),
        notes=(),
        agreement=None if truth is None else agreement(chosen, arms, truth, how),
        arms=arms,
        topics=_answered(whole, question, steps) if topics else None,
        provenance=_provenance(source, given, used, seeds, started),
    )
    more = list(notes)
    if texts is not None and results.topics is not None and results.topics.coverage is None:
        more.append("No task description holds a word: what attacks cover cannot be said.")
    return results.model_copy(update={"notes": all_notes(results, tuple(more))})


def _answered(frame: pl.DataFrame, question: Question, steps: _Steps) -> Topics:
    """The answers, on one thread: matrices are small, and threads would wait for each other."""
    with threadpool_limits(limits=1):
        return answered(frame, question, tell=steps.next)


class _Steps:
    """Tells how far an analysis is."""

    def __init__(self, steps: int, progress: Callable[[int, int], None] | None) -> None:
        self._steps, self._done, self._progress = steps, 0, progress

    def next(self) -> None:
        """One more is done."""
        self._done += 1
        if self._progress:
            self._progress(self._done, self._steps)


def _arms(
    frame: pl.DataFrame,
    marks: Mapping[Arm, Mark],
    how: Bootstrap,
    success_threshold: float,
    truth: Truth | None,
    steps: _Steps,
) -> tuple[tuple[ArmResult, ...], tuple[Seed, ...]]:
    """The arms in the order of ``marks``."""
    parts = frame.partition_by("model_type", "num_params", as_dict=True)
    arms: list[ArmResult] = []
    seeds: list[Seed] = []
    for arm, mark in marks.items():
        rows = parts[arm.model_type, arm.num_params]
        result, new = arm_result(rows, arm, mark=mark, how=how, success_threshold=success_threshold)
        seeds += new
        if truth is not None:
            found, new = arm_truth(rows, arm, truth, how)
            result = result.model_copy(update={"truth": found})
            seeds += new
        arms.append(result)
        steps.next()
    return doubted(tuple(arms), frame, how), tuple(seeds)


def _marks(frame: pl.DataFrame, marks: Mapping[Arm, Mark], source: SourceInfo) -> dict[Arm, Mark]:
    """Every arm in order, each with its mark."""
    present = frame.select("model_type", "num_params").unique(maintain_order=True).rows()
    arms = [Arm(model_type=kind, num_params=size) for kind, size in arms_in_order(present)]
    return {arm: marks.get(arm) or default_mark(arm, source.scorer) for arm in arms}


def _one_kind(
    frame: pl.DataFrame, wanted: AttackerKind | None
) -> tuple[AttackerKind, pl.DataFrame, dict[str, int]]:
    """The attacks by one kind of attacker."""
    counts: dict[str, int] = dict(
        frame["attacker_kind"].value_counts().sort("attacker_kind").rows()
    )
    there = ", ".join(f"{show(kind)} ({n:,} attacks)" for kind, n in counts.items())
    if wanted is None and len(counts) > 1:
        raise PersonError(
            f"attackers of {len(counts)} kinds: {there}; they are never mixed in one analysis: "
            f'choose one, for example attacker_kind="{min(counts)}"'
        )
    kind = cast(AttackerKind, wanted or min(counts))
    if kind not in counts:
        raise PersonError(f"no attack by attackers of kind {show(kind)}; there are: {there}")
    left_out = {other: n for other, n in counts.items() if other != kind}
    return kind, _completed(frame).filter(pl.col("attacker_kind") == kind), left_out


def _completed(frame: pl.DataFrame) -> pl.DataFrame:
    """With every column of attacks: null where the caller has none."""
    lacking = {n: kind for n, kind in ATTACK_COLUMNS.items() if n not in frame.columns}
    return frame.with_columns(pl.lit(None, kind).alias(n) for n, kind in lacking.items())


def _arms_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """What arms are computed from, with members numbered in order of their names."""
    if "true_harm" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias("true_harm"))
    return frame.select([*_COLUMNS, "true_harm"]).with_columns(
        (pl.col("member").rank("dense") - 1).cast(pl.Int64).alias("member_code")
    )


def _check_choices(given: Mapping[str, JsonValue]) -> None:
    """Refuse a word that no option knows."""
    for name, known in _CHOICES.items():
        if given[name] not in get_args(known):
            allowed = ", ".join(get_args(known))
            raise PersonError(f"{name}: got {show(given[name])}; allowed: {allowed}")


def _check_options(*, resamples: int, level: float, success_threshold: float) -> None:
    """Refuse options that no interval can be made from."""
    if resamples < 100:
        raise PersonError(
            f"resamples: got {resamples}; an interval takes at least 100, 2,000 is usual"
        )
    refuse_level(level, resamples)
    if not 0 <= success_threshold <= 4:
        raise PersonError(f"success_threshold: got {success_threshold}; ratings are stored 0 to 4")


def _check_frame(frame: pl.DataFrame, texts: Texts | None) -> None:
    """Refuse a frame that is not one of attacks; the readers never make one."""
    if not isinstance(frame, pl.DataFrame):
        got = f"{type(frame).__module__.partition('.')[0]} {type(frame).__name__}"
        raise PersonError(
            f"frame: got {got}; allowed: a polars DataFrame of attacks, as gadfly.read makes it; "
            "polars.from_pandas converts one of pandas"
        )
    if not frame.height:
        raise PersonError("there is no attack to analyse")
    needed = [*_COLUMNS, *(TEXT_COLUMNS if texts else ())]
    absent = [name for name in needed if name not in frame.columns]
    if absent:
        raise ProgrammerError(f"the frame lacks the columns {absent}; see records/frame.py")
    for name in _COLUMNS:
        if name not in ("rating", "min_harmlessness") and frame[name].null_count():
            raise ProgrammerError(f"column {name} has nulls; see records/frame.py")
    for name in _NUMBERS:
        if not frame[name].drop_nulls().cast(pl.Float64).is_finite().all():
            raise ProgrammerError(f"column {name} has values that are not finite")
    far = frame.filter(~pl.col("rating").is_between(0, 4))["rating"].unique().sort().to_list()
    if far:
        got = ", ".join(map(show, far[:5]))
        raise PersonError(
            f"rating: got {got}; allowed: 0 to 4, or null; of a scale from 1 to 5 take 1 off"
        )
    unknown = set(frame["outcome"].unique()) - set(OUTCOMES)
    if unknown:
        raise ProgrammerError(f"unknown outcomes {sorted(unknown)}; allowed: {OUTCOMES}")


def _provenance(
    source: SourceInfo,
    given: dict[str, JsonValue],
    used: dict[str, JsonValue],
    seeds: tuple[Seed, ...],
    started: float,
) -> Provenance:
    """What made these numbers."""
    commit, dirty = git_state()
    return Provenance(
        package_version=version("gadfly"),
        git_commit=commit,
        git_dirty=dirty,
        input_name=source.name,
        input_sha256=source.sha256,
        protocol_hash=source.protocol_hash,
        arguments_given=given,
        arguments_used=used,
        seeds=seeds,
        python=python_version(),
        libraries=library_versions(),
        created_at=datetime.now(UTC),
        duration_seconds=round(time.monotonic() - started, 3),
    )
