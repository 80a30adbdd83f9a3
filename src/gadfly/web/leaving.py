"""Leaving a study: what is owed is recorded, the platform is told, and the person is thanked.

``leave`` is what every way out calls; ``farewell`` is the page that it leads to, ``/done``.
"""

from __future__ import annotations

from fastapi import Response

from gadfly.study.arrival import Outcome
from gadfly.web.access import Visitor
from gadfly.web.page import go

__all__ = ["leave"]


async def leave(visitor: Visitor, outcome: Outcome) -> Response:
    """End somebody's part with an outcome; asked again, the first one stands.

    :param outcome: as asked for; what was really done decides (no consent, no work).
    """
    return go(visitor, "/done")
