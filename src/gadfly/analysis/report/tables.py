"""The tables of a report, as text: the page, the Markdown and the terminal print the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gadfly.analysis.results import ESTIMATES, ArmResult, Results
from gadfly.analysis.words import arm_name, arm_names, interval, marked, number, scored, ways
from gadfly.records.estimate import Estimate
from gadfly.records.values import OUTCOMES

__all__ = [
    "MOST_ROWS",
    "Cell",
    "Table",
    "TerminalTable",
    "agreement_table",
    "arms_table",
    "doubts_table",
    "estimate_cell",
    "outcomes_table",
    "tails_table",
    "terminal_table",
    "terminal_truth",
    "truth_table",
]

MOST_ROWS = 200
"""Rows of a table that a page shows."""
STATISTIC_NAMES: dict[str, str] = {
    "rating": "Self-rated success",
    "success_rate": "Success rate",
    "harmlessness": "Mean min harmlessness",
    "q05": "5% quantile",
    "q25": "25% quantile",
    "median": "Median",
    "q75": "75% quantile",
    "cvar05": "Worst 5% (CVaR)",
    "cvar01": "Worst 1% (CVaR)",
    "turns": "Turns",
}
TRUTH_NAMES: dict[str, str] = {
    "harm": "True harm (0\u00a0to\u00a04)",
    "success_rate": "True success (≥\u00a03)",
    "helpfulness": "Helpfulness (0\u00a0to\u00a01)",
    "evasion": "Evasion",
}
_AGREEMENT: dict[str, tuple[str, str, str]] = {  # name, perfect, no better than chance
    "rank_correlation": ("Rank correlation of score and true harm (Kendall)", "−1", "0"),
    "auc": ("Harmful attacks (≥\u00a03) score lower than others", "100%", "50%"),
    "scorer_check": ("Of two replies of one turn the more harmful scores lower", "100%", "50%"),
}
_PERCENT = ("success_rate", "evasion", "auc", "scorer_check")


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    """What it says."""
    detail: str = ""
    """Its interval."""
    n: str = ""
    """Its own number of attacks, where that is not the arm's."""
    doubt: bool = False
    """Something is missing or weak; the table of doubts says what."""


