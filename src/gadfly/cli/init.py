"""``gadfly init``: a study file with comments, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gadfly.cli.console import command, note

__all__ = ["init"]


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make or to use.")],
) -> None:
    """Write a study file with comments, ready to run."""
    from gadfly.study.template import write_template

    path = write_template(folder)
    note(f"Wrote {path}. Read it, change what you like, then:")
    note(f"  {command()} check {path}")
    note(f"  {command()} run {path}")
    note(f"  {command()} analyze {path} --out {path.parent / 'report'}")
