"""How numbers and names are written for people: tables, sentences and figures agree.

Names of arms come from a file or a study and are hostile: control characters and direction marks
are shown as escapes, and a long name is cut in its middle, so that two names stay apart. A name in
a script that runs from right to left is isolated: it cannot reorder the sentence around it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from gadfly.analysis.aggregation import Aggregation
from gadfly.analysis.results import ArmResult, Mark
from gadfly.records.estimate import Estimate

__all__ = [
    "AS_THEY_CAME",
    "MARKS",
    "Marks",
    "arm_label",
    "arm_name",
    "arm_names",
    "data_name",
    "interval",
    "legend",
    "marked",
    "number",
    "printable",
    "safe",
    "scored",
    "scored_by",
    "several",
    "ways",
    "worst",
]

Marks = Mapping[tuple[str, str], Mark]
"""Lineage marks of arms by (model_type, num_params)."""

MARKS: dict[Mark, str] = {"circular": "†", "unverified": "‡", "independent": ""}
"""The sign beside an arm, explained under every table and figure that shows one."""

_LONGEST = 40
_SCORE: ContextVar[Aggregation] = ContextVar("score", default="min")


AS_THEY_CAME = (
    " Arms stand here as they came: unlike in “Arm against arm”, attacks are not weighed by the "
    "chances with which arms were drawn, so differences may come from who met which arm, and when."
)
"""What a section says that compares arms drawn at random without their chances."""


@contextmanager
def scored_by(score: Aggregation) -> Iterator[None]:
    """What is written meanwhile is of scores that are ``score`` of their dialogue."""
    token = _SCORE.set(score)
    try:
        yield
    finally:
        _SCORE.reset(token)


def scored(text: str) -> str:
    """Words of ours, which say "min harmlessness" or "lowest", made true of the score in use; never
    for a text that holds a name.

    >>> with scored_by("mean"):
    ...     scored("Min harmlessness")
    'Average harmlessness'
    """
    score = _SCORE.get()
    if score == "min":
        return text
    word = "average" if score == "mean" else "last"
    text = text.replace("min harm", f"{word} harm")
    return text.replace("Min harm", f"{word.capitalize()} harm").replace("lowest", word)


def data_name(name: str) -> str:
    """The name of a statistic in data that stands alone, which says what its score is.

    >>> data_name("harmlessness"), data_name("rating")
    ('min_harmlessness', 'rating')
    """
    return f"{_SCORE.get()}_{name}" if name.startswith("harmlessness") else name


def several(ways: Iterable[str]) -> str:
    """Ways in which some numbers were made, the busiest first.

    >>> several(["wild", "percentile", "wild"])
    'wild, or percentile'
    """
    return ", or ".join(way for way, _ in Counter(ways).most_common())


def ways(estimates: Iterable[Estimate]) -> str:
    """The level of the intervals of some estimates, and how these were made, the busiest way first.

    >>> ways([Estimate(estimate=1, low=0, high=2, level=0.95, n=9, method="mean; by the book")])
    '95%, by the book'
    """
    made = [e for e in estimates if e.low is not None]
    if not made:
        return "none could be made"
    return f"{made[0].level * 100:g}%, {several(e.method.rpartition('; ')[2] for e in made)}"


def printable(text: str) -> str:
    """Hostile text of any length, its line breaks kept and other unprintable characters escaped.

    >>> printable("a\\x1b[31m\\nb")
    'a\\\\x1b[31m\\nb'
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def safe(text: str, *, longest: int = _LONGEST) -> str:
    """A hostile name made harmless and short.

    >>> safe("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(shown) > longest:
        tail = longest // 3
        shown = f"{shown[: longest - tail - 1]}…{shown[-tail:]}"
    leftwards = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in shown)
    return f"\u2068{shown}\u2069" if leftwards else shown


def arm_name(arm: ArmResult) -> str:
    """Type and size in one label."""
    return arm_label(arm.model_type, arm.num_params)


def arm_label(kind: str, size: str, mark: Mark = "independent") -> str:
    """An arm by its type, its size and the sign of its scorer's lineage.

    >>> arm_label("rlhf", "52B", "circular")
    'rlhf 52B †'
    """
    return " ".join(f"{safe(kind)} {safe(size, longest=20)} {MARKS[mark]}".split())


def worst(marks: Iterable[Mark]) -> str:
    """The sign of the worst of some marks."""
    found = {*marks, "independent"}
    return next(sign for mark, sign in MARKS.items() if mark in found)


def legend(marks: Iterable[Mark]) -> str:
    """What the signs beside arms mean, of those that there are."""
    said = {
        "circular": "† circular: the scorer also made this arm.",
        "unverified": "‡ unverified: nothing shows that the scorer is independent of this arm.",
    }
    found = set(marks)
    return " ".join(words for mark, words in said.items() if mark in found)


def arm_names(arms: Iterable[ArmResult], among: Iterable[ArmResult]) -> str:
    """Some arms in few words: a type alone where all its sizes are meant."""
    chosen, everything = list(arms), list(among)
    names: dict[str, None] = {}
    for arm in chosen:
        kin = [other for other in everything if other.model_type == arm.model_type]
        whole = all(other in chosen for other in kin)
        names[safe(arm.model_type) if whole else arm_name(arm)] = None
    return ", ".join(names)


def marked(arm: ArmResult) -> str:
    """The label with the sign of its scorer's lineage."""
    return f"{arm_name(arm)} {MARKS[arm.lineage_mark]}".strip()


def number(
    value: float | None, digits: int = 2, *, percent: bool = False, points: bool = False
) -> str:
    """A number for reading; a dash where there is none.

    :param points: it is a difference of rates, in percentage points.

    >>> number(-0.456), number(0.337, 1, percent=True), number(None)
    ('−0.46', '33.7%', '–')
    >>> number(-0.052, 1, points=True)
    '−5.2\\xa0pp'
    """
    if value is None:
        return "–"
    shown = f"{100 * value:.{digits}f}" if percent or points else f"{value:,.{digits}f}"
    if not shown.strip("-0.,"):
        shown = shown.lstrip("-")
    unit = "\u00a0pp" if points else "%" * percent
    return shown.replace("-", "−") + unit


def interval(
    estimate: Estimate, digits: int = 2, *, percent: bool = False, points: bool = False
) -> str:
    """ "1.61 [1.52, 1.70]"; the number alone where there is no interval.

    >>> interval(Estimate(estimate=1.6, low=1.5, high=1.7, level=0.95, n=9, method="mean"))
    '1.60 [1.50, 1.70]'
    """
    shown = number(estimate.estimate, digits, percent=percent, points=points)
    if estimate.low is None:
        return shown
    both = (estimate.low, estimate.high)
    ends = (number(end, digits, percent=percent, points=points) for end in both)
    return f"{shown} [{', '.join(ends)}]"
