"""Every line of the table.

To add one: an estimand, with a function from a study's frame and a seed to its estimates (at module
level, with ``functools.partial`` for options: processes must be able to send it), the method with
its claim, and the studies, in the file of its kind.
"""

from gadfly.analysis.calibration import (
    arms,
    beside,
    compared,
    judged,
    models,
    people,
    raters,
    reading,
)
from gadfly.analysis.calibration.entry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = (
    *(
        entry
        for file in (arms, compared, models, judged, raters, people, beside, reading)
        for entry in file.LINES
    ),
    *(entry for file in (arms, compared, models, people) for entry in file.SHOWN),
)
"""What is claimed, then what is shown without a claim."""
