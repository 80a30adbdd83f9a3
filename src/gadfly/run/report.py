"""From a study or a file to its report: what ``gadfly analyze`` calls.

A file is analysed as it is: its scores came with it. What a reader must know beyond the numbers
(records that were skipped, fields that are none) goes into the report as notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from gadfly.analysis.questions import Beside
from gadfly.analysis.results import Scorer as ScorerInfo
from gadfly.analysis.results import SourceInfo
from gadfly.errors import FileProblem
from gadfly.records.reading import read_attack_frame
from gadfly.records.static_scores import read_static_scores
from gadfly.review.tags import read_taxonomy
from gadfly.run.analysable import Analysable

__all__ = ["descriptions", "read"]

Progress = Callable[[int, int], None]


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
    if path.suffix in (".yaml", ".yml"):
        from gadfly.run.studied import read_study  # a file's reader waits for no database

        found = read_study(path, database, keys, progress)
    else:
        found = _file(path, lenient, texts)
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
