"""``gadfly convert``: a file of attacks or preference pairs into another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gadfly.cli.console import Json, Lenient, note, out, plain, print_json, progress

__all__ = ["convert"]

_SHOWN = 10  # problems of a lenient conversion that are printed one by one


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="File to read; its content says which format.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write: .jsonl or .parquet for all that is known, .json as released; "
            ".jsonl.gz and .json.gz are gzipped.",
        ),
    ],
    to: Annotated[
        Literal["released", "jsonl", "parquet", "pairs"] | None,
        typer.Option(help="Format to write, whatever the name of OUT says."),
    ] = None,
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Convert attacks or preference pairs; what OUT cannot hold is counted and said."""
    from gadfly.records.convert import convert as run

    with progress("Converting") as tell:
        report = run(source, target, to=to, lenient=lenient, progress=tell)
    for problem in report.skipped[:_SHOWN]:
        note(f"left out: {problem}")
    if len(report.skipped) > _SHOWN:
        note(f"left out: {len(report.skipped) - _SHOWN:,} more; --json lists all")
    if as_json:
        print_json(report.plain())
        return
    for line in report.sentences():
        out.print(plain(line), soft_wrap=True)
