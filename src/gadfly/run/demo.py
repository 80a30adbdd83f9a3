"""The demo: a whole study in one folder, from the first attack to the report.

    study.yaml → study.db → results.json, report.html

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

from gadfly.analysis.questions import Texts
from gadfly.analysis.report.write import write_report
from gadfly.analysis.results import Results
from gadfly.errors import FileProblem
from gadfly.run.assemble import open_study
from gadfly.run.collect import collect
from gadfly.run.report import read
from gadfly.store.store import Store
from gadfly.study.protocol import load_study

__all__ = ["Demo", "run_demo"]

Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
_CONCURRENCY = 192
"""Dialogues at once: enough to fill a batch of each model."""


@dataclass(frozen=True)
class Demo:
    """What the demo left behind."""

    study: Path
    site: Path
    """Study file of the people's study, for the site."""
    database: str
    """URL of the database of both."""
    html: Path
    results: Results
    notes: tuple[str, ...]


def run_demo(folder: Path, stage: Stage) -> Demo:
    """Run the whole demo in a folder.

    :param stage: opens a progress display for a stage and yields its (done, total) callback.
    :raises FileProblem: the folder holds something that is not a demo.
    """
    path = _place(folder)
    file = load_study(path)
    with (
        stage("Study: simulated members attack 12 arms") as tell,
        closing(Store(file.database_url)) as store,
    ):
        study = open_study(file, store)
        asyncio.run(collect(study, concurrency=_CONCURRENCY, progress=tell))
    with stage("Scoring every reply") as tell:
        found = read(path, progress=tell)
    with stage("Statistics and report") as tell:
        results = found.results(texts=Texts(), progress=tell)
        report = write_report(results, folder)
    return Demo(
        path, _place(folder, "site.yaml"), file.database_url, report.html, results, found.notes
    )


def _place(folder: Path, name: str = "study.yaml") -> Path:
    """A shipped study file, copied where there is none yet."""
    path = folder / name
    if not path.exists():
        if name == "study.yaml" and folder.exists() and any(folder.iterdir()):
            raise FileProblem(folder, "is not empty and holds no demo; give another folder: --out")
        folder.mkdir(parents=True, exist_ok=True)
        text = (files("gadfly.run") / "demo_study" / path.name).read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
    return path
