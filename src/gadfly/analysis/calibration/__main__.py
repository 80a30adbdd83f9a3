"""``python -m gadfly.analysis.calibration``: measure every entry and write the table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from gadfly.analysis.calibration.entries import ENTRIES
from gadfly.analysis.calibration.measure import Measured, measure_all
from gadfly.analysis.calibration.table import as_json, as_markdown


def main() -> int:
    """Measure, print, write; 1 where a claim is broken."""
    name = "python -m gadfly.analysis.calibration"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies of each line")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once")
    parser.add_argument(
        "--only",
        default="",
        help="only lines whose name holds this text; others stay as they stand in --out",
    )
    parser.add_argument("--out", type=Path, help="folder for calibration.md and .json")
    asked = parser.parse_args()
    entries = [entry for entry in ENTRIES if asked.only in entry.name]
    kept = _written(asked.out) if asked.only and asked.out else {}
    started = time.monotonic()

    def progress(done: int, total: int) -> None:
        left = (time.monotonic() - started) / done * (total - done)
        if sys.stderr.isatty() or done % max(total // 20, 1) < 50:
            print(f"{done:,} of {total:,} studies, {left / 60:.1f} min left", file=sys.stderr)

    measured = measure_all(entries, asked.studies, processes=asked.processes, progress=progress)
    for m in measured:
        cover = "none" if m.coverage is None else f"{m.coverage:.3f} ± {m.error:.3f}"
        width = "" if m.width is None else f"width {m.width:.3f}"
        print(f"{m.verdict:8} {m.name}: {cover} {width} none {m.not_estimable:.3f}")
    if asked.out:
        kept |= {m.name: m for m in measured}
        measured = [kept[entry.name] for entry in ENTRIES if entry.name in kept]
        (asked.out / "calibration.md").write_text(as_markdown(measured), encoding="utf-8")
        (asked.out / "calibration.json").write_bytes(as_json(measured))
    return int(any(m.verdict == "broken" for m in measured))


def _written(folder: Path) -> dict[str, Measured]:
    """The lines of a table that was written before, by name."""
    file = folder / "calibration.json"
    rows = json.loads(file.read_bytes()) if file.exists() else []
    return {row["name"]: Measured(**row) for row in rows}


if __name__ == "__main__":
    sys.exit(main())
