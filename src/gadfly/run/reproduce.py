"""From a file of attacks to what a reproduction of the paper starts from: its text is read too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gadfly.errors import PersonError
from gadfly.records.reading import read_attack_frame
from gadfly.run.report import Analysable, read

__all__ = ["reproducible"]


def reproducible(path: Path, *, lenient: bool = False) -> Analysable:
    """The attacks of a file with their transcripts, by which the file is known.

    :raises PersonError: it is a study, or cannot be read.
    """
    if path.suffix in (".yaml", ".yml"):
        raise PersonError(
            f"{path}: got a study; the paper is reproduced from a file of attacks: "
            f"gadfly export {path} makes one, gadfly analyze {path} reports the study itself"
        )
    found = read(path, lenient=lenient)
    return replace(found, frame=read_attack_frame(path, lenient=lenient, text=True).frame)
