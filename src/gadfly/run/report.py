"""From a study or a file to its report: what ``gadfly analyze`` calls.

A study is scored first where scores are missing. A file is analysed as it is: its scores came with
it. To analyse a study opens the texts in it, which its audit notes. What a reader must know beyond
the numbers (simulated members, scripted assistants, dialogues that still last, records that were
skipped) goes into the report as notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gadfly.analysis.analyze import analyze
from gadfly.analysis.questions import Beside
from gadfly.analysis.results import Design, Mark, Results, SourceInfo
from gadfly.analysis.results import Scorer as ScorerInfo
from gadfly.analysis.topics.tags import Rule
from gadfly.analysis.truth import Truth
from gadfly.analysis.words import safe
from gadfly.errors import FileProblem
from gadfly.preference.constant import untrained
from gadfly.preference.lineage import Lineage, lineage_hash, mark
from gadfly.records.frame import attack_frame
from gadfly.records.reading import read_attack_frame
from gadfly.records.static_scores import read_static_scores
from gadfly.records.values import Arm, Attack
from gadfly.review.tags import read_taxonomy
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

__all__ = ["Analysable", "analysable_attacks", "descriptions", "read"]

_READER = "operator"  # whoever holds the server, as in the audit of other commands
Progress = Callable[[int, int], None]


@dataclass(frozen=True, repr=False)
class Analysable:
    """What an analysis starts from."""

    frame: pl.DataFrame
    source: SourceInfo
    marks: Mapping[Arm, Mark] | None
    """Lineage mark of each arm; ``None`` leaves it to the analysis."""
    design: Design
    notes: tuple[str, ...]
    success_threshold: float
    tag_rule: Rule = "any"
    """Which of an attack's reviewers must give a tag, where the caller does not say."""
    truth: Truth | None = None
    """What is known beyond ratings and scores; ``None`` where nothing is."""
    beside: Beside | None = None
    """Reviews and surveys of a study; ``None`` where there are none."""

    def __repr__(self) -> str:
        """What it is in a line; the frame shows attacks."""
        attacks, arms = self.frame.height, self.frame.n_unique(("model_type", "num_params"))
        title = safe(self.source.title)
        return f"{title}: {attacks:,} attacks on {arms:,} arms; results() analyses them"

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return f"<p>{escape(repr(self))}</p>"

    def results(
        self,
        *,
        success_threshold: float | None = None,
        tag_rule: Rule | None = None,
        **options: Any,
    ) -> Results:
        """Its analysis, with the options of :func:`gadfly.analysis.analyze.analyze`."""
        return analyze(
            self.frame,
            source=self.source,
            success_threshold=(
                self.success_threshold if success_threshold is None else success_threshold
            ),
            tag_rule=tag_rule or self.tag_rule,
            marks=self.marks,
            design=self.design,
            notes=self.notes,
            truth=self.truth,
            beside=self.beside,
            **options,
        )


def read(
    path: Path | str,
    *,
    database: str | None = None,
    keys: Sequence[str] = (),
    lenient: bool = False,
    texts: bool = False,
    static: Path | None = None,
    progress: Progress | None = None,
) -> Analysable:
    """Read a study file (.yaml) with its database, or a file of attacks in any known format.

    :param database: where a study is kept, if not beside its file.
    :param keys: the server's, where it sealed what people wrote.
    :param lenient: skip broken records of a file, and say so.
    :param texts: read the texts of a file, too; those of a study are always there.
    :param static: scores of static prompts (:mod:`gadfly.records.static_scores`), in place of the
        study's own.
    :raises PersonError: it cannot be read, or holds no attack that is over.
    """
    path = Path(path)
    study = path.suffix in (".yaml", ".yml")
    found = _study(path, database, keys, progress) if study else _file(path, lenient, texts)
    return found if static is None else _beside_static(found, static)


def _beside_static(found: Analysable, path: Path) -> Analysable:
    """With the scores of a file; its arms without attacks are told."""
    scores = read_static_scores(path)
    keys = ["model_type", "num_params"]
    apart = scores.select(keys).unique(maintain_order=True).join(found.frame, on=keys, how="anti")
    notes = found.notes
    if apart.height:
        names = ", ".join(" ".join(arm) for arm in apart.rows()[:5])
        left = f"{apart.height:,} arms of {path.name} have no attack and are left out: {names}."
        notes += (left,)
    beside = replace(found.beside or Beside(), static=scores)
    return replace(found, beside=beside, notes=notes)


def _file(path: Path, lenient: bool, texts: bool) -> Analysable:
    found = read_attack_frame(path, lenient=lenient, text=texts)
    notes = []
    if found.skipped:
        first = "; ".join(f"record {p.record}, field {p.field}" for p in found.skipped[:3])
        notes.append(f"The first broken records that were left out: {first}.")
    for field, count in found.unknown_fields.items():
        records = "1 record has" if count == 1 else f"{count:,} records have"
        notes.append(f"{records} a field {field}, which is none of the format and was not used.")
    source = SourceInfo(
        title=path.name,
        name=path.name,
        sha256=found.sha256,
        skipped=len(found.skipped),
        scorer=_scorer_of(path, found.frame),
    )
    tagged = found.frame["tags"].null_count() < found.frame.height
    beside = Beside(tags=read_taxonomy("ganguli2022", path.parent).names if tagged else ())
    return Analysable(found.frame, source, None, "observational", tuple(notes), 3, beside=beside)


def descriptions(path: Path, *, lenient: bool = False) -> tuple[str, ...]:
    """The task descriptions of a file of attacks, those that are empty left out."""
    frame = read_attack_frame(path, lenient=lenient, text=True).frame
    return tuple(frame["task_description"].drop_nulls().to_list())


def _scorer_of(path: Path, frame: pl.DataFrame) -> ScorerInfo | None:
    """Whose scores a file holds; several scorers' numbers are never put side by side."""
    found = (
        frame.filter(pl.col("scorer").is_not_null())
        .select("scorer", "scorer_version", "scorer_lineage")
        .unique(maintain_order=True)
        .rows()
    )
    if len(found) > 1:
        names = "; ".join(f"{name} {version}" for name, version, _ in found[:4])
        raise FileProblem(
            path,
            f"its scores come from {len(found)} scorers ({names}), which cannot be compared; give "
            "all attacks one scorer's: gadfly score FILE --preference-model DIR --out SCORED",
        )
    if not found:
        return None
    name, version, lineage = found[0]
    return ScorerInfo(name=name, version=version, lineage=lineage)


def _study(
    path: Path, database: str | None, keys: Sequence[str], progress: Progress | None
) -> Analysable:
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
