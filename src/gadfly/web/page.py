"""Answering with a page: what stands around it follows from who looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from gadfly.care.settings import CareSpec
from gadfly.store.people import Role
from gadfly.store.work import Activity
from gadfly.web.access import Visitor
from gadfly.web.templates import Link, Site, environment

__all__ = ["go", "index", "message", "show"]

_ENVIRONMENT = environment()
_MENU: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("Red team", "/task", ("member", "expert")),
    ("Review", "/review", ("reviewer", "expert")),
    ("Study", "/study", ("owner", "researcher")),
    ("Members", "/study/members", ("owner", "researcher")),
    ("Briefs", "/study/briefs", ("owner", "researcher")),
    ("Flags", "/study/flags", ("owner", "researcher")),
    ("Reviews", "/study/reviews", ("owner", "researcher", "review_lead")),
    ("Well-being", "/study/wellbeing", ("owner", "researcher")),
    ("Reports", "/study/reports", ("owner", "care")),
    ("Care", "/care", ("care",)),
    ("Pay", "/study/pay", ("owner",)),
    ("Export", "/study/export", ("owner", "researcher")),
    ("Audit", "/study/audit", ("owner",)),
)
"""Where people go who may go to several places: what it is called, its address, and who may."""
_RESTS = (
    "break.html.j2",
    "message.html.j2",
    "no_task.html.j2",
    "pause.html.j2",
)
"""Pages on which nobody works."""


def show(visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of a study."""
    person, rests = visitor.person, template in _RESTS or values.get("pause")
    reads_on = template == "pause.html.j2" and person is not None and person.state == "paused"
    works = not rests or reads_on
    html = _ENVIRONMENT.get_template(template).render(site=_site(visitor, works), **values)
    return HTMLResponse(html, status_code=status)


def go(visitor: Visitor, place: str = "") -> RedirectResponse:
    """Send the browser to a page of the study, by GET."""
    return RedirectResponse(visitor.base + place, status_code=303)


def message(
    request: Request, visitor: Visitor | None, status: int, title: str, text: str
) -> HTMLResponse:
    """A page that says one thing, to anybody, about any study or none."""
    if visitor is not None:
        said = {"title": title, "text": text, "home": visitor.base}
        return show(visitor, "message.html.j2", status=status, **said)
    home = f"/{request.path_params['study']}" if "study" in request.path_params else "/"
    site = Site(study="Gadfly", home=home, support="")
    html = _ENVIRONMENT.get_template("message.html.j2").render(
        site=site, title=title, text=text, home=home
    )
    return HTMLResponse(html, status_code=status)


def index(studies: Mapping[str, str]) -> HTMLResponse:
    """The server's first page.

    :param studies: title of each study, by name.
    """
    site = Site(study="Gadfly", home="/", support="")
    html = _ENVIRONMENT.get_template("index.html.j2").render(site=site, studies=studies)
    return HTMLResponse(html)


def _site(visitor: Visitor, at_work: bool) -> Site:
    study, person, base = visitor.served.study, visitor.person, visitor.base
    stays = person is not None and person.state != "left"
    at_work = at_work and stays and visitor.request.url.path != f"{base}/help"
    works = visitor.is_any("member", "reviewer", "expert") and person is not None
    return Site(
        study=study.title,
        home=base,
        support=_support(study.care),
        csrf=visitor.csrf,
        person=None if person is None else person.login or person.name,
        instructions=_instructions(visitor),
        pause=f"{base}/break" if works else None,
        report=f"{base}/report" if works else None,
        withdraw=f"{base}/withdraw" if works else None,
        letters=f"{base}/letters" if works else None,
        topics=f"{base}/topics" if works else None,
        help=f"{base}/help" if works else None,
        out=f"{base}/out" if person is not None else None,
        stop=f"{base}/stop" if works and stays else None,
        beat=f"{base}/beat/{_activity(visitor)}" if works and at_work else None,
        nav=_menu(visitor),
    )


def _menu(visitor: Visitor) -> tuple[Link, ...]:
    here = visitor.request.url.path
    places = [
        (text, visitor.base + place) for text, place, roles in _MENU if visitor.is_any(*roles)
    ]
    if len(places) < 2:
        return ()
    return tuple(Link(text, address, current=here == address) for text, address in places)


def _instructions(visitor: Visitor) -> str | None:
    """Where what this page asks for is explained."""
    if _reviews(visitor):
        return f"{visitor.base}/review/instructions"
    return f"{visitor.base}/instructions" if visitor.is_any("member", "expert") else None


def _reviews(visitor: Visitor) -> bool:
    return visitor.request.url.path.startswith(f"{visitor.base}/review")


def _activity(visitor: Visitor) -> Activity:
    """What time on this page is spent on; who is paused can only talk with those who care."""
    paused = visitor.person is not None and visitor.person.state == "paused"
    if paused or visitor.request.url.path == f"{visitor.base}/letters":
        return "other"
    return (
        "review"
        if _reviews(visitor)
        else "attack"
        if visitor.is_any("member", "expert")
        else "other"
    )


def _support(care: CareSpec) -> str:
    return care.support or "Ask whoever invited you."
