"""The pages, one router for each task of somebody."""

from gadfly.web.pages import dialogue, door, member

__all__ = ["ROUTERS"]

ROUTERS = (
    door.router,
    member.router,
    dialogue.router,
)
