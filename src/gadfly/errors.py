"""What can go wrong, grouped by who must act.

    GadflyError
    ├── PersonError            the person at the keyboard mends an input            exit code 2
    │   ├── FileProblem        a file as a whole: absent, cut, empty, not of a known format
    │   ├── RecordProblem      one record of a file: which, which field, value got, what is allowed
    │   └── StudyProblem       the study file: every fault found, in one message
    ├── OperatorError          whoever runs the machine mends it: disk, server       exit code 3
    └── ProgrammerError        a bug in the caller; shown with a traceback
        └── InvalidEvent       an event that the dialogue cannot take in its present state

Every message says what happened, the value got, what is allowed and how to mend it. The first two
kinds reach a terminal as their message alone; the third as a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FileProblem",
    "GadflyError",
    "InvalidEvent",
    "OperatorError",
    "PersonError",
    "ProgrammerError",
    "RecordProblem",
    "StudyProblem",
    "show",
]

_SHOWN = 60  # characters of a hostile value that a message may carry


class GadflyError(Exception):
    """Anything that Gadfly raises on purpose."""


class PersonError(GadflyError):
    """An input that the person who gave it can mend."""


class FileProblem(PersonError):
    """A file that cannot be read or written as a whole."""

    def __init__(self, path: Path | str, what: str) -> None:
        self.path = Path(path)
        self.what = what
        super().__init__(f"{path}: {what}")


@dataclass
class RecordProblem(PersonError):
    """One record that breaks its format."""

    path: Path | str
    """The file it stands in."""
    record: int
    """Its number in that file, from 1."""
    field: str
    """The field at fault, or "record" for the record as a whole."""
    got: str
    """The value found, already shortened by :func:`show`."""
    allowed: str
    """What would have been taken."""

    def __str__(self) -> str:
        where = f"{self.path}: record {self.record}, field {self.field}"
        return f"{where}: got {self.got}; allowed: {self.allowed}"


class StudyProblem(PersonError):
    """A study that cannot be used: all faults of its file at once."""

    def __init__(self, path: Path | str, faults: list[str]) -> None:
        self.path = Path(path)
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{path}: {count}\n" + "\n".join(f"  - {fault}" for fault in faults))


class OperatorError(GadflyError):
    """A database, disk or server that whoever runs it can mend."""


class ProgrammerError(GadflyError):
    """A mistake in the calling code."""


class InvalidEvent(ProgrammerError):
    """An event that the rules of a dialogue refuse; the message is the reason."""


def show(value: object) -> str:
    """A hostile value made safe and short for a message: escaped, at most 60 characters.

    >>> show("a\\x1b[31mb")
    "'a\\\\x1b[31mb'"
    """
    text = ascii(value) if not isinstance(value, float) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
