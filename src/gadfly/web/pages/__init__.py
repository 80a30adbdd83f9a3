"""The pages, one router for each task of somebody."""

from gadfly.web.pages import door

__all__ = ["ROUTERS"]

ROUTERS = (door.router,)
