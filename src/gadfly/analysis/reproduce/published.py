"""The numbers that Ganguli et al. 2022 published, each with its source.

They stand in ``published.json``: what the paper prints, what its figures' vector geometry gives
(counts exactly, scores to about ±0.005), and an independent analysis of the released file. Figures
show the 39,877 attacks that were collected; the released file holds the 38,961 that were left when
the paper's filter of personal data had taken 916 out, 2.3% (appendix A.6). So a number of a figure
cannot come out of the released file exactly; how far it may lie off is worked out beside ours.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

from gadfly.records.canonical import Record

__all__ = ["Basis", "Group", "Origin", "Published", "decimals", "published"]

Basis = Literal["figures", "released", "surveys"]
"""What a number is of: 39,877 attacks, the 38,961 released ones, or what people were asked."""
Origin = Literal["printed", "geometry", "analysis"]
"""Where it is from; ``Published.origins`` has the words."""


def decimals(value: float) -> int:
    """Decimals that a published number was given with, or fewer where it ended in 0.

    >>> decimals(-0.1336), decimals(17739.0)
    (4, 0)
    """
    return len(f"{value!r}".partition(".")[2].removesuffix("0"))


class Group(Record):
    """The numbers of one figure, table or analysis."""

    name: str
    """A short name, unique."""
    place: str
    """Figure, table or section."""
    basis: Basis
    """What the numbers are of."""
    origin: Origin
    """Where they are from."""
    precision: float
    """How far a number may lie from the true one for having been rounded or measured; counts are
    exact in every group."""
    values: dict[str, float]
    """The numbers by what they are."""

    def precision_of(self, value: float) -> float:
        """The precision of one number: at most half of its last digit, unless it was measured."""
        if self.origin == "geometry":
            return self.precision
        return min(self.precision, 0.5 * 10.0 ** -decimals(value))


class Published(Record):
    """All of them."""

    attacks: dict[str, int]
    """Number of attacks of the figures and of the released file."""
    origins: dict[Origin, str]
    """Each origin in words."""
    groups: tuple[Group, ...]
    """The numbers, in the order of the paper, then of the released file."""
    edges: dict[str, tuple[float, float]]
    """First and last edge of the 20 bins of Figure 7, by column of the frame."""
    attacks_by_member: tuple[int, ...]
    """Attacks of each member, most first (Figure 5, left)."""
    efficacy: tuple[tuple[float, float, float], ...]
    """Estimate and interval of each member's efficacy, lowest first (Figure 5, right)."""
    unique: dict[str, int]
    """Number of different values in the released file, by column of the frame."""
    known_records: tuple[str, ...]
    """Digests of the first 100 records of the released file (:mod:`.digest`)."""

    def group(self, name: str) -> Group:
        """The group of this name."""
        return next(group for group in self.groups if group.name == name)


@cache
def published() -> Published:
    """The published numbers.

    >>> published().group("table1").values["context distillation 52B | attacks"]
    17739.0
    """
    return Published.model_validate_json(
        files(__package__).joinpath("published.json").read_bytes(), strict=False
    )
