"""From a study in its store to what is analysed.

A study is scored first where scores are missing. To analyse it opens the texts in it, which its
audit notes. What a reader must know beyond the numbers (simulated members, scripted assistants,
dialogues that still last) goes into the report as notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from gadfly.analysis.questions import Beside
from gadfly.analysis.results import Mark, SourceInfo
from gadfly.analysis.results import Scorer as ScorerInfo
from gadfly.preference.constant import untrained
from gadfly.preference.lineage import Lineage, lineage_hash, mark
from gadfly.records.frame import attack_frame
from gadfly.records.values import Arm, Attack
from gadfly.run.analysable import Analysable
from gadfly.run.assemble import OpenStudy, make_scorer, open_filter, open_study
from gadfly.run.gather import gather, left_out
from gadfly.run.models import lineage_of
from gadfly.run.notes import study_notes
from gadfly.run.scoring import score_study
from gadfly.run.surveys import study_surveys
from gadfly.run.truth import read_harms, read_truth, sight_of, static_scores
from gadfly.store.audit import Audit
from gadfly.store.feelings import Feelings
from gadfly.store.people import People
from gadfly.store.reviews import Reviews
from gadfly.store.sealing import Vault
from gadfly.store.store import Store
from gadfly.study.arms import LocalSpec, ScriptedSpec, StudyArm
from gadfly.study.protocol import load_study

if TYPE_CHECKING:
    from gadfly.preference.protocol import Scorer

__all__ = ["analysable_attacks", "read_study"]

_READER = "operator"  # whoever holds the server, as in the audit of other commands
Progress = Callable[[int, int], None]


def read_study(
    path: Path, database: str | None, keys: Sequence[str], progress: Progress | None = None
) -> Analysable:
    """A study with what its database holds, scored where scores are missing.

    :param database: where it is kept, if not beside its file.
    :param keys: the server's, where it sealed what people wrote.
    :raises PersonError: it cannot be read, or holds no attack that is over.
    """
    file = load_study(path)
    scorer = make_scorer(file)
    with closing(Store(database or file.database_url, Vault(keys))) as store:
        study = open_study(file, store, create=False)
        score_study(study, scorer, progress=progress)
        attacks = list(gather(study, scorer=scorer).values())
        Audit(store.database).add(study.id, _READER, "analysed", "attacks", records=len(attacks))
        prompts = static_scores(study, scorer, progress=progress)
        return analysable_attacks(study, scorer, attacks, static=prompts)


def analysable_attacks(
    study: OpenStudy,
    scorer: Scorer,
    attacks: Sequence[Attack],
    *,
    quick: bool = False,
    static: pl.DataFrame | None = None,
) -> Analysable:
    """Attacks of a study, as they are scored by now.

    :param quick: without what is known to be true, which takes long to find out.
    :param static: scores of replies to static prompts.
    """
    file = study.file
    arms = [(arm, v.study) for v in study.versions.values() for arm in v.study.arms]
    # Results show arms as the study lists them, those of earlier versions last.
    order = list(dict.fromkeys([a.arm for a in file.study.arms] + [arm.arm for arm, _ in arms]))
    attacks = sorted(attacks, key=lambda attack: order.index(attack.arm))
    frame, truth = attack_frame(attacks, text=not quick), None
    if not quick:
        sights = {arm.arm: sight_of(arm, protocol, file.path) for arm, protocol in arms}
        truth = read_truth(study, attacks, scorer, sights)
        frame = frame.with_columns(read_harms(attacks, sights))
    lineage = None if scorer.lineage is None else lineage_hash(scorer.lineage)
    source = SourceInfo(
        title=file.study.title,
        name=file.path.name,
        protocol_hash=file.protocol_hash,
        scorer=ScorerInfo(name=scorer.name, version=scorer.version, lineage=lineage),
    )
    return Analysable(
        frame=frame,
        source=source,
        marks=_marks(study, scorer),
        design="randomised",
        notes=tuple(study_notes(study, attacks, left_out(study), truth)),
        success_threshold=file.study.success_threshold,
        tag_rule=file.study.review.tag_rule,
        truth=truth,
        beside=None if quick else replace(_beside(study, attacks), static=static),
    )


def _beside(study: OpenStudy, attacks: Sequence[Attack]) -> Beside:
    """Reviews of the attacks that are analysed, and surveys as they may be shown."""
    shown = {attack.number for attack in attacks}
    reviews = Reviews(study.store).of_study(study.id)
    everybody = People(study.store).of_study(study.id)
    return Beside(
        reviews=tuple(review for review in reviews if review.attack in shown),
        taxonomy=study.file.materials.taxonomy.label,
        tags=study.file.materials.taxonomy.names,
        surveys=study_surveys(Feelings(study.store), everybody, study.file.forms),
    )


def _marks(study: OpenStudy, scorer: Scorer) -> dict[Arm, Mark]:
    """The worst mark against whatever shaped each arm's assistant."""
    arms = {arm.arm: arm for version in study.versions.values() for arm in version.study.arms}
    return {
        arm: min(
            (mark(scorer.lineage, lineage) for lineage in _shaped_by(study, spec)),
            key=("circular", "unverified", "independent").index,
        )
        for arm, spec in arms.items()
    }


def _shaped_by(study: OpenStudy, arm: StudyArm) -> list[Lineage | None]:
    """A scripted assistant was shaped by nothing, a local model by what is written beside it; of a
    served model nothing is known. The preference model that filters it or that it was trained
    against comes on top.
    """
    shaped: list[Lineage | None] = [None]
    if isinstance(arm.assistant, ScriptedSpec):
        shaped = [untrained("scripted", {})]
    elif isinstance(arm.assistant, LocalSpec):
        shaped = [lineage_of(study.file.path, arm.assistant)]
    if arm.preference_model is not None:
        shaped.append(open_filter(study.file.path, arm.preference_model).lineage)
    return shaped
