"""``gadfly run``: collect a study, or go on with it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import Json, command, note, out, plain, print_json, progress

__all__ = ["run"]


def run(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    amend: Annotated[
        bool, typer.Option("--amend", help="The file has changed: make it the next version.")
    ] = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Dialogues at once.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to keep it, if not beside the file.")
    ] = None,
    json: Json = False,
) -> None:
    """Collect a study; run it again and it goes on where it stopped."""
    from gadfly.run.assemble import make_scorer, open_study
    from gadfly.run.collect import collect
    from gadfly.run.scoring import score_study
    from gadfly.settings import load_settings
    from gadfly.store.store import Store
    from gadfly.study.protocol import load_study

    file, settings = load_study(study), load_settings()
    scorer = make_scorer(file)
    url = database or settings.database or file.database_url
    with closing(Store(url)) as store:
        opened = open_study(file, store, amend=amend)
        try:
            with progress("Attacks") as tell:
                done = asyncio.run(
                    collect(opened, concurrency=concurrency or settings.concurrency, progress=tell)
                )
            with progress("Scoring") as tell:
                scored = score_study(opened, scorer, progress=tell)
        except KeyboardInterrupt:
            over = sum(row.ending is not None for row in store.attacks(opened.id))
            note(
                f"Stopped: {over:,} of {file.study.attacks:,} attacks are over, every step is kept."
            )
            note(f"Go on with: {command()} run {study}")
            raise typer.Exit(130) from None
    if json:
        print_json(
            {
                "attacks": done.attacks,
                "started": done.started,
                "resumed": done.resumed,
                "scored": scored,
                "database": url,
            }
        )
        return
    out.print(
        plain(
            f"{done.attacks:,} attacks are over ({done.started:,} new, {done.resumed:,} resumed), "
            f"{scored:,} newly scored."
        )
    )
    note(f"Analyse them with: {command()} analyze {study} --out {study.parent / 'report'}")
