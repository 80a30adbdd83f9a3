"""Every route of the site, in one list."""

from __future__ import annotations

from gadfly.web.pages import (
    about_you,
    arrive,
    care,
    dialogue,
    door,
    exports,
    feelings,
    letters,
    member,
    members,
    owner,
    pay,
    reading,
    report,
    review,
    review_lead,
    review_start,
    wellbeing,
    withdraw,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    door.router,
    arrive.router,
    pay.router,
    member.router,
    dialogue.router,
    review_start.router,
    review.router,
    review_lead.router,
    letters.router,
    owner.router,
    members.router,
    reading.router,
    exports.router,
    feelings.router,
    about_you.router,
    report.router,
    withdraw.router,
    care.router,
    wellbeing.router,
)
