"""``gadfly export``: a study's records as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gadfly.cli.console import Json, note, print_json
from gadfly.cli.studies import OPERATOR, DatabaseOption, StudyArgument, opened
from gadfly.errors import FileProblem

__all__ = ["export"]


def export(
    study: StudyArgument,
    out_folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the files.")],
    database: DatabaseOption = None,
    json: Json = False,
) -> None:
    """Write attacks.jsonl, pairs.jsonl, reviews.jsonl and attacks.csv into a folder.

    What was withdrawn or is in quarantine is in none of them.
    """
    from gadfly.run.assemble import open_study
    from gadfly.run.exporting import FILES, export_study
    from gadfly.run.gather import left_out

    try:
        out_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(out_folder, f"cannot be made: {error.strerror}") from None
    with opened(study, database) as found:
        whole = open_study(found.file, found.store, create=False)
        records = {
            name: export_study(whole, what, out_folder / name, by=OPERATOR)
            for what, name in FILES.items()
        }
        left = left_out(whole)
    result: dict[str, Any] = {"records": records, "left_out": vars(left)}
    if json:
        print_json(result)
        return
    for name, count in records.items():
        said = f"{count:,} records" if count else "nothing to write"
        note(f"{out_folder / name}: {said}")
    note(
        f"Left out: {left.withdrawn:,} attacks that were withdrawn, {left.quarantined:,} in "
        f"quarantine, {left.lasting:,} that still last."
    )