@dataclass(frozen=True)
class Table:
    """One table; the first cell of a row is its heading."""

    name: str
    """Its anchor."""
    caption: str
    """What it shows."""
    columns: tuple[str, ...]
    """Headings."""
    rows: tuple[tuple[Cell, ...], ...]
    """Rows in the order of arms."""
    breaks: frozenset[int] = frozenset()
    """Rows above which a line parts two types."""
    finding: str = ""
    """One sentence, computed: what stands out."""
    method: str = ""
    """How its numbers were made, and of how many."""
    words: bool = False
    """Its cells are sentences rather than numbers."""
    folded: bool = False
    """A page folds it away where it is long."""

    whole: bool = False
    """A page shows all of its rows, however many: they come from us, not from a study."""

    @property
    def shown(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows that a page shows; its data hold all."""
        return self.rows if self.whole else self.rows[:MOST_ROWS]

    @property
    def more(self) -> str:
        """How many it does not show."""
        if len(self.shown) == len(self.rows):
            return ""
        return f"Shown are the first {MOST_ROWS:,} of {len(self.rows):,} rows; the data hold all."


@dataclass(frozen=True)
class TerminalTable:
    """A table as plain strings, hyphens for minus signs."""

    columns: tuple[str, ...]
    """Headings."""
    rows: tuple[tuple[str, ...], ...]
    """Rows in the order of arms."""


def estimate_cell(
    estimate: Estimate,
    digits: int | None = None,
    *,
    percent: bool = False,
    points: bool = False,
    own: bool = False,
    why: bool = False,
) -> Cell:
    """An estimate above its interval.

    :param digits: after the point; 2, or 1 of percentages, where left out.
    :param points: it is a difference of rates, in percentage points.
    :param own: beside its own number of observations.
    :param why: the reason in the interval's place, where there is none.
    """
    digits = (1 if percent or points else 2) if digits is None else digits
    text = number(estimate.estimate, digits, percent=percent, points=points)
    detail = interval(estimate, digits, percent=percent, points=points)[len(text) + 1 :]
    if why and not detail:
        detail = estimate.reason or ""
    n = f"n = {estimate.n:,}" if own and estimate.n else ""
    return Cell(text, detail, n, doubt=estimate.reason is not None)


def arms_table(results: Results) -> Table:
    """Who attacked each arm, how well, and how safe its replies were."""
    names = ("rating", "success_rate", "harmlessness", "turns")
    threshold = f"{results.success_threshold:g}"
    heads = [scored(STATISTIC_NAMES[name]) for name in names]
    heads[0] += " (0\u00a0to\u00a04)"
    heads[1] += f" (≥\u00a0{threshold})"
    rows = tuple(
        (
            Cell(marked(arm)),
            Cell(f"{arm.n:,}"),
            Cell(f"{arm.n_members:,}"),
            Cell(number(arm.effective_members, 1)),
            *_cells(arm, names),
        )
        for arm in results.arms
    )
    columns = ("Arm", "Attacks", "Members", "Effective members", *heads)
    return Table(
        "arms",
        f"Attacks, ratings and scores by arm{_once(results)}",
        columns,
        rows,
        _breaks(results),
        method=f"Intervals of means: {_ways(results, 'rating', 'harmlessness', 'turns')}; of "
        f"rates: {_ways(results, 'success_rate')}.",
    )


def tails_table(results: Results) -> Table:
    """The distribution of the score: quantiles and tail means."""
    names = ("cvar01", "cvar05", "q05", "q25", "median", "q75")
    rows = tuple((Cell(marked(arm)), *_cells(arm, names)) for arm in results.arms)
    columns = ("Arm", *(STATISTIC_NAMES[name] for name in names))
    caption = f"Distribution of the {scored('min harmlessness')} score by arm{_once(results)}"
    method = f"Intervals of tail means: {_ways(results, *names[:2])}; of quantiles: "
    method += f"{_ways(results, *names[2:])}."
    return Table("tails", caption, columns, rows, _breaks(results), method=method)


def outcomes_table(results: Results) -> Table:
    """Every attack of every arm by outcome."""
    heads = tuple(name.replace("_", " ").capitalize() for name in OUTCOMES)
    rows = [
        (Cell(arm_name(arm)), Cell(f"{arm.n:,}"), *_counts(arm.outcomes.model_dump()))
        for arm in results.arms
    ]
    total = _counts(results.outcomes.model_dump())
    rows.append((Cell("All arms"), Cell(f"{results.n_attacks:,}"), *total))
    columns = ("Arm", "Attacks", *heads)
    breaks = _breaks(results) | {len(results.arms)}
    return Table("outcomes", "Attacks by outcome", columns, tuple(rows), breaks)


def truth_table(results: Results) -> Table | None:
    """True harm, and conduct on harmless requests; ``None`` where no arm has any."""
    rows = tuple(
        (Cell(marked(arm)), *(_cell(e, name, own=e.n != arm.n) for name, e in arm.truth))
        for arm in results.arms
        if arm.truth is not None
    )
    if not rows:
        return None
    caption = "True harm of attacks, and conduct on harmless requests, by arm"
    columns = ("Arm", *TRUTH_NAMES.values())
    breaks = _breaks(results) if len(rows) == len(results.arms) else frozenset[int]()
    told = [dict(arm.truth) for arm in results.arms if arm.truth is not None]
    made = (f"{head}, {ways(arm[name] for arm in told)}" for name, head in TRUTH_NAMES.items())
    return Table("truth", caption, columns, rows, breaks, method=f"Intervals: {'; '.join(made)}.")


def agreement_table(results: Results) -> Table | None:
    """The scorer against the truth; ``None`` where nobody knows it."""
    if results.agreement is None:
        return None
    rows = []
    for name, (words, perfect, chance) in _AGREEMENT.items():
        estimate: Estimate = getattr(results.agreement, name)
        rows.append((Cell(words), _cell(estimate, name), Cell(perfect), Cell(chance)))
    for check in results.agreement.model_checks:
        words = f"The same of {check.name}, which filters or trains an arm"
        found = _cell(check.right, "scorer_check")
        rows.append((Cell(words), found, Cell("100%"), Cell("50%")))
    columns = ("The scorer against the truth", "Found", "Perfect", "No better than chance")
    made = (
        f"{head}, {ways([getattr(results.agreement, n)])}" for n, (head, *_) in _AGREEMENT.items()
    )
    method = f"Intervals: {'; '.join(made)}."
    caption = "How far the measured is from the true"
    return Table("agreement", caption, columns, tuple(rows), method=method)


def doubts_table(results: Results) -> Table:
    """What is missing or weak, and why."""
    found = [
        (arm, scored(STATISTIC_NAMES[n]), getattr(arm, n))
        for arm in results.arms
        for n in ESTIMATES
    ]
    found += [(arm, TRUTH_NAMES[n], e) for arm in results.arms for n, e in arm.truth or ()]
    rows = (*_doubts(found, results), *_agreement_doubts(results))
    caption = "Estimates and intervals that are missing or weak (marked *)"
    columns = ("Arm", "Statistics", "Why")
    return Table("doubts", caption, columns, rows, words=True, folded=True)


def terminal_table(results: Results) -> TerminalTable:
    """The arms in one screen: ratings, success, mean and tail with their intervals."""
    names = ("rating", "success_rate", "harmlessness", "cvar05")
    heads = ("Rating 0-4", f"Rating >= {results.success_threshold:g}", "Mean score", "Worst 5%")
    rows = tuple(
        (
            marked(arm),
            f"{arm.n:,}",
            f"{arm.n_members:,}",
            *(_shown(getattr(arm, n), n) for n in names),
        )
        for arm in results.arms
    )
    return TerminalTable(("Arm", "Attacks", "Members", *heads), rows)


def terminal_truth(results: Results) -> TerminalTable | None:
    """Truth and conduct on harmless requests; ``None`` where no arm has any."""
    rows = tuple(
        (marked(arm), *(_shown(estimate, name) for name, estimate in arm.truth))
        for arm in results.arms
        if arm.truth is not None
    )
    heads = ("True harm 0-4", "Harm >= 3", "Helpfulness", "Evasion")
    return TerminalTable(("Arm", *heads), rows) if rows else None


def _ways(results: Results, *names: str) -> str:
    """How the intervals of some statistics of all arms were made."""
    return ways(getattr(arm, name) for arm in results.arms for name in names)


def _once(results: Results) -> str:
    """What is estimated."""
    return f"; each {results.weighting} counts once"


def _breaks(results: Results) -> frozenset[int]:
    """Rows at which another type starts, where types have several arms."""
    types = [arm.model_type for arm in results.arms]
    starts = {i for i in range(1, len(types)) if types[i] != types[i - 1]}
    return frozenset(starts) if len(starts) < len(types) - 1 else frozenset()


def _shown(estimate: Estimate, name: str) -> str:
    percent = name in _PERCENT
    return interval(estimate, 0 if percent else 2, percent=percent).replace("−", "-")


def _cells(arm: ArmResult, names: Iterable[str]) -> Iterator[Cell]:
    for name in names:
        estimate: Estimate = getattr(arm, name)
        yield _cell(estimate, name, own=estimate.n != arm.n)


def _cell(estimate: Estimate, name: str, *, own: bool = True) -> Cell:
    return estimate_cell(estimate, percent=name in _PERCENT, own=own)


def _counts(outcomes: dict[str, int]) -> tuple[Cell, ...]:
    return tuple(Cell(f"{outcomes[name]:,}") for name in OUTCOMES)


def _doubts(
    found: Iterable[tuple[ArmResult, str, Estimate]], results: Results
) -> Iterator[tuple[Cell, ...]]:
    """One row for each reason, with the arms and statistics that share it."""
    reasons: dict[str, tuple[dict[str, None], list[ArmResult]]] = {}
    for arm, name, estimate in found:
        if estimate.reason is not None:
            names, arms = reasons.setdefault(estimate.reason, ({}, []))
            names[name] = None
            arms += [] if arm in arms else [arm]
    for reason, (names, arms) in reasons.items():
        every = len(arms) == len(results.arms)
        shown = "All arms" if every else arm_names(arms, results.arms)
        yield Cell(shown), Cell(", ".join(names)), Cell(reason)


def _agreement_doubts(results: Results) -> Iterator[tuple[Cell, ...]]:
    for name, (words, _, _) in _AGREEMENT.items() if results.agreement else ():
        reason = getattr(results.agreement, name).reason
        if reason is not None:
            yield Cell("All arms"), Cell(words), Cell(reason)
