"""What every platform has in common: a person arrives, and leaves with an outcome.

Adapters take the query as name and value pairs, in which a name given twice is refused: which of
two ids counts must never depend on who reads them. What an arrival holds of a person (``subject``)
is for a keyed hash and for calls to the platform; it is not kept in the clear, and stays out of
``repr`` so that no log line or traceback shows it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gadfly.errors import OperatorError, PersonError

__all__ = [
    "Arrival",
    "ArrivalRefused",
    "FormPost",
    "Leaving",
    "PlatformProblem",
    "Query",
    "Redirect",
    "new_code",
    "secret",
    "values",
]

Query = Sequence[tuple[str, str]]
"""Names and values as they stood in the address, in order."""

_VALUE = re.compile(r"[!-~]+")
# No letters or digits that are taken for each other when read aloud or typed.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 16  # 32**16 codes: 80 bits


class ArrivalRefused(PersonError):
    """Somebody may not come in; the message is a sentence for that person."""


class PlatformProblem(OperatorError):
    """The platform did not do what was asked of it."""

    def __init__(self, what: str, *, passing: bool) -> None:
        self.passing = passing
        """Whether the same call may succeed later without anybody mending something."""
        super().__init__(what)


@dataclass(frozen=True)
class Arrival:
    """A person who came from a platform."""

    platform: str
    """Its name; ids of two platforms have nothing to do with each other."""
    subject: str = field(repr=False)
    """The platform's id of the person; never kept in the clear."""
    study: str | None
    """The platform's id of its study."""
    submission: str | None
    """The platform's id of this visit, by which it is paid."""
    submit_to: str | None = None
    """Where a form is posted at the end; an allow-listed https origin."""


@dataclass(frozen=True)
class Redirect:
    """The browser goes to an address."""

    url: str


@dataclass(frozen=True)
class FormPost:
    """The browser posts a form; its origin must be let through ``form-action`` of the CSP."""

    action: str
    fields: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Scheme and host of the address."""
        parts = urlsplit(self.action)
        return f"{parts.scheme}://{parts.netloc}"


Leaving = Redirect | FormPost
"""How a browser leaves for the platform."""


def new_code() -> str:
    """A completion code that cannot be guessed: 16 letters and digits, 80 random bits.

    For platforms where we make the code, and for a researcher who sets up codes on Prolific.
    """
    return "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))


def values(query: Query, *names: str, most: int = 255) -> dict[str, str]:
    """The values of these parameters, without those that are absent or empty.

    :param most: characters of the longest value taken.
    :raises ArrivalRefused: one is given twice, or is no id.
    """
    out: dict[str, str] = {}
    for name, value in query:
        if name not in names or not value:
            continue
        if name in out:
            raise ArrivalRefused(f"The link says {name} twice. Please open it from the platform.")
        if len(value) > most or not _VALUE.fullmatch(value):
            raise ArrivalRefused(f"{name} in the link is no id. Please open it from the platform.")
        out[name] = value
    return out


def secret(variable: str, environ: Mapping[str, str], *, what: str, least: int = 8) -> str:
    """A secret from an environment variable.

    :param what: what it is, for the message.
    :param least: fewest characters.
    :raises OperatorError: it is absent, too short or not plain; the value is not in the message.
    """
    value = environ.get(variable, "").strip()
    if len(value) < least or not _VALUE.fullmatch(value):
        state = "is not set" if not value else f"must be {least} or more plain characters"
        raise OperatorError(f"{variable}, which holds {what}, {state}")
    return value
