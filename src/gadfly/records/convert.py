"""From one format to another, with everything counted that did not come along.

The format of the input is decided by its content, that of the output by ``to`` or by its name.
Attacks become pairs through their comparisons; pairs never become attacks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.errors import FileProblem, RecordProblem
from gadfly.records.native import Holds
from gadfly.records.opening import Format, open_records
from gadfly.records.reading import AttackFile, PairFile, attacks_of, pairs_of
from gadfly.records.rows import no_collection
from gadfly.records.sifting import Progress
from gadfly.records.writing import Written, format_of_name, write_attacks, write_pairs

__all__ = ["ConversionReport", "convert"]


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion read, wrote and left behind."""

    source: Path
    """The file that was read."""
    source_format: Format
    """Its format."""
    source_sha256: str
    """Its hash."""
    target: Path
    """The file that was written."""
    target_format: Format
    """Its format."""
    holds: Holds
    """What the records of the input are."""
    read: int
    """Records of the input that were sound, dropped pairs among them."""
    written: int
    """Records of the output."""
    dropped: dict[str, int]
    """Pairs of the input that teach nothing, by reason."""
    left_behind: dict[str, int]
    """What the output cannot hold, by kind."""
    unknown_fields: dict[str, int]
    """Keys of the input that its format does not know, and in how many records; left behind."""
    skipped: tuple[RecordProblem, ...]
    """Records of the input that a lenient conversion left out, and why."""

    def plain(self) -> dict[str, Any]:
        """The same as JSON types."""
        return vars(self) | {
            "source": str(self.source),
            "target": str(self.target),
            "skipped": [
                {"record": p.record, "field": p.field, "got": p.got, "allowed": p.allowed}
                for p in self.skipped
            ],
        }

    def sentences(self) -> list[str]:
        """The same for a person: one line for what was done, one for each kind of loss."""
        lines = [
            f"{self.source} ({self.source_format}) -> {self.target} ({self.target_format}): "
            f"{self.read:,} {self.holds} read, {self.written:,} records written"
        ]
        for title, counts in (
            ("dropped", self.dropped),
            ("left behind", self.left_behind),
            ("left behind, unknown fields", self.unknown_fields),
        ):
            if counts:
                told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
                lines.append(f"{title}: {told}")
        return lines


@no_collection()
def convert(
    source: Path | str,
    target: Path | str,
    *,
    to: Format | None = None,
    lenient: bool = False,
    progress: Progress | None = None,
) -> ConversionReport:
    """Read ``source``, write ``target`` and say what did not come along."""
    source, target = Path(source), Path(target)
    _apart(source, target)
    wanted = to or format_of_name(target)
    opened = open_records(source, lenient=lenient, default="released")
    if opened.holds == "pairs":
        if wanted == "released":
            what = "holds preference pairs, which cannot become attacks; allowed formats: "
            raise FileProblem(source, f"{what}jsonl, parquet, pairs")
        pairs = pairs_of(opened, lenient=lenient, progress=progress)
        written = write_pairs(target, pairs.pairs, format=wanted, progress=progress)
        return _report(source, pairs, len(pairs.pairs), written)
    attacks = attacks_of(opened, lenient=lenient, progress=progress)
    written = write_attacks(target, attacks.attacks, format=wanted, progress=progress)
    return _report(source, attacks, len(attacks.attacks), written)


def _apart(source: Path, target: Path) -> None:
    if source.exists() and target.exists() and source.samefile(target):
        raise FileProblem(target, "is the input itself; give another name for the output")


def _report(
    source: Path, read: AttackFile | PairFile, taken: int, written: Written
) -> ConversionReport:
    dropped = Counter(read.dropped) if isinstance(read, PairFile) else Counter()
    return ConversionReport(
        source=source,
        source_format=read.format,
        source_sha256=read.sha256,
        target=written.path,
        target_format=written.format,
        holds="pairs" if isinstance(read, PairFile) else "attacks",
        read=taken + dropped.total(),
        written=written.records,
        dropped=dict(dropped),
        left_behind=written.left_behind,
        unknown_fields=read.unknown_fields,
        skipped=read.skipped,
    )
