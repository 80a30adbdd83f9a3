"""``gadfly run``: collect a study, or go on with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gadfly.cli.console import Json, command, note, out, plain, print_json, progress

if TYPE_CHECKING:
    from gadfly.run.assemble import OpenStudy
    from gadfly.run.collect import Collected
    from gadfly.run.tally import Tally

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
        str | None,
        typer.Option(
            metavar="URL", help="Where to keep it, if not beside the file: SQLite or PostgreSQL."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show arms, calls, faults, tokens, cost and time left.")
    ] = False,
    json: Json = False,
) -> None:
    """Collect a study; run it again and it goes on where it stopped."""
    from gadfly.run.assemble import make_scorer, open_study
    from gadfly.run.scoring import score_study
    from gadfly.run.tally import Tally
    from gadfly.settings import load_settings
    from gadfly.store.database import without_password
    from gadfly.store.store import Store
    from gadfly.study.protocol import load_study

    file, settings = load_study(study), load_settings()
    scorer = make_scorer(file)
    url = database or settings.database or file.database_url
    with closing(Store(url)) as store:
        opened, tally = open_study(file, store, amend=amend), Tally()
        try:
            with _display(tally, watch=watch) as tell:
                done = asyncio.run(
                    _collect(
                        opened,
                        tally,
                        tell,
                        concurrency or settings.concurrency,
                        settings.lease_seconds,
                    )
                )
            if done.stopped:
                raise KeyboardInterrupt
            with progress("Scoring") as tell:
                scored = score_study(opened, scorer, progress=tell)
        except KeyboardInterrupt:
            over = sum(over for over, _ in store.counts(opened.id).values())
            note(
                f"Stopped: {over:,} of {file.study.attacks:,} attacks are over, every step is kept."
            )
            elsewhere = f" --database {without_password(database)}" if database else ""
            if tally.probes_wanted:
                note(_answered(tally))
            note(f"Go on with: {command()} run {study}{elsewhere}")
            raise typer.Exit(130) from None
    if json:
        print_json(
            {
                "attacks": done.attacks,
                "started": done.started,
                "resumed": done.resumed,
                "scored": scored,
                "database": without_password(url),
                "run": tally.as_json(),
            }
        )
        return
    out.print(
        plain(
            f"{done.attacks:,} attacks are over ({done.started:,} new, {done.resumed:,} resumed), "
            f"{scored:,} newly scored."
        )
    )
    if tally.probes_wanted:
        out.print(plain(_answered(tally)))
    if tally.twins > 0.2 * tally.pairs:
        note(
            f"{tally.twins:,} of {tally.pairs:,} pairs of replies are the same text twice, and a "
            "comparison of those says nothing: does the server heed temperature and seed?"
        )
    note(f"Analyse them with: {command()} analyze {study} --out {study.parent / 'report'}")


def _answered(tally: Tally) -> str:
    return f"{tally.probes:,} of {tally.probes_wanted:,} fixed messages are answered."


async def _collect(
    study: OpenStudy,
    tally: Tally,
    tell: Callable[[int, int], None],
    concurrency: int,
    lease_seconds: float,
) -> Collected:
    """Collect; the first Ctrl-C waits for calls under way, the second does not."""
    from gadfly.run.collect import collect

    stop = asyncio.Event()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            return
        note("Stopping once the calls under way are answered; Ctrl-C again leaves them.")
        stop.set()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, interrupted)
    try:
        return await collect(
            study,
            concurrency=concurrency,
            progress=tell,
            tally=tally,
            stop=stop,
            lease_seconds=lease_seconds,
        )
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


@contextmanager
def _display(tally: Tally, *, watch: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar, or with ``--watch`` the tally."""
    if not watch:
        with progress("Attacks") as tell:
            yield tell
        return
    from gadfly.cli.watch import watching

    with watching(tally):
        yield lambda done, total: None
