"""The demo: a whole study in one folder, from the first attack to the report.

    pilot.yaml → comparisons → preference-model/ → study.yaml → study.db → results.json, report.html

Every step is one that a study of one's own takes, by the same functions. It resumes like any study:
what an earlier call has kept is not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gadfly.analysis.analyze import analyze
from gadfly.analysis.report.write import write_report
from gadfly.analysis.results import Results
from gadfly.errors import FileProblem
from gadfly.preference.making import make_linear
from gadfly.records.writing import write_attacks
from gadfly.run.assemble import open_study
from gadfly.run.collect import collect
from gadfly.run.gather import gather
from gadfly.run.report import analysable
from gadfly.store.store import Store
from gadfly.study.protocol import load_study

__all__ = ["Demo", "run_demo"]

Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
_MODEL = "preference-model"


@dataclass(frozen=True)
class Demo:
    """What the demo left behind."""

    study: Path
    html: Path
    results: Results
    notes: tuple[str, ...]


def run_demo(folder: Path, stage: Stage, *, concurrency: int) -> Demo:
    """Run the whole demo in a folder.

    :param stage: opens a progress display for a stage and yields its (done, total) callback.
    :raises FileProblem: the folder holds something that is not a demo.
    """
    pilot, study = (_place(folder, name) for name in ("pilot.yaml", "study.yaml"))
    if not (folder / _MODEL).exists():
        with stage("Pilot: simulated members compare replies") as tell:
            _collect(pilot, concurrency, tell)
        with stage("Preference model: learning from their picks") as tell:
            _train(pilot, folder / _MODEL, tell)
    with stage("Study: simulated members attack 12 arms") as tell:
        _collect(study, concurrency, tell)
    with stage("Scoring every reply") as tell:
        found = analysable(study, progress=tell)
    with stage("Statistics and report") as tell:
        results = analyze(
            found.frame,
            source=found.source,
            success_threshold=found.success_threshold,
            marks=found.marks,
            design=found.design,
            notes=found.notes,
            truth=found.truth,
            progress=tell,
        )
        report = write_report(results, folder)
    return Demo(study, report.html, results, found.notes)


def _place(folder: Path, name: str) -> Path:
    """A shipped study file, copied where there is none yet."""
    path = folder / name
    if not path.exists():
        if folder.exists() and any(folder.iterdir()) and name == "pilot.yaml":
            raise FileProblem(folder, "is not empty and holds no demo; give another folder: --out")
        folder.mkdir(parents=True, exist_ok=True)
        text = (files("gadfly.run") / "demo_study" / name).read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
    return path


def _collect(path: Path, concurrency: int, tell: Callable[[int, int], None]) -> None:
    file = load_study(path)
    with closing(Store(file.database_url)) as store:
        study = open_study(file, store)
        asyncio.run(collect(study, concurrency=concurrency, progress=tell))


def _train(pilot: Path, folder: Path, tell: Callable[[int, int], None]) -> None:
    file = load_study(pilot)
    with closing(Store(file.database_url)) as store:
        attacks = list(gather(open_study(file, store, create=False)).values())
    pairs = pilot.parent / "pairs.jsonl"
    write_attacks(pairs, attacks, format="pairs")
    make_linear(
        [pairs],
        folder,
        sources=["harmless"],
        members=sorted({str(attack.attacker.member) for attack in attacks}),
        seed=file.study.seed,
        force=True,
        command="gadfly demo",
        progress=tell,
    )
