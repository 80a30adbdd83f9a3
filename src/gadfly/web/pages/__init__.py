"""The pages, one router for each task of somebody."""

from gadfly.web.pages import (
    arrive,
    dialogue,
    door,
    exports,
    letters,
    member,
    members,
    owner,
    pay,
    reading,
    review,
    review_lead,
    review_start,
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
)
