"""Taking a study's records out: what the site's export page and ``gadfly export`` both call.

    attacks   attacks.jsonl   records with all comparisons, scores and flags: loses nothing
    pairs     pairs.jsonl     what the comparisons teach, as preference pairs
    reviews   reviews.jsonl   reviews as they were given, adjudications and training among them
    table     attacks.csv     one row for each attack, safe in a spreadsheet, without any text

Only what is over is exported, and never what was withdrawn or is in quarantine; how many those are
is stated. People stand in it by pseudonym alone. The audit is written before the first byte is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from gadfly.records.canonical import Record, canonical_json
from gadfly.records.frame import attack_frame
from gadfly.records.output import write_chunks
from gadfly.records.pairs import attack_pairs
from gadfly.records.spreadsheet import csv_text
from gadfly.records.values import Attack
from gadfly.run.assemble import OpenStudy, make_scorer
from gadfly.run.gather import gather, left_out
from gadfly.store.audit import Audit
from gadfly.store.reviews import Reviews

__all__ = ["FILES", "Export", "export_study"]

Export = Literal["attacks", "pairs", "reviews", "table"]
FILES: dict[Export, str] = {
    "attacks": "attacks.jsonl",
    "pairs": "pairs.jsonl",
    "reviews": "reviews.jsonl",
    "table": "attacks.csv",
}
"""Name of each file."""


def export_study(study: OpenStudy, what: Export, path: Path, *, by: str) -> int:
    """Write one file; returns how many records it holds. Where there are none, nothing is written.

    :param by: who takes it, for the audit.
    :raises FileProblem: it cannot be written.
    """
    left = left_out(study)
    if what == "reviews":
        records: Sequence[Record] = Reviews(study.store).of_study(study.id)
    else:
        attacks = list(gather(study, scorer=make_scorer(study.file)).values())
        records = attack_pairs(attacks).pairs if what == "pairs" else attacks
    if not records:
        return 0
    Audit(study.store.database).add(
        study.id, by, "exported", what, records=len(records), left_out=vars(left)
    )
    write_chunks(path, _table(attacks) if what == "table" else _lines(records))
    return len(records)


def _lines(records: Iterable[Record]) -> Iterable[bytes]:
    return (canonical_json(record) + b"\n" for record in records)


def _table(attacks: Sequence[Attack]) -> Iterable[bytes]:
    """The frame that analyses read, one line for each attack; lists are joined by semicolons."""
    frame = (
        attack_frame(attacks)
        .drop("other_scores", "probabilities")
        .select("number", "brief", pl.exclude("number", "brief"))
    )
    shown = ([_cell(value) for value in row] for row in frame.rows())
    yield csv_text(frame.columns, shown).encode()


def _cell(value: object) -> object:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return value.isoformat() if isinstance(value, datetime) else value
