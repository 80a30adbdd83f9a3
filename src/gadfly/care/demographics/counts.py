"""How many people chose what: counts, and none of them small enough to find somebody.

Counts stand alone, question by question; what two answers of one person are together is never told.
A count under five is withheld. Where one cell of a question is withheld, the next smallest is as
well until the withheld ones hold five people or more, so that the total does not give one away.
"Nobody" (0) is withheld like every small count. What is handed in grows by fives (whoever keeps
the answers sees to it), so that yesterday's table and today's do not tell what the one in between
chose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gadfly.care.demographics.questions import DECLINED, Questions
from gadfly.care.feelings import LEAST

__all__ = ["counted"]


def counted(
    asked: Questions, answers: Sequence[Mapping[str, Sequence[str]]]
) -> dict[str, dict[str, int | None]]:
    """People by question's id and choice; ``None`` is withheld.

    :param answers: choices by question's id, for each person who answered.
    """
    out = {}
    for question in asked.questions:
        tally = Counter(choice for one in answers for choice in one.get(question.id, ()))
        cells = {choice: tally[choice] for choice in (*question.choices, DECLINED)}
        out[question.id] = _safe(cells)
    return out


def _safe(cells: Mapping[str, int]) -> dict[str, int | None]:
    smallest_first = sorted(cells, key=lambda choice: cells[choice])
    hidden = [choice for choice in smallest_first if cells[choice] < LEAST]
    others = [choice for choice in smallest_first if cells[choice] >= LEAST]
    while hidden and others and sum(cells[choice] for choice in hidden) < LEAST:
        hidden.append(others.pop(0))
    return {choice: None if choice in hidden else count for choice, count in cells.items()}
