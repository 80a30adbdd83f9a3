"""``gadfly score``: harmlessness scores for every attack of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import Json, Lenient, note, out, plain, print_json, progress

__all__ = ["score"]


def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File of attacks, any format.")],
    model: Annotated[
        Path, typer.Option("--preference-model", metavar="DIR", help="Folder of the model.")
    ],
    into: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="File to write; its name says the format, else FILE's."
        ),
    ],
    description_question: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Stands before a task description that is scored."),
    ] = None,
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Score every assistant turn of every attack; the new scores stand first."""
    from gadfly.preference.scoring import score_file

    with progress("Scoring attacks") as tell:
        done = score_file(
            file,
            model,
            into,
            description_question=description_question,
            lenient=lenient,
            progress=tell,
        )
    for problem in done.skipped:
        note(f"left out: {problem}")
    if as_json:
        print_json(done.summary())
        return
    out.print(plain(f"{done.written.path}: {done.n_attacks:,} attacks ({done.written.format})"))
    out.print(plain(f"  scored by {done.scorer} {done.version}: {done.n_replies:,} replies"))
    if done.how is not None:
        out.print(f"  how: {done.how}")
    out.print(f"  without an assistant turn, no score: {done.n_without_reply:,}")
    if done.n_too_long:
        out.print(f"  past the model's context window, no score: {done.n_too_long:,}")
    out.print(f"  left out for a problem: {len(done.skipped):,}")
    for what, count in done.written.left_behind.items():
        note(f"the format {done.written.format} cannot hold {what}: {count:,}")
