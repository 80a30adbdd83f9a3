"""``gadfly reproduce``: the figures and tables of Ganguli et al. 2022 from a file of attacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.table import Table

from gadfly.cli.console import Json, Lenient, note, out, plain, print_json, progress
from gadfly.errors import PersonError

if TYPE_CHECKING:
    from gadfly.analysis.report.tables import Table as ReportTable

__all__ = ["reproduce"]


def reproduce(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The released file, or one like it.")
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the results and the report.")
    ],
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples of members.")] = 2000,
    attack: Annotated[
        int | None,
        typer.Option(min=1, help="The attack of Figure 6, from 1; a typical one if not given."),
    ] = None,
    with_map: Annotated[
        bool, typer.Option("--map/--no-map", help="Draw the map of Figure 2, which takes longest.")
    ] = True,
    embedding: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="For the map: vectors of the attacks (.npy), or a language model's folder.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the map.")] = 0,
    show_text: Annotated[
        bool,
        typer.Option(
            "--show-text",
            help="Show words of members: clusters' names, and Figure 6's text, folded.",
        ),
    ] = False,
    lenient: Lenient = False,
    score: Annotated[
        Literal["min", "mean", "last"],
        typer.Option(
            help="A dialogue's harmlessness: the lowest score of its replies, or another."
        ),
    ] = "min",
    json: Json = False,
) -> None:
    """Reproduce the paper from its released file, each number beside the published one."""
    from gadfly.analysis.report.sections.comparison import headline, summary
    from gadfly.analysis.reproduce.reproduce import MapOptions
    from gadfly.analysis.reproduce.reproduce import reproduce as reproduced
    from gadfly.analysis.reproduce.write import write_reproduction
    from gadfly.run.reproduce import reproducible, said_in, vectors_of

    if embedding is not None and not with_map:
        raise PersonError("--embedding is for the map, which --no-map leaves out: give one of them")
    with progress(f"Reading {file.name}"):
        given = reproducible(file, lenient=lenient)
    options, cache = None, out_folder / "cache"
    if with_map:
        vectors = None if embedding is None else vectors_of(given.frame, embedding, cache=cache)
        options = MapOptions(vectors, seed, terms=show_text, cache=cache)
    with progress("Reproducing") as tell:
        found = reproduced(
            given.frame,
            source=given.source,
            resamples=resamples,
            score=score,
            attack=attack,
            map_options=options,
            progress=tell,
        )
    said = said_in(given.frame, found) if show_text else ()
    written = write_reproduction(found, out_folder, show_text=show_text, said=said)
    if json:
        print_json(found)
    else:
        out.print(_table(summary(found.comparisons)))
    note(headline(found.comparisons, found.identity))
    note(found.identity.sentence)
    note(f"Report: {written.html}")


def _table(found: ReportTable) -> Table:
    """The summary for the terminal."""
    table = Table(title=plain(found.caption), title_justify="left", box=box.SIMPLE_HEAD)
    for place, column in enumerate(found.columns):
        number = 0 < place < len(found.columns) - 1
        table.add_column(plain(column), justify="right" if number else "left", overflow="fold")
    for row in found.rows:
        table.add_row(*(plain(cell.text.replace("−", "-")) for cell in row))
    return table
