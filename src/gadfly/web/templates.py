"""Opening the pages' templates, and what every page shows around its content.

Templates get plain values and decide nothing. Whatever stands in them is escaped; the one way past
that is :func:`gadfly.web.markdown.markdown`. A value that was not given is an error, never a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from gadfly.web.markdown import markdown

__all__ = ["STATIC", "Link", "Site", "environment"]

STATIC = str(files("gadfly.web") / "static")
"""Folder of stylesheet and scripts."""


@dataclass(frozen=True)
class Link:
    """One place in the staff's menu."""

    text: str
    """What it is called."""
    url: str
    """Where it leads."""
    current: bool = False
    """Whether it is the page shown."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """What every page shows around its content; an address of ``None`` leaves its link out."""

    study: str
    """Title of the study."""
    home: str
    """Address of its first page."""
    support: str
    """Who helps, as Markdown: at the foot of every page; left out where empty."""
    csrf: str = ""
    """Token that every form and every beat sends along."""
    person: str | None = None
    """How the person is called here; ``None`` for somebody not signed in."""
    instructions: str | None = None
    """Address of the instructions; a dialogue opens them in place."""
    pause: str | None = None
    """Address of the break, a page."""
    report: str | None = None
    """Address for reporting: a page, and from a dialogue or a transcript a POST in one click."""
    withdraw: str | None = None
    """Address of taking back what one gave, a page."""
    topics: str | None = None
    """Address where topics are left out."""
    help: str | None = None
    """Address of the help page."""
    out: str | None = None
    """Address that signs out, by POST."""
    letters: str | None = None
    """Address of the letters between the person and those who run the study."""
    stop: str | None = None
    """Address of the paid early exit: a POST in one click."""
    beat: str | None = None
    """Address told every 30 s that the page is in use."""
    nav: tuple[Link, ...] = ()
    """The staff's menu."""


def environment() -> Environment:
    """The environment that renders pages.

    Filters: ``markdown`` (safe HTML). Globals: ``static(name)``, the address of a file in
    :data:`STATIC`, which is served under ``/static``.
    """
    env = Environment(
        loader=PackageLoader("gadfly.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["markdown"] = markdown
    env.globals["static"] = lambda name: f"/static/{name}"
    return env
