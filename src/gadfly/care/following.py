"""Who is asked again, weeks after their last task: people who agreed to it, once for each time.

The newest time that has come is the one that is asked; an earlier one that was missed is not asked
late, for its answer would tell of another week. Work begun again starts the weeks anew, but a time
that was answered stays answered. Pure: times are seconds since 1970, handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gadfly.care.limits import WEEK

__all__ = ["due_week"]


def due_week(
    weeks: Sequence[int], *, last: float, now: float, answered: Collection[int]
) -> int | None:
    """Which follow-up is due now; ``None`` where none is.

    :param weeks: care.follow_up_weeks.
    :param last: end of the person's last work.
    :param answered: weeks at which they answered, or passed on.
    """
    come = [week for week in weeks if now >= last + week * WEEK]
    newest = max(come, default=None)
    return None if newest in answered else newest
